"""N:M sparse weights: which are kept, against all ways to keep them, and what is trained."""

from itertools import combinations, product

import numpy as np
import pytest
import torch
from torch import nn

from costmodels import ConvShape, NMSparse
from costmodels.codes import code_levels
from explorer.forms.fitting import fit
from explorer.forms.metric import Metric
from explorer.forms.trainable import trainable

SHAPE = ConvShape(6, 8, (3, 3), (8, 8))
WEIGHTS = np.random.default_rng(0).standard_normal(SHAPE.weight_shape).astype(np.float32)


@pytest.mark.parametrize(("kept", "group"), [(1, 4), (2, 4), (4, 8), (1, 8), (2, 2)])
def test_the_largest_of_each_group_are_kept_as_they_are(kept, group):
    """Groups are of consecutive channels at one element of the kernel."""
    found = fit(WEIGHTS, SHAPE, NMSparse(f"{kept}:{group}", 32)).weights
    for filter_index, row, column in product(range(6), range(3), range(3)):
        for first in range(0, 8, group):
            own = WEIGHTS[filter_index, first : first + group, row, column]
            least = np.sort(np.abs(own))[-kept]
            expected = np.where(np.abs(own) >= least, own, 0)
            assert np.array_equal(found[filter_index, first : first + group, row, column], expected)


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 6, 8])
@pytest.mark.parametrize("pattern", ["1:4", "2:4", "5:8"])
def test_no_scale_leaves_much_less(pattern, bits):
    """At each of 2,000 scales the best codes and the best to keep are known exactly."""
    kept, group = map(int, pattern.split(":"))
    grouped = WEIGHTS.astype(np.float64).transpose(0, 2, 3, 1).reshape(6, -1, group)
    levels, least = code_levels(bits), np.full(6, np.inf)
    for share in np.geomspace(0.05, 2, 2000):
        scale = share * np.abs(grouped).max(axis=(1, 2), keepdims=True) / levels[-1]
        values = scale * levels[np.abs(grouped[..., None] / scale[..., None] - levels).argmin(axis=-1)]
        gains = np.sort(values * (2 * grouped - values), axis=-1)[..., -kept:].sum(axis=(1, 2))
        least = np.minimum(least, np.square(grouped).sum(axis=(1, 2)) - gains)
    found = fit(WEIGHTS, SHAPE, NMSparse(pattern, bits)).distortion
    assert found <= 1.002 * least.sum() / np.square(grouped).sum()


@pytest.mark.parametrize("pattern", ["2:4", "1:4"])
@pytest.mark.parametrize("seed", range(3))
def test_in_a_metric_all_ways_to_keep_leave_at_most_a_sixth_less(pattern, seed):
    """All supports of forty filters of eight channels, each with the values that are best for it; what is best for the
    weights alone leaves a third more at least."""
    kept, generator = int(pattern[0]), np.random.default_rng(seed)
    shape = ConvShape(40, 8, (1, 1), (4, 4))
    weights = generator.standard_normal(shape.weight_shape).astype(np.float32)
    inputs = generator.standard_normal((64, 8)) @ (np.eye(8) + 0.4 * generator.standard_normal((8, 8)))
    metric = Metric.of_moments((inputs.T @ inputs / 64)[None])
    rows, matrix = weights.reshape(40, 8).astype(np.float64), metric.matrix[0]
    least = np.full(40, np.inf)
    for first, second in product(combinations(range(4), kept), combinations(range(4, 8), kept)):
        places = [*first, *second]
        values = np.zeros((40, 8))
        values[:, places] = np.linalg.solve(matrix[np.ix_(places, places)], (rows @ matrix)[:, places].T).T
        missed = rows - values
        least = np.minimum(least, ((missed @ matrix) * missed).sum(axis=1))
    fitted = fit(weights, shape, NMSparse(pattern, 32), metric=metric)
    assert least.sum() * 0.999 <= metric.error(weights, fitted.weights) <= 1.2 * least.sum()
    free = fit(weights, shape, NMSparse(pattern, 32))
    assert metric.error(weights, free.weights) > 1.3 * least.sum()


def test_training_keeps_the_places_and_moves_what_is_kept():
    module = nn.Conv2d(8, 6, (3, 3), bias=False)
    with torch.no_grad():
        module.weight.copy_(torch.from_numpy(WEIGHTS))
    fitted = fit(WEIGHTS, SHAPE, NMSparse("2:4", 4))
    layer = trainable(module, fitted)
    layer.weight().square().sum().backward()
    assert not layer.quantized.values.grad[fitted.weights == 0][layer.mask[fitted.weights == 0] == 0].any()
    with torch.no_grad():
        layer.quantized.values.mul_(0.5)
    arrays = layer.arrays()
    assert np.array_equal(arrays["index"], fitted.arrays["index"])
    assert not np.array_equal(arrays["weights"], fitted.arrays["weights"])
