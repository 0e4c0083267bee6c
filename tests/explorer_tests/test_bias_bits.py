"""Biases of 16 bits from the search to the files: measured, packed, run, trained and exported as they are stored."""

import json
from operator import attrgetter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch.nn import functional

from costmodels import Dense, Pruned, StackedBinary, network_cost
from costmodels.bias_values import round_biases
from explorer.api.costing import cost
from explorer.config.file import read_config
from explorer.config.search import make_config
from explorer.data import make_dataset
from explorer.deployment.packed import load, packed_content, read_packed
from explorer.deployment.packed.comparison import compare, torch_runner
from explorer.deployment.packed.network import pack_network
from explorer.deployment.packed.size_breakdown import size_breakdown
from explorer.finetuning.fine_tune import fine_tune
from explorer.forms.fitting import fit
from explorer.measurement.activation_ranges import ActivationRanges
from explorer.measurement.batch_statistics import put_biases, put_statistics
from explorer.measurement.calibration import calibrate
from explorer.measurement.quality_meter import QualityMeter
from explorer.measurement.rounded_biases import rounded_biases, with_bias_bits
from explorer.networks.trace import trace
from explorer.runs.design import open_design, with_weights
from explorer.system.errors import PackedFileError
from explorer.training.tuning_recipe import TuningRecipe
from searches.baselines import uniform_designs
from searches.space import build_space

FLOATS = ActivationRanges(32, {})
FORMS = {
    "dense": lambda shape: Dense(4, scale_bits=8),
    "dense of wide scales": lambda shape: Dense(8),
    "dense by layer": lambda shape: Dense(8, "layer"),
    "dense floats": lambda shape: Dense(32),
    "pruned": lambda shape: Pruned(0.4, 8),
    "stacked": lambda shape: StackedBinary(shape.group_inputs, 3, "segment"),
}


class Mixed(nn.Module):
    """A normalization that folds with and without a bias before it, a plain bias, groups, a layer called twice, one
    channel, a linear layer."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(2, 6, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(6)
        self.grouped = nn.Conv2d(6, 6, 3, padding=1, groups=3)
        self.normed = nn.BatchNorm2d(6)
        self.twice = nn.Conv2d(6, 6, 1)
        self.one = nn.Conv2d(6, 1, 3)
        self.bare = nn.Conv2d(1, 7, 3, bias=False)
        self.classify = nn.Linear(7, 5)

    def forward(self, x):
        x = functional.relu(self.norm(self.first(x)))
        x = functional.relu(self.normed(self.grouped(x)))
        x = self.bare(functional.relu(self.one(self.twice(functional.relu(self.twice(x))))))
        return self.classify(x.mean((2, 3)))


@pytest.fixture(scope="module")
def mixed():
    """The module, and eight images."""
    torch.manual_seed(0)
    module = Mixed().eval()
    for norm in (module.norm, module.normed):
        norm.running_mean.normal_(0, 0.2)
        norm.running_var.uniform_(0.5, 2)
        nn.init.uniform_(norm.weight, -1.5, 1.5)
        nn.init.normal_(norm.bias)
    return module, torch.randn(8, 2, 9, 9)


def narrow(module, images):
    return with_bias_bits(trace(module, images[:1], "mixed"), 16)


@pytest.mark.parametrize("form", FORMS)
def test_a_file_has_the_bytes_of_the_formula_and_computes_what_torch_does_with_rounded_biases(form, mixed, tmp_path):
    module, images = mixed
    traced = narrow(module, images)
    assert {layer.bias_bits for layer in traced.spec.layers} == {16}
    layers = {
        layer.name: fit(traced.weights[layer.name], layer.shape, FORMS[form](layer.shape))
        for layer in traced.spec.layers
    }
    path = tmp_path / "net.safetensors"
    packed = pack_network(traced, layers)
    path.write_bytes(packed_content(packed, traced.spec))
    compressed = with_weights(module, traced, layers)
    rounded = rounded_biases(traced, {})
    assert set(rounded) == {"norm.bias", "normed.bias", "twice.bias", "one.bias", "classify.bias"}
    put_biases(compressed, rounded)
    again = narrow(compressed, images)
    found = compare(load(path, again.spec), torch_runner(again, FLOATS), images)
    assert found.deviation < 1e-5
    assert (load(path)(images) - packed(images)).abs().max() < 1e-5

    sizes = size_breakdown(read_packed(path))
    usages = {name: layer.usage for name, layer in layers.items()}
    counted = network_cost(traced.spec, {name: layer.scheme for name, layer in layers.items()}, 8, usages)
    assert sizes.formula_bytes == counted.flash_bytes
    rows = {(row.part, row.component): row.bits for row in sizes.rows}
    channels = {"first": 6, "grouped": 6, "twice": 6, "one": 1, "classify": 5}
    assert {part: bits for (part, what), bits in rows.items() if what == "shift"} == {
        name: 16 * count + 8 for name, count in channels.items()
    }
    assert counted.extras["bias"] == sum(16 * count + 8 for count in channels.values())
    # Put into the network and found again there, the stored values are the same ones to the last bit.
    assert packed_content(pack_network(again, layers), again.spec) == path.read_bytes()


def test_a_rounded_shift_is_brought_about_by_beta(mixed):
    module, images = mixed
    traced = narrow(module, images)
    found = rounded_biases(traced, {})
    np.testing.assert_array_equal(found["one.bias"].numpy(), round_biases(module.one.bias.detach().numpy()))
    norm, before = module.normed, module.grouped.bias.detach().double()
    factors = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
    added = (before - norm.running_mean.double()) * factors
    stored = round_biases((added + norm.bias.double()).detach().numpy())
    assert np.abs((added + found["normed.bias"].double()).detach().numpy() - stored).max() < 1e-6
    assert not torch.equal(found["normed.bias"], norm.bias)
    assert rounded_biases(trace(module, images[:1], "mixed"), {}) == {}
    given = {"one.bias": torch.tensor([0.1])}
    assert rounded_biases(traced, given)["one.bias"].item() == round_biases(np.float32([0.1])).item()
    assert "one.bias" not in rounded_biases(traced, {"one.bias": torch.tensor([float("nan")])})


class Shared(nn.Module):
    """Normalizations that no rounded shift can be put into: one without a bias, one of two layers with other shifts;
    and two layers that one normalization gives the same shift, and two with one bias."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c, self.d, self.e = (nn.Conv2d(2, 2, 1, bias=index in (1, 2)) for index in range(5))
        self.f, self.g = nn.Conv2d(2, 2, 1), nn.Conv2d(2, 2, 1)
        self.g.bias = self.f.bias
        self.plain, self.both, self.same = nn.BatchNorm2d(2, affine=False), nn.BatchNorm2d(2), nn.BatchNorm2d(2)
        for norm in (self.plain, self.both, self.same):
            norm.running_mean.normal_()

    def forward(self, x):
        x = self.both(self.c(torch.relu(self.both(self.b(torch.relu(self.plain(self.a(x))))))))
        return self.g(self.f(self.same(self.e(torch.relu(self.same(self.d(torch.relu(x))))))))


