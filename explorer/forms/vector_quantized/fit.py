"""Vector-quantized weights: codebooks, indices and scales of least squared error.

One codebook is a k-means of the vectors (`explorer.forms.vector_quantized.clusters`), a second one that of what the
first leaves; then pairs and both codebooks in turn (`additive`). Where values are stored as codes, these, their scales
and the assignment follow in turn once more: the best code of a value is the nearest to its mean over the scale, the
best scales a least-squares problem of one or two unknowns. In a metric `metric_fit` goes on from there.

Arrays: ``codebook`` (M, K, channels, kh, kw), codes of `costmodels.codes` or float32; ``index`` (M, n, S) integers
below K; ``scales`` (M,) float32 where values are codes.
"""

from collections.abc import Mapping

import numpy as np

from costmodels.codes import code_dtype
from costmodels.conventions import FLOAT_BITS
from costmodels.scales import round_scales
from costmodels.schemes import VectorQuantized
from costmodels.shapes import ConvShape
from explorer.forms.fitted_layer import Arrays
from explorer.forms.metric import Metric
from explorer.forms.metric_codes import FLOATS, levels_of
from explorer.forms.quantizer import fit_scales, round_to_codes
from explorer.forms.vector_quantized import metric_fit
from explorer.forms.vector_quantized.additive import best_pairs, best_words
from explorer.forms.vector_quantized.clusters import cluster, nearest
from explorer.forms.vector_quantized.metric_fit import Parts, mean_factor

__all__ = ["fit", "reconstruct", "refit"]

ROUNDS = 12
"""At most, of pairs and codebooks in turn, and of codes, scales and assignment; they end when one gains less than
`LEAST_GAIN`."""

LEAST_GAIN = 1e-3

