import itertools

import numpy as np
import pytest

from costmodels.schemes import LinearRepresentation
from costmodels.shapes import ConvShape
from explorer.forms.fitting import fit
from explorer.forms.linear_representation.codebook import fit_network_codebook
from explorer.forms.linear_representation.fit import fit as fit_arrays
from explorer.forms.linear_representation.fit import reconstruct as reconstruct_arrays
from explorer.forms.linear_representation.templates import CRITERIA, fit_templates
from explorer.system.errors import FittingError

SHAPE = ConvShape(16, 12, (3, 3), (8, 8))
GROUPED = ConvShape(16, 12, (3, 3), (8, 8), groups=2)


def gaussian(shape: ConvShape, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape.weight_shape)


def planted(shape: ConvShape, templates: int, offset: bool, least_factor: float = -2) -> np.ndarray:
    generator = np.random.default_rng(1)
    kernels = generator.standard_normal((templates, *shape.kernel))
    chosen = generator.integers(templates, size=shape.weight_shape[:2])
    factors, shifts = generator.uniform(least_factor, 2, chosen.shape), generator.uniform(-1, 1, chosen.shape)
    return factors[..., None, None] * kernels[chosen] + offset * shifts[..., None, None]


@pytest.mark.parametrize("offset", [True, False])
def test_weights_are_what_the_formula_says(offset: bool) -> None:
    fitted = fit(gaussian(SHAPE), SHAPE, LinearRepresentation(7, 6, 4, offset=offset))
    arrays = fitted.arrays
    for i, j in itertools.product(range(16), range(12)):
        kernel = arrays["a"][i, j] * arrays["scales"][0] * arrays["templates"][arrays["index"][i, j]]
        if offset:
            kernel = kernel + arrays["b"][i, j] * arrays["scales"][1]
        assert fitted.weights[i, j] == pytest.approx(kernel, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("offset", [True, False])
def test_planted_templates_are_found(offset: bool) -> None:
    assert fit(planted(SHAPE, 4, offset), SHAPE, LinearRepresentation(4, offset=offset)).distortion < 1e-9


@pytest.mark.parametrize("bits", [8, 6])
def test_quantized_coefficients_cost_little_on_planted_templates(bits: int) -> None:
    """The step of uniform factors in (-2, 2) is 4/2^b; its error step^2/12 stands against a variance of 4/3."""
    weights = planted(SHAPE, 4, True)
    step = 4 / 2**bits
    assert fit(weights, SHAPE, LinearRepresentation(4, bits, 16)).distortion < 3 * (step**2 / 12) / (4 / 3)


def test_the_error_of_a_kernel_is_d2_times_its_variance_times_1_minus_r2() -> None:
    weights = gaussian(SHAPE)
    fitted = fit(weights, SHAPE, LinearRepresentation(6))
    for i, j in itertools.product(range(16), range(12)):
        template = fitted.arrays["templates"][fitted.arrays["index"][i, j]]
        r = np.corrcoef(weights[i, j].ravel(), template.ravel())[0, 1]
        expected = 9 * weights[i, j].var() * (1 - r**2)
        assert np.square(weights[i, j] - fitted.weights[i, j]).sum() == pytest.approx(expected, rel=1e-4)


def test_every_kernel_has_the_template_of_largest_correlation() -> None:
    weights = gaussian(SHAPE)
    fitted = fit(weights, SHAPE, LinearRepresentation(6, 32, 4))
    stacked = np.concatenate([fitted.arrays["templates"].reshape(6, 9), weights.reshape(-1, 9)])
    correlations = np.abs(np.corrcoef(stacked)[6:, :6])
    assert np.array_equal(correlations.argmax(axis=1), fitted.arrays["index"].ravel())


@pytest.mark.parametrize("criterion", CRITERIA)
@pytest.mark.parametrize("offset", [True, False])
def test_the_error_never_rises(criterion: str, offset: bool) -> None:
    kernels = gaussian(SHAPE).reshape(-1, 9)
    rows = kernels - kernels.mean(axis=1, keepdims=True) if offset else kernels
    gains = []
    for iterations in range(15):
        products = rows @ fit_templates(kernels, 10, 0, offset, criterion, iterations).T
        best = np.abs(products) if criterion == "|r|" else np.maximum(products, 0)
        gains.append(np.square(best.max(axis=1)).sum())
    assert all(after >= before * (1 - 1e-12) for before, after in itertools.pairwise(gains))


def test_minding_the_sign_of_r_needs_templates_of_both_signs() -> None:
    """Planted factors of both signs: with |r| one template serves both, with r it takes two."""
    weights = planted(SHAPE, 3, True)
    errors = {}
    for criterion, templates in itertools.product(CRITERIA, (3, 6)):
        scheme = LinearRepresentation(templates)
        arrays = fit_arrays(weights, SHAPE, scheme, 0, criterion=criterion)
        errors[criterion, templates] = np.square(weights - reconstruct_arrays(SHAPE, scheme, arrays)).sum()
    assert errors["|r|", 3] < 1e-6 < errors["r", 3]
    assert errors["r", 6] < 1e-6


def test_a_constant_kernel_is_its_mean_and_uses_no_template() -> None:
    weights = gaussian(SHAPE)
    weights[0], weights[1, 0] = 0.1, -0.5
    fitted = fit(weights, SHAPE, LinearRepresentation(5))
    assert fitted.weights[0] == pytest.approx(np.full((12, 3, 3), 0.1), rel=1e-6)
    assert not fitted.arrays["a"][0].any()
    rows = [set(fitted.arrays["index"][i][fitted.arrays["a"][i] != 0].tolist()) for i in range(16)]
    assert rows[0] == set()
    assert fitted.usage.templates_by_output == sum(map(len, rows))


@pytest.mark.parametrize("shape", [SHAPE, GROUPED], ids=["one group", "two groups"])
def test_usage_counts_distinct_templates(shape: ConvShape) -> None:
    fitted = fit(gaussian(shape), shape, LinearRepresentation(5, 4, 8))
    by_input = {channel: set() for channel in range(shape.in_channels)}
    by_output = {filter_: set() for filter_ in range(shape.out_channels)}
    for i, j in itertools.product(range(shape.out_channels), range(shape.group_inputs)):
        if fitted.arrays["a"][i, j]:
            channel = i // shape.group_outputs * shape.group_inputs + j
            by_input[channel].add(int(fitted.arrays["index"][i, j]))
            by_output[i].add(int(fitted.arrays["index"][i, j]))
    assert fitted.usage.templates_by_input == sum(map(len, by_input.values()))
    assert fitted.usage.templates_by_output == sum(map(len, by_output.values()))


def test_a_template_each_is_exact() -> None:
    assert fit(gaussian(SHAPE), SHAPE, LinearRepresentation(16 * 12)).distortion < 1e-12


def test_more_of_everything_loses_less() -> None:
    weights = gaussian(SHAPE)
    by_templates = [fit(weights, SHAPE, LinearRepresentation(count)).distortion for count in (1, 4, 16, 64, 192)]
    by_bits = [fit(weights, SHAPE, LinearRepresentation(16, bits, 8)).distortion for bits in (2, 4, 6, 8, 32)]
    by_template_bits = [fit(weights, SHAPE, LinearRepresentation(16, 32, bits)).distortion for bits in (1, 2, 4, 8)]
    for losses in (by_templates, by_bits, by_template_bits):
        assert losses == sorted(losses, reverse=True)
    assert fit(weights, SHAPE, LinearRepresentation(16)).distortion < (
        fit(weights, SHAPE, LinearRepresentation(16, offset=False)).distortion
    )


class TestNetworkCodebook:
    LAYERS = (gaussian(SHAPE, 0), gaussian(GROUPED, 1))
    SCHEME = LinearRepresentation(32, 8, 8, "network")

    @pytest.mark.parametrize("bits", [1, 2, 8, 32])
    def test_layers_share_it(self, bits: int) -> None:
        codebook = fit_network_codebook(self.LAYERS, 32, bits)
        scheme = LinearRepresentation(32, 8, bits, "network")
        for weights, shape in zip(self.LAYERS, (SHAPE, GROUPED), strict=True):
            fitted = fit(weights, shape, scheme, codebook=codebook)
            assert fitted.arrays["templates"] is codebook or np.array_equal(fitted.arrays["templates"], codebook)
            assert fitted.distortion < (0.7 if bits == 1 else 0.45)

    def test_of_one_layer_it_is_that_layers_own(self) -> None:
        codebook = fit_network_codebook(self.LAYERS[:1], 32, 8, seed=5)
        own = fit(self.LAYERS[0].astype(np.float32), SHAPE, LinearRepresentation(32, 8, 8), seed=5)
        shared = fit(self.LAYERS[0].astype(np.float32), SHAPE, self.SCHEME, codebook=codebook)
        assert shared.distortion == pytest.approx(own.distortion, rel=0.02)

    @pytest.mark.parametrize(
        ("codebook", "message"),
        [
            (None, r'got none; codebook="network" takes the network\'s codebook; make it with fit_network_codebook'),
            (np.zeros((31, 3, 3), np.int8), r"\(31, 3, 3\) of int8; the codebook is \(32, 3, 3\) of int8"),
            (np.zeros((32, 3, 3), np.float32), r"\(32, 3, 3\) of float32; the codebook is \(32, 3, 3\) of int8"),
        ],
        ids=["none", "shape", "type"],
    )
    def test_another_one_is_refused(self, codebook: np.ndarray | None, message: str) -> None:
        with pytest.raises(FittingError, match=message):
            fit(self.LAYERS[0], SHAPE, self.SCHEME, codebook=codebook)

    def test_codes_out_of_range_are_refused(self) -> None:
        scheme = LinearRepresentation(32, 8, 4, "network")
        with pytest.raises(FittingError, match="got others; the codebook holds values of 4 bits"):
            fit(self.LAYERS[0], SHAPE, scheme, codebook=np.full((32, 3, 3), 8, np.int8))

    def test_it_serves_one_kernel_size(self) -> None:
        with pytest.raises(FittingError, match=r"\[\(3, 3\), \(5, 5\)\]; .*one kernel size; fit one for each size"):
            fit_network_codebook([self.LAYERS[0], np.ones((2, 2, 5, 5))], 4)

    def test_weights_that_are_not_finite_are_refused(self) -> None:
        with pytest.raises(FittingError, match="weights are finite"):
            fit_network_codebook([np.full((2, 2, 3, 3), np.nan)], 4)

    def test_no_weights_are_refused(self) -> None:
        with pytest.raises(FittingError, match=r"got \[\]; .*one kernel size"):
            fit_network_codebook([], 4)


def test_an_unknown_criterion_is_refused() -> None:
    with pytest.raises(FittingError, match=r"got r2; criterion is one of \|r\|, r; choose one of them"):
        fit_templates(np.ones((4, 9)), 2, 0, criterion="r2")
