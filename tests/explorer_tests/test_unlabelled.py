"""Images without labels: their parts, agreement and divergence, and every command on a search of them."""

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import nn

import filterfront as ff
from explorer.config.search import make_config
from explorer.data import Split, class_scores, load_data, make_dataset
from explorer.data.drawn import drawn_parts
from explorer.data.quality import Quality
from explorer.finetuning.distances import distance, relative_error
from explorer.measurement.quality_meter import QualityMeter
from explorer.measurement.second_moments import layer_moments
from explorer.networks.trace import trace
from explorer.system.errors import ConfigError, DataError
from reports.columns import LABEL_COLUMNS, TRAINED_COLUMNS
from reports.errors import ReportError
from reports.run_checks import check_run
from searches.errors import SearchError
from searches.objectives import find_objectives

EXAMPLES = Path(__file__).parents[2] / "examples"
X = np.arange(20 * 4, dtype=np.float32).reshape(20, 1, 2, 2)


def test_one_array_is_parted_by_a_fixed_seed():
    """A quarter of 20 images is 5 for validation, 5 for the test; what is left trains."""
    data = make_dataset(X, "mine", "synthetic")
    assert {part: len(split) for part, split in data.parts.items()} == {"train": 10, "validation": 5, "test": 5}
    assert (data.is_labelled, data.classes) == (False, 0)
    seen = np.concatenate([split.inputs[:, 0, 0, 0] for split in data.parts.values()])
    assert sorted(seen) == X[:, 0, 0, 0].tolist()
    assert make_dataset(torch.from_numpy(X), "mine", "synthetic").digest == data.digest
    assert {part: len(chosen) for part, chosen in drawn_parts(3).items()} == {"train": 2, "validation": 1}


@pytest.mark.parametrize("pair", [lambda x: x, lambda x: (x, None)], ids=["alone", "none"])
def test_parts_without_labels_are_taken_as_they_are(pair):
    data = make_dataset({"train": pair(X), "validation": pair(X[:4])}, "mine", "synthetic")
    assert (len(data.train), len(data.validation), data.test) == (20, 4, None)
    assert data.with_validation(2).validation.inputs[:, 0, 0, 0].tolist() == [0, 8]  # of 4 images each second
    labels = np.zeros(20, int)
    assert data.digest != make_dataset({"train": (X, labels), "validation": (X[:4], labels[:4])}, "a", "a").digest


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"train": X, "validation": (X, np.zeros(20, int))}, "train: no labels, but validation has some"),
        ({"train": (X, np.zeros(20, int)), "validation": X}, "validation: no labels, but train has some"),
        (X[:1], "1 images; two parts are drawn from two images or more"),
        (X[:, 0, 0, 0], "train: inputs have shape"),
    ],
)
def test_what_cannot_be_used_without_labels_is_named(given, fault):
    with pytest.raises(DataError) as caught:
        make_dataset(given, "mine", "synthetic")
    assert fault in str(caught.value)


@pytest.fixture
def photographs(tmp_path):
    """Sixteen images in a folder, of brightness 0 to 150, some wide."""
    root = tmp_path / "photos"
    root.mkdir()
    for number in range(16):
        Image.new("RGB", (10, 10 + number % 3), (10 * number,) * 3).save(root / f"{number:02}.png")
    (root / "notes.txt").write_text("no image")
    return root


def test_a_folder_of_images_without_classes_has_no_labels(photographs):
    data = load_data(f"images:{photographs}")
    assert {part: len(split) for part, split in data.parts.items()} == {"train": 8, "validation": 4, "test": 4}
    assert data.train.labels is None
    assert data.origin.endswith("photos, without labels, 10 x 10 pixels")


def test_parts_may_have_folders_of_images_without_classes(photographs, tmp_path):
    root = tmp_path / "parted"
    root.mkdir()
    shutil.copytree(photographs, root / "train")
    data = load_data(f"images:{root}")
    assert {part: len(split) for part, split in data.parts.items()} == {"train": 8, "validation": 4, "test": 4}
    shutil.copytree(photographs, root / "test")
    sizes = {part: len(split) for part, split in load_data(f"images:{root}").parts.items()}
    assert sizes == {"train": 12, "validation": 4, "test": 16}  # the drawn test images train
    (root / "val" / "ant").mkdir(parents=True)
    shutil.copy(photographs / "00.png", root / "val" / "ant")
    with pytest.raises(DataError, match="none in val; every part holds images without class folders"):
        load_data(f"images:{root}")


