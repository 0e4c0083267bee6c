"""Direct: the filters are reconstructed and convolved."""

import numpy as np

from costmodels.kernels.engine.kernel import FLOAT
from costmodels.kernels.engine.windows import convolve, padded, windows
from costmodels.kernels.linear_representation.layer import Linear
from costmodels.machine.pieces import block_of

__all__ = ["Direct"]


class Direct(Linear):
    """The filters are reconstructed from the streams for each image and convolved: a matrix product, by BLAS."""

    uses_blas = True

    @property
    def units(self) -> int:
        """Output positions."""
        return self.shape.positions

    @property
    def block(self) -> int:
        """Positions at once."""
        return block_of(self.units, self.shape.in_channels * self.shape.kernel_area)

    def read(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The padded image, and the filters (g, n/g, c/g*kh*kw)."""
        kernels, shape = self.kernels(), self.shape
        weights = np.take(kernels.templates, kernels.index, axis=0)
        weights *= kernels.a[..., None]
        if kernels.b is not None:
            weights += kernels.b[..., None]
        return padded(image, self.shape, FLOAT), weights.reshape(shape.groups, shape.group_outputs, -1)

    def run(self, inputs: tuple[np.ndarray, np.ndarray], first: int, last: int, out: np.ndarray) -> None:
        """As `Kernel.run`."""
        image, weights = inputs
        convolve(weights, windows(image, self.shape, first, last), out[:, first:last])
