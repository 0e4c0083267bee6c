"""The two factors of a layer of low rank, as they are stored, and the product that is best in a metric.

Legend: g groups, R filters of a group, D values of each, r the rank.
"""

from dataclasses import dataclass

import numpy as np

from explorer.forms.metric import Metric

__all__ = ["Factors", "best_product", "factors_error"]


@dataclass(frozen=True, eq=False)
class Factors:
    """W = diag(steps) coefficients diag(basis_steps) basis.

    Args:
        basis: codes or floats, (g, r, D) float64.
        basis_steps: (g, r), as they are stored; 1 where the basis is of floats.
        coefficients: codes or floats, (g, R, r) float64.
        steps: (g, R), likewise.
    """

    basis: np.ndarray
    basis_steps: np.ndarray
    coefficients: np.ndarray
    steps: np.ndarray

    @property
    def first(self) -> np.ndarray:
        """V, (g, r, D)."""
        scaled: np.ndarray = self.basis * self.basis_steps[:, :, None]
        return scaled

    @property
    def second(self) -> np.ndarray:
        """U, (g, R, r)."""
        scaled: np.ndarray = self.coefficients * self.steps[:, :, None]
        return scaled

    @property
    def values(self) -> np.ndarray:
        """U V, (g, R, D)."""
        product: np.ndarray = self.second @ self.first
        return product


def factors_error(rows: np.ndarray, metric: Metric, factors: Factors) -> float:
    """The sum over filters of (w - w^)^T C (w - w^).

    Args:
        rows: w, (g, R, D).
        metric: of the D values.
        factors: of w^.
    """
    missed = rows - factors.values
    return float((metric.times(missed) * missed).sum())


def best_product(rows: np.ndarray, metric: Metric, rank: int) -> tuple[np.ndarray, np.ndarray]:
    """U (g, R, r) and V (g, r, D) of least error, each with the root of the singular values.

    With C = L L^T the error of U V is |W L - U V L|^2, so these are the leading singular vectors of W L (Eckart & Young
    1936), and V is brought back by L^-1. Beyond the rank of W they are zero.

    Args:
        rows: W, (g, R, D).
        metric: of the D values.
        rank: r.
    """
    lower = np.linalg.cholesky(metric.matrix) if metric.is_full else np.sqrt(metric.matrix)[:, None]
    scaled = rows @ lower if metric.is_full else rows * lower
    left, sizes, right = np.linalg.svd(scaled, full_matrices=False)
    roots = np.sqrt(sizes[:, :rank])
    left, right = left[:, :, :rank] * roots[:, None], right[:, :rank] * roots[:, :, None]
    if metric.is_full:
        right = np.linalg.solve(lower.swapaxes(1, 2), right.swapaxes(1, 2)).swapaxes(1, 2)
    else:
        right = right / lower
    missing = rank - left.shape[2]
    if missing > 0:
        left, right = np.pad(left, ((0, 0), (0, 0), (0, missing))), np.pad(right, ((0, 0), (0, missing), (0, 0)))
    return left, right