def test_layers_whose_shift_has_no_place_keep_32_bits(tmp_path):
    torch.manual_seed(0)
    module, images = Shared().eval(), torch.randn(4, 2, 3, 3)
    traced = narrow(module, images)
    bits = {layer.name: layer.bias_bits for layer in traced.spec.layers}
    assert bits == {"a": 32, "b": 32, "c": 32, "d": 16, "e": 16, "f": 16, "g": 16}
    assert cost(module, "dense(weight_bits=4)", example_input=images[:1], bias_bits=16).cost.extras["bias"] == (
        3 * 2 * 32 + 4 * (2 * 16 + 8)
    )
    layers = {one.name: fit(traced.weights[one.name], one.shape, Dense(8)) for one in traced.spec.layers}
    path = tmp_path / "net.safetensors"
    path.write_bytes(packed_content(pack_network(traced, layers), traced.spec))
    compressed = with_weights(module, traced, layers)
    put_biases(compressed, rounded_biases(traced, {}))
    found = compare(load(path), torch_runner(narrow(compressed, images), FLOATS), images)
    assert found.deviation < 1e-5
    counted = network_cost(traced.spec, Dense(8))
    assert size_breakdown(read_packed(path)).formula_bytes == counted.flash_bytes


# Measured


@pytest.fixture(scope="module")
def labelled():
    torch.manual_seed(1)
    parts = {part: (torch.randn(count, 2, 9, 9), torch.arange(count) % 5) for part, count in PARTS.items()}
    return make_dataset(parts, name="random", origin="random values")


PARTS = {"train": 64, "validation": 40, "test": 20}


