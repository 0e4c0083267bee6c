"""What every compressed form offers: its storage by component and its operations, as pure functions of the layer's
shape.

Legend: n output channels, c input channels, g groups, s channels of a low-dimensional filter, S = (c/g)/s segments,
k (or m) shared low-dimensional filters of a group, d^2 = kh*kw, P = H'W' output positions.
"""

import abc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

import numpy as np

from costmodels.errors import SchemeError
from costmodels.numbers import Count, select
from costmodels.shapes import ConvShape

__all__ = [
    "ACCUMULATOR_BITS",
    "COMPONENTS",
    "FLOAT_BITS",
    "SCALE_BIT_OPS",
    "LayerUsage",
    "Operations",
    "Scheme",
    "weight_bit_ops",
]

FLOAT_BITS = 32
"""Bits of every unquantized number, and of the baseline weight of a compression ratio."""

ACCUMULATOR_BITS = 32
"""Bits of a partial sum: the values of shared maps and of rebuilt weights."""

SCALE_BIT_OPS = FLOAT_BITS * ACCUMULATOR_BITS
"""Bit operations of one multiplication by a scale."""

COMPONENTS = ("weights", "basis", "selection", "coefficients", "index", "codebook", "scales")
"""Every storage component that a scheme may have; a scheme's storage names those it uses."""


@dataclass(frozen=True)
class LayerUsage:
    """What a fitted layer really uses; ``None`` where the scheme has no such count. Fitting fills it in.

    Args:
        nonzeros: stored non-zero weights (pruned) or coefficients (sparse basis).
        pairs: distinct (group, segment, low-dimensional filter) triples that some filter uses: the shared maps
            computed.
        templates_by_input: sum over input channels j of U_j, the distinct templates used on channel j.
        templates_by_output: sum over filters i of V_i, the distinct templates used by filter i.
    """

    nonzeros: int | None = None
    pairs: int | None = None
    templates_by_input: int | None = None
    templates_by_output: int | None = None


@dataclass(frozen=True)
class Operations:
    """Work of one way to execute a layer once on one image.

    Args:
        macs: multiply-accumulates.
        additions: additions alone.
        multiplications: multiplications alone.
        bit_ops: their sum weighted by operand bits (see `costmodels.conventions`).
        scratch_bytes: working memory beside the input and the output.
        method: which variant of the execution it is, where there are several.
    """

    macs: Count = 0
    additions: Count = 0
    multiplications: Count = 0
    bit_ops: Count = 0
    scratch_bytes: Count = 0
    method: str = ""


