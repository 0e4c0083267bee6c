"""``filterfront export`` and ``filterfront run`` on a real run folder, and the files that they leave."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd
import pytest
import safetensors.numpy
import torch
from safetensors.torch import load_file

import explorer.runs.export
from costmodels import Dense, StackedBinary
from explorer.deployment.packed import load
from explorer.deployment.packed.comparison import Comparison
from explorer.finetuning.fine_tune import fine_tune
from explorer.finetuning.tuned_file import read_tuned, tuned_path, write_tuned
from explorer.forms.compress import compress, fitted_layers
from explorer.forms.fitting import fit
from explorer.measurement.quality_meter import QualityMeter
from explorer.networks.trace import trace
from explorer.networks.weights import load_weights_file
from explorer.networks.zoo import build
from explorer.runs.design import open_design
from explorer.system.errors import PackedFileError
from explorer.training.tuning_recipe import TuningRecipe

EXAMPLES = Path(__file__).parents[2] / "examples"


def front(folder):
    """The ids of the front's designs, the least compressed first."""
    designs = {path.stem: json.loads(path.read_text()) for path in (folder / "designs").glob("*.json")}
    return sorted(designs, key=lambda name: designs[name]["figures"]["compression_ratio"])


def test_an_export_runs_as_it_was_measured_and_every_byte_is_accounted_for(demo, digits, command, tmp_path):
    name = front(demo)[0]
    done = command("export", demo, "--design", name, "--out", tmp_path / "out", "--json")
    assert (done.code, done.err) == (0, "")
    said = json.loads(done.out)
    files = {path.name: path.stat().st_size for path in (tmp_path / "out").iterdir()}
    assert set(files) == {"packed.safetensors", "weights.safetensors", "export.json"}
    assert all(files[item["name"]] == item["bytes"] for item in said["files"].values())
    figures = json.loads((demo / "designs" / f"{name}.json").read_text())["figures"]
    sizes = said["size_breakdown"]
    assert sizes["formula_bytes"] == figures["flash_bytes"] == said["flash_bytes_formula"]
    assert sizes["file_bytes"] == files["packed.safetensors"]
    rows = sum(row["bytes"] for row in sizes["rows"])
    assert rows + sizes["header_bytes"] == sizes["file_bytes"] == sizes["formula_bytes"] + sizes["header_bytes"]
    assert json.loads((tmp_path / "out" / "export.json").read_text()) == {
        key: value for key, value in said.items() if key != "folder"
    }

    network = load(tmp_path / "out" / "packed.safetensors")
    assert network.activation_bits == 8
    right = int((network(digits.test.inputs).argmax(1) == digits.test.labels).sum())
    measured = said["rounded_activations"]
    assert measured["correct"] == right
    assert measured["images"] == len(digits.test)
    # Rounded sums may put an activation on the neighbouring level, and with it an answer on the edge.
    assert abs(right - measured["correct_other"]) <= measured["answers_apart"] <= measured["apart"] <= 20
    recorded = pd.read_csv(demo / "front.csv", dtype={"design": str}).set_index("design").loc[name]
    assert measured["correct_other"] / 400 == pytest.approx(recorded["test_accuracy"], abs=1e-9)
    assert said["float_activations"]["apart"] == 0
    assert said["float_activations"]["deviation"] <= 1e-4
    assert said["checked_on"] == "the test part of digits"


def test_the_weights_file_and_onnx_compute_what_the_reconstructed_module_does(demo, digits, command, tmp_path):
    name = front(demo)[-1]
    done = command("export", demo, "--design", name, "--onnx", "--out", tmp_path / "net.safetensors")
    assert (done.code, done.err) == (0, "")
    assert {path.name for path in tmp_path.iterdir()} == {
        "net.safetensors",
        "net.weights.safetensors",
        "net.onnx",
        "net.json",
    }
    module, _ = build("digits-cnn")
    load_weights_file(module, tmp_path / "net.weights.safetensors")
    images = digits.test.inputs[:30]
    with torch.no_grad():
        expected = module(images)
    session = onnxruntime.InferenceSession(tmp_path / "net.onnx", providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {session.get_inputs()[0].name: images.numpy()})
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-4)
    packed = load(tmp_path / "net.safetensors", trace(module, images[:1], "digits-cnn").spec, float_activations=True)
    assert (packed(images) - expected).abs().max() <= 1e-4
    for said in ("ONNX in onnxruntime, float activations: outputs", "accuracy run from the file:", "by formula"):
        assert said in done.out