def test_designs_are_measured_with_the_biases_that_are_stored(mixed, labelled):
    module, images = mixed
    plain, traced = trace(module, images[:1], "mixed"), narrow(module, images)
    calibration = calibrate(plain, labelled.train.inputs, True)
    meter = QualityMeter(traced, labelled, 32, calibration=calibration)
    wide = QualityMeter(plain, labelled, 32, calibration=calibration)
    weights = {
        layer.name: fit(traced.weights[layer.name], layer.shape, Dense(3)).weights for layer in traced.spec.layers
    }
    statistics, biases = meter.statistics(weights), meter.biases(weights)
    corrected = wide.biases(weights)
    np.testing.assert_array_equal(biases["one.bias"].numpy(), round_biases(corrected["one.bias"].numpy()))
    assert {"norm.bias", "normed.bias"} <= set(biases)
    assert not {"norm.bias", "normed.bias"} & set(corrected)
    # Put into a copy of the module, nothing is left to round: all but the last bits of float32 stay.
    copy = Mixed().eval()
    copy.load_state_dict(module.state_dict())
    for name, values in weights.items():
        weight = attrgetter(f"{name}.weight")(copy)
        weight.data.copy_(torch.from_numpy(np.array(values)).reshape(weight.shape))
    put_statistics(copy, statistics)
    put_biases(copy, biases)
    again = narrow(copy, images)
    for name, tensor in rounded_biases(again, {}).items():
        assert torch.allclose(tensor, biases[name], rtol=0, atol=1e-6)
    measured = QualityMeter(again, labelled, 32, statistics_images=0).measure({})
    assert measured.loss == pytest.approx(meter.measure(weights).loss, abs=1e-6)
    assert meter.measure({}) == wide.measure({})  # the network itself keeps its own
    assert meter.measure(weights).loss == pytest.approx(wide.measure(weights).loss, rel=1e-2)


def test_what_is_trained_has_biases_as_they_are_stored(mixed, labelled):
    module, images = mixed
    traced = narrow(module, images)
    layers = {one.name: fit(traced.weights[one.name], one.shape, Dense(4)) for one in traced.spec.layers}
    found = fine_tune(module, images[:1], layers, labelled, 32, TuningRecipe(epochs=1), progress=False, bias_bits=16)
    tuned = {name: tensor for name, tensor in found.network.named_parameters() if name.endswith("bias")}
    stored = round_biases(tuned["one.bias"].detach().numpy())
    np.testing.assert_array_equal(tuned["one.bias"].detach().numpy(), stored)
    shift = {}
    for name, before in (("norm", 0.0), ("normed", tuned["grouped.bias"].detach().double())):
        norm = getattr(found.network, name)
        factors = norm.weight.detach().double() / torch.sqrt(norm.running_var.double() + norm.eps)
        shift[name] = ((before - norm.running_mean.double()) * factors + norm.bias.detach().double()).numpy()
        np.testing.assert_allclose(shift[name], round_biases(shift[name]), rtol=0, atol=1e-6)
    assert not torch.equal(tuned["one.bias"], module.one.bias)


def test_uniform_designs_have_the_narrow_scales_of_the_space(mixed):
    module, images = mixed
    spec = narrow(module, images).spec
    space = build_space(spec, {"dense": {"weight_bits": (2, 4), "scale_bits": (32, 8)}})
    found = uniform_designs(spec, space)["dense 4 bits"].schemes
    assert {name: scheme.scale_bits for name, scheme in found.items()} == {
        "first": 32,  # a normalization folds into these two
        "grouped": 32,
        "twice": 8,
        "one": 8,
        "bare": 8,
        "classify": 8,
    }
    wide = uniform_designs(spec, build_space(spec, {"dense": {"weight_bits": (2, 4)}}))["dense 4 bits"].schemes
    assert {scheme.scale_bits for scheme in wide.values()} == {32}
    assert uniform_designs(spec)["dense 4 bits"].schemes == wide


# Asked for


def test_files_with_other_shifts_are_refused(mixed, tmp_path):
    module, images = mixed
    traced = narrow(module, images)
    layers = {one.name: fit(traced.weights[one.name], one.shape, Dense(4)) for one in traced.spec.layers}
    network = pack_network(traced, layers)
    wide = trace(module, images[:1], "mixed")
    network.steps["packed_0"].follows.shifts[0] = np.nan
    with pytest.raises(Exception, match="biases of 16 bits are finite"):
        packed_content(network, traced.spec)
    path = tmp_path / "net.safetensors"
    path.write_bytes(packed_content(pack_network(traced, layers), wide.spec))  # floats where 16 bits are counted
    assert size_breakdown(read_packed(path)).formula_bytes == network_cost(wide.spec, Dense(4)).flash_bytes
    file = read_packed(path)
    file.tensors["one/shift"] = np.zeros(4, np.uint8)
    with pytest.raises(PackedFileError, match="one/shift has 3 bytes"):
        file.network()


