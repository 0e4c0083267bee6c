"""ConvShape: the one description of a layer that every formula reads.

Legend: n output channels, c input channels, kh x kw kernel, H x W input, H' x W' output, g groups.

A transposed convolution is a convolution of an input that has zeros between its values and around them.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from costmodels.errors import ShapeError

__all__ = ["ConvShape", "Pair"]

Pair = tuple[int, int]
_PAIRS = ("kernel", "input_size", "stride", "dilation")


def _pair(name: str, value: Any, least: int) -> Pair:
    """An integer or a pair of integers as a pair, each at least ``least``."""
    items = (value, value) if isinstance(value, int) else tuple(value) if isinstance(value, (tuple, list)) else ()
    if len(items) != 2 or not all(
        isinstance(item, int) and not isinstance(item, bool) and item >= least for item in items
    ):
        raise ShapeError(
            f"{name} is an integer or a pair of integers of at least {least}", value, "give (height, width)"
        )
    return int(items[0]), int(items[1])


@dataclass(frozen=True)
class ConvShape:
    """The shape of a 2-D convolution on one image; a fully connected layer is a 1x1 convolution on a 1x1 map.

    Args:
        out_channels: n.
        in_channels: c.
        kernel: (kh, kw).
        input_size: (H, W).
        stride: (vertical, horizontal).
        dilation: likewise.
        padding: (vertical, horizontal), ``"same"`` (stride 1 only, the odd element goes to the end, as in PyTorch) or
            ``"valid"``.
        groups: g; both channel counts are multiples of it, and g = c = n is a depthwise convolution.
        input_values: of a transposed convolution, the rows and columns of the input that hold values; all others are
            zeros, which are neither stored nor multiplied. None where the whole input is values.

    Raises:
        ShapeError: a value is out of range, channels do not divide into the groups, or the kernel exceeds the padded
            input.

    >>> ConvShape(64, 64, (3, 3), (8, 8), padding="same").output_size
    (8, 8)
    """

    out_channels: int
    in_channels: int
    kernel: Pair
    input_size: Pair
    stride: Pair = (1, 1)
    padding: Pair | str = (0, 0)
    dilation: Pair = (1, 1)
    groups: int = 1
    input_values: Pair | None = None

    def __post_init__(self) -> None:
        for name in ("out_channels", "in_channels", "groups"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ShapeError(f"{name} is an integer of at least 1", value, "count channels from 1")
        for name in _PAIRS:
            object.__setattr__(self, name, _pair(name, getattr(self, name), 1))
        if self.input_values is not None:
            object.__setattr__(self, "input_values", _pair("input_values", self.input_values, 1))
        if self.in_channels % self.groups or self.out_channels % self.groups:
            raise ShapeError(
                "groups divide both channel counts",
                f"{self.out_channels} outputs, {self.in_channels} inputs, {self.groups} groups",
                "choose a common divisor",
            )
        if isinstance(self.padding, str):
            if self.padding not in ("same", "valid"):
                raise ShapeError(
                    'padding in text is "same" or "valid"', self.padding, "give one of them, or (height, width)"
                )
            if self.padding == "same" and self.stride != (1, 1):
                raise ShapeError('padding "same" needs stride 1', self.stride, "give the padding as numbers")
        else:
            object.__setattr__(self, "padding", _pair("padding", self.padding, 0))
        if min(self.output_size) < 1:
            raise ShapeError(
                "the kernel fits into the padded input",
                f"output {self.output_size}",
                "use a larger input or a smaller kernel",
            )

    @classmethod
    def linear(cls, out_features: int, in_features: int, positions: int = 1) -> "ConvShape":
        """A fully connected layer applied at ``positions`` places (1 for a classifier on a flat vector)."""
        return cls(out_features, in_features, (1, 1), (1, positions))

    @property
    def pads(self) -> tuple[Pair, Pair]:
        """Zeros added ((top, bottom), (left, right)), string padding resolved."""
        if self.padding == "valid":
            return (0, 0), (0, 0)
        if isinstance(self.padding, str):
            totals = [dilation * (size - 1) for size, dilation in zip(self.kernel, self.dilation, strict=True)]
            return (totals[0] // 2, totals[0] - totals[0] // 2), (totals[1] // 2, totals[1] - totals[1] // 2)
        vertical, horizontal = self.padding
        return (vertical, vertical), (horizontal, horizontal)

    @cached_property
    def output_size(self) -> Pair:
        """(H', W')."""
        sizes = [
            (size + sum(pads) - dilation * (kernel - 1) - 1) // stride + 1
            for size, pads, kernel, stride, dilation in zip(
                self.input_size, self.pads, self.kernel, self.stride, self.dilation, strict=True
            )
        ]
        return sizes[0], sizes[1]

    @property
    def positions(self) -> int:
        """H'W', the number of output positions."""
        return self.output_size[0] * self.output_size[1]

    @property
    def weight_uses(self) -> int:
        """How often one inference multiplies each weight: at every output position, or of a transposed convolution by
        every value of an input channel, those at its edges that the output is cut by included."""
        return self.positions if self.input_values is None else self.input_values[0] * self.input_values[1]

    @property
    def kernel_area(self) -> int:
        """kh*kw."""
        return self.kernel[0] * self.kernel[1]

    @property
    def group_inputs(self) -> int:
        """c/g, the channels that one filter sees."""
        return self.in_channels // self.groups

    @property
    def group_outputs(self) -> int:
        """n/g, the filters of one group."""
        return self.out_channels // self.groups

    @property
    def kernels(self) -> int:
        """n*c/g, the number of two-dimensional kernels."""
        return self.out_channels * self.group_inputs

    @property
    def weights(self) -> int:
        """n*(c/g)*kh*kw, the number of weights without biases."""
        return self.kernels * self.kernel_area

    @property
    def weight_shape(self) -> tuple[int, int, int, int]:
        """(n, c/g, kh, kw), the shape of the weight array."""
        return self.out_channels, self.group_inputs, *self.kernel

    @property
    def dense_macs(self) -> int:
        """Multiply-accumulates of the uncompressed layer: weights times `weight_uses`."""
        return self.weights * self.weight_uses

    @property
    def input_elements(self) -> int:
        """Values of the input: c*H*W, without zeros that a transposed convolution has between them."""
        height, width = self.input_values or self.input_size
        return self.in_channels * height * width

    @property
    def output_elements(self) -> int:
        """n*H'W'."""
        return self.out_channels * self.positions

    def __str__(self) -> str:
        group = f", {self.groups} groups" if self.groups > 1 else ""
        kind = "" if self.input_values is None else ", transposed"
        height, width = self.kernel
        rows, columns = self.output_size
        return f"{self.in_channels}->{self.out_channels} {height}x{width} at {rows}x{columns}{group}{kind}"
