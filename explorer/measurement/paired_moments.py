"""What a layer reads in a network and in the same network compressed so far, and the weights that make up for it.

The inputs x^ of a layer of a compressed network are not the inputs x that its weights w were trained for. The weights
w' that come nearest to the layer's own outputs from what it now reads minimize E (w^T x - w'^T x^)^2, a least-squares
problem: w' = H^-1 G^T w, with H = E x^ x^^T and G = E x x^^T. Any compressed w^ then misses by the least error there is
plus (w' - w^)^T H (w' - w^), so that it is w' that is to be fitted, in the metric H. Where a bias or a normalization
takes up the mean, the moments are centred.

Sources: X. Zhang et al., Accelerating Very Deep Convolutional Networks for Classification and Detection, TPAMI 2016,
arXiv 1505.06798 (the asymmetric reconstruction, for low rank); Y. Li et al., GPTAQ, ICML 2025, arXiv 2504.02692 (for
uniform quantization by error feedback). That any form can be fitted to w' in the metric H is derived above.

Legend: D = c/g*kh*kw values of a filter, g groups, r = n/g filters of a group.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from explorer.forms.metric import DAMPING, Metric
from explorer.measurement.input_moments import patches_of
from explorer.measurement.layer_calls import LayerCall

__all__ = ["PairedMoments", "PairedSums", "paired_sums"]

ROUNDING = 1e-4
"""Variance as a share of the mean square, below which inputs are taken not to vary."""

_BATCH = 32
"""Images whose patches are held at once."""


@dataclass(frozen=True, eq=False)
class PairedSums:
    """Sums over pairs of input patches, in float64.

    Args:
        squares: of x^ x^^T, (g, D, D).
        products: of x x^^T, (g, D, D).
        own: of x, (g, D).
        compressed: of x^, (g, D).
        patches: how many.
    """

    squares: Tensor
    products: Tensor
    own: Tensor
    compressed: Tensor
    patches: int

    def plus(self, other: "PairedSums") -> "PairedSums":
        """The sums over the patches of both."""
        return PairedSums(
            self.squares + other.squares,
            self.products + other.products,
            self.own + other.own,
            self.compressed + other.compressed,
            self.patches + other.patches,
        )

    def moments(self, is_centred: bool) -> "PairedMoments":
        """Their means, without what the means of the inputs add to them where something takes up the mean."""
        own, compressed = (part.numpy() / self.patches for part in (self.own, self.compressed))
        squares, products = (part.numpy() / self.patches for part in (self.squares, self.products))
        if is_centred:
            squares = squares - compressed[:, :, None] * compressed[:, None, :]
            products = products - own[:, :, None] * compressed[:, None, :]
            self._still(squares, products)
        return PairedMoments(squares, products, own, compressed)

    def _still(self, squares: np.ndarray, products: np.ndarray) -> None:
        """Sets to zero what is left of inputs that never vary: the rounding of sums in 32-bit floats."""
        places = np.arange(squares.shape[1])
        squares[:, places, places] = np.maximum(squares[:, places, places], 0.0)
        whole = np.einsum("gii->g", self.squares.numpy()) / self.patches
        is_still = np.einsum("gii->g", squares) <= ROUNDING * whole
        squares[is_still], products[is_still] = 0.0, 0.0


@dataclass(frozen=True, eq=False)
class PairedMoments:
    """Moments of pairs of input patches.

    Args:
        squares: H, (g, D, D).
        products: G, (g, D, D).
        own: the mean of x, (g, D).
        compressed: the mean of x^, (g, D).
    """

    squares: np.ndarray
    products: np.ndarray
    own: np.ndarray
    compressed: np.ndarray

    def target(self, weights: np.ndarray) -> np.ndarray:
        """w', pulled towards w where the images say little: a multiple of the identity is added to both moments.

        Args:
            weights: w, (n, c/g, kh, kw).

        Returns:
            float32, of the same shape.
        """
        sizes = np.einsum("gii->gi", self.squares).mean(axis=1)
        added = DAMPING * np.where(sizes > 0, sizes, 1.0)[:, None, None] * np.eye(self.squares.shape[1])
        rows = self._rows(weights) @ (self.products + added)
        solved = np.linalg.solve((self.squares + added).swapaxes(1, 2), rows.swapaxes(1, 2)).swapaxes(1, 2)
        made: np.ndarray = solved.reshape(weights.shape).astype(np.float32)
        return made

    def metric(self) -> Metric:
        """H as fits take it."""
        return Metric.of_moments(self.squares)

    def error(self, weights: np.ndarray, compressed: np.ndarray, free_scales: bool = False) -> float:
        """E (w^T x - w^^T x^)^2 summed over filters, but for E (w^T x)^2, which no w^ changes.

        Args:
            weights: w, (n, c/g, kh, kw).
            compressed: w^, of the same shape.
            free_scales: whether a normalization takes out the size of each filter's outputs, so that the error is that
                of the best multiple of them, by a factor that is not negative: -(w^T G w^)^2 / (w^^T H w^).
        """
        rows, found = self._rows(weights), self._rows(compressed)
        energy, product = ((found @ self.squares) * found).sum(2), ((rows @ self.products) * found).sum(2)
        if not free_scales:
            return float((energy - 2 * product).sum())
        gains = np.square(np.maximum(product, 0.0))
        return -float(np.divide(gains, energy, out=np.zeros_like(gains), where=energy > 0).sum())

    def shift(self, weights: np.ndarray, compressed: np.ndarray) -> Tensor:
        """What a bias takes up: the mean of w^T x - w^^T x^ for every filter, (n,) float64."""
        own = self._rows(weights) @ self.own[:, :, None]
        return torch.from_numpy((own - self._rows(compressed) @ self.compressed[:, :, None]).reshape(-1))

    def _rows(self, weights: np.ndarray) -> np.ndarray:
        return weights.reshape(len(self.squares), -1, self.squares.shape[1]).astype(np.float64)


def paired_sums(own: LayerCall, compressed: LayerCall) -> PairedSums:
    """The sums over the input patches of a call of a layer.

    Args:
        own: in the network as it is.
        compressed: in the one compressed so far, on the same images.
    """
    total: PairedSums | None = None
    for first in range(0, len(own.inputs), _BATCH):
        x, x_hat = (patches_of(call, slice(first, first + _BATCH)) for call in (own, compressed))
        one = PairedSums(
            torch.einsum("ngip,ngjp->gij", x_hat, x_hat).double(),
            torch.einsum("ngip,ngjp->gij", x, x_hat).double(),
            x.sum(dim=(0, 3), dtype=torch.float64),
            x_hat.sum(dim=(0, 3), dtype=torch.float64),
            len(x) * x.shape[3],
        )
        total = one if total is None else total.plus(one)
    assert total is not None  # noqa: S101  # a call has at least one image
    return total
