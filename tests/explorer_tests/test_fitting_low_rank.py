"""Layers of low rank: the best product exactly where it is known, codes against plain alternations from many starts."""

import numpy as np
import pytest
import torch
from torch import nn

from costmodels import ConvShape, LowRank
from costmodels.codes import code_levels
from explorer.forms.fitting import fit
from explorer.forms.low_rank.factors import best_product
from explorer.forms.metric import Metric
from explorer.forms.trainable import trainable

SHAPE = ConvShape(12, 2, (3, 3), (8, 8))
GROUPED = ConvShape(8, 6, (1, 3), (5, 5), groups=2)


def layer(shape=SHAPE, seed=0):
    """Filters that share directions of falling size, as trained ones do."""
    generator = np.random.default_rng(seed)
    values = shape.weights // shape.out_channels
    mixed = generator.standard_normal((shape.out_channels, values)) @ (
        np.linalg.qr(generator.standard_normal((values, values)))[0] * 0.93 ** np.arange(values)
    )
    return mixed.reshape(shape.weight_shape).astype(np.float32)


def metric_of(shape, seed=1):
    generator, values = np.random.default_rng(seed), shape.weights // shape.out_channels
    inputs = generator.standard_normal((shape.groups, 80, values)) * generator.uniform(0.3, 2, values)
    inputs[:, :, 1:] += 0.7 * inputs[:, :, :-1]
    return Metric.of_moments(inputs.swapaxes(1, 2) @ inputs / 80)


@pytest.mark.parametrize("shape", [SHAPE, GROUPED], ids=["plain", "grouped"])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_floats_leave_the_singular_values_beyond_the_rank(shape, rank):
    """Of each group apart (Eckart & Young)."""
    weights = layer(shape)
    fitted = fit(weights, shape, LowRank(rank, 32, 32))
    sizes = np.linalg.svd(weights.reshape(shape.groups, shape.group_outputs, -1).astype(np.float64))[1]
    assert fitted.distortion == pytest.approx(np.square(sizes[:, rank:]).sum() / np.square(sizes).sum(), rel=1e-4)


@pytest.mark.parametrize("is_full", [True, False])
@pytest.mark.parametrize("rank", [1, 4, 14])
def test_the_best_product_in_a_metric_is_that_of_weights_times_its_root(rank, is_full):
    metric = metric_of(SHAPE)
    metric = metric if is_full else Metric(metric.diagonal.copy())
    rows = metric.rows(layer().astype(np.float64))
    second, first = best_product(rows, metric, rank)
    assert (second.shape, first.shape) == ((1, 12, rank), (1, rank, 18))
    matrix = metric.matrix[0] if is_full else np.diag(metric.matrix[0])
    eigenvalues, vectors = np.linalg.eigh(matrix)
    sizes = np.linalg.svd(rows[0] @ (vectors * np.sqrt(eigenvalues)) @ vectors.T)[1]
    assert metric.error(rows, second @ first) == pytest.approx(np.square(sizes[rank:]).sum(), rel=1e-6, abs=1e-9)
    fitted = fit(layer(), SHAPE, LowRank(rank, 32, 32), metric=metric)
    assert metric.error(layer(), fitted.weights) == pytest.approx(np.square(sizes[rank:]).sum(), rel=1e-4, abs=1e-9)


def scaled_codes(targets, gram, bits):
    """Codes times the best of thirty scales for each row, of least (t - s*q)^T gram (t - s*q), each code in turn the
    best; and the scales."""
    levels = code_levels(bits).astype(float)
    scales = np.linspace(0.3, 1.4, 30)[:, None] * np.abs(targets).max(axis=1) / levels[-1]
    codes = levels[np.abs(targets[None, ..., None] / scales[..., None, None] - levels).argmin(axis=-1)]
    for place in [*range(len(gram))] * 2:
        missed = targets - scales[..., None] * codes
        rest = missed @ gram[place] / (gram[place, place] * scales) + codes[..., place]
        codes[..., place] = levels[np.abs(rest[..., None] - levels).argmin(axis=-1)]
    missed = targets - scales[..., None] * codes
    best = np.einsum("sri,ij,srj->sr", missed, gram, missed).argmin(axis=0)
    rows = np.arange(len(targets))
    return scales[best, rows][:, None] * codes[best, rows], scales[best, rows]


@pytest.mark.parametrize(
    ("rank", "bits", "other"), [(3, 4, 4), (6, 4, 4), (6, 3, 3), (6, 2, 4), (6, 1, 4), (12, 2, 2)], ids=str
)
def test_no_start_of_plain_alternations_leads_much_further(rank, bits, other):
    """Eight turns of the singular vectors; each factor in turn by least squares, then by scales and codes a row; codes
    of the basis once more for all others."""
    shape = ConvShape(24, 4, (3, 3), (8, 8))
    rows = layer(shape).reshape(24, -1).astype(np.float64)
    generator, least, levels = np.random.default_rng(5), np.inf, code_levels(bits)
    left, sizes = np.linalg.svd(rows, full_matrices=False)[:2]
    for start in range(8):
        turn = np.linalg.qr(generator.standard_normal((rank, rank)))[0] if start else np.eye(rank)
        second, first = left[:, :rank] * np.sqrt(sizes[:rank]) @ turn, None
        for _ in range(4):
            target = np.linalg.lstsq(second, rows, rcond=None)[0]
            first, scales = scaled_codes(target, np.eye(target.shape[1]), bits)
            for k in [*range(rank)] * 3:
                rest = second[:, k] @ (rows - second @ first) / np.square(second[:, k]).sum() + first[k]
                first[k] = scales[k] * levels[np.abs(rest[:, None] / scales[k] - levels).argmin(axis=1)]
            target = np.linalg.lstsq(first.T, rows.T, rcond=None)[0].T
            second = scaled_codes(target, first @ first.T, other)[0]
            least = min(least, np.square(rows - second @ first).sum())
    found = fit(layer(shape), shape, LowRank(rank, bits, other)).distortion
    assert found <= 1.02 * least / np.square(rows).sum()


@pytest.mark.parametrize("scheme", [LowRank(4, 2, 3), LowRank(4, 1, 4), LowRank(8, 4, 4, 8)], ids=str)
def test_a_fit_in_a_metric_gains_there_what_the_input_allows(scheme):
    weights, metric = layer(), metric_of(SHAPE)
    free, aware = (fit(weights, SHAPE, scheme, metric=one) for one in (None, metric))
    assert metric.error(weights, aware.weights) < 0.9 * metric.error(weights, free.weights)


def test_more_filters_than_weights_have_directions_are_spare():
    fitted = fit(layer(), SHAPE, LowRank(20, 32, 32))
    assert fitted.distortion < 1e-10
    assert fit(layer(), SHAPE, LowRank(20, 4, 4)).distortion < 0.02


def test_both_factors_are_trained():
    module = nn.Conv2d(2, 12, (3, 3), bias=False)
    trained = trainable(module, fit(module.weight.detach().numpy(), SHAPE, LowRank(3, 4, 4)))
    trained.weight().square().sum().backward()
    for part in (trained.basis, trained.coefficients):
        assert part.values.grad.abs().sum() > 0
        assert part.factor.grad.abs().sum() > 0
    with torch.no_grad():
        before = trained.arrays()["scales"]
        trained.coefficients.factor.add_(0.5)
    assert np.allclose(trained.arrays()["scales"], before * np.exp(0.5))
