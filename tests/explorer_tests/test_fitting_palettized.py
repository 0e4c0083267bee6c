"""Palettes: exactly the best ones, against all clusterings; and what is fitted and trained around them."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from costmodels.schemes import Dense, Palettized
from costmodels.shapes import ConvShape
from explorer.forms.fitting import fit
from explorer.forms.palettized import segmentation
from explorer.forms.palettized.segmentation import best_palette
from explorer.forms.trainable import trainable

SHAPE = ConvShape(16, 8, (3, 3), (8, 8))


def gaussian(shape=SHAPE, seed=0):
    generator = np.random.default_rng(seed)
    scales = generator.uniform(0.5, 2, (shape.out_channels, 1, 1, 1))
    return (generator.standard_normal(shape.weight_shape) * scales).astype(np.float32)


def error(numbers, weights, values):
    """sum(weight * (number - nearest value)^2)."""
    return float((weights * np.square(numbers[:, None] - values).min(axis=1)).sum())


def least_error(numbers, weights, count):
    """Of all ways to cut the sorted numbers into runs."""
    order = np.argsort(numbers)
    numbers, weights = numbers[order], weights[order]
    errors = []
    for cuts in itertools.combinations(range(1, len(numbers)), count - 1):
        runs = itertools.pairwise((0, *cuts, len(numbers)))
        means = [np.average(numbers[a:b], weights=weights[a:b]) for a, b in runs]
        errors.append(error(numbers, weights, np.array(means)))
    return min(errors)


class TestBestPalette:
    @settings(max_examples=80, deadline=None)
    @given(
        numbers=st.lists(st.integers(-40, 40), min_size=5, max_size=11, unique=True),
        count=st.integers(1, 4),
        seed=st.integers(0, 99),
        offset=st.sampled_from([0.0, 1e6]),
    )
    def test_is_the_best_of_all_clusterings(self, numbers, count, seed, offset):
        values = np.array(numbers) / 8 + offset
        weights = np.random.default_rng(seed).uniform(0.1, 3, len(values))
        found = best_palette(values, weights, count)
        assert (np.diff(found) >= 0).all()
        assert error(values, weights, found) == pytest.approx(least_error(values, weights, count), rel=1e-7, abs=1e-9)

    def test_equal_numbers_count_together(self):
        """0 four times and 1 once at one value: the mean 1/5."""
        assert best_palette(np.array([0.0, 0, 1, 0, 0]), np.ones(5), 1).tolist() == [pytest.approx(0.2)]
        assert best_palette(np.array([0.0, 1]), np.array([4.0, 1]), 1).tolist() == [pytest.approx(0.2)]

    def test_fewer_numbers_than_values_are_themselves_and_the_last_is_repeated(self):
        assert best_palette(np.array([3.0, -1, 3]), np.ones(3), 4).tolist() == pytest.approx([-1, 3, 3, 3])
        assert best_palette(np.zeros(7), np.ones(7), 2).tolist() == [0, 0]

    def test_numbers_that_weigh_next_to_nothing_are_no_fault(self):
        """Filters that are all but dead: sums from the first number on do not show the last two."""
        tiny = np.array([1.0, 1.0, 1e-30, 1e-30])
        found = best_palette(np.array([0.0, 1, 2, 3]), tiny, 2)
        assert np.square(np.array([0.0, 1])[:, None] - found).min(axis=1).sum() < 0.51

    def test_numbers_without_weight_do_not_count(self):
        assert best_palette(np.array([5.0, 1, 2]), np.array([0.0, 1, 1]), 2).tolist() == [1, 2]
        assert best_palette(np.array([5.0, 1]), np.zeros(2), 2).tolist() == [1, 5]

    @pytest.mark.parametrize("count", [2, 8, 16])
    def test_many_numbers_in_intervals_are_nearly_as_good(self, count, monkeypatch):
        numbers = np.random.default_rng(0).standard_normal(6000)
        exact = error(numbers, np.ones(6000), best_palette(numbers, np.ones(6000), count))
        monkeypatch.setattr(segmentation, "MOST_POINTS", 1000)
        found = error(numbers, np.ones(6000), best_palette(numbers, np.ones(6000), count))
        assert exact <= found <= 1.001 * exact

    def test_gaussian_numbers_leave_the_error_of_lloyd_and_max(self):
        """Max, Quantizing for minimum distortion, 1960, table I: 0.3634, 0.1175, 0.03454 and 0.009497."""
        numbers = np.random.default_rng(1).standard_normal(200_000)
        for count, expected in ((2, 0.3634), (4, 0.1175), (8, 0.03454), (16, 0.009497)):
            palette = best_palette(numbers, np.ones(len(numbers)), count)
            edges = (palette[1:] + palette[:-1]) / 2
            found = np.square(numbers - palette[np.searchsorted(edges, numbers)]).mean()
            assert found == pytest.approx(expected, rel=0.02)


class TestFit:
    @pytest.mark.parametrize("bits", [1, 2, 3, 4])
    @pytest.mark.parametrize("value_bits", [8, 16, 32])
    def test_a_palette_and_scales_that_are_there_are_found(self, bits, value_bits):
        generator = np.random.default_rng(bits)
        palette = np.sort(generator.permutation(np.arange(-40, 41))[: 1 << bits])
        index = generator.integers(1 << bits, size=SHAPE.weight_shape)
        fitted = fit(palette[index] * 0.125, SHAPE, Palettized(bits, value_bits, scale="layer"))
        assert fitted.distortion < (1e-4 if value_bits == 8 else 1e-6)

    @pytest.mark.parametrize("bits", [2, 3, 4])
    @pytest.mark.parametrize("scale", ["filter", "layer"])
    def test_values_that_are_free_leave_less_than_even_levels(self, bits, scale):
        weights = gaussian()
        palettized = fit(weights, SHAPE, Palettized(bits, scale=scale)).distortion
        assert palettized < fit(weights, SHAPE, Dense(bits, scale)).distortion

    @pytest.mark.parametrize("value_bits", [8, 16, 32])
    def test_palettes_of_filters_are_those_of_their_weights_alone(self, value_bits):
        weights = gaussian()
        scheme = Palettized(2, value_bits, 5, "filter")
        fitted = fit(weights, SHAPE, scheme)
        assert fitted.arrays["palette"].shape == (4, 4)
        alone = ConvShape(1, 8, (3, 3), (8, 8))
        last = fit(weights[15:], alone, Palettized(2, 32)).distortion
        own = np.square(weights[15] - fitted.weights[15]).sum() / np.square(weights[15]).sum()
        assert own == pytest.approx(last, rel=0.05 if value_bits == 8 else 1e-3)

    @pytest.mark.parametrize("bits", [1, 2, 3, 4])
    def test_no_start_of_scales_leads_much_further(self, bits):
        """Plain alternations from fifty starts of the scales, in loops of their own, end within 2% of the fit."""
        weights = gaussian(seed=3).reshape(16, -1).astype(np.float64)
        found = fit(weights.reshape(SHAPE.weight_shape), SHAPE, Palettized(bits, 32)).distortion
        generator, least = np.random.default_rng(0), np.inf
        for _ in range(50):
            scales = np.abs(weights).mean(axis=1) * generator.uniform(0.6, 1.6, 16)
            palette = np.quantile(weights / scales[:, None], (np.arange(1 << bits) + 0.5) / (1 << bits))
            for _ in range(40):
                chosen = np.abs(weights[..., None] - scales[:, None, None] * palette).argmin(axis=2)
                for place in range(1 << bits):
                    own = chosen == place
                    energy = (own * np.square(scales)[:, None]).sum()
                    palette[place] = (own * weights * scales[:, None]).sum() / energy if energy else palette[place]
                values = palette[chosen]
                scales = (values * weights).sum(axis=1) / np.square(values).sum(axis=1)
            least = min(least, np.square(weights - scales[:, None] * values).sum())
        assert found <= 1.02 * least / np.square(weights).sum()

    def test_integers_without_a_scale_stand_for_themselves(self):
        weights = np.array([-3.2, 4.9, 200.0, 5.1, -2.8, 0.2]).reshape(1, 6, 1, 1)
        fitted = fit(weights, ConvShape(1, 6, (1, 1), (1, 1)), Palettized(2, 8, scale="none"))
        assert fitted.arrays["palette"].tolist() == [[-3, 0, 5, 127]]
        assert fitted.weights.ravel().tolist() == [-3, 5, 127, 5, -3, 0]


class TestLayer:
    def test_the_gradient_of_a_value_is_that_of_the_weights_that_take_it(self):
        torch.manual_seed(2)  # no weight is the least or the greatest value, where either gradient would do
        module = nn.Conv2d(4, 3, (1, 1), bias=False)
        fitted = fit(module.weight.detach().numpy(), ConvShape(3, 4, (1, 1), (1, 1)), Palettized(2, 32, scale="none"))
        layer = trainable(module, fitted)
        factors = torch.arange(12.0).reshape(3, 4, 1, 1)
        (layer.weight() * factors).sum().backward()
        index = torch.from_numpy(fitted.arrays["index"].astype(np.int64))
        expected = [factors[index == place].sum().item() for place in range(4)]
        assert layer.values.grad.flatten().tolist() == expected
        assert not torch.isin(layer.proxies, layer.values).any()
        inside = (layer.proxies > layer.values.min()) & (layer.proxies < layer.values.max())
        assert torch.equal(layer.proxies.grad != 0, inside & (factors.reshape(3, 4) != 0))

    def test_a_proxy_that_moves_takes_another_value(self):
        module = nn.Conv2d(4, 3, (1, 1), bias=False)
        fitted = fit(module.weight.detach().numpy(), ConvShape(3, 4, (1, 1), (1, 1)), Palettized(2))
        layer = trainable(module, fitted)
        with torch.no_grad():
            layer.proxies[0, 0] = 1e3
        top = layer.palette().argmax().item()
        assert layer.arrays()["index"][0, 0, 0, 0] == top
