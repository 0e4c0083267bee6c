import itertools

import numpy as np
import pytest

from costmodels.numbers import round_share
from costmodels.schemes import SparseBasis, StackedBinary, learned_filter_basis
from costmodels.shapes import ConvShape
from explorer.forms.fitting import fit
from explorer.forms.quantizer import fit_scales, quantize_rows

SHAPE = ConvShape(24, 8, (3, 3), (8, 8))
GROUPED = ConvShape(24, 16, (3, 3), (8, 8), groups=2)


def gaussian(shape: ConvShape) -> np.ndarray:
    generator = np.random.default_rng(0)
    return generator.standard_normal(shape.weight_shape) * generator.uniform(0.5, 2, (shape.out_channels, 1, 1, 1))


@pytest.mark.parametrize("shape", [SHAPE, GROUPED], ids=["one group", "two groups"])
@pytest.mark.parametrize(
    "scheme",
    [
        SparseBasis(4, 6, 4, 0.4, 8),
        SparseBasis(4, 6, 4, 0.4, 4, "index", "filter"),
        SparseBasis(2, 3, 32, 1.0, 4, "dense"),
    ],
    ids=str,
)
def test_weights_are_what_the_formula_says(shape: ConvShape, scheme: SparseBasis) -> None:
    """W_i = concat over j of sum_l A_ijl * scale_l * B_l, in plain loops."""
    fitted = fit(gaussian(shape), shape, scheme)
    arrays, slots = fitted.arrays, shape.group_inputs // scheme.segment_channels
    if scheme.coefficients == "dense":
        rows = arrays["coefficients"]
    elif scheme.coefficients == "bitmap":
        rows = np.zeros((24 * slots, scheme.filters))
        rows[arrays["mask"]] = arrays["coefficients"]
    else:
        rows, stored = np.zeros((24 * slots, scheme.filters)), 0
        for row, count in enumerate(arrays["counts"]):
            for _ in range(count):
                rows[row, arrays["positions"][stored]] = arrays["coefficients"][stored]
                stored += 1
    for i in range(24):
        group = i // shape.group_outputs
        for j in range(slots):
            segment = np.zeros((scheme.segment_channels, 3, 3))
            for item in range(scheme.filters):
                scales = arrays.get("scales", np.ones((2, 1)))[group]
                scale = scales[item if scheme.basis_scale == "filter" else 0]
                segment += rows[i * slots + j, item] * scale * arrays["basis"][group, item]
            channels = slice(j * scheme.segment_channels, (j + 1) * scheme.segment_channels)
            assert fitted.weights[i, channels] == pytest.approx(segment, rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("channels", [1, 2])
def test_as_many_basis_filters_as_values_are_exact(channels: int) -> None:
    """m = s*d^2 spans every segment."""
    assert fit(gaussian(SHAPE), SHAPE, learned_filter_basis(channels, channels * 9)).distortion < 1e-10


@pytest.mark.parametrize("density", [1.0, 0.5, 1 / 24])
def test_as_many_basis_filters_as_filters_are_exact_at_any_density(density: float) -> None:
    """S = 1 and m = n: the basis may hold the filters themselves, one coefficient each."""
    assert fit(gaussian(SHAPE), SHAPE, SparseBasis(8, 24, 32, density, 32)).distortion < 1e-10


@pytest.mark.parametrize("filters", [2, 8, 16])
def test_dense_float_coefficients_reach_the_singular_value_bound(filters: int) -> None:
    """No basis of m filters leaves less than the singular values beyond the m-th (Eckart & Young)."""
    weights = gaussian(SHAPE)
    values = np.linalg.svd(weights.reshape(24 * 2, -1), compute_uv=False)
    bound = (values[filters:] ** 2).sum() / (values**2).sum()
    assert fit(weights, SHAPE, learned_filter_basis(4, filters)).distortion == pytest.approx(bound, rel=1e-5)


def test_a_planted_sparse_basis_is_found() -> None:
    """Segments are multiples of one of four basis filters: density 1/4 suffices, singular vectors would need all."""
    generator = np.random.default_rng(1)
    basis = generator.standard_normal((4, 36))
    rows = generator.uniform(0.5, 2, (48, 1)) * basis[np.arange(48) % 4]
    assert fit(rows.reshape(SHAPE.weight_shape), SHAPE, SparseBasis(4, 4, 32, 0.25, 32)).distortion < 1e-6


@pytest.mark.parametrize("form", ["bitmap", "index"])
@pytest.mark.parametrize("density", [0.02, 0.1, 0.5, 0.9])
def test_float_coefficients_have_exactly_the_density(density: float, form: str) -> None:
    scheme = SparseBasis(4, 10, 4, density, 32, form)
    assert fit(gaussian(SHAPE), SHAPE, scheme).usage.nonzeros == round_share(density, 24 * 2 * 10)


def test_codes_that_round_to_zero_are_dropped_except_from_the_dense_form() -> None:
    bitmap, dense = (fit(gaussian(SHAPE), SHAPE, SparseBasis(4, 10, 8, 1.0, 4, form)) for form in ("bitmap", "dense"))
    assert np.array_equal(bitmap.weights, dense.weights)
    assert bitmap.arrays["coefficients"].size == bitmap.usage.nonzeros == dense.usage.nonzeros < 24 * 2 * 10
    assert dense.arrays["coefficients"].size == 24 * 2 * 10
    assert (bitmap.arrays["coefficients"] != 0).all()


@pytest.mark.parametrize("shape", [SHAPE, GROUPED], ids=["one group", "two groups"])
def test_pairs_are_the_distinct_triples(shape: ConvShape) -> None:
    fitted = fit(gaussian(shape), shape, SparseBasis(2, 12, 4, 0.05, 4))
    slots = shape.group_inputs // 2
    triples = {
        (row // slots // shape.group_outputs, row % slots, column)
        for row, column in np.argwhere(fitted.arrays["mask"]).tolist()
    }
    assert fitted.usage.pairs == len(triples) < shape.groups * slots * 12


class TestMoreLosesLess:
    """Within a hundredth: an alternating search ends in a local optimum."""

    @staticmethod
    def losses(*schemes: SparseBasis) -> list[float]:
        return [fit(gaussian(SHAPE), SHAPE, scheme).distortion for scheme in schemes]

    @staticmethod
    def assert_falls(losses: list[float]) -> None:
        assert all(after <= 1.01 * before for before, after in itertools.pairwise(losses))
        assert losses[-1] < losses[0]

    def test_density(self) -> None:
        for bits in (1, 4, 32):
            self.assert_falls(self.losses(*(SparseBasis(4, 12, bits, d, 8) for d in (0.05, 0.1, 0.25, 0.5, 1.0))))

    def test_basis_bits(self) -> None:
        self.assert_falls(self.losses(*(SparseBasis(4, 12, bits, 0.5, 8) for bits in (1, 2, 3, 4, 6, 8, 16, 32))))

    def test_coefficient_bits(self) -> None:
        self.assert_falls(self.losses(*(SparseBasis(4, 12, 8, 0.5, bits) for bits in (2, 3, 4, 6, 8, 16, 32))))

    def test_basis_filters(self) -> None:
        self.assert_falls(self.losses(*(SparseBasis(4, m, 8, 1.0, 8) for m in (1, 2, 4, 8, 16, 24, 36))))


def naive(weights: np.ndarray, scheme: SparseBasis) -> float:
    """What one would write first: singular vectors rounded, the largest coefficients kept and rounded, no refit."""
    segments = weights.reshape(-1, scheme.segment_channels * 9)
    left, values, right = np.linalg.svd(segments, full_matrices=False)
    basis, coefficients = right[: scheme.filters], (left * values)[:, : scheme.filters]
    threshold = np.sort(np.abs(coefficients), axis=None)[-round_share(scheme.density, coefficients.size)]
    coefficients = np.where(np.abs(coefficients) >= threshold, coefficients, 0)

    def rounded(array: np.ndarray, bits: int) -> np.ndarray:
        flat = array.reshape(1, -1)
        scales = fit_scales(flat, bits)
        return (quantize_rows(flat, bits, scales) * scales).reshape(array.shape)

    reconstructed = rounded(coefficients, scheme.coefficient_bits) @ rounded(basis, scheme.basis_bits)
    return float(np.square(segments - reconstructed).sum() / np.square(segments).sum())


@pytest.mark.parametrize(
    ("scheme", "share"),
    [
        (SparseBasis(4, 24, 1, 0.5, 8), 0.75),
        (SparseBasis(4, 24, 2, 0.25, 8), 0.9),
        (SparseBasis(4, 24, 4, 0.25, 4), 0.97),
        (SparseBasis(8, 24, 8, 0.1, 8), 0.1),
    ],
    ids=str,
)
def test_alternating_beats_rounding_at_equal_storage(scheme: SparseBasis, share: float) -> None:
    weights = gaussian(SHAPE)
    assert fit(weights, SHAPE, scheme).distortion < share * naive(weights, scheme)


def test_one_bit_and_one_coefficient_a_segment_is_no_worse_than_stacking() -> None:
    """Method 1 is the case of one-hot coefficients; here their places are free, so as many do as well or better."""
    weights = gaussian(SHAPE)
    stacked = fit(weights, SHAPE, StackedBinary(4, 12, "segment")).distortion
    assert fit(weights, SHAPE, SparseBasis(4, 12, 1, 1 / 12, 32)).distortion < 1.02 * stacked


def test_the_seed_matters_only_beyond_the_rank() -> None:
    """Both starts are taken from the segments as far as these go."""
    weights = gaussian(SHAPE)
    within, beyond = SparseBasis(8, 12, 8, 0.5, 8), SparseBasis(8, 60, 1, 0.1, 8)
    first, second = (fit(weights, SHAPE, within, seed=seed) for seed in (0, 1))
    assert np.array_equal(first.weights, second.weights)
    first, second = (fit(weights, SHAPE, beyond, seed=seed) for seed in (0, 1))
    assert not np.array_equal(first.arrays["basis"], second.arrays["basis"])
