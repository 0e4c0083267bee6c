"""The values of a bank and choices of its filters, each way of keeping the gradient against plain loops."""

import numpy as np
import pytest

from explorer.forms import bank_descent, bank_update
from explorer.forms.bank_uses import uses_of
from explorer.forms.metric import Metric

ROWS, SEGMENTS, LENGTH, FILTERS = 24, 3, 16, 4
COLUMNS = SEGMENTS * LENGTH


def metric_of(groups, is_full=True):
    generator = np.random.default_rng(0)
    inputs = generator.standard_normal((groups, 200, COLUMNS)) @ generator.standard_normal((COLUMNS, COLUMNS))
    moments = inputs.swapaxes(1, 2) @ inputs / 200
    return Metric.of_moments(moments if is_full else np.einsum("gii->gi", moments))


def values_of(bank, coefficients, steps):
    groups = len(coefficients)
    scaled = coefficients * np.broadcast_to(steps, (groups, FILTERS))[:, None, None, :]
    return (scaled.reshape(groups, -1, FILTERS) @ bank).reshape(groups, ROWS, COLUMNS)


def updated_plainly(rows, metric, bank, coefficients, steps, levels):
    """One sweep: every value in turn at the level of least error, all of it computed anew."""
    bank = bank.copy()
    low, high, step = levels
    for b, t, d in np.ndindex(bank.shape):
        unit = np.zeros_like(bank)
        unit[b, t, d] = 1
        reach = values_of(unit, coefficients, steps)
        pull = (metric.times(rows - values_of(bank, coefficients, steps)) * reach).sum()
        curvature = (metric.times(reach) * reach).sum()
        if curvature > 0:
            best = bank[b, t, d] + pull / curvature
            bank[b, t, d] = min(max(round((best - low) / step) * step + low, low), high)
    return bank


@pytest.mark.parametrize("is_full", [True, False], ids=["full", "diagonal"])
@pytest.mark.parametrize(("groups", "is_shared"), [(1, False), (2, False), (2, True)])
@pytest.mark.parametrize("density", [0.05, 0.7], ids=["few uses", "many uses"])
def test_values_of_a_bank_are_those_of_least_error(groups, is_shared, density, is_full):
    generator = np.random.default_rng(1)
    metric, levels = metric_of(groups, is_full), (-2.0, 1.0, 1.0)
    shape = groups, ROWS, SEGMENTS, FILTERS
    coefficients = generator.standard_normal(shape) * (generator.random(shape) < density)
    bank = generator.integers(-2, 2, (1 if is_shared else groups, FILTERS, LENGTH)).astype(float)
    steps = np.full(bank.shape[:2], 0.3)
    rows = values_of(bank, coefficients, steps) + generator.standard_normal((groups, ROWS, COLUMNS))
    expected = updated_plainly(rows, metric, bank, coefficients, steps, levels)
    uses = uses_of(np.broadcast_to(np.arange(FILTERS), shape), coefficients, FILTERS, is_shared)
    found, gradient = bank.copy(), metric.times(rows - values_of(bank, coefficients, steps))
    bank_update.update(gradient, metric.cells, found, steps, *uses, levels, 1)
    assert np.array_equal(found, expected)
    assert (found != bank).any()
    assert np.allclose(gradient, metric.times(rows - values_of(found, coefficients, steps)))


@pytest.mark.parametrize("mode", [bank_descent.FIXED, bank_descent.FREE])
def test_choices_are_the_same_whether_what_filters_do_is_known_beforehand(monkeypatch, mode):
    generator = np.random.default_rng(2)
    metric, bank = metric_of(1), np.sign(generator.standard_normal((1, FILTERS, LENGTH)))
    rows = generator.standard_normal((1, ROWS, COLUMNS))
    found = []
    for most in (bank_descent.MOST_REACH, 0):
        monkeypatch.setattr(bank_descent, "MOST_REACH", most)
        selection, scales = np.zeros((1, ROWS, SEGMENTS), int), np.full((1, ROWS, SEGMENTS), 0.3)
        gradient = metric.times(rows - (bank[0, selection] * scales[..., None]).reshape(rows.shape))
        choose = bank_descent.choose.py_func
        choose(gradient, metric.cells, bank, SEGMENTS, selection, scales, mode, 4)
        assert np.allclose(gradient, metric.times(rows - (bank[0, selection] * scales[..., None]).reshape(rows.shape)))
        found.append((selection, scales))
    assert np.array_equal(found[0][0], found[1][0])
    assert np.allclose(found[0][1], found[1][1])
    assert (found[0][0] != 0).any()
