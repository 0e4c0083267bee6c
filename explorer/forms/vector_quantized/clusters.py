"""k-means of vectors: codewords of least squared error, from several starts.

The first codewords are drawn as in k-means++ (Arthur & Vassilvitskii, SODA 2007), each from a few candidates of which
the one is kept that lowers the error most. A codeword that no vector takes is started again from the vector that is
fitted worst. Large layers try their starts on a sample.
"""

import numpy as np

__all__ = ["cluster", "nearest"]

LEAST_STARTS, MOST_STARTS = 2, 32
PRODUCTS = 1 << 18
"""Of vectors and codewords in a round of all starts, if there are more of these than the least."""

ROUNDS = 30
"""At most, of every start; it ends when one gains less than `LEAST_GAIN`."""

LEAST_GAIN = 1e-4
CANDIDATES = 4
"""For each first codeword."""

MOST_SAMPLED = 1 << 13
"""Vectors of which starts are tried."""

BLOCK_PRODUCTS = 1 << 20
"""Products of vectors and codewords that are held at once."""


def cluster(
    vectors: np.ndarray, count: int, generator: np.random.Generator, most_starts: int = MOST_STARTS
) -> np.ndarray:
    """Codewords (count, v) of least squared error to vectors (N, v); zeros beyond the number of distinct vectors."""
    distinct = np.unique(vectors, axis=0)
    if len(distinct) <= count:
        return np.concatenate([distinct, np.zeros((count - len(distinct), vectors.shape[1]))])
    sample = vectors
    if len(vectors) > MOST_SAMPLED:
        sample = vectors[
            generator.choice(len(vectors), max(MOST_SAMPLED, min(len(vectors), 16 * count)), replace=False)
        ]
    starts = min(most_starts, max(LEAST_STARTS, PRODUCTS // (len(sample) * count)))
    trials = [_settle(sample, _first(sample, count, generator)) for _ in range(starts)]
    codewords = min(trials, key=lambda trial: trial[1])[0]
    return codewords if sample is vectors else _settle(vectors, codewords)[0]


def nearest(vectors: np.ndarray, codewords: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The nearest codeword of each vector, (N,) integers, and the squared distances, (N,)."""
    block, energy = max(1, BLOCK_PRODUCTS // len(codewords)), np.square(codewords).sum(axis=1)
    index, distances = np.empty(len(vectors), np.intp), np.empty(len(vectors))
    for start in range(0, len(vectors), block):
        part = vectors[start : start + block]
        costs = energy - 2 * (part @ codewords.T)
        own = costs.argmin(axis=1)
        index[start : start + block] = own
        distances[start : start + block] = costs[np.arange(len(part)), own] + np.square(part).sum(axis=1)
    return index, np.maximum(distances, 0.0)


def _settle(vectors: np.ndarray, codewords: np.ndarray) -> tuple[np.ndarray, float]:
    """Assignment and means in turn; the codewords and their error."""
    index, distances = nearest(vectors, codewords)
    error = float(distances.sum())
    for _ in range(ROUNDS):
        counts = np.bincount(index, minlength=len(codewords))
        sums = np.stack([np.bincount(index, column, len(codewords)) for column in vectors.T], axis=1)
        codewords = np.where(counts[:, None] > 0, sums / np.maximum(counts, 1)[:, None], codewords)
        unused = np.flatnonzero(counts == 0)
        worst = np.argsort(-distances, kind="stable")[: len(unused)]
        codewords[unused[: len(worst)]] = vectors[worst]
        index, distances = nearest(vectors, codewords)
        before, error = error, float(distances.sum())
        if before - error <= LEAST_GAIN * before and not len(unused):
            break
    return codewords, error


def _first(vectors: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
    """Codewords drawn from the vectors, each by how far it lies from those before it."""
    energy = np.square(vectors).sum(axis=1)
    chosen = np.empty(count, np.intp)
    chosen[0] = generator.integers(len(vectors))
    distances = _distances(vectors, energy, chosen[:1])[0]
    for place in range(1, count):
        edges = distances.cumsum()
        drawn = np.searchsorted(edges, generator.random(CANDIDATES) * edges[-1], side="right")
        found = np.minimum(_distances(vectors, energy, np.minimum(drawn, len(vectors) - 1)), distances)
        best = int(found.sum(axis=1).argmin())
        chosen[place], distances = min(int(drawn[best]), len(vectors) - 1), found[best]
    return vectors[chosen].copy()


def _distances(vectors: np.ndarray, energy: np.ndarray, places: np.ndarray) -> np.ndarray:
    """(places, N) squared distances of all vectors from those at some places, at least 0."""
    found: np.ndarray = np.maximum(energy + energy[places, None] - 2 * (vectors[places] @ vectors.T), 0.0)
    return found
