"""Fits in the metric of a layer's inputs: never worse in it than fits to the weights alone, exact where it is small."""

from itertools import product

import numpy as np
import pytest

from costmodels import (
    ConvShape,
    Dense,
    EntropyCoded,
    LegoNet,
    LinearRepresentation,
    LowRank,
    NMSparse,
    Palettized,
    Pruned,
    SparseBasis,
    StackedBinary,
    VectorQuantized,
)
from costmodels.codes import code_levels
from costmodels.errors import SchemeError
from costmodels.scales import round_scales
from costmodels.schemes.ternary import Ternary
from explorer.forms.fit_cache import FitCache
from explorer.forms.fitting import fit
from explorer.forms.metric import DAMPING, Metric
from explorer.system.errors import FittingError

SHAPES = {
    "plain": ConvShape(6, 4, (3, 3), (8, 8)),
    "pointwise": ConvShape(6, 8, (1, 1), (8, 8)),
    "grouped": ConvShape(6, 8, (3, 3), (8, 8), groups=2),
    "depthwise": ConvShape(4, 4, (3, 3), (8, 8), groups=4),
    "one channel": ConvShape(4, 1, (3, 3), (8, 8)),
    "one filter": ConvShape(1, 4, (3, 3), (8, 8)),
    "oblong": ConvShape(5, 3, (10, 4), (16, 8)),
}
SCHEMES = (
    *(Dense(bits) for bits in (1, 2, 3, 8)),
    *(Dense(4, scale) for scale in ("layer", "none")),
    *(Dense(bits, zero_bits=width) for bits, width in ((1, 3), (2, 4), (8, 8))),
    *(Dense(3, scale, 8, 4) for scale in ("filter", "layer", "none")),
    *(Ternary(scale=scale) for scale in ("filter", "layer", "none")),
    *(Pruned(0.3, bits) for bits in (1, 2, 4, 32)),
    *(Pruned(0.5, 8, "index", "layer"), Pruned(0.5, 4, "bitmap", "none")),
    *(LowRank(2, bits, other) for bits, other in ((1, 1), (32, 4), (4, 32))),
    LowRank(3, 2, 4, 4),
    *(NMSparse("2:4", bits, scale_bits=scale_bits) for bits, scale_bits in ((1, 8), (2, 32), (4, 4), (32, 32))),
    *(NMSparse("1:4", 4, scale=scale) for scale in ("layer", "none")),
    *(StackedBinary(1, 3, scale) for scale in ("none", "filter", "segment")),
    *(LegoNet(1, 3, scale) for scale in ("none", "filter", "segment")),
    *(LinearRepresentation(3, bits, other) for bits, other in ((4, 4), (1, 1), (32, 8), (3, 32))),
    LinearRepresentation(3, 4, 4, offset=False),
    *(SparseBasis(1, 3, bits, 0.5, other) for bits, other in ((1, 8), (4, 4), (8, 32), (32, 4), (32, 32), (1, 1))),
    SparseBasis(1, 3, 4, 0.3, 4, "index", "filter"),
    SparseBasis(1, 3, 8, 0.5, 2, "dense"),
    *(Palettized(bits) for bits in (1, 3)),
    *(EntropyCoded(2.0, 6, coder) for coder in ("huffman", "rans")),
    *(EntropyCoded(2.5, 4, scale=scale) for scale in ("layer", "none")),
    *(EntropyCoded(1.5, 8, rate_lambda=0.01), EntropyCoded(3.0, 5, scale_bits=4)),
    *(VectorQuantized(5, books, bits, 1) for books in (1, 2) for bits in (1, 4, 32)),
    *(Dense(3, scale_bits=bits) for bits in (4, 8, 16)),
    *(Ternary(scale_bits=4), Pruned(0.3, 4, scale_bits=4), SparseBasis(1, 3, 4, 0.5, 4, scale_bits=4)),
    *(StackedBinary(1, 3, scale, scale_bits=4) for scale in ("filter", "segment")),
    *(Palettized(bits, value_bits) for bits, value_bits in ((1, 8), (3, 8), (2, 16), (2, 32))),
    *(Palettized(2, 8, filters, scale) for filters, scale in ((0, "layer"), (4, "filter"), (1, "none"))),
    *(Palettized(2, scale_bits=bits) for bits in (4, 8)),
    *(VectorQuantized(3, books, bits, 1) for books in (1, 2) for bits in (1, 4, 32)),
    *(VectorQuantized(4, 2, 6, 2, bits) for bits in (4, 32)),
    VectorQuantized(2),
)


def takes(shape, scheme):
    """Whether a layer can take a scheme."""
    try:
        scheme.check(shape)
    except SchemeError:
        return False
    return True