def test_agreement_and_divergence_are_of_the_answers_alone():
    """Of three images the first two are answered alike; KL of (1/2, 1/2) from (1/4, 3/4) is ln 2 - ln 3 / 2."""
    others = torch.tensor([[0.0, 0.0], [5.0, 0.0], [0.0, 5.0]])
    mine = torch.tensor([[math.log(0.25), math.log(0.75)], [5.0, 0.0], [5.0, 0.0]])
    found = Quality.of(lambda images: mine[images[:, 0].long()], Split(torch.arange(3)[:, None]), 2, others=others)
    assert found.agreement == pytest.approx(1 / 3)  # of equal scores the first is the answer: image 0 is apart
    probability = 1 / (1 + math.exp(-5))
    apart = (2 * probability - 1) * 5  # (p - q) (log p - log q) of the exchanged pair
    assert found.divergence == pytest.approx((math.log(2) - math.log(3) / 2 + apart) / 3)
    assert (found.loss, found.accuracy, found.samples) == (None, None, 3)
    assert set(found.figures()) == {"agreement", "divergence"}
    broken = Quality.of(lambda images: mine[:2] * math.nan, Split(torch.zeros(2, 1)), 2, others=others[:2])
    assert broken.agreement == 0
    assert math.isnan(broken.divergence)


def test_the_first_output_answers():
    scores = torch.zeros(5, 3)
    assert class_scores({"scores": scores, "box": torch.zeros(5, 4)}) is scores
    assert class_scores((torch.zeros(5, 4, 8, 8), scores)) is None
    assert class_scores(torch.zeros(5, 3, dtype=torch.int64)) is None


class Linear(nn.Module):
    def __init__(self, outputs=3):
        super().__init__()
        self.layer = nn.Linear(4, outputs)

    def forward(self, x):
        return self.layer(x.flatten(1))


def test_a_meter_compares_with_the_network_itself():
    traced = trace(Linear().eval(), torch.zeros(1, 1, 2, 2), "linear")
    data = make_dataset(np.random.default_rng(0).normal(size=(40, 1, 2, 2)).astype(np.float32), "drawn", "drawn")
    meter = QualityMeter(traced, data, activation_bits=32)
    own = meter.measure({}, "test")
    assert (own.agreement, own.samples, own.loss) == (1.0, 10, None)
    assert own.divergence == pytest.approx(0, abs=1e-12)
    turned = {name: -weights for name, weights in traced.weights.items()}
    found = meter.measure(turned)
    with torch.no_grad():
        logits, images = traced.graph(data.validation.inputs), data.validation.inputs
        bias = traced.graph.get_parameter("layer.bias")
        expected = (logits.argmax(1) == (2 * bias - logits).argmax(1)).sum().item() / len(images)
    assert found.agreement == expected < 1
    assert QualityMeter(traced, data).measure({"layer": np.full((3, 4, 1, 1), np.nan)}).agreement == 0


def test_a_network_that_is_no_classifier_has_moments_of_its_squared_error():
    """y = W x: G of unit errors is the identity over y's mean square, times the samples."""
    traced = trace(nn.Sequential(nn.Linear(2, 1, bias=False)).eval(), torch.zeros(1, 2), "one")
    images = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    found = layer_moments(traced, images, classifies=False)["0"]
    square = float(traced.graph(images).detach().square().mean())
    assert found.gradients[0, 0, 0] == pytest.approx(2 / square, rel=1e-5)


def test_distances_from_a_teacher():
    wanted = torch.tensor([[0.0, math.log(3)]])
    even = torch.zeros(1, 2)  # KL of (1/4, 3/4) from (1/2, 1/2): ln 2 - H, H = ln 4 - 3/4 ln 3
    assert float(distance(even, wanted, 1.0)) == pytest.approx(math.log(2) - math.log(4) + 0.75 * math.log(3))
    maps = torch.ones(1, 2, 2, 2)
    assert float(distance(maps * 2, maps, 1.0)) == 1.0  # 8 squares of 1 over 8 of 1
    assert float(relative_error([maps * 2, maps], [maps, maps])) == 0.5


@pytest.mark.parametrize(
    ("names", "has_data", "message"),
    [
        (["accuracy"], True, "accuracy on data without labels; accuracy and loss .*; choose agreement"),
        (["agreement"], False, "agreement without data; agreement and divergence are measured on images; give"),
    ],
)
def test_objectives_say_what_they_need(names, has_data, message):
    with pytest.raises(SearchError, match=message):
        find_objectives(names, has_data, has_labels=False)


def test_agreement_takes_the_place_of_accuracy():
    assert make_config(agreement=True).objective_names == ("agreement", "flash")
    asked = make_config(agreement=True, objectives="loss,accuracy,sram")
    assert asked.objective_names == ("loss", "agreement", "sram")
    assert make_config(**asked.to_json() | {"out": None}).objective_names == asked.objective_names
    assert make_config(data="x.py:y").for_data(False).objective_names == ("agreement", "flash")
    assert make_config(data="x.py:y").for_data(True).objective_names == ("accuracy", "flash")
    with pytest.raises(ConfigError, match="which is none of loss, sram; add agreement to --objectives"):
        make_config(agreement=True, objectives="loss,sram")
    with pytest.raises(ConfigError, match="give --data too"):
        make_config(agreement=True, network="resnet18")


IMAGES = """
from my_data import parts as labelled
def images():
    return {part: x for part, (x, y) in labelled().items()}
def maps():
    import numpy as np
    return np.random.default_rng(0).normal(size=(12, 3, 8, 8)).astype(np.float32)
"""
TRIALS = 8