has_compiler = any(map(shutil.which, ("cc", "gcc", "clang")))


def test_run_needs_no_network_and_says_the_accuracy(demo, command, tmp_path):
    name = front(demo)[0]
    done = command("export", demo, "--design", name, "--out", tmp_path, "--json")
    packed = tmp_path / "packed.safetensors"
    plain = command("run", packed)
    assert (plain.code, plain.err) == (0, "")
    assert f"digits-cnn, design {name}, 8-bit activations; checksum right" in plain.out
    measured = json.loads(command("run", packed, "--data", "digits", "--network", "digits-cnn", "--json").out)
    assert measured["size_breakdown"] == json.loads(done.out)["size_breakdown"]
    assert measured["measured"] == {
        "part": "test",
        "accuracy": json.loads(done.out)["rounded_activations"]["accuracy"],
        "images": 400,
    }
    ran = command("run", packed, "--data", "digits")
    assert "% of 400 images [measured], the test part of digits" in ran.out
    compiled = command("run", packed, "--data", "digits", "--compiled") if has_compiler else None
    # Halves are rounded otherwise, so a few answers may differ.
    shares = [
        float(re.search(r"file: ([0-9.]+)%", said)[1]) for said in (ran.out, *([compiled.out] if compiled else []))
    ]
    assert abs(shares[0] - shares[-1]) <= 1
    assert compiled is None or "8-bit activations; checksum right; compiled\n" in compiled.out
    for arguments, reason in (
        (("--network", "resnet20-cifar"), "packed.safetensors is for resnet20-cifar"),
        (("--data", f"{EXAMPLES}/my_data.py:parts", "--part", "final"), "got final; "),
    ):
        refused = command("run", packed, *arguments)
        assert (refused.code, refused.out) == (2, "")
        assert reason in refused.err
        assert refused.err.count("\n") == 1
    content = packed.read_bytes()
    for damaged in (content[:-7], content[:-7] + bytes([content[-7] ^ 4]) + content[-6:]):
        packed.write_bytes(damaged)
        refused = command("run", packed)
        assert (refused.code, refused.out, refused.err.count("\n")) == (2, "", 1)
        assert refused.err.startswith("filterfront: ")
        assert "packed.safetensors" in refused.err


def test_a_run_without_data_exports_with_float_activations(resnet20, command, tmp_path):
    name = front(resnet20)[-1]
    done = command("export", resnet20, "--design", name, "--out", tmp_path)
    assert (done.code, done.err) == (0, "")
    assert "compared with torch on random images:" in done.out
    assert "accuracy" not in done.out
    assert load(tmp_path / "packed.safetensors").activation_bits == 32


def test_what_cannot_be_exported_is_refused_and_nothing_is_left(demo, command, tmp_path, monkeypatch):
    name = front(demo)[0]
    shutil.copytree(demo, tmp_path / "run")
    recorded = json.loads((tmp_path / "run" / "run.json").read_text())
    refusals = [
        (("export", demo, "--design", "none"), 2, "got none; --design is a design of the run's front; choose of "),
        (("export", tmp_path, "--design", name), 2, "a run folder holds run.json"),
    ]
    for arguments, code, reason in refusals:
        done = command(*arguments, "--out", tmp_path / "out")
        assert (done.code, done.out, done.err.count("\n")) == (code, "", 1)
        assert reason in done.err
    others = {**recorded, "network": {**recorded["network"], "weights_digest": "0" * 64}}
    (tmp_path / "run" / "run.json").write_text(json.dumps(others))
    done = command("export", tmp_path / "run", "--design", name, "--out", tmp_path / "out")
    assert "then; weights are those of the search" in done.err
    assert done.code == 2

    def unequal(*arguments):
        return Comparison(400, 0.5, 1.0, 7, 0, 1, 1)

    monkeypatch.setattr(explorer.runs.export, "_against_torch", unequal)
    done = command("export", demo, "--design", name, "--out", tmp_path / "out")
    assert done.code == 1
    assert (
        "0.5 apart on 7 of 400 images; outputs of the packed file are those of torch within 0.0001 of the largest"
        in done.err
    )
    assert not (tmp_path / "out").exists()


def test_batch_statistics_that_a_design_has_of_its_own_are_exported(demo, tmp_path):
    shutil.copytree(demo, tmp_path / "run")
    name = front(demo)[0]
    path = tmp_path / "run" / "designs" / f"{name}.json"
    recorded = json.loads(path.read_text())
    means = [place / 8 for place in range(32)]
    path.write_text(json.dumps({**recorded, "batch_statistics": {"bn1.running_mean": means}}))
    network = open_design(tmp_path / "run", name).network
    assert network.bn1.running_mean.tolist() == means
    assert network.bn2.running_mean.tolist() != means


