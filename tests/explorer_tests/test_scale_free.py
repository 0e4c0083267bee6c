"""Forms without scales: a normalization after the layer has one for each filter."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from costmodels import ConvShape, Dense, StackedBinary
from costmodels.kernels.packing import pack_layer
from costmodels.schemes import SCHEMES
from explorer.forms import FORMS
from explorer.forms.fit_cache import FitCache
from explorer.forms.fitting import fit, fitted_layer
from explorer.forms.scale_free import rescaled, with_scales, without_scales
from explorer.measurement.activation_ranges import measure_activation_ranges
from explorer.measurement.calibration import calibrate
from explorer.measurement.layer_fits import LayerFits
from explorer.measurement.sequential_fits import fit_sequentially
from explorer.networks.trace import trace

SHAPE = ConvShape(8, 6, (3, 3), (8, 8))
WEIGHTS = 0.05 * np.random.default_rng(0).standard_normal(SHAPE.weight_shape).astype(np.float32)
IMAGES = torch.rand(64, 2, 6, 6, generator=torch.Generator().manual_seed(0))
BARE = {
    kind.name: next((one for one in FORMS[kind].examples(SHAPE) if with_scales(one) and type(one) is kind), None)
    for kind in SCHEMES.values()
}


class Network(nn.Module):
    """A convolution with a batch normalization after it, and one without."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.normed = nn.Conv2d(2, 8, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.plain = nn.Conv2d(8, 8, 3, padding=1)

    def forward(self, images):
        return self.plain(torch.relu(self.norm(self.normed(images)))).mean((2, 3))


@pytest.fixture(scope="module")
def traced():
    return trace(Network(), IMAGES[:1], "network")


@pytest.fixture
def fits(traced, tmp_path):
    return LayerFits(traced, 0, FitCache(tmp_path), True, workers=1, calibration=calibrate(traced, IMAGES, True))


def test_a_form_with_scales_has_no_other_one_with_scales():
    assert with_scales(Dense(2)) is None
    assert with_scales(Dense(2, scale="none")) == Dense(2, scale="filter")
    assert with_scales(StackedBinary(3, 4, scale_bits=32)) == StackedBinary(3, 4, scale="filter", scale_bits=32)


@pytest.mark.parametrize("name", [name for name, scheme in BARE.items() if scheme is not None])
def test_without_its_scales_a_fit_is_one_of_the_form_without_them(name):
    scheme = BARE[name]
    scaled = fit(WEIGHTS, SHAPE, with_scales(scheme))
    arrays = {**scaled.arrays, "scales": np.abs(scaled.arrays["scales"])}
    scaled = fitted_layer(WEIGHTS, SHAPE, scaled.scheme, arrays)
    bare = without_scales(scaled, scheme, WEIGHTS)
    assert bare.scheme == scheme
    assert set(bare.arrays) == set(scaled.arrays) - {"scales"}
    back = bare.weights * scaled.arrays["scales"][:, None, None, None]
    assert np.allclose(back, scaled.weights, rtol=1e-5, atol=1e-7)
    pack_layer(SHAPE, scheme, bare.arrays)  # every value has a code there


def test_a_negative_scale_cannot_be_left_out():
    scaled = fit(WEIGHTS, SHAPE, Dense(1))
    turned = replace(scaled, arrays={**scaled.arrays, "scales": -scaled.arrays["scales"]})
    assert without_scales(turned, Dense(1, scale="none"), WEIGHTS) is None


def test_weights_are_brought_to_the_size_of_the_filters():
    own = np.array([[1.0, 3.0], [2.0, -2.0], [1.0, 1.0]])
    made = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]])
    # (1*1 + 3*1) / 2 = 2; (2 + 2) / 2 = 2; -1 is no scale of a normalization
    assert rescaled(own, made).tolist() == [[2.0, 2.0], [2.0, -2.0], [-1.0, -1.0]]


@pytest.mark.parametrize("scheme", [Dense(1, scale="none"), StackedBinary(2, 6), Dense(3, scale="none")])
def test_before_a_normalization_the_noise_is_that_at_its_scales(fits, traced, scheme):
    own = traced.weights["normed"]
    noise, scaled = (fits.fit("normed", one).noise for one in (scheme, with_scales(scheme)))
    assert noise < 2 * scaled < 1
    sized = fits.at_scale("normed", scheme)
    assert np.square(sized - own).sum() < np.square(own).sum()


def test_without_a_normalization_the_size_of_the_weights_counts(fits):
    assert fits.fit("plain", Dense(1, scale="none")).noise > 10  # weights of 1 in the place of 1/sqrt(3*72) = 0.07
    assert np.array_equal(fits.at_scale("plain", Dense(1)), fits.reconstructed("plain", Dense(1)))


def test_without_re_estimated_statistics_too(traced, tmp_path):
    found = LayerFits(traced, 0, FitCache(tmp_path), True, workers=1, calibration=calibrate(traced, IMAGES, False))
    assert found.fit("normed", Dense(1, scale="none")).noise > 10


def test_fits_in_sequence_leave_such_layers_at_the_signs_of_scaled_ones(traced, fits):
    ranges = measure_activation_ranges(traced, IMAGES, 8)
    schemes = {"normed": Dense(1, scale="none")}
    fitted = {name: fits.stored(name, scheme) for name, scheme in schemes.items()}
    found = fit_sequentially(traced, fitted, IMAGES, ranges, True).layers["normed"]
    own = traced.weights["normed"]
    agreeing = (np.sign(found.weights) == np.sign(own)).mean()
    assert agreeing > 0.7  # a fit of 1 to weights of 0.2 looks for sums that cancel
