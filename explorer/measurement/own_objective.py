"""OwnObjective: a figure of designs that the user's own function gives."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from torch import nn

from costmodels import LayerCost
from explorer.data.metric import number_of, source_digest
from explorer.system.callables import load_callable
from explorer.system.errors import QualityError
from explorer.system.own_names import DIRECTIONS, own_direction, own_name, own_place
from explorer.system.user_code import user_code

__all__ = ["DesignFacts", "OwnObjective", "load_own_objective", "make_own_objective"]

Direction = Literal["minimize", "maximize"]


@dataclass(frozen=True)
class DesignFacts:
    """What a user's own objective is told of a design.

    Args:
        id: of the design, as tables name it.
        figures: everything counted and measured of it by the name of the column: ``flash_bytes``, ``macs``,
            ``accuracy`` where there are labels, and own objectives that come before.
        layers: of each layer its ``name``, ``shape``, ``scheme``, ``storage`` in bits by component, ``storage_bits``,
            ``macs``, ``additions``, ``multiplications``, ``bit_ops``, ``execution`` and ``scratch_bytes``.
        activation_bits: of the design.
    """

    id: str
    figures: Mapping[str, Any]
    layers: tuple[LayerCost, ...]
    activation_bits: int


@dataclass(frozen=True, eq=False)
class OwnObjective:
    """A user's own figure of designs, which is an objective.

    Args:
        name: of the objective and of its column.
        text: as the user names it.
        function: from `DesignFacts`, and the compressed module where it has a parameter ``module``, to a number.
        direction: whether less is better, ``minimize``, or more.
        digest: SHA-256 of its source, as far as that is known.
    """

    name: str
    text: str
    function: Callable[..., Any]
    direction: Direction
    digest: str

    @property
    def wants_module(self) -> bool:
        """Whether it gets the compressed module."""
        try:
            return "module" in inspect.signature(self.function).parameters
        except (TypeError, ValueError):  # some built-in functions have none
            return False

    def of(self, design: DesignFacts, module: nn.Module | None) -> float:
        """The value; NaN or infinite where the function says so.

        Args:
            design: what is known of it.
            module: the compressed network, where the function wants it.

        Raises:
            QualityError: it raises, or gives something else than a real number.
        """
        remedy, given = f"mend {self.text}", {} if module is None else {"module": module}
        with user_code(lambda reason: QualityError(f"the objective {self.text} takes a design", reason, remedy)):
            found = self.function(design, **given)
        value = number_of(found)
        if value is None:
            raise QualityError(f"the objective {self.text} gives a number", f"a {type(found).__name__}", remedy)
        return value


def load_own_objective(text: str) -> OwnObjective:
    """The objective that ``text`` names: ``file.py:callable`` or ``package.module:callable``, with ``:minimize`` or
    ``:maximize`` behind it or without. Its file is run.

    Raises:
        CallableError: the callable cannot be loaded.
        QualityError: its ``direction`` is neither.
    """
    place = own_place(text)
    return make_own_objective(load_callable(place), own_name(text), place, own_direction(text), source_digest(place))


def make_own_objective(
    function: Callable[..., Any], name: str, text: str, direction: str | None = None, digest: str = ""
) -> OwnObjective:
    """An objective from a function.

    Args:
        function: see `OwnObjective`.
        name: of the objective.
        text: that messages and reports call the function.
        direction: ``minimize`` or ``maximize``; by default what the function's own attribute ``direction`` says, and
            ``minimize`` without one.
        digest: of its source; that of its name where it is not known.

    Raises:
        QualityError: the direction is neither.
    """
    import hashlib

    chosen = direction or getattr(function, "direction", None) or "minimize"
    if chosen not in DIRECTIONS:
        rule = f"the direction of the objective {text} is {' or '.join(DIRECTIONS)}"
        raise QualityError(rule, repr(chosen), "set its attribute, or write it behind the name")
    own = digest or hashlib.sha256(getattr(function, "__qualname__", name).encode()).hexdigest()
    return OwnObjective(name, text, function, chosen, own)
