"""The first bank of stacked filters: segments of the layer that lie far from one another.

Legend: as in `explorer.forms.segments`; k filters of a group.
"""

import numpy as np

__all__ = ["first_bank", "signs_of"]

CANDIDATES = 2048
"""Segments of a group among which the first bank is looked for; their products are a square matrix of this side."""


def first_bank(segments: np.ndarray, filters: int, binary: bool, scale: str, seed: int) -> np.ndarray:
    """(g, k, D): the segments of a group that are farthest from those before; random signs once none is left over.

    The distances are those of k-means++ (Arthur & Vassilvitskii, SODA 2007), the choice is greedy and not drawn.

    Float filters start at unit mean square, except where no scale would bring their size back.
    """
    generator = np.random.default_rng(seed)
    bank = generator.choice([-1.0, 1.0], (len(segments), filters, segments.shape[2]))
    for rows, start in zip(segments, bank, strict=True):
        if len(rows) > CANDIDATES:
            rows = rows[np.sort(generator.choice(len(rows), CANDIDATES, replace=False))]
        candidates = signs_of(rows) if binary else rows
        chosen = candidates[_spread_out(rows, candidates, filters, scale)]
        start[: len(chosen)] = chosen
    if not binary and scale != "none":
        sizes = np.sqrt(np.square(bank).mean(axis=2, keepdims=True))
        bank /= np.where(sizes > 0, sizes, 1.0)
    return bank


def _spread_out(rows: np.ndarray, candidates: np.ndarray, count: int, scale: str) -> list[int]:
    """At most ``count`` indices of ``candidates``; the next is the one of the row that has most left to gain."""
    along, energy = rows @ candidates.T, np.square(candidates).sum(axis=1)
    if scale == "none":
        gains = 2 * along - energy
    else:
        gains = np.square(np.maximum(along, 0) if scale == "filter" else along) / np.where(energy > 0, energy, 1.0)
    missing = gains.diagonal()[:, None] - gains
    left = np.square(rows).sum(axis=1)
    smallest = 1e-12 * left.max()
    chosen: list[int] = []
    while len(chosen) < count and left.max() > smallest:
        chosen.append(int(left.argmax()))
        np.minimum(left, missing[:, chosen[-1]], out=left)
    return chosen


def signs_of(values: np.ndarray) -> np.ndarray:
    """-1 below zero, else 1, as floats."""
    return np.where(values < 0, -1.0, 1.0)