@pytest.fixture(scope="module")
def searched(run_filterfront, once):
    """A folder with the example network, its images without labels, and a search of them in ``run``."""

    def search(place):
        place.mkdir()
        for name in ("my_network.py", "my_data.py"):
            shutil.copy(EXAMPLES / name, place / name)
        (place / "bare.py").write_text(IMAGES)
        options = ("--network", "my_network.py:build", "--data", "bare.py:images", "--flash", "4KiB")
        options += ("--schemes", "dense(weight_bits=2),dense(weight_bits=8)", "--trials", TRIALS, "--out", "run")
        done = run_filterfront("search", *options, cwd=place)
        assert done.returncode == 0, done.stderr
        (place / "said.txt").write_text(done.stdout)

    return once("unlabelled", search)


def test_a_search_without_labels_is_for_agreement(searched):
    info = json.loads((searched / "run" / "run.json").read_text())
    assert [goal["name"] for goal in info["objectives"]] == ["agreement", "flash"]
    assert (info["data"]["labels"], info["data"]["validation"]) == (False, 150)
    assert info["configuration"]["sampler"] == "guided"
    assert info["float"]["accuracy"] is None
    assert 0.9 < info["float"]["agreement"] <= 1  # 8-bit activations beside those of floats
    assert [pair["stands_for"] for pair in info["gap"]["pairs"]] == ["agreement"]
    front = pd.read_csv(searched / "run" / "front.csv")
    assert {"agreement", "test_agreement", "divergence"} <= set(front.columns)
    assert not {"accuracy", "loss", "test_accuracy"} & set(front.columns)
    assert front["agreement"].between(0, 1).all()
    assert np.allclose(front["agreement"] * 150 % 1, 0)
    said = (searched / "said.txt").read_text()
    assert "Best agreement within budget" in said
    assert "bare.py:images has no labels: accuracy is unknown." in said
    page = (searched / "run" / "report.html").read_text()
    assert "Test agreement" in page


def test_a_table_of_trainings_has_no_accuracy_without_labels(searched):
    record = ff.load_run(searched / "run").record
    columns = [name for name in TRAINED_COLUMNS if name not in LABEL_COLUMNS]
    check_run(replace(record, trained=pd.DataFrame(columns=columns)))
    with pytest.raises(ReportError, match="missing epochs"):
        check_run(replace(record, trained=pd.DataFrame(columns=[name for name in columns if name != "epochs"])))


def test_commands_around_a_run_without_labels(tell, searched):
    assert "Best agreement within budget" in tell("show", "run")
    assert "Agreement" in tell("within", "run", "--flash", "8KiB")
    shutil.copytree(searched / "run", searched / "again", dirs_exist_ok=True)
    assert "Best agreement" in tell("compare", "run", "again")
    assert tell("status", "run").count("best agreement") == 1
    run = ff.load_run(searched / "run")
    assert run.best()["agreement"] == run.front["agreement"].max()
    assert run.best("divergence")["divergence"] == run.front["divergence"].min()


def test_a_design_learns_the_float_networks_answers(tell, searched):
    front = pd.read_csv(searched / "run" / "front.csv", dtype={"design": str})
    design = front.sort_values("agreement")["design"].iloc[0]
    assert "agreement validation" in tell("finetune", "run", "--design", design, "--epochs", 2)
    facts = json.loads((searched / "run" / "tuned" / f"{design}.json").read_text())
    assert facts["key"]["recipe"]["distillation"] == 1
    assert facts["before"]["accuracy"] is None
    assert facts["after"]["agreement"] >= facts["before"]["agreement"]
    assert all(row["validation_accuracy"] is None for row in facts["curve"])
    table = pd.read_csv(searched / "run" / "tuned.csv")
    assert table["agreement"].iloc[0] == pytest.approx(facts["after"]["agreement"])
    assert "Agreement before" in tell("show", "run")
    said = tell("export", "run", "--design", design, "--out", "files")
    assert "accuracy" not in said
    message = "bare.py:images without labels; the accuracy of a packed file is measured on labelled data"
    assert message in tell("run", "files/packed.safetensors", "--data", "bare.py:images", code=2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--data", "bare.py:images", "--objectives", "accuracy,flash"), "accuracy on data without labels"),
        (("--network", "digits-cnn", "--data", "bare.py:images"), "digits-cnn of the zoo is trained on labelled data"),
        (("--network", "nets.py:maps", "--data", "bare.py:maps"), "agreement compare a score for each of several"),
    ],
)
def test_what_needs_labels_or_classes_is_refused(tell, searched, options, message):
    (searched / "nets.py").write_text(
        "import torch\nfrom torch import nn\n"
        "def maps(): return nn.Sequential(nn.Conv2d(3, 4, 3)).eval(), torch.zeros(1, 3, 8, 8)\n"
    )
    network = () if "--network" in options else ("--network", "my_network.py:build")
    said = tell("search", *network, *options, "--trials", 2, "--out", "none", code=2)
    assert message in said
    assert len(said.strip().splitlines()) == 1
    assert not (searched / "none").exists()


def test_training_from_scratch_needs_labels(tell):
    assert "a network is trained on labelled data" in tell("train", "--data", "bare.py:images", code=2)
