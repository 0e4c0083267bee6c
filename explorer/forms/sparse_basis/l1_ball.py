"""Projection onto the L1 ball, and the radius that leaves a wanted number of values.

Source: Duchi, Shalev-Shwartz, Singer & Chandra, ICML 2008, figure 1.
"""

import numpy as np

__all__ = ["project_l1_ball", "radius_that_keeps"]


def project_l1_ball(rows: np.ndarray, radius: np.ndarray | float) -> np.ndarray:
    """The nearest point of {w: ||w||_1 <= radius} to each row.

    With u = |row| descending and R the largest j with u_j > theta_j = (u_1 + ... + u_j - radius)/j, it is
    sign(row)*max(|row| - theta_R, 0); a row inside the ball stays as it is.

    Args:
        rows: (rows, values).
        radius: at least 0, one for all rows or (rows,).

    >>> project_l1_ball(np.array([[3.0, -1.0], [0.5, 0.25]]), 2.0)
    array([[2.  , 0.  ],
           [0.5 , 0.25]])
    """
    magnitudes = np.abs(rows)
    radii = np.broadcast_to(np.asarray(radius, dtype=float), len(rows))[:, None]
    descending = -np.sort(-magnitudes, axis=1)
    thresholds = (np.cumsum(descending, axis=1) - radii) / np.arange(1, rows.shape[1] + 1)
    last = np.maximum((descending > thresholds).sum(axis=1, keepdims=True) - 1, 0)
    theta = np.take_along_axis(thresholds, last, axis=1)
    projected = np.copysign(np.maximum(magnitudes - theta, 0), rows) + 0.0
    return np.where(magnitudes.sum(axis=1, keepdims=True) <= radii, rows, projected)


def radius_that_keeps(row: np.ndarray, count: int) -> float:
    """The radius whose ball leaves ``count`` values (1 to the row's length) of ``row`` (values,) not zero.

    Density is an outcome of the radius; here the radius is solved for it. A threshold theta halfway between the
    count-th and the next magnitude leaves exactly that many, and belongs to the radius sum(max(|row| - theta, 0)).
    Where these two are equal no radius does, and it is the one that leaves the nearest smaller number.
    """
    descending = -np.sort(-np.abs(row))
    below = descending[count] if count < len(row) else 0.0
    theta = (descending[count - 1] + below) / 2
    return float(np.maximum(descending - theta, 0).sum()) if count < len(row) else float(descending.sum())