_Stored = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Codes or floats (M, K, v), indices (M, N) and scales (M,), 1 where values are floats."""

MOST_STARTS = 8
PAIRS = 1 << 19
"""Sums of a vector and a pair in a round of all starts of two codebooks, if these are more than one."""

STARTS_OF_EACH = 2
"""Of the k-means of each of two codebooks, which is only where their descent begins."""


def fit(
    weights: np.ndarray,
    shape: ConvShape,
    scheme: VectorQuantized,
    seed: int,
    codebook: np.ndarray | None = None,
) -> Arrays:
    """Codebooks, indices and, where values are codes, scales."""
    values = scheme.channels(shape) * shape.kernel_area
    peak = float(np.abs(weights).max(initial=0.0)) or 1.0
    vectors = weights.reshape(-1, values)
    words, index = _alternate(vectors / peak, scheme, np.random.default_rng(seed))
    words, index, scales = _as_codes(vectors, words * peak, index, scheme)
    return _arrays(words, index, scales, shape, scheme)


def _arrays(
    words: np.ndarray, index: np.ndarray, scales: np.ndarray, shape: ConvShape, scheme: VectorQuantized
) -> Arrays:
    """As they are stored."""
    sizes = scheme.codebooks, scheme.codewords, scheme.channels(shape), *shape.kernel
    index_dtype = np.min_scalar_type(scheme.codewords - 1)
    arrays = {
        "codebook": words.reshape(sizes).astype(code_dtype(scheme.value_bits)),
        "index": index.reshape(scheme.codebooks, shape.out_channels, -1).astype(index_dtype),
    }
    return arrays if scheme.value_bits == FLOAT_BITS else arrays | {"scales": scales.astype(np.float32)}


def refit(
    weights: np.ndarray, shape: ConvShape, scheme: VectorQuantized, arrays: Arrays, seed: int, metric: Metric
) -> Arrays:
    """Codebooks, indices and scales in a metric (`explorer.forms.vector_quantized.metric_fit`), from the fit to the
    weights alone and from codewords of transformed vectors."""
    words = arrays["codebook"].reshape(scheme.codebooks, scheme.codewords, -1).astype(np.float64)
    scales = arrays.get("scales", np.ones(scheme.codebooks, np.float32)).astype(np.float64)
    sizes = scheme.codebooks, shape.groups, -1, metric.matrix.shape[1] // words.shape[2]
    starts = [Parts(words, arrays["index"].reshape(sizes).astype(np.int64), scales)]
    peak, factor = float(np.abs(weights).max(initial=0.0)) or 1.0, mean_factor(metric, words.shape[2])
    vectors = weights.reshape(-1, words.shape[2]) / peak
    others, places = _alternate(vectors @ factor, scheme, np.random.default_rng(seed))
    others = others @ np.linalg.inv(factor) * peak
    others, steps = _nearest_codes(others, scheme)
    starts.append(Parts(others, places.reshape(sizes).astype(np.int64), steps))
    levels = FLOATS if scheme.value_bits == FLOAT_BITS else levels_of(scheme.value_bits)
    found = metric_fit.refit(weights, metric, starts, levels, scheme.scale_bits)
    return _arrays(found.words, found.index, found.steps, shape, scheme)


def _nearest_codes(words: np.ndarray, scheme: VectorQuantized) -> tuple[np.ndarray, np.ndarray]:
    """Codes (M, K, v) and scales (M,) as they are stored, of the least error to float codewords; floats as they are."""
    bits = scheme.value_bits
    if bits == FLOAT_BITS:
        return words.astype(np.float32).astype(np.float64), np.ones(len(words))
    scales = round_scales(fit_scales(words.reshape(len(words), -1), bits), scheme.scale_bits).astype(np.float64)
    return round_to_codes(words / _divisors(scales), bits), scales


def _alternate(
    vectors: np.ndarray, scheme: VectorQuantized, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Float codebooks (M, K, v) and indices (M, N)."""
    if scheme.codebooks == 1:
        first = cluster(vectors, scheme.codewords, generator)
        return first[None], nearest(vectors, first)[0][None]
    starts = min(MOST_STARTS, max(1, PAIRS // (len(vectors) * scheme.codewords**2)))
    trials = [_two_codebooks(vectors, scheme.codewords, generator) for _ in range(starts)]
    words, index, _ = min(trials, key=lambda trial: trial[2])
    return words, index


def _two_codebooks(
    vectors: np.ndarray, count: int, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, float]:
    """Both codebooks, the pairs and the error, from a k-means and one of what it leaves."""
    first = cluster(vectors, count, generator, STARTS_OF_EACH)
    index = nearest(vectors, first)[0]
    left = vectors - first[index]
    second = cluster(left, count, generator, STARTS_OF_EACH)
    words, index = np.stack([first, second]), np.stack([index, nearest(left, second)[0]])
    index, error = best_pairs(vectors, words, index)
    best = words, index, error
    for _ in range(ROUNDS):
        words = _refilled(vectors, best_words(vectors, words, index), index)
        index, now = best_pairs(vectors, words, index)
        gained, error = error - now, now
        if error < best[2]:
            best = words, index, error
        if gained <= LEAST_GAIN * error:
            break
    return best


def _refilled(vectors: np.ndarray, words: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Codewords that nothing takes become what vectors miss that are fitted worst."""
    missed = vectors - words[0][index[0]] - words[1][index[1]]
    worst = np.argsort(-np.square(missed).sum(axis=1), kind="stable")
    for place, book in enumerate(words):
        unused = np.flatnonzero(np.bincount(index[place], minlength=len(book)) == 0)[: len(worst)]
        taken = worst[: len(unused)]
        book[unused] = missed[taken] + book[index[place][taken]]
        worst = worst[len(unused) :]
    return words


def _as_codes(vectors: np.ndarray, words: np.ndarray, index: np.ndarray, scheme: VectorQuantized) -> _Stored:
    """What is stored of float codewords: codes, scales and assignment in turn."""
    codes, scales = _nearest_codes(words, scheme)
    if scheme.value_bits == FLOAT_BITS:
        return codes, index, scales
    index, error = _assigned(vectors, codes * scales[:, None, None], index)
    best = codes, index, scales, error
    for _ in range(ROUNDS):
        codes = _best_codes(vectors, codes, index, scales, scheme.value_bits)
        scales = round_scales(_best_scales(vectors, codes, index, scales), scheme.scale_bits).astype(np.float64)
        index, error = _assigned(vectors, codes * scales[:, None, None], index)
        gained = best[3] - error
        if gained > 0:
            best = codes, index, scales, error
        if gained <= LEAST_GAIN * error:
            break
    return best[:3]


def _divisors(scales: np.ndarray) -> np.ndarray:
    return np.where(scales > 0, scales, 1.0)[:, None, None]


def _assigned(vectors: np.ndarray, words: np.ndarray, index: np.ndarray) -> tuple[np.ndarray, float]:
    """The best codewords (M, N) at given codebooks, and the error."""
    if len(words) == 2:
        return best_pairs(vectors, words, index)
    found, distances = nearest(vectors, words[0])
    return found[None], float(distances.sum())


def _best_codes(vectors: np.ndarray, codes: np.ndarray, index: np.ndarray, scales: np.ndarray, bits: int) -> np.ndarray:
    """The nearest codes to the means of what each codeword has to give, a codebook at a time."""
    codes = codes.copy()
    for place, book in enumerate(codes):
        counts = np.bincount(index[place], minlength=len(book))
        left = vectors.copy()
        for other, words in enumerate(codes):
            if other != place:
                left -= words[index[other]] * scales[other]
        sums = np.stack([np.bincount(index[place], column, len(book)) for column in left.T], axis=1)
        means = sums / np.maximum(counts, 1)[:, None]
        if scales[place] > 0:
            book[:] = np.where(counts[:, None] > 0, round_to_codes(means / scales[place], bits), book)
    return codes


def _best_scales(vectors: np.ndarray, codes: np.ndarray, index: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """The scales of least squares; those that there were, where the codes do not tell them apart."""
    chosen = np.stack([book[own].ravel() for book, own in zip(codes, index, strict=True)])
    matrix, along = chosen @ chosen.T, chosen @ vectors.ravel()
    if np.linalg.matrix_rank(matrix) < len(matrix):
        return scales
    found = np.linalg.solve(matrix, along)
    return found if (found > 0).all() else scales


def reconstruct(shape: ConvShape, scheme: VectorQuantized, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """The sum of the codewords of each vector, times the scales of their codebooks."""
    words = arrays["codebook"].astype(np.float32)
    if "scales" in arrays:
        words = words * arrays["scales"].reshape(-1, 1, 1, 1, 1)
    total: np.ndarray = words[0][arrays["index"][0]]
    for book, index in zip(words[1:], arrays["index"][1:], strict=True):
        total = total + book[index]
    return total.reshape(shape.weight_shape)
