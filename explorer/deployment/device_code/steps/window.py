"""How windows lie over rows and columns."""

from dataclasses import dataclass

import numpy as np

__all__ = ["Window"]


@dataclass(frozen=True)
class Window:
    """How windows lie over rows and columns; pairs are (y, x)."""

    input_size: tuple[int, int]
    output_size: tuple[int, int]
    kernel: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    pad: tuple[int, int]

    @property
    def is_inside(self) -> bool:
        """Whether no tap of any window lies outside of the input."""
        axes = zip(self.input_size, self.output_size, self.kernel, self.stride, self.dilation, strict=True)
        ends = [(out - 1) * stride + (taps - 1) * dilation < size for size, out, taps, stride, dilation in axes]
        return self.pad == (0, 0) and all(ends)

    def taps(self, images: np.ndarray, fill: int) -> np.ndarray:
        """(images, H', W', kh, kw, channels) of (images, H, W, channels); ``fill`` lies around them."""
        axes = list(zip(self.output_size, self.kernel, self.stride, self.dilation, strict=True))
        reach = [stride * (out - 1) + dilation * (kernel - 1) + 1 for out, kernel, stride, dilation in axes]
        sizes = [max(end, size + pad) for end, size, pad in zip(reach, self.input_size, self.pad, strict=True)]
        padded = np.full((len(images), *sizes, images.shape[3]), fill, images.dtype)
        top, left = self.pad
        padded[:, top : top + self.input_size[0], left : left + self.input_size[1]] = images
        places = [
            np.arange(out)[:, None] * stride + np.arange(kernel) * dilation for out, kernel, stride, dilation in axes
        ]
        rows = padded[:, places[0]]  # (images, H', kh, W, channels)
        found: np.ndarray = rows[:, :, :, places[1]].transpose(0, 1, 3, 2, 4, 5)
        return found
