"""Descents that go through columns in blocks, against those that go through one after the other."""

import numpy as np
import pytest

from explorer.forms import scalar_descent
from explorer.forms.entropy_coded import priced_descent
from explorer.forms.metric import Metric

LEVELS = (-4.0, 3.0, 1.0)
ROWS, COLUMNS = 3, 150
"""Blocks of 64, 64 and 22 columns."""


@pytest.fixture(scope="module")
def problem():
    generator = np.random.default_rng(0)
    inputs = generator.standard_normal((400, COLUMNS)) @ generator.standard_normal((COLUMNS, COLUMNS))
    metric = Metric.of_moments((inputs.T @ inputs)[None] / 400)
    weights = generator.standard_normal((1, ROWS, COLUMNS))
    scales = np.array([[0.4, 0.5, 0.0]])
    return weights, metric, scales


def test_scalar_descents_in_blocks_take_the_same_codes(problem):
    weights, metric, scales = problem
    kept = np.ones(weights.shape, bool)
    kept[0, 1, ::3] = False
    plain = scalar_descent.feed_back(weights, metric.feedback, scales, kept, LEVELS)
    assert np.array_equal(plain, scalar_descent._feed_back_blocks(weights, metric.feedback, scales, kept, LEVELS))
    found = []
    for descend in (scalar_descent.descend, scalar_descent._descend_blocks):
        codes = plain.copy()
        gradient = metric.times(weights - scales[:, :, None] * codes)
        descend(gradient, metric.cells, scales, codes, kept, LEVELS, 4)
        assert np.allclose(gradient, metric.times(weights - scales[:, :, None] * codes))
        found.append(codes)
    assert np.array_equal(*found)
    assert (found[0] != plain).any()
    assert (found[0][0, 1, ::3] == 0).all()
    assert np.array_equal(found[0][0, 2], plain[0, 2])


def test_priced_descents_in_blocks_take_the_same_codes(problem):
    weights, metric, scales = problem
    levels = np.arange(-4.0, 4.0)
    costs = 0.05 * np.abs(levels)
    plain = priced_descent.feed_back(weights, metric.feedback, scales, levels, costs)
    assert np.array_equal(plain, priced_descent._feed_back_blocks(weights, metric.feedback, scales, levels, costs))
    found = []
    for descend in (priced_descent.descend, priced_descent._descend_blocks):
        codes = plain.copy()
        gradient = metric.times(weights - scales[:, :, None] * codes)
        descend(gradient, metric.cells, scales, codes, levels, costs, 3)
        found.append(codes)
    assert np.array_equal(*found)
    assert (found[0] != plain).any()
