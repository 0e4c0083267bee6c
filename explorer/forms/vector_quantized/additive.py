"""Two codebooks of which every vector takes a codeword each, their sum: additive quantization.

A vector x takes the pair (a, b) of least |x - A_a - B_b|^2, which is exact where all pairs can be tried, and else the
best second codeword of a few first ones, among them the one that it had (beam search; Babenko & Lempitsky, Additive
Quantization, CVPR 2014). Given the pairs, both codebooks together are a least-squares problem; it is regular but for a
vector that may be added to all of A and taken from all of B, so what is solved for is the change of least size. Both
steps never raise the error (Egiazarian et al., AQLM, arXiv 2401.06118, train the codebooks by gradient instead).
"""

import numpy as np
from numba import njit

__all__ = ["best_pairs", "best_words"]

MOST_PAIRS = 1 << 26
"""Sums of a vector and a pair that are tried: of all pairs, if these are as few."""

RIDGE = 1e-6
"""Of the codebooks' change, in vectors."""


def best_pairs(vectors: np.ndarray, words: np.ndarray, index: np.ndarray) -> tuple[np.ndarray, float]:
    """The pairs (2, N) of least error, and that error.

    Args:
        vectors: (N, v).
        words: (2, K, v).
        index: (2, N) pairs to start from; none becomes worse.
    """
    first, second = (np.square(book).sum(axis=1) - 2 * (vectors @ book.T) for book in words)
    joint = 2 * (words[0] @ words[1].T)
    beam = max(1, min(joint.shape[0], MOST_PAIRS // max(1, len(vectors) * joint.shape[1])))
    costs, found = np.empty(len(vectors)), index.copy()
    order = np.arange(joint.shape[0])[None]
    if beam < joint.shape[0]:
        order = np.argpartition(first, beam - 1, axis=1)[:, :beam]
    _best_pairs(first, second, joint, joint.min(axis=1), order, found, costs)
    return found, float(np.maximum(costs + np.square(vectors).sum(axis=1), 0.0).sum())


@njit(cache=True, nogil=True)
def _best_pairs(first, second, joint, least, order, found, costs):  # type: ignore[no-untyped-def]
    for i in range(len(first)):
        a, b = found[0, i], found[1, i]
        best, floor = first[i, a] + second[i, b] + joint[a, b], second[i].min()
        row = order[i if len(order) > 1 else 0]
        for place in range(len(row) + 1):
            tried = a if place == 0 else row[place - 1]
            if first[i, tried] + floor + least[tried] >= best:
                continue
            for other in range(joint.shape[1]):
                cost = first[i, tried] + second[i, other] + joint[tried, other]
                if cost < best:
                    best, found[0, i], found[1, i] = cost, tried, other
        costs[i] = best


def best_words(vectors: np.ndarray, words: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Both codebooks (2, K, v) of least squares at given pairs; a codeword that nothing takes stays.

    Args:
        vectors: (N, v).
        words: (2, K, v), from which they change as little as they need.
        index: (2, N).
    """
    count = words.shape[1]
    places = index[0], index[1] + count
    counts = np.bincount(index[0] * count + index[1], minlength=count * count).reshape(count, count)
    matrix = np.zeros((2 * count, 2 * count))
    matrix[:count, count:], matrix[count:, :count] = counts, counts.T
    np.fill_diagonal(matrix, np.concatenate([counts.sum(axis=1), counts.sum(axis=0)]) + RIDGE)
    missed = vectors - words[0][index[0]] - words[1][index[1]]
    sums = np.stack([sum(np.bincount(place, column, 2 * count) for place in places) for column in missed.T], axis=1)
    changed: np.ndarray = words + np.linalg.solve(matrix, sums).reshape(words.shape)
    return changed
