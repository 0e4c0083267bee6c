"""What calibration images say of layers' inputs, and what fits and biases make of it."""

import numpy as np
import pytest
import torch
from torch import nn

from costmodels import Dense
from explorer.data.dataset import Dataset, Split
from explorer.forms.fit_cache import FitCache
from explorer.measurement import calibration as calibration_module
from explorer.measurement.calibration import Calibration, calibrate
from explorer.measurement.input_moments import input_sums, step_between
from explorer.measurement.layer_calls import LayerCalls
from explorer.measurement.layer_fits import LayerFits
from explorer.measurement.mean_takers import mean_takers
from explorer.measurement.moment_cache import MomentCache
from explorer.measurement.quality_meter import QualityMeter
from explorer.networks.trace import trace
from explorer.system.errors import QualityError

IMAGES = torch.rand(40, 2, 6, 6, generator=torch.Generator().manual_seed(0)) + 1


class Mixed(nn.Module):
    """A biased convolution, one before a normalization, and a linear layer without a bias."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Conv2d(2, 4, 3, padding=1)
        self.second = nn.Conv2d(4, 4, 3, groups=2, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.last = nn.Linear(4, 3, bias=False)

    def forward(self, images):
        hidden = torch.relu(self.norm(self.second(torch.relu(self.first(images)))))
        return self.last(hidden.mean((2, 3)))


@pytest.fixture(scope="module")
def traced():
    return trace(Mixed(), IMAGES[:1], "mixed")


def data(images=IMAGES):
    """The images as a data set of three classes."""
    split = Split(images, torch.arange(len(images)) % 3)
    return Dataset(name="drawn", origin="drawn", classes=3, train=split, validation=split, test=None)


def test_a_normalization_or_a_bias_takes_up_the_mean_and_nothing_else_does(traced):
    assert mean_takers(traced, reestimates=True) == {"first": ("first.bias",), "second": ()}
    assert mean_takers(traced, reestimates=False) == {"first": ("first.bias",)}


def test_a_bias_of_two_layers_is_not_corrected():
    class Shared(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two = nn.Linear(4, 3), nn.Linear(4, 3)
            self.two.bias = self.one.bias

        def forward(self, values):
            return self.one(values) + self.two(values)

    assert mean_takers(trace(Shared(), torch.zeros(1, 4), "shared"), reestimates=True) == {}


def test_moments_are_those_of_the_patches_that_a_layer_reads(traced):
    found = calibrate(traced, IMAGES, reestimates=True)
    unfolded = torch.nn.functional.unfold(torch.nn.functional.pad(IMAGES, (1, 1, 1, 1)), 3).double()
    rows = unfolded.permute(0, 2, 1)
    judges = torch.arange(40) % 4 == 3
    assert found.images == 40
    assert np.allclose(found.layers["first"].mean[0], rows.flatten(0, 1).mean(0))
    own = rows[judges].flatten(0, 1)
    covariance = (own - own.mean(0)).T @ (own - own.mean(0)) / len(own)
    assert np.allclose(found.layers["first"].judge.matrix[0], covariance, atol=1e-5)
    assert found.layers["second"].metric.matrix.shape == (2, 18, 18)


def test_a_layer_whose_mean_nothing_takes_up_is_fitted_to_the_mean_too(traced):
    module = Mixed().eval()
    with torch.no_grad():
        hidden = torch.relu(module.norm(module.second(torch.relu(module.first(IMAGES[3::4]))))).mean((2, 3)).double()
    found = calibrate(traced, IMAGES, reestimates=True).layers["last"]
    assert np.allclose(found.judge.matrix[0], hidden.T @ hidden / 10, atol=1e-7)


def test_corrected_biases_bring_mean_outputs_back(traced):
    calibration = calibrate(traced, IMAGES, reestimates=True)
    meter = QualityMeter(traced, data(), 32, calibration=calibration)
    weights = {"first": np.round(traced.weights["first"] * 4) / 4}
    biases = meter.biases(weights)
    assert set(biases) == {"first.bias"}
    own = traced.graph.get_parameter("first.bias")
    convolved = [
        torch.nn.functional.conv2d(IMAGES, torch.tensor(values), bias, padding=1).mean((0, 2, 3))
        for values, bias in ((traced.weights["first"], own), (weights["first"], biases["first.bias"]))
    ]
    assert torch.allclose(*convolved, atol=1e-5)
    assert QualityMeter(traced, data(), 32).biases(weights) == {}
    assert meter.measure(weights) != QualityMeter(traced, data(), 32).measure(weights)
    assert meter.measure({}) == QualityMeter(traced, data(), 32).measure({})
    assert meter.with_activation_bits(8).biases(weights).keys() == biases.keys()


@pytest.mark.parametrize("images", [IMAGES[:1], torch.ones(5, 2, 6, 6), torch.zeros(3, 2, 6, 6)])
def test_one_image_and_constant_images_calibrate(traced, images, tmp_path):
    calibration = calibrate(traced, images, reestimates=True)
    fits = LayerFits(traced, 0, FitCache(tmp_path), True, 1, calibration)
    for name in traced.weights:
        assert np.isfinite(fits.reconstructed(name, Dense(3))).all()


def test_images_that_are_not_finite_and_no_images_are_refused(traced):
    faulty = IMAGES.clone()
    faulty[3, 0, 0, 0] = torch.nan
    with pytest.raises(QualityError, match="first reads others; the inputs of layers are finite"):
        calibrate(traced, faulty, reestimates=True)
    with pytest.raises(QualityError, match="at least one image"):
        calibrate(traced, IMAGES[:0], reestimates=True)


def test_of_both_fits_the_one_that_errs_less_on_other_images_is_kept(traced, tmp_path):
    calibration = calibrate(traced, IMAGES, reestimates=True)
    free = LayerFits(traced, 0, FitCache(tmp_path), True, 1)
    both = LayerFits(traced, 0, FitCache(tmp_path), True, 1, calibration)
    kinds = set()
    for name in traced.weights:
        for bits in (2, 3, 4):
            judge = calibration.layers[name].judge
            kept, other = (
                judge.error(traced.weights[name], fits.reconstructed(name, Dense(bits))) for fits in (both, free)
            )
            kind = both.fit(name, Dense(bits)).kind
            kinds.add(kind)
            assert (kept < other) if kind == "data-aware" else (kept == other)
            assert both.stored(name, Dense(bits)).kind == kind
    assert "data-aware" in kinds
    assert both.fit("first", Dense(32)).kind == "data-free"


def test_sums_are_found_again_by_network_and_images(traced, tmp_path):
    cache = MomentCache(tmp_path)
    first = calibrate(traced, IMAGES, True, cache=cache)
    (entry,) = tmp_path.glob("*.moments")
    assert calibrate(traced, IMAGES, True, cache=cache).digest == first.digest
    assert calibrate(traced, IMAGES[:39], True, cache=cache).digest != first.digest
    assert len(list(tmp_path.glob("*.moments"))) == 2
    damaged = next(iter(entry.glob("*.sums")))
    damaged.write_bytes(damaged.read_bytes()[:-1])
    assert calibrate(traced, IMAGES, True, cache=cache).digest == first.digest
    for most in range(1, 12):
        calibrate(traced, IMAGES, True, most, cache=cache)
    assert len(list(tmp_path.glob("*.moments"))) <= 8


def test_sums_of_a_few_layers_at_a_time_are_those_of_all_at_once(traced, tmp_path, monkeypatch):
    whole = calibrate(traced, IMAGES, True)
    monkeypatch.setattr(calibration_module, "MOST_HELD", 1)  # bytes: the network runs once for each layer
    parted = calibrate(traced, IMAGES, True, cache=MomentCache(tmp_path))
    assert list(parted.layers) == list(whole.layers)
    assert parted.digest == whole.digest
    fits = [LayerFits(traced, 0, FitCache(tmp_path), True, 1, one) for one in (whole, parted)]
    assert fits[0].fit("second", Dense(2)) == fits[1].fit("second", Dense(2))
    for path in tmp_path.glob("*.moments/*.sums"):
        path.unlink()
    with pytest.raises(QualityError, match="run it again"):
        parted.layers["first"]


def test_a_cache_that_cannot_be_written_costs_memory_alone(traced, tmp_path, caplog):
    (tmp_path / "file").write_text("")
    found = calibrate(traced, IMAGES, True, cache=MomentCache(tmp_path / "file" / "moments"))
    assert found.digest == calibrate(traced, IMAGES, True).digest
    assert "they are held in memory" in caplog.text


def test_patches_are_taken_apart_where_there_are_very_many(traced):
    shape = traced.spec.layer("first").shape  # 2 channels, 3x3: 18 values of 6 x 6 places
    assert step_between(shape, 40) == 1
    assert step_between(shape, 40, most=40 * 36 * 18 // 4) == 2
    assert step_between(shape, 40, most=1) == int((40 * 36 / 180) ** 0.5)  # ten times 18 patches are left
    calls = []
    LayerCalls(traced, lambda call: calls.append(call) or call.outputs).run(IMAGES)
    whole = torch.nn.functional.unfold(torch.nn.functional.pad(IMAGES, (1, 1, 1, 1)), 3).reshape(40, 18, 6, 6)
    some = whole[:, :, ::2, ::2].flatten(2)
    thin = input_sums(calls[0], 2)
    assert thin.patches == 40 * 9
    assert torch.allclose(thin.squares[0], torch.einsum("nip,njp->ij", some, some).double(), rtol=1e-4)


def test_a_digest_is_of_everything_that_fits_depend_on(traced):
    digests = {calibrate(traced, IMAGES, reestimates).digest for reestimates in (True, False)}
    assert len(digests) == 2
    assert isinstance(calibrate(traced, IMAGES, True), Calibration)
