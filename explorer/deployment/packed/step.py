"""One packed layer at its place in a network: activations in, activations out."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from costmodels.errors import KernelError
from costmodels.kernels.packing import PackedLayer
from costmodels.kernels.run import PreparedLayer, prepare_layer
from costmodels.shapes import ConvShape
from explorer.deployment.packed.levels import Levels, affine, levels_of

__all__ = ["Affine", "PackedStep"]


@dataclass(frozen=True, eq=False)
class Affine:
    """What follows the sums of a layer in the same step: its bias, and a batch normalization that folds into it.

    Args:
        factors: (n,) float64, which every output is multiplied by.
        shifts: (n,) float64, added to the product.
        origin: the names of the bias and of the normalization that it is made of; calls of a layer store what they have
            in common once.
    """

    factors: np.ndarray
    shifts: np.ndarray
    origin: tuple[str, str] = ("", "")

    @property
    def is_identity(self) -> bool:
        """Whether nothing follows."""
        return bool((self.factors == 1).all() and not self.shifts.any())


class PackedStep(nn.Module):
    """Runs one packed layer in place of a convolution or a linear layer of a graph.

    Let x^ = scale * (q - zero) be the rounded input, q the levels. The kernel sums w*q over windows in which q has the
    padding that stands for 0, the zero point; and

        sum of w*x^ = scale * (sum of w*q - zero * sum of w),

    in which the last sum is one number for each output: a part of its shift. With a zero point of 0, as after ReLU,
    the kernel pads by itself.

    Args:
        packed: the layer.
        levels: of its input; none where it is of floats.
        follows: what is done with its sums.
        execution: the kernel; the cheapest if not given.
        threads: that compute the output of an image.
        linear: whether the channels of its input come last.
        name: of the layer in the network.

    Raises:
        KernelError: the packed layer is damaged, or the scheme has no such execution.
    """

    def __init__(
        self,
        packed: PackedLayer,
        levels: Levels | None,
        follows: Affine,
        execution: str | None = None,
        threads: int = 1,
        linear: bool = False,
        name: str = "",
    ) -> None:
        super().__init__()
        self.name, self.linear, self.follows, self.shape = name, linear, follows, packed.shape
        self.levels, self._threads = levels, threads
        bits = 32 if levels is None else levels.bits
        self.layer: PreparedLayer = prepare_layer(packed, execution, bits)
        self._pads = False
        if levels is not None:
            if levels.zero_point and any(map(any, packed.shape.pads)):
                self._pads = True
                self.layer = prepare_layer(_without_padding(packed), self.layer.execution, bits)
            follows = self._of_levels(follows, levels)
        self._follows = None if follows.is_identity else follows

    def _of_levels(self, follows: Affine, levels: Levels) -> Affine:
        """The same of sums of levels: scale and zero point taken in."""
        factors = levels.scale * follows.factors
        if not levels.zero_point:
            return Affine(factors, follows.shifts)
        shape = self.layer.shape
        ones = np.ones((shape.in_channels, *shape.input_size), np.uint8)
        sums = self.layer.run(ones)[:, 0, 0].astype(np.float64)
        return Affine(factors, follows.shifts - factors * levels.zero_point * sums)

    def forward(self, inputs: Tensor) -> Tensor:
        """The layer's output for inputs (N, c, H, W), (N, c, L) or, of a linear layer, (..., c): float32.

        Raises:
            KernelError: the inputs do not fit the layer, are not finite or not of their levels.
        """
        values = inputs.numpy(force=True)
        if self.linear:
            rows = self._run(_images_of_rows(values, self.shape))
            return torch.from_numpy(np.moveaxis(rows, 1, 3).reshape(*values.shape[:-1], rows.shape[1]))
        if values.ndim == 3:
            return torch.from_numpy(self._run(values[:, :, None])[:, :, 0])
        return torch.from_numpy(self._run(values))

    def _run(self, images: np.ndarray) -> np.ndarray:
        """(N, n, H', W') of images (N, c, H, W)."""
        out = np.empty((len(images), self.shape.out_channels, *self.shape.output_size), np.float32)
        for image, target in zip(images, out, strict=True):
            sums = self.layer.run(self._read(image), self._threads)
            if self._follows is None:
                target[:] = sums
            else:
                rows = len(sums), -1
                affine(sums.reshape(rows), self._follows.factors, self._follows.shifts, target.reshape(rows))
        return out

    def _read(self, image: np.ndarray) -> np.ndarray:
        """The image as the kernel takes it: as it is, or its levels with the padding that it needs."""
        if self.levels is None:
            return image
        levels = levels_of(np.ascontiguousarray(image), self.levels)
        if not self._pads:
            return levels
        (top, _), (left, _) = self.shape.pads
        channels, height, width = levels.shape
        padded = np.full((channels, *self.layer.shape.input_size), self.levels.zero_point, levels.dtype)
        padded[:, top : top + height, left : left + width] = levels
        return padded


def _images_of_rows(values: np.ndarray, shape: ConvShape) -> np.ndarray:
    """Inputs (..., c) of a linear layer as images (N, c, 1, positions).

    Raises:
        KernelError: they are none.
    """
    *_, positions = shape.input_size
    if values.shape[-1] != shape.in_channels or values.size % (positions * shape.in_channels):
        found = f"{values.shape}"
        raise KernelError(f"a linear layer takes (..., {shape.in_channels}) at {positions} places", found, "reshape it")
    return values.reshape(-1, 1, positions, shape.in_channels).transpose(0, 3, 1, 2)


def _without_padding(packed: PackedLayer) -> PackedLayer:
    """The same layer on an image that is padded already."""
    (top, bottom), (left, right) = packed.shape.pads
    height, width = packed.shape.input_size
    return replace(
        packed,
        shape=replace(packed.shape, input_size=(top + height + bottom, left + width + right), padding=(0, 0)),
    )
