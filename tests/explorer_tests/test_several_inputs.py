"""Data of networks of several inputs: read, searched, fine-tuned, reported, exported in every form and run."""

import json
import runpy

import numpy as np
import pytest
import torch

import filterfront as ff
from explorer.data import make_dataset
from explorer.system.errors import DataError
from explorer.system.inputs import Inputs, as_inputs, called, parts_of

NETWORK = """
import numpy as np
import torch
from torch import nn

class Both(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(1, 8, 3, bias=False), nn.BatchNorm2d(8)
        self.facts, self.head = nn.Linear(5, 8), nn.Linear(8, 3)
    def forward(self, image, vector):
        hidden = torch.relu(self.norm(self.conv(image))).mean((2, 3)) + torch.relu(self.facts(vector))
        return self.head(hidden)

def both():
    torch.manual_seed(0)
    return Both().eval(), (torch.zeros(1, 1, 8, 8), torch.zeros(1, 5))

def parts():
    drawn = np.random.default_rng(0)
    def part(count):
        image, vector = drawn.random((count, 1, 8, 8)), drawn.random((count, 5))
        return {"vector": vector, "image": image}, (image.mean((1, 2, 3)) > 0.5).astype(int) + (vector[:, 0] > 0.5)
    return {"train": part(48), "validation": part(24)}

class Detector(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.box, self.score = nn.Conv2d(1, 8, 3, 2), nn.Linear(8, 4), nn.Linear(8, 2)
    def forward(self, image, scale):
        hidden = torch.relu(self.stem(image)).mean((2, 3))
        return {"boxes": self.box(hidden) * scale, "scores": self.score(hidden)}

def detector():
    torch.manual_seed(1)
    return Detector().eval(), (torch.zeros(1, 1, 8, 8), torch.zeros(1, 1))

def boxes():
    drawn = np.random.default_rng(1)
    def part(count):
        inputs = drawn.random((count, 1, 8, 8)), drawn.random((count, 1)) + 0.5
        made = detector()[0](*(torch.tensor(one, dtype=torch.float32) for one in inputs))
        return inputs, {name: value.detach() for name, value in made.items()}
    return {"train": part(24), "validation": part(12)}

def overlap(outputs, targets):
    return -float((outputs["boxes"] - targets["boxes"]).abs().mean())
"""
FEW = ("--schemes", "dense,pruned", "--trials", "12")


@pytest.fixture(scope="module")
def searched(run_filterfront, tmp_path_factory):
    folder = tmp_path_factory.mktemp("several")
    (folder / "net.py").write_text(NETWORK)
    options = ("--network", "net.py:both", "--data", "net.py:parts", "--objectives", "loss,storage", "--out", "run")
    done = run_filterfront("search", *options, *FEW, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder, (folder / "run" / "front.csv").read_text().splitlines()[1].split(",")[0]


def test_a_batch_is_one_thing_however_many_inputs_it_has():
    batch = as_inputs({"facts": torch.arange(6.0).reshape(3, 2), "image": torch.zeros(3, 1)})
    assert len(batch) == 3
    assert [len(one) for one in batch.split(2)] == [2, 1]
    assert batch[1:].parts[0].tolist() == [[2, 3], [4, 5]]
    assert called(lambda image, facts: (image.shape, facts.shape), batch.in_order(["image", "facts"])) == (
        (3, 1),
        (3, 2),
    )
    assert [one.shape for one in parts_of(torch.zeros(2))] == [(2,)]


def test_inputs_are_named_or_in_order_and_their_faults_are_said():
    images, facts = np.zeros((4, 1, 2, 2)), np.arange(8.0).reshape(4, 2)
    part = ((images, facts), np.array([0, 1, 1, 0]))
    dataset = make_dataset({"train": part, "validation": part}, "pair", "made here")
    assert isinstance(dataset.train.inputs, Inputs)
    assert [tuple(one.shape) for one in parts_of(dataset.validation.inputs)] == [(4, 1, 2, 2), (4, 2)]
    assert dataset.with_validation(2).validation.inputs.parts[1].tolist() == [[0, 1], [4, 5]]
    named = {"train": {"b": facts, "a": images}, "validation": {"b": facts, "a": images}}
    unlabelled = make_dataset(named, "pair", "made here")
    assert not unlabelled.is_labelled
    assert unlabelled.in_order(["a", "b"]).train.inputs.names == ("a", "b")
    assert unlabelled.digest != unlabelled.in_order(["a", "b"]).digest
    with pytest.raises(DataError, match="b, a; inputs have the names of the network's arguments, a, c"):
        unlabelled.in_order(["a", "c"])
    with pytest.raises(DataError, match="as many images each are wanted"):
        make_dataset({"train": ((images, facts[:3]), None), "validation": part}, "pair", "made here")
    other = ((images, facts[:, :1]), np.zeros(4, int))
    with pytest.raises(DataError, match=r"inputs of shape \(1, 2, 2\) and \(1,\), but \(1, 2, 2\) and \(2,\) in train"):
        make_dataset({"train": part, "validation": other}, "pair", "made here")


def test_a_search_measures_fits_and_reports(searched):
    folder, _ = searched
    front = (folder / "run" / "front.csv").read_text()
    assert "loss" in front.splitlines()[0]
    assert (folder / "run" / "report.html").is_file()
    layers = (folder / "run" / "layers.csv").read_text()
    assert "data-aware" in layers  # calibrated on both inputs


def test_every_file_is_written_and_a_packed_one_is_measured(searched, run_filterfront):
    folder, design = searched
    done = run_filterfront("export", "run", "--design", design, "--onnx", "--c", "--out", "files", "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    plain = json.loads(done.stdout)
    assert {"packed", "weights", "onnx"} <= set(plain["files"])
    assert list((folder / "files").rglob("model.c"))
    assert plain["float_activations"]["apart"] == plain["onnx"]["apart"] == 0
    packed = next(str(path) for path in (folder / "files").glob("*.safetensors") if "weights" not in path.name)
    inputs, labels = runpy.run_path(str(folder / "net.py"))["parts"]()["validation"]
    arrays = [torch.tensor(inputs[name], dtype=torch.float32) for name in ("image", "vector")]
    right = (ff.load(packed)(*arrays).argmax(1).numpy() == labels).mean()
    done = run_filterfront("run", packed, "--data", "net.py:parts", "--part", "validation", "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["measured"]["accuracy"] == pytest.approx(right)


def test_a_design_is_trained(searched, run_filterfront):
    folder, design = searched
    done = run_filterfront("finetune", "run", "--design", design, "--epochs", 2, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert (folder / "run" / "tuned" / f"{design}.json").is_file()


def test_a_detector_with_a_metric_of_its_own(run_filterfront, tmp_path):
    (tmp_path / "net.py").write_text(NETWORK)
    options = ("--network", "net.py:detector", "--data", "net.py:boxes", "--metric", "net.py:overlap")
    goals = ("--objectives", "metric,storage", "--out", "run")
    done = run_filterfront("search", *options, *goals, *FEW, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    design = (tmp_path / "run" / "front.csv").read_text().splitlines()[1].split(",")[0]
    for command in (("report", "run"), ("export", "run", "--design", design, "--onnx")):
        done = run_filterfront(*command, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
