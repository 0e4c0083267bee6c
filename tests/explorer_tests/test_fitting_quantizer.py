import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_st

from costmodels.codes import code_levels
from costmodels.schemes import Dense
from costmodels.shapes import ConvShape
from explorer.forms.fitting import fit
from explorer.forms.quantizer import fit_scales, quantize_rows, round_to_codes

BITS = (1, 2, 3, 4, 8, 16)
rows_of_weights = arrays_st.arrays(
    np.float64, st.tuples(st.integers(1, 3), st.integers(1, 12)), elements=st.floats(-4, 4, width=32)
)


def error(rows: np.ndarray, bits: int, scales: np.ndarray) -> np.ndarray:
    codes = quantize_rows(rows, bits, scales)
    return np.square(rows - codes * scales.astype(np.float64)[:, None]).sum(axis=1)


@pytest.mark.parametrize("bits", [1, 2, 3, 5])
def test_rounding_takes_the_nearest_level(bits: int) -> None:
    values = np.linspace(-40, 40, 1601) + 1e-6
    levels = code_levels(bits)
    nearest = levels[np.abs(values[:, None] - levels).argmin(axis=1)]
    assert np.array_equal(round_to_codes(values, bits), nearest)


@given(rows_of_weights, st.sampled_from(BITS))
def test_the_scale_is_never_worse_than_max_abs(rows: np.ndarray, bits: int) -> None:
    plain = (np.abs(rows).max(axis=1) / code_levels(bits)[-1]).astype(np.float32)
    energy = np.square(rows).sum(axis=1)
    assert (error(rows, bits, fit_scales(rows, bits)) <= error(rows, bits, plain) * (1 + 1e-5) + 1e-12 * energy).all()


@pytest.mark.parametrize("bits", [2, 3, 4, 6])
def test_the_scale_is_close_to_the_best_of_an_exhaustive_search(bits: int) -> None:
    rows = np.random.default_rng(bits).standard_normal((6, 500))
    largest = np.abs(rows).max(axis=1) / code_levels(bits)[-1]
    searched = np.min([error(rows, bits, share * largest) for share in np.linspace(0.05, 1.2, 2000)], axis=0)
    assert (error(rows, bits, fit_scales(rows, bits)) <= 1.03 * searched).all()


def test_one_bit_takes_the_mean_magnitude() -> None:
    assert fit_scales(np.array([[1.0, -2.0, 6.0]]), 1) == [(1 + 2 + 6) / 3]


def test_values_that_are_not_kept_do_not_count() -> None:
    rows, kept = np.array([[1.0, 0.0, -3.0, 0.0]]), np.array([[True, False, True, False]])
    assert fit_scales(rows, 1, kept) == [(1 + 3) / 2]
    assert quantize_rows(rows, 1, np.array([2.0]), kept).tolist() == [[1, 0, -1, 0]]


@pytest.mark.parametrize(
    ("bits", "least", "most"),
    [(1, 1 - 2 / np.pi, 1 - 2 / np.pi), (2, 0.1188, 0.1188), (3, 0.03744, 0.0469), (4, 0.01154, 0.0130)],
)
def test_gaussian_weights_lose_what_a_uniform_quantizer_must(bits: int, least: float, most: float) -> None:
    """1 bit: 1 - (E|x|)^2 = 1 - 2/pi. 2 bits: four uniform levels (Max, Quantizing for Minimum Distortion, 1960).

    From 3 bits on zero is a level and one side has a level more than the other: between Max's 2^b levels and 2^b - 1.
    """
    shape = ConvShape(64, 256, (3, 3), (8, 8))
    weights = np.random.default_rng(0).standard_normal(shape.weight_shape)
    assert 0.99 * least < fit(weights, shape, Dense(bits, "layer")).distortion < 1.01 * most


def test_a_scale_per_filter_beats_one_per_layer_where_filters_differ_in_size() -> None:
    shape = ConvShape(16, 8, (3, 3), (8, 8))
    weights = np.random.default_rng(0).standard_normal(shape.weight_shape) * np.logspace(-2, 0, 16)[:, None, None, None]
    assert fit(weights, shape, Dense(4, "filter")).distortion < fit(weights, shape, Dense(4, "layer")).distortion / 2


def test_32_bits_are_exact_and_have_no_scales() -> None:
    shape = ConvShape(4, 3, (3, 3), (8, 8))
    fitted = fit(np.random.default_rng(0).standard_normal(shape.weight_shape), shape, Dense(32))
    assert (fitted.distortion, sorted(fitted.arrays)) == (pytest.approx(0, abs=1e-14), ["weights"])


def test_more_bits_lose_less() -> None:
    shape = ConvShape(8, 8, (3, 3), (8, 8))
    weights = np.random.default_rng(1).standard_normal(shape.weight_shape)
    losses = [fit(weights, shape, Dense(bits)).distortion for bits in (1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 32)]
    assert losses == sorted(losses, reverse=True)
