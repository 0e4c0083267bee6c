"""Metric: the quality of a network's outputs as the user's own function judges it."""

import copy
import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from torch import Tensor

from explorer.system.callables import load_callable
from explorer.system.errors import QualityError
from explorer.system.user_code import user_code

__all__ = ["Metric", "load_metric", "make_metric", "number_of", "source_digest"]

Direction = Literal["maximize", "minimize"]
DIRECTIONS: tuple[Direction, ...] = ("maximize", "minimize")


@dataclass(frozen=True, eq=False)
class Metric:
    """A function of a network's outputs and the targets of the data.

    Args:
        name: as the user names it.
        function: from the outputs for a whole part of the data, in the structure that the network returns, and the
            targets of that part, as the data gave them, to a number.
        direction: whether more is better, ``maximize``, or less.
        digest: SHA-256 of its source, as far as that is known.
    """

    name: str
    function: Callable[[Any, Any], Any]
    direction: Direction
    digest: str

    def of(self, outputs: Any, targets: Any) -> float:
        """The value; NaN or infinite where the function says so.

        The function gets targets of its own each time, so that it may change them.

        Raises:
            QualityError: it raises, or gives something else than a real number.
        """
        remedy = f"mend {self.name}"
        with user_code(lambda reason: QualityError(f"the metric {self.name} takes the outputs", reason, remedy)):
            found = self.function(outputs, copy.deepcopy(targets))
        value = number_of(found)
        if value is None:
            shown = type(found).__name__
            shown += f" of shape {tuple(found.shape)}" if isinstance(found, Tensor | np.ndarray) else ""
            raise QualityError(f"the metric {self.name} gives a number", f"a {shown}", remedy)
        return value

    def check_finite(self, value: float, of: str) -> None:
        """Refuses a value that is no finite number.

        Args:
            value: of the metric.
            of: what it was measured of.

        Raises:
            QualityError: it is none.
        """
        if not math.isfinite(value):
            rule = f"the metric {self.name} of {of} is a finite number"
            raise QualityError(rule, value, "mend the metric, or the data that it reads")


def load_metric(text: str, direction: str | None = None) -> Metric:
    """The metric that ``text`` names, ``file.py:callable`` or ``package.module:callable``. Its file is run.

    Args:
        text: of the callable.
        direction: ``maximize`` or ``minimize``; by default what the callable's own attribute ``direction`` says, and
            ``maximize`` without one.

    Raises:
        CallableError: the callable cannot be loaded.
        QualityError: its ``direction`` is neither.
    """
    return make_metric(load_callable(text), text, direction, source_digest(text))


def make_metric(function: Callable[[Any, Any], Any], name: str, direction: str | None, digest: str = "") -> Metric:
    """A metric from a function; see `load_metric`.

    Args:
        function: of outputs and targets.
        name: that messages and reports call it.
        direction: see `load_metric`.
        digest: of its source; that of its name where it is not known.

    Raises:
        QualityError: the direction is neither.
    """
    chosen = direction or getattr(function, "direction", None) or "maximize"
    if chosen not in DIRECTIONS:
        rule = f"the direction of the metric {name} is {' or '.join(DIRECTIONS)}"
        raise QualityError(rule, repr(chosen), "set its attribute, or give --metric-direction")
    own = digest or hashlib.sha256(getattr(function, "__qualname__", name).encode()).hexdigest()
    return Metric(name, function, chosen, own)


def source_digest(text: str) -> str:
    """SHA-256 of the file that a text names, and of the callable's name in it; "" for a module."""
    path, _, name = text.rpartition(":")
    if not path.endswith(".py"):
        return ""
    return hashlib.sha256(Path(path).read_bytes() + name.encode()).hexdigest()


def number_of(found: Any) -> float | None:
    """A real number; None for what is none."""
    if isinstance(found, Tensor | np.ndarray | np.generic):
        if math.prod(found.shape) != 1:
            return None
        found = found.item()
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else None