@dataclass(frozen=True)
class Scheme(abc.ABC):
    """A compressed form with its parameters. Subclasses are frozen dataclasses and final.

    Class attributes:
        name: how the scheme is written in text.
        reference: key into `costmodels.references.REFERENCES`.
    """

    name: ClassVar[str]
    reference: ClassVar[str]

    @abc.abstractmethod
    def check(self, shape: ConvShape) -> None:
        """Refuses a layer that cannot take this form.

        Raises:
            SchemeError: with the rule, the value and the remedy.
        """

    @abc.abstractmethod
    def storage(self, shape: ConvShape, used: LayerUsage = LayerUsage()) -> dict[str, Count]:
        """Bits by component; exact integers."""

    @abc.abstractmethod
    def executions(
        self, shape: ConvShape, activation_bits: int, used: LayerUsage = LayerUsage()
    ) -> dict[str, Operations]:
        """Operations of the ``direct`` and, where there is one, the ``shared-maps`` execution."""

    def methods(self, shape: ConvShape, activation_bits: int, used: LayerUsage = LayerUsage()) -> dict[str, Operations]:
        """Operations of every way to run the layer by name: those of `executions`, or all variants where an execution
        is the best of several."""
        return self.executions(shape, activation_bits, used)

    @property
    @abc.abstractmethod
    def takes_channel_scale(self) -> bool:
        """Whether a factor per output channel folds into numbers that are stored anyway (then a folded normalization's
        multiplier costs nothing more)."""

    def shared_storage(self, shape: ConvShape) -> dict[str, int]:
        """Bits that a network stores once for all layers of the same key; empty for most schemes."""
        return {}

    def parameters(self) -> dict[str, Any]:
        """The parameters by name, as plain data."""
        return {item.name: getattr(self, item.name) for item in fields(self)}

    def resolve(self, shape: ConvShape) -> Self:
        """Itself, for a layer that can take it: what a scheme in text does too (`costmodels.text.SchemePattern`).

        Raises:
            SchemeError: the layer cannot take it.
        """
        self.check(shape)
        return self

    def __str__(self) -> str:
        return f"{self.name}({', '.join(f'{key}={value}' for key, value in self.parameters().items())})"

    def brief(self) -> str:
        """The scheme in text without the parameters at their defaults; it reads back as the same scheme."""
        usual = {item.name: item.default for item in fields(self)}
        own = [f"{key}={value}" for key, value in self.parameters().items() if value != usual[key]]
        return f"{self.name}({', '.join(own)})"

    @classmethod
    def stack(cls, schemes: Sequence[Self]) -> Self:
        """One column of candidates: the same class with an int64 or float64 array for every numeric parameter.

        The schemes agree in every text and boolean parameter. Only `storage`, `executions` and `shared_storage`
        may be called on a column.
        """
        column = object.__new__(cls)
        for item in fields(cls):
            values = [getattr(scheme, item.name) for scheme in schemes]
            alike = isinstance(values[0], (str, bool))
            object.__setattr__(column, item.name, values[0] if alike else np.asarray(values))
        return column

    def column_key(self) -> tuple[Any, ...]:
        """Equal for schemes that `stack` may put into one column."""
        return type(self), *(value for value in self.parameters().values() if isinstance(value, (str, bool)))

    # Checks that the subclasses share. They raise SchemeError and name the scheme.

    def _require(self, holds: bool, rule: str, value: object, remedy: str) -> None:
        if not holds:
            raise SchemeError(f"{self.name}: {rule}", value, remedy)

    def _whole(self, name: str) -> int:
        """The parameter as a plain integer, 0 where it is none. One of numpy's becomes Python's: parameters are written
        as JSON."""
        value = getattr(self, name)
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
            return 0
        object.__setattr__(self, name, int(value))
        return int(value)

    def _require_positive(self, *names: str) -> None:
        for name in names:
            rule, value = f"{name} is an integer of at least 1", getattr(self, name)
            self._require(self._whole(name) >= 1, rule, value, f"choose {name} >= 1")

    def _require_bits(self, *names: str) -> None:
        for name in names:
            rule, value = f"{name} is 1 to 16, or 32", getattr(self, name)
            self._require(self._whole(name) in (*range(1, 17), 32), rule, value, "choose such a width")

    def _require_density(self) -> None:
        density = getattr(self, "density")
        real = isinstance(density, (int, float)) and not isinstance(density, bool)
        self._require(
            real and 0 < density <= 1,
            "density is above 0 and at most 1",
            density,
            "give the share of values kept, such as 0.1",
        )

    def _require_choice(self, name: str, choices: Mapping[str, object] | Sequence[str]) -> None:
        value = getattr(self, name)
        self._require(value in choices, f"{name} is one of {', '.join(choices)}", value, "choose one of them")

    def _require_segments(self, shape: ConvShape, segment_channels: int) -> None:
        self._require(
            shape.group_inputs % segment_channels == 0,
            "segment_channels divides the input channels of a group",
            f"{segment_channels} for {shape.group_inputs} channels",
            "choose a divisor",
        )


def weight_bit_ops(weight_bits: Count, count: Count, operand_bits: Count) -> tuple[Count, Count, Count]:
    """(macs, additions, bit_ops) of ``count`` accumulations of a b-bit weight times a value of ``operand_bits``.

    A one-bit weight is +-1, so its accumulation is an addition or a subtraction and no multiply-accumulate.
    """
    binary = weight_bits == 1
    return select(binary, 0, count), select(binary, count, 0), count * weight_bits * operand_bits