SMALL = """
import torch
from torch import nn


def build():
    torch.manual_seed(0)
    layers = nn.Conv2d(1, 6, 3, bias=False), nn.BatchNorm2d(6), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 16, 5)
    return nn.Sequential(*layers), torch.zeros(1, 1, 6, 6)


def parts():
    torch.manual_seed(1)
    return {
        part: (torch.randn(count, 1, 6, 6), torch.arange(count) % 5)
        for part, count in (("train", 64), ("validation", 40), ("test", 20))
    }
"""


def test_cost_counts_the_bits_asked_for(command):
    wide, narrow_said = (
        json.loads(command("cost", "--network", "digits-cnn", "--scheme", "dense(weight_bits=4)", "--json", *more).out)
        for more in ((), ("--bias-bits", "16"))
    )
    layers = [layer["name"] for layer in wide["layers"]]
    channels = wide["totals"]["extras"]["bias"] // 32
    assert narrow_said["totals"]["extras"]["bias"] == 16 * channels + 8 * len(layers)
    saved = wide["totals"]["flash_bytes"] - narrow_said["totals"]["flash_bytes"]
    assert saved == 2 * channels - len(layers)
    refused = command("cost", "--network", "digits-cnn", "--scheme", "dense(weight_bits=4)", "--bias-bits", "8")
    assert (refused.code, refused.out) == (2, "")
    assert "got 8; bias_bits is 32 or 16" in refused.err


def test_a_search_keeps_its_bits_from_the_first_trial_to_the_export(command, tmp_path):
    (tmp_path / "small.py").write_text(SMALL)
    named = ("--network", f"{tmp_path}/small.py:build", "--data", f"{tmp_path}/small.py:parts")
    asked = (*named, "--schemes", "dense(weight_bits=4)", "--trials", "2", "--no-gap", "--flash", "1MiB")
    runs = {}
    for bits in ("16", "32"):
        folder = runs[bits] = tmp_path / bits
        done = command("search", *asked, "--out", folder, *(("--bias-bits", "32") if bits == "32" else ()))
        assert (done.code, done.err) == (0, ""), done.err
        assert json.loads((folder / "run.json").read_text())["configuration"]["bias_bits"] == int(bits)
    fronts = {bits: pd.read_csv(folder / "front.csv", dtype={"design": str}) for bits, folder in runs.items()}
    baselines = {bits: pd.read_csv(folder / "baselines.csv", dtype={"design": str}) for bits, folder in runs.items()}
    first = json.loads(next((runs["16"] / "designs").glob("*.json")).read_text())
    widths = [layer["shape"]["out_channels"] for layer in first["network"]["layers"]]
    assert widths == [6, 5]
    saved = 2 * 6 - 1 + 2 * 5 - 1
    for tables in (fronts, baselines):
        assert (tables["32"]["flash_bytes"] - tables["16"]["flash_bytes"] == saved).all()
    name = fronts["16"]["design"][0]
    done = command("export", runs["16"], "--design", name, "--onnx", "--json")
    assert (done.code, done.err) == (0, "")
    said = json.loads(done.out)
    assert said["size_breakdown"]["formula_bytes"] == fronts["16"]["flash_bytes"][0] == said["flash_bytes_formula"]
    assert said["float_activations"]["apart"] == said["onnx"]["apart"] == 0
    correct = said["rounded_activations"]["correct_other"] / said["rounded_activations"]["images"]
    assert correct == pytest.approx(fronts["16"]["test_accuracy"][0], abs=1e-9)
    design = open_design(runs["16"], name)
    bias = design.network[4].bias.detach().numpy()
    np.testing.assert_array_equal(bias, round_biases(bias))
    # A resumed search keeps its own bits, and is refused with others.
    assert command("search", *asked, "--out", runs["32"], "--bias-bits", "32", "--resume").code == 0
    assert command("search", *asked, "--out", runs["32"], "--resume").code == 2
    assert read_config(runs["32"] / "run.json")["bias_bits"] == 32


def test_a_run_of_an_earlier_version_has_32_bits(tmp_path):
    path = Path(tmp_path) / "run.json"
    plain = make_config(network="digits-cnn").to_json()
    assert plain["bias_bits"] == 16
    del plain["bias_bits"]
    path.write_text(json.dumps({"configuration": plain}))
    assert read_config(path)["bias_bits"] == 32
    with pytest.raises(Exception, match="--bias-bits: got 8; bias_bits is 32 or 16"):
        make_config(network="digits-cnn", bias_bits=8)
