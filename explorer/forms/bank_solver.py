"""The real values of a bank that are best in a metric, all at once.

With X = A*B the segments of a layer, the error sum_i (w_i - x_i)^T C (w_i - x_i) is quadratic in B, and conjugate
gradients with its diagonal as preconditioner (Hestenes & Stiefel 1952) lower it from where the bank is.
"""

import numpy as np

from explorer.forms.metric import Metric

__all__ = ["solved_bank"]

STEPS = 4


def solved_bank(rows: np.ndarray, metric: Metric, mixing: np.ndarray, start: np.ndarray) -> np.ndarray:
    """A bank (g, m, L) of less error than the start's.

    Args:
        rows: w, (g, r, D).
        metric: of the D values.
        mixing: A, (g, r*S, m).
        start: (g, m, L).
    """
    length = start.shape[2]
    turned = mixing.swapaxes(1, 2)

    def pulled(values: np.ndarray) -> np.ndarray:
        """A^T C of values (g, r, D)."""
        pulls: np.ndarray = turned @ metric.times(values).reshape(len(start), -1, length)
        return pulls

    segments = metric.diagonal.reshape(len(start), -1, length)
    uses = np.square(mixing).reshape(len(start), -1, segments.shape[1], start.shape[1]).sum(axis=1)
    diagonal = uses.swapaxes(1, 2) @ segments
    inverse = np.where(diagonal > 0, 1 / np.where(diagonal > 0, diagonal, 1.0), 0.0)
    solution = start.copy()
    residual = pulled(rows - (mixing @ solution).reshape(rows.shape))
    direction = inverse * residual
    size = (residual * direction).sum(axis=(1, 2), keepdims=True)
    for _ in range(STEPS):
        along = pulled((mixing @ direction).reshape(rows.shape))
        curvature = (direction * along).sum(axis=(1, 2), keepdims=True)
        step = np.where(curvature > 0, size / np.where(curvature > 0, curvature, 1.0), 0.0)
        solution += step * direction
        residual -= step * along
        scaled = inverse * residual
        previous, size = size, (residual * scaled).sum(axis=(1, 2), keepdims=True)
        direction = scaled + np.where(previous > 0, size / np.where(previous > 0, previous, 1.0), 0.0) * direction
    return solution