CASES = [(name, scheme) for name, scheme in product(SHAPES, SCHEMES) if takes(SHAPES[name], scheme)]


def layer(name, seed=0, patches=64):
    """Weights of a layer, its shape, and correlated input patches (g, patches, D)."""
    shape, generator = SHAPES[name], np.random.default_rng(seed)
    values = shape.group_inputs * shape.kernel_area
    mixing = generator.standard_normal((shape.groups, values, values)) * generator.random(values) ** 2
    weights = generator.standard_normal(shape.weight_shape).astype(np.float32)
    return weights, shape, generator.standard_normal((shape.groups, patches, values)) @ mixing


def moments(patches):
    """E x x^T, (g, D, D)."""
    return patches.swapaxes(1, 2) @ patches / patches.shape[1]


def ident(case):
    return f"{case[0]}-{case[1]}"


@pytest.mark.parametrize("case", CASES, ids=ident)
@pytest.mark.parametrize("is_full", [True, False], ids=["full", "diagonal"])
def test_a_fit_in_a_metric_is_never_worse_in_it_and_stores_no_more(case, is_full):
    weights, shape, patches = layer(case[0])
    own = moments(patches)
    metric = Metric.of_moments(own if is_full else np.einsum("gii->gi", own))
    free = fit(weights, shape, case[1])
    aware, again = (fit(weights, shape, case[1], metric=metric, start=free) for _ in range(2))
    # The stored scales are float32: 2^-22 of the energy is what their rounding can cost.
    slack = 2**-22 * metric.error(weights, np.zeros_like(weights))
    assert metric.error(weights, aware.weights) <= metric.error(weights, free.weights) + slack
    assert (free.kind, aware.kind) == ("data-free", "data-aware")
    assert {name: (array.dtype, array.shape) for name, array in aware.arrays.items() if name not in SPARSE} == {
        name: (array.dtype, array.shape) for name, array in free.arrays.items() if name not in SPARSE
    }
    count = case[1].storage(shape, free.usage), case[1].storage(shape, aware.usage)
    assert sum(count[1].values()) <= sum(count[0].values())
    if "scales" in aware.arrays and not isinstance(case[1], LinearRepresentation):
        rounded = round_scales(aware.arrays["scales"], case[1].scale_bits)
        assert np.array_equal(rounded, aware.arrays["scales"])
    assert all(np.array_equal(again.arrays[name], array) for name, array in aware.arrays.items())


SPARSE = ("weights", "coefficients", "positions", "mask", "counts")
"""Arrays whose length is the number of values that are kept, or may be."""


@pytest.mark.parametrize("spread", [1e-4, 1e-9, 0.0])
def test_moments_that_rounding_leaves_without_a_root_are_damped_more(spread):
    """Values about 100 that vary by less than sums of 32-bit squares can say, beside some that vary by 1."""
    generator = np.random.default_rng(0)
    patches = 100 + spread * generator.standard_normal((500, 9)).astype(np.float32)
    patches[:, :2] += generator.standard_normal((500, 2)).astype(np.float32)
    second, mean = (patches.T @ patches / 500).astype(float), patches.mean(0, dtype=float)
    covariance = second - np.outer(mean, mean)
    np.fill_diagonal(covariance, np.maximum(np.diag(covariance), 0))
    assert np.linalg.eigvalsh(covariance).min() < -1e-5  # no covariance has such
    metric = Metric.of_moments(covariance[None])
    inverse = metric.feedback[0].T @ metric.feedback[0]
    assert np.allclose(inverse @ metric.matrix[0], np.eye(9), atol=1e-6)
    lost = np.linalg.eigh(covariance)[1][:, :1].T  # what it would give less than no error
    assert Metric(covariance[None]).error(lost, np.zeros_like(lost)) == 0
    alone = Metric.of_moments(np.eye(9)[None])
    both = Metric.of_moments(np.stack([covariance, np.eye(9)]))
    assert np.array_equal(both.matrix, np.stack([metric.matrix[0], alone.matrix[0]]))


@pytest.mark.parametrize("bits", [1, 2, 3])
def test_codes_without_a_scale_are_the_best_of_all_codes(bits):
    # 2^(3*4) = 4096 codes of four weights at most: all are tried.
    shape = ConvShape(12, 4, (1, 1), (4, 4))
    generator = np.random.default_rng(bits)
    weights = (generator.standard_normal(shape.weight_shape) * 2 ** (bits - 1)).astype(np.float32)
    patches = generator.standard_normal((1, 40, 4)) @ (np.eye(4) + 0.6)
    metric = Metric.of_moments(moments(patches))
    every = np.array(list(product(code_levels(bits), repeat=4)), float)
    rows = weights.reshape(12, 4).astype(float)
    missed = rows[:, None] - every
    best = np.einsum("nci,ij,ncj->nc", missed, metric.matrix[0], missed).min(axis=1).sum()
    found = metric.error(weights, fit(weights, shape, Dense(bits, "none"), metric=metric).weights)
    plain = metric.error(weights, fit(weights, shape, Dense(bits, "none")).weights)
    assert best <= found * (1 + 1e-9)
    assert found <= best + 0.25 * (plain - best)


