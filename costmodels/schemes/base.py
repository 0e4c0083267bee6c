"""What every compressed form offers on the side of the formulas: one abstract class, `Scheme`.

Legend: n output channels, c input channels, g groups, s channels of a low-dimensional filter, S = (c/g)/s segments,
k (or m) shared low-dimensional filters of a group, d^2 = kh*kw, P = H'W' output positions.
"""

import abc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from costmodels.conventions import ACCUMULATOR_BITS, FLOAT_BITS
from costmodels.layout import Arrays, Field
from costmodels.machine import KernelPath
from costmodels.numbers import Count
from costmodels.schemes.draw import Draw
from costmodels.schemes.operations import (
    DIRECT,
    SCALE_BIT_OPS,
    SHARED_MAPS,
    LayerUsage,
    Operations,
    weight_bit_ops,
)
from costmodels.schemes.parameters import Parameters
from costmodels.shapes import ConvShape

__all__ = [
    "ACCUMULATOR_BITS",
    "COMPONENTS",
    "DIRECT",
    "FLOAT_BITS",
    "SCALE_BIT_OPS",
    "SHARED_MAPS",
    "Grid",
    "LayerUsage",
    "Operations",
    "Scheme",
    "Timed",
    "weight_bit_ops",
]

COMPONENTS = ("weights", "basis", "selection", "coefficients", "index", "codebook", "scales")
"""Every storage component that a scheme may have; a scheme's storage names those it uses."""

Grid = Mapping[str, tuple[int | float | str, ...]]
"""Values of parameters by name, as searches offer them; fractions of a layer's filters in text."""

Timed = tuple["Scheme", str, int]
"""A scheme, one of its methods, and activation bits."""


@dataclass(frozen=True)
class Scheme(Parameters, abc.ABC):
    """A compressed form with its parameters. Subclasses are frozen dataclasses and final.

    A form has its home here and in `costmodels.kernels`, which proves its formulas and runs its layers. What a form
    leaves out is refused when the packages are imported (`costmodels.schemes.registry`,
    `costmodels.kernels.form_kernels`).

    Class attributes:
        name: how the scheme is written in text.
        reference: key into `costmodels.references.REFERENCES`.
        method_names: the ways to run a layer: the keys of `methods`, and of what the kernels have.
        takes_pointwise: whether layers of 1x1 kernels can take the form.
        grid: the values that searches offer of each parameter; none where only a space of the user's has the form.
        in_default_grid: whether a search that names no schemes offers it.
    """

    reference: ClassVar[str]
    method_names: ClassVar[tuple[str, ...]] = (DIRECT,)
    takes_pointwise: ClassVar[bool] = True
    grid: ClassVar[Grid]
    in_default_grid: ClassVar[bool]

    # What a layer costs.

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

    def resolve(self, shape: ConvShape) -> Self:
        """Itself, for a layer that can take it: what a scheme in text does too (`costmodels.text.SchemePattern`).

        Raises:
            SchemeError: the layer cannot take it.
        """
        self.check(shape)
        return self

    # What a layer stores.

    @abc.abstractmethod
    def layout(self, shape: ConvShape, nonzeros: int = 0) -> tuple[Field, ...]:
        """The arrays of a fitted layer in the order of their streams (`costmodels.layout`).

        Args:
            shape: the layer.
            nonzeros: values that are stored with their places, where the form has such.
        """

    @abc.abstractmethod
    def usage(self, shape: ConvShape, arrays: Arrays) -> LayerUsage:
        """What the arrays of a fitted layer use of what the layer could use: the counts that the formulas read."""

    def within(self, shape: ConvShape, used: LayerUsage) -> Self:
        """The scheme under which another fit of a layer takes no more bits than one that uses so much.

        It is the scheme itself, where the size follows from the parameters.

        Args:
            shape: the layer.
            used: by its first fit.
        """
        return self

    # What the kernels do (`costmodels.machine`).

    @property
    @abc.abstractmethod
    def filter_bits(self) -> int:
        """Bits of the numbers that meet the activations; 32 for floats."""

    @property
    @abc.abstractmethod
    def scales_outputs(self) -> bool:
        """Whether sums are multiplied by a scale of their filter, bank or layer as they are written."""

    @abc.abstractmethod
    def is_exact(self, method: str, activation_bits: int) -> bool:
        """Whether a method gives exact integers, times one scale of an output at most."""

    @abc.abstractmethod
    def path(self, shape: ConvShape, activation_bits: int, method: str) -> KernelPath:
        """The machine code that a layer takes.

        Args:
            shape: the layer.
            activation_bits: of its input.
            method: one of ``method_names``.
        """

    @abc.abstractmethod
    def work(self, shape: ConvShape, path: KernelPath, activation_bits: int, used: LayerUsage) -> dict[str, float]:
        """Amounts of work (`costmodels.machine.amounts.AMOUNTS`) up to the sums, before these are scaled and written.

        Args:
            shape: the layer.
            path: of `path`.
            activation_bits: of its input.
            used: the counts of a fitted layer; without them those of random arrays are expected.
        """

    # Instances.

    @classmethod
    @abc.abstractmethod
    def random(cls, draw: Draw) -> Self:
        """Any instance that the layer of the draw can take: what proofs run over."""

    @classmethod
    @abc.abstractmethod
    def typical(cls, shape: ConvShape) -> Self:
        """An instance for a layer of any network: what the layers of known networks are packed under."""

    @classmethod
    @abc.abstractmethod
    def timed(cls, draw: Draw) -> Sequence[Timed]:
        """Instances as searches offer them, under every method and kind of activations: what machines are calibrated
        with."""
