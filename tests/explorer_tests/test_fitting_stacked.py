import itertools

import numpy as np
import pytest

from costmodels.schemes import LegoNet, StackedBinary
from costmodels.shapes import ConvShape
from explorer.forms.fitted_layer import relative_error
from explorer.forms.fitting import fit
from explorer.forms.stacked import first_bank
from explorer.forms.stacked import fit as stacked

SHAPE = ConvShape(16, 8, (3, 3), (8, 8))
GROUPED = ConvShape(16, 16, (3, 3), (8, 8), groups=2)
SCALES = ("none", "filter", "segment")


def gaussian(shape: ConvShape) -> np.ndarray:
    generator = np.random.default_rng(0)
    return generator.standard_normal(shape.weight_shape) * generator.uniform(0.5, 2, (shape.out_channels, 1, 1, 1))


def stack_by_hand(shape: ConvShape, arrays: dict[str, np.ndarray]) -> np.ndarray:
    """W_i = concat_j alpha_ij * B_idx(i,j), in plain loops."""
    channels = arrays["bank"].shape[2]
    weights = np.zeros(shape.weight_shape)
    for i in range(shape.out_channels):
        group = i // shape.group_outputs
        for j in range(shape.group_inputs // channels):
            scale = 1.0
            if "scales" in arrays:
                scale = arrays["scales"][i] if arrays["scales"].ndim == 1 else arrays["scales"][i, j]
            weights[i, j * channels : (j + 1) * channels] = scale * arrays["bank"][group, arrays["selection"][i, j]]
    return weights


def planted(shape: ConvShape, channels: int, filters: int, scale: str) -> np.ndarray:
    """Weights that a bank of ``filters`` +-1 filters a group makes exactly."""
    generator = np.random.default_rng(1)
    slots = (shape.out_channels, shape.group_inputs // channels)
    sizes = {"none": np.ones(slots), "filter": generator.uniform(0.5, 2, (slots[0], 1)) * np.ones(slots)}
    return stack_by_hand(
        shape,
        {
            "bank": generator.choice([-1, 1], (shape.groups, filters, channels, *shape.kernel)),
            "selection": generator.integers(filters, size=slots),
            "scales": sizes.get(scale, generator.uniform(-2, 2, slots)),
        },
    )


@pytest.mark.parametrize("kind", [StackedBinary, LegoNet])
@pytest.mark.parametrize("scale", SCALES)
class TestBoth:
    @pytest.mark.parametrize("shape", [SHAPE, GROUPED], ids=["one group", "two groups"])
    def test_weights_are_stacked_as_the_formula_says(self, kind: type, scale: str, shape: ConvShape) -> None:
        fitted = fit(gaussian(shape), shape, kind(4, 3, scale))
        assert fitted.weights == pytest.approx(stack_by_hand(shape, fitted.arrays), rel=1e-6)

    @pytest.mark.parametrize("shape", [SHAPE, GROUPED], ids=["one group", "two groups"])
    def test_a_planted_bank_is_found(self, kind: type, scale: str, shape: ConvShape) -> None:
        assert fit(planted(shape, 4, 4, scale), shape, kind(4, 4, scale)).distortion < 1e-12

    @pytest.mark.parametrize("filters", [1, 3, 8])
    def test_the_error_never_rises(self, kind: type, scale: str, filters: int) -> None:
        weights, scheme = gaussian(SHAPE), kind(2, filters, scale)
        errors = []
        for iterations in range(12):
            arrays = stacked.fit(weights, SHAPE, scheme, 0, iterations=iterations)
            errors.append(relative_error(weights, stacked.reconstruct(SHAPE, scheme, arrays)))
        assert all(after <= before * (1 + 1e-6) for before, after in itertools.pairwise(errors))

    def test_more_filters_lose_less(self, kind: type, scale: str) -> None:
        losses = [fit(gaussian(SHAPE), SHAPE, kind(4, filters, scale)).distortion for filters in (1, 2, 4, 8, 16, 32)]
        assert losses == sorted(losses, reverse=True)

    def test_pairs_are_the_distinct_triples(self, kind: type, scale: str) -> None:
        fitted = fit(gaussian(GROUPED), GROUPED, kind(2, 3, scale))
        triples = {
            (i // GROUPED.group_outputs, j, int(fitted.arrays["selection"][i, j])) for i in range(16) for j in range(4)
        }
        assert fitted.usage.pairs == len(triples) <= 2 * 4 * 3


def test_a_filter_of_its_own_each_is_plain_binary() -> None:
    """S = 1 and k = n: the identity of the formulas with one scale a filter, which is XNOR-Net's optimum."""
    weights = gaussian(SHAPE)
    fitted = fit(weights, SHAPE, StackedBinary(8, 16, "filter"))
    size = np.abs(weights).mean(axis=(1, 2, 3), keepdims=True)
    assert fitted.weights == pytest.approx(np.where(weights < 0, -1, 1) * size, rel=1e-5)


def test_one_filter_of_lego_net_with_a_scale_is_the_best_of_rank_one() -> None:
    """k = 1, S = 1: the error is what the leading singular value leaves (Eckart & Young)."""
    weights = gaussian(SHAPE)
    values = np.linalg.svd(weights.reshape(16, -1), compute_uv=False)
    best = 1 - values[0] ** 2 / (values**2).sum()
    assert best <= fit(weights, SHAPE, LegoNet(8, 1, "segment")).distortion <= 1.05 * best


def test_finer_scales_lose_less() -> None:
    weights = gaussian(SHAPE)
    by_segment, by_filter, by_none = (
        fit(weights, SHAPE, StackedBinary(2, 8, scale)).distortion for scale in ("segment", "filter", "none")
    )
    assert by_segment < by_filter < by_none


def test_without_a_scale_only_weights_of_unit_size_fit() -> None:
    weights = gaussian(SHAPE)
    assert fit(weights / 100, SHAPE, StackedBinary(4, 8, "none")).distortion > 100
    assert fit(weights, SHAPE, StackedBinary(4, 8, "none")).distortion < 2


def test_float_filters_lose_less_than_binary_ones() -> None:
    weights = gaussian(SHAPE)
    assert (
        fit(weights, SHAPE, LegoNet(4, 8)).distortion < fit(weights, SHAPE, StackedBinary(4, 8, "segment")).distortion
    )


def test_more_segments_than_first_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_bank, "CANDIDATES", 20)
    assert fit(gaussian(SHAPE), SHAPE, StackedBinary(2, 30, "segment")).distortion < 0.5