def test_identity_metrics_are_plain_rounding():
    weights, shape, _ = layer("plain")
    metric = Metric(np.eye(36)[None])
    free, aware = (fit(weights * 3, shape, Dense(4, "none"), metric=one) for one in (None, metric))
    assert np.array_equal(free.arrays["weights"], aware.arrays["weights"])
    # One bit has a closed form, which no descent improves: the signs, and the mean magnitude.
    assert np.array_equal(fit(weights, shape, Dense(1), metric=metric).weights, fit(weights, shape, Dense(1)).weights)


def test_error_feedback_makes_up_for_an_error_in_the_next_column():
    # Inputs (x, x): only the sum of both weights counts, 0.4 + 0.4 = 0.8. Rounded one by one they are 0 and 0, and
    # with feedback 0 and 1: the error of the sum is 0.2 in place of 0.8.
    shape = ConvShape(1, 2, (1, 1), (4, 4))
    weights = np.full((1, 2, 1, 1), 0.4, np.float32)
    metric = Metric.of_moments(np.ones((1, 2, 2)), damping=1e-6)
    assert fit(weights, shape, Dense(4, "none")).weights.ravel().tolist() == [0, 0]
    assert sorted(fit(weights, shape, Dense(4, "none"), metric=metric).weights.ravel().tolist()) == [0, 1]


def test_every_group_is_fitted_in_its_own_metric():
    weights, shape, patches = layer("grouped")
    own = moments(patches)
    whole = fit(weights, shape, Dense(2), metric=Metric.of_moments(own))
    for group in range(2):
        part = ConvShape(3, 4, (3, 3), (8, 8))
        rows = slice(3 * group, 3 * group + 3)
        alone = fit(weights[rows], part, Dense(2), metric=Metric.of_moments(own[group : group + 1]))
        assert np.array_equal(whole.weights[rows], alone.weights)


@pytest.mark.parametrize("patches", [np.zeros((1, 1, 36)), np.ones((1, 5, 36)), np.eye(36)[None, :1]])
def test_singular_moments_are_damped(patches):
    weights, shape, _ = layer("plain")
    metric = Metric.of_moments(moments(patches))
    assert np.linalg.eigvalsh(metric.matrix[0]).min() >= 0.99 * min(DAMPING, 1)
    for scheme in (Dense(2), Pruned(0.3, 4), StackedBinary(2, 3, "filter"), SparseBasis(2, 3, 1, 0.5, 4)):
        fitted = fit(weights, shape, scheme, metric=metric)
        assert np.isfinite(fitted.weights).all()


def test_weights_that_are_zero_stay_zero():
    _, shape, patches = layer("plain")
    metric = Metric.of_moments(moments(patches))
    forms = Dense(3), Ternary(), Pruned(0.3, 4), LinearRepresentation(3, 4, 4), SparseBasis(2, 3, 4, 0.5, 4)
    for scheme in (*forms, NMSparse("2:4", 4), LowRank(2, 4, 4)):
        assert not fit(np.zeros(shape.weight_shape, np.float32), shape, scheme, metric=metric).weights.any()


def test_moments_that_are_no_moments_are_refused():
    faulty = np.eye(4)[None].copy()
    faulty[0, 1, 2] = np.nan
    with pytest.raises(FittingError, match=r"1 that are not; moments of a layer.s inputs are finite"):
        Metric.of_moments(faulty)
    with pytest.raises(FittingError, match="mean squares are not negative"):
        Metric(-np.eye(4)[None])
    weights, shape, patches = layer("pointwise")
    with pytest.raises(FittingError, match="1 groups of 8 weights a filter"):
        fit(weights, shape, Dense(2), metric=Metric.of_moments(moments(patches)[:, :4, :4]))


def test_the_cache_tells_metrics_apart(tmp_path):
    weights, shape, patches = layer("plain")
    cache, own = FitCache(tmp_path), moments(patches)
    metrics = [None, *(Metric.of_moments(own, damping) for damping in (0.01, 0.1))]
    kinds = [cache.fit(weights, shape, Dense(2), metric=metric).kind for metric in metrics]
    assert kinds == ["data-free", "data-aware", "data-aware"]
    assert len(list(tmp_path.rglob("*.fit"))) == 3
    assert cache.fit(weights, shape, Dense(2), metric=metrics[1]).kind == "data-aware"
    assert len(list(tmp_path.rglob("*.fit"))) == 3