# Fine-tuned designs


@pytest.fixture(scope="module")
def tuned_run(demo, digits, trained_digits, tmp_path_factory):
    """A copy of the run with the most compressed design fine-tuned for two epochs."""
    folder = tmp_path_factory.mktemp("tuned") / "run"
    shutil.copytree(demo, folder)
    name = front(folder)[-1]
    design = open_design(folder, name)
    module, example = trained_digits[0], torch.zeros(1, 1, 8, 8)
    found = fine_tune(
        module, example, design.layers, digits, recipe=TuningRecipe(epochs=2), bias_bits=16, progress=False
    )
    write_tuned(folder, name, found.network, found.layers)
    return folder, name, found


def test_a_fine_tuned_design_is_exported_as_it_was_measured(tuned_run, digits, command):
    folder, name, found = tuned_run
    design = open_design(folder, name)
    assert design.tuned
    weights = {key: layer.weights for key, layer in design.layers.items()}
    measured = QualityMeter(design.traced, digits, statistics_images=0).measure(weights, "test")
    assert measured.accuracy == pytest.approx(found.after["test"].accuracy, abs=1.5 / 400)
    done = command("export", folder, "--design", name, "--json")
    assert (done.code, done.err) == (0, "")
    said = json.loads(done.out)
    assert said["tuned"]
    assert said["rounded_activations"]["accuracy"] == pytest.approx(found.after["test"].accuracy, abs=2.5 / 400)
    assert said["rounded_activations"]["accuracy"] > found.before["test"].accuracy
    state = load_file(folder / "exports" / name / "weights.safetensors")
    assert torch.allclose(state["bn1.running_mean"], found.network.bn1.running_mean)


def test_a_tuned_state_comes_back_to_the_bit(tuned_run, trained_digits, traced_digits):
    folder, name, found = tuned_run
    read = read_tuned(folder, name, trained_digits[0], traced_digits)
    for key, layer in found.layers.items():
        assert layer.scheme == read.layers[key].scheme
        assert layer.distortion == read.layers[key].distortion
        assert all(np.array_equal(values, read.layers[key].arrays[part]) for part, values in layer.arrays.items())
    assert read_tuned(folder, "another", trained_digits[0], traced_digits) is None


def test_a_tuned_state_that_is_damaged_or_of_another_design_is_refused(
    tuned_run, trained_digits, traced_digits, tmp_path
):
    folder, name, _ = tuned_run
    content = tuned_path(folder, name).read_bytes()
    path = tuned_path(tmp_path, "abc")
    path.parent.mkdir()
    for damaged, reason in (
        (content, f"design {name} of conv1, .*; abc.safetensors is of design abc of digits-cnn"),
        (content[:-1], "it is cut short"),
        (content[:-1] + b"\x7f", "the file is damaged"),
        (safetensors.numpy.save({}), "other tensors; .*holds the state of a fine-tuned design"),
    ):
        path.write_bytes(damaged)
        with pytest.raises(PackedFileError, match=reason):
            read_tuned(tmp_path, "abc", trained_digits[0], traced_digits)


def test_a_tuned_state_of_another_network_is_refused(tuned_run, tmp_path):
    folder, name, _ = tuned_run
    module = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3)).eval()
    traced = trace(module, torch.zeros(1, 1, 8, 8), "other")
    with pytest.raises(PackedFileError, match=f"design {name} of conv1, .* is of design {name} of other"):
        read_tuned(folder, name, module, traced)


def test_a_design_with_a_layer_that_folds_no_factor_is_tuned_and_kept(tmp_path, traced_digits, trained_digits):
    """One-bit filters without a scale have no size of their own: it is the normalization that brings it."""
    schemes = {name: Dense(8) for name in traced_digits.weights} | {"conv3": StackedBinary(16, 8)}
    layers = {
        name: fit(traced_digits.weights[name], traced_digits.spec.layer(name).shape, scheme)
        for name, scheme in schemes.items()
    }
    network = compress(trained_digits[0], layers)
    write_tuned(tmp_path, "d", network, fitted_layers(network, traced_digits.weights))
    read = read_tuned(tmp_path, "d", trained_digits[0], traced_digits)
    assert all(np.array_equal(read.layers[name].weights, layers[name].weights) for name in layers)
