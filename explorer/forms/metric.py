"""Metric: how much every pair of errors in a filter's weights moves a layer's output.

The error that compressed weights w^ make in an output is x^T (w - w^) for an input patch x. Over the patches of
calibration images its variance is (w - w^)^T C (w - w^), with C the covariance of the patches; what is left of its mean
square is the mean, which a bias or a normalization takes up. A fit that is given a metric minimizes this sum over the
filters in place of the squared error of the weights.

Legend: as in `costmodels.schemes.base`; D = c/g*kh*kw values of a filter, in the order of the weights.
"""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from explorer.system.errors import FittingError

__all__ = ["DAMPING", "Metric"]

DAMPING = 0.01
"""Share of the mean diagonal that is added to the diagonal: directions that the calibration images show little or
nothing of (one image, constant inputs, dead channels) keep a small price, so that the matrix is positive definite. The
value is GPTQ's (arXiv 2210.17323)."""

_FACTORS_KEPT = 2
_factors: OrderedDict[str, np.ndarray] = OrderedDict()


@dataclass(frozen=True, eq=False)
class Metric:
    """A positive definite matrix for the filters of each group.

    Args:
        matrix: C by group, (g, D, D) float64 and symmetric, or its diagonal (g, D) for layers too large for all of it.

    Raises:
        FittingError: it holds values that are not finite, or a negative diagonal.
    """

    matrix: np.ndarray

    def __post_init__(self) -> None:
        if not np.isfinite(self.matrix).all():
            faulty = int(np.count_nonzero(~np.isfinite(self.matrix)))
            raise FittingError("moments of a layer's inputs are finite", f"{faulty} that are not", "mend the inputs")
        if self.diagonal.min(initial=0.0) < 0:
            raise FittingError("mean squares are not negative", "a negative one", "give moments that were summed up")

    @classmethod
    def of_moments(cls, moments: np.ndarray, damping: float = DAMPING) -> "Metric":
        """A metric from moments of inputs, brought to a mean diagonal of 1 and damped.

        Args:
            moments: (g, D, D), or the diagonal (g, D); of a group whose inputs never vary all weights count alike.
            damping: share of the mean diagonal that is added to it. More is added, ten times as much each time, where
                moments are lost in the rounding of their sums, as of inputs that hardly vary about a large mean.

        Raises:
            FittingError: as the class.
        """
        is_full = moments.ndim == 3
        checked = cls(moments)
        sizes = checked.diagonal.mean(axis=1)
        factors = (1 / np.where(sizes > 0, sizes, 1.0)).reshape(-1, *(1,) * (moments.ndim - 1))
        added = np.where(sizes > 0, damping, 1.0)
        if not is_full:
            return cls(moments * factors + added[:, None])
        matrix = moments * factors
        matrix = (matrix + matrix.swapaxes(1, 2)) / 2
        rows = np.arange(matrix.shape[1])
        while True:
            matrix[:, rows, rows] += added[:, None]
            indefinite = np.array([not _is_positive_definite(part, damping / 2) for part in matrix])
            if not indefinite.any():
                return cls(matrix)
            added = np.where(indefinite, 10 * np.maximum(added, DAMPING), 0.0)

    @property
    def is_full(self) -> bool:
        """Whether it has more than a diagonal."""
        return self.matrix.ndim == 3

    @property
    def diagonal(self) -> np.ndarray:
        """(g, D)."""
        diagonal: np.ndarray = np.einsum("gii->gi", self.matrix) if self.is_full else self.matrix
        return diagonal

    @cached_property
    def cells(self) -> np.ndarray:
        """The matrix as compiled loops read it: (g, D, D), or (g, D, 1) of the diagonal; contiguous."""
        return np.ascontiguousarray(self.matrix if self.is_full else self.matrix[:, :, None])

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the content, in hexadecimal."""
        content = hashlib.sha256(f"{self.matrix.shape} {self.matrix.dtype}\n".encode())
        content.update(np.ascontiguousarray(self.matrix).data)
        return content.hexdigest()

    @property
    def feedback(self) -> np.ndarray:
        """U by group with C^-1 = U^T U, upper triangular (g, D, D); the diagonal's root (g, D, 1). The last few are
        kept, since a layer is fitted in many ways one after the other."""
        if not self.is_full:
            roots: np.ndarray = 1 / np.sqrt(self.cells)
            return roots
        if self.digest not in _factors:
            inverse = np.linalg.inv(self.matrix)
            lower = np.linalg.cholesky((inverse + inverse.swapaxes(1, 2)) / 2)
            _factors[self.digest] = np.ascontiguousarray(lower.swapaxes(1, 2))
            while len(_factors) > _FACTORS_KEPT:
                _factors.popitem(last=False)
        factor: np.ndarray = _factors[self.digest]
        return factor

    def times(self, rows: np.ndarray) -> np.ndarray:
        """Rows (g, r, D) times C."""
        product: np.ndarray = rows @ self.matrix if self.is_full else rows * self.matrix[:, None]
        return product

    def error(self, weights: np.ndarray, reconstructed: np.ndarray) -> float:
        """The sum over filters of (w - w^)^T C (w - w^); 0 where the rounding of C would leave less.

        Args:
            weights: w, (n, ...).
            reconstructed: w^, as many values.
        """
        rows = self.rows(weights.astype(np.float64).ravel() - reconstructed.ravel())
        return max(0.0, float((self.times(rows) * rows).sum()))

    def rows(self, weights: np.ndarray) -> np.ndarray:
        """Weights (n, ...), or as many values, as the filters of each group, (g, n/g, D)."""
        return weights.reshape(len(self.matrix), -1, self.matrix.shape[1])


def _is_positive_definite(matrix: np.ndarray, least: float) -> bool:
    """Whether all eigenvalues of a matrix are above so much."""
    try:
        np.linalg.cholesky(matrix - least * np.eye(len(matrix)))
    except np.linalg.LinAlgError:
        return False
    return True
