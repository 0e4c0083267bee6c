"""A user's own quality of a network's outputs: targets of any kind, what is refused, a search and fine-tuning by it."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

import filterfront as ff
from explorer.config.search import make_config
from explorer.data import Split, load_metric, make_dataset, make_metric
from explorer.data.quality import Quality
from explorer.data.targets import chosen_targets, made_targets, targets_digest
from explorer.system.errors import ArgumentError, CallableError, ConfigError, DataError, QualityError
from searches.errors import SearchError
from searches.objectives import find_objectives

X = np.arange(6 * 2, dtype=np.float32).reshape(6, 2)
BOXES = [{"boxes": np.zeros((number, 4)), "names": ["a"] * number} for number in range(6)]


def parts(targets, validation=None):
    return {"train": (X, targets), "validation": (X, targets if validation is None else validation)}


@pytest.mark.parametrize(
    "targets",
    [X[:, 0], BOXES, {"mask": X, "count": np.arange(6)}, ["a"] * 6, torch.zeros(6, 3, 4)],
    ids=["floats", "things", "mapping", "texts", "maps"],
)
def test_targets_of_any_kind_are_kept_for_a_metric(targets):
    data = make_dataset(parts(targets), "mine", "drawn", any_targets=True)
    assert (data.is_labelled, data.has_targets, data.classes) == (False, True, 0)
    some = data.with_validation(3).validation  # every second of 6
    assert some.inputs[:, 0].tolist() == [0, 4, 8]
    assert targets_digest(some.judged_by) == targets_digest(chosen_targets(made_targets(targets, 6), slice(0, 6, 2)))
    with pytest.raises(DataError, match="train: labels are"):
        make_dataset(parts(targets), "mine", "drawn")


def test_labels_stay_labels_where_all_parts_have_them():
    labels = np.arange(6) % 3
    assert make_dataset(parts(labels), "mine", "drawn", any_targets=True).classes == 3
    larger = make_dataset(parts(labels, labels + 1), "mine", "drawn", any_targets=True)  # ages, not classes
    assert larger.train.labels is None
    assert larger.validation.judged_by.tolist() == [1, 2, 3, 1, 2, 3]
    assert larger.digest != make_dataset(parts(labels, labels + 2), "mine", "drawn", any_targets=True).digest


@pytest.mark.parametrize(
    ("targets", "fault"),
    [
        (BOXES[:5], "train: 6 inputs but 5 targets"),
        (X[:4], "train: 6 inputs but 4 targets"),
        (7, "train: targets are an array, a sequence or a mapping of these, not int"),
        ({"a": BOXES, "b": BOXES[:2]}, "train: 6 inputs but 2 targets"),
    ],
)
def test_targets_that_fit_no_images_are_named(targets, fault):
    with pytest.raises(DataError) as caught:
        make_dataset(parts(targets), "mine", "drawn", any_targets=True)
    assert fault in str(caught.value)


def test_a_metric_sees_all_images_at_once_as_the_network_answers_them():
    """Seven images in batches of three; the last output has no batch dimension."""
    seen = []

    def judge(outputs, targets):
        seen.append((outputs, targets))
        targets[0] = 100  # its own copy
        return outputs["boxes"].sum() + len(targets)

    split = Split(torch.arange(7.0)[:, None], None, [0] * 7)
    metric = make_metric(judge, "judge", None)
    for _ in range(2):
        found = Quality.of(lambda x: {"boxes": x, "anchors": torch.tensor(2.0)}, split, 3, metric=metric)
        assert found.figures() == {"metric": 28.0}  # 0 + ... + 6 = 21, and 7
    assert seen[1][0]["boxes"].shape == (7, 1)
    assert float(seen[1][0]["anchors"]) == 2
    assert split.targets == [0] * 7


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("'good'", "a str; the metric judge gives a number; mend judge"),
        ("None", "a NoneType; the metric judge gives a number"),
        ("True", "a bool"),
        ("1j", "a complex"),
        ("outputs", "a Tensor of shape \\(2, 1\\)"),
        ("1 / 0", "ZeroDivisionError: division by zero; the metric judge takes the outputs; mend judge"),
        ("exit()", "SystemExit"),
    ],
)
def test_what_is_no_number_is_one_line_that_names_the_metric(value, message):
    judge = make_metric(eval(f"lambda outputs, targets: {value}"), "judge", None)  # noqa: S307 (written above)
    with pytest.raises(QualityError, match=message):
        judge.of(torch.zeros(2, 1), [1, 2])


@pytest.mark.parametrize("value", [np.float32(2), torch.tensor([2.0]), np.array(2), 2])
def test_numbers_of_all_kinds_are_numbers(value):
    assert make_metric(lambda outputs, targets: value, "judge", None).of(None, None) == 2.0


CODE = """
import numpy as np
import torch
from torch import nn

class Depth(nn.Module):
    def __init__(self):
        super().__init__()
        self.down, self.up = nn.Conv2d(1, 8, 3, stride=2, padding=1), nn.Conv2d(8, 2, 1)
        self.count = nn.Linear(8, 1)
    def forward(self, x):
        x = torch.relu(self.down(x))
        return {"maps": self.up(x), "count": self.count(x.mean((2, 3)))}

def build():
    torch.manual_seed(0)
    return Depth().eval(), torch.zeros(1, 1, 8, 8)

def parts():
    rng = np.random.default_rng(0)
    network, _ = build()
    def part(size):
        x = torch.from_numpy(rng.normal(size=(size, 1, 8, 8)).astype(np.float32))
        with torch.no_grad():
            made = network(x)
        return x, [{"map": one, "count": float(count)} for one, count in zip(made["maps"], made["count"])]
    return {"train": part(40), "validation": part(20), "test": part(20)}

def error(outputs, targets):
    wanted = torch.stack([one["map"] for one in targets])
    return ((outputs["maps"] - wanted) ** 2).mean().sqrt() / wanted.std()
error.direction = "minimize"

def broken(outputs, targets):
    return outputs["nothing"]

def never(outputs, targets):
    return float("nan")

def odd(outputs, targets):
    return 1.0
odd.direction = "up"
"""
SEARCH = ("search", "--network", "code.py:build", "--data", "code.py:parts", "--flash", "4KiB")
SPACE = ("--schemes", "dense(weight_bits=2),dense(weight_bits=8)", "--trials", 6)


@pytest.fixture(scope="module")
def searched(run_filterfront, once):
    """A folder with a network of two outputs, neither of them classes, and a search for its own metric in ``run``."""

    def search(place):
        place.mkdir()
        (place / "code.py").write_text(CODE)
        done = run_filterfront(*SEARCH, *SPACE, "--metric", "code.py:error", "--out", "run", cwd=place)
        assert done.returncode == 0, done.stderr
        (place / "said.txt").write_text(done.stdout)

    return once("metric", search)


def test_a_search_for_a_metric_makes_it_small_as_its_attribute_says(searched):
    info = json.loads((searched / "run" / "run.json").read_text())
    goals = [(goal["name"], goal["direction"], goal["unit"]) for goal in info["objectives"]]
    assert goals == [("metric", "minimize", "code.py:error"), ("flash", "minimize", "bytes")]
    assert info["configuration"]["metric_direction"] == "minimize"
    assert info["float"]["metric"] < 0.1  # the network's own outputs are the targets; 8-bit activations
    assert info["configuration"]["sampler"] == "guided"
    front = pd.read_csv(searched / "run" / "front.csv")
    assert {"metric", "test_metric"} <= set(front.columns)
    assert not {"agreement", "divergence", "accuracy", "loss"} & set(front.columns)
    assert front.sort_values("flash_bytes")["metric"].is_monotonic_decreasing
    said = (searched / "said.txt").read_text()
    assert "The metric is code.py:error, of all outputs for a part of the data at once; less is better." in said
    assert ff.load_run(searched / "run").best()["metric"] == front["metric"].min()
    assert ff.load_run(searched / "run").best("metric")["metric"] == front["metric"].min()


def test_a_run_folder_does_not_make_the_metrics_file_run(tell, searched, run_filterfront, tmp_path):
    """Its code is gone; what is worked on is the folder. The network and the data are named again."""
    assert "Best metric within budget" in tell("show", "run")
    assert "Metric" in tell("within", "run", "--flash", "8KiB")
    (tmp_path / "code.py").write_text(CODE + "\nimport pathlib\ndef error(*_): pathlib.Path('ran').touch()\n")
    design = pd.read_csv(searched / "run" / "front.csv", dtype=str)["design"].iloc[0]
    options = ("--design", design, "--out", "files", "--trust")
    done = run_filterfront("export", searched / "run", *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "files" / "packed.safetensors").is_file()
    assert not (tmp_path / "ran").exists()


def test_fine_tuning_learns_the_outputs_and_a_metric_chooses_where_it_is_named(tell, searched):
    design = pd.read_csv(searched / "run" / "front.csv", dtype=str)["design"].iloc[-1]
    said = tell("finetune", "run", "--design", design, "--epochs", 1, "--metric", "code.py:error")
    assert "metric validation" in said
    facts = json.loads((searched / "run" / "tuned" / f"{design}.json").read_text())
    assert facts["curve"][0]["validation_error"] > 0
    assert facts["curve"][0]["validation_metric"] > 0
    assert 0 < facts["after"]["metric"] <= facts["before"]["metric"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--metric", "code.py:broken"), "KeyError: 'nothing'; the metric code.py:broken takes the outputs"),
        (("--metric", "code.py:never"), "nan; the metric code.py:never of the float network is a finite number"),
        (("--metric", "code.py:odd"), "'up'; the direction of the metric code.py:odd is maximize or minimize"),
        (("--metric", "code.py:missing"), "missing; code.py defines the name that is asked for"),
        (("--metric", "code.py:error", "--objectives", "flash,sram"), "add metric to --objectives"),
        (("--objectives", "metric,flash"), "metric without one; the objective metric is a function of the user's own"),
        (("--metric-direction", "minimize"), "give --metric too"),
        ((), "train: labels are no array of numbers"),
    ],
)
def test_metrics_that_cannot_be_used_are_refused_before_any_trial(tell, searched, options, message):
    said = tell(*SEARCH, *SPACE, *options, "--out", "none", code=2)
    assert message in said
    assert len(said.strip().splitlines()) == 1
    assert not (searched / "none").exists()


def test_a_metric_is_given_in_python_too(searched):
    namespace = {}
    exec(CODE, namespace)  # noqa: S102 (written above)
    module, example = namespace["build"]()
    run = ff.search(
        module,
        example_input=example,
        data=namespace["parts"](),
        flash="4KiB",
        metric=lambda outputs, targets: -namespace["error"](outputs, targets),
        schemes=["dense(weight_bits=2)", "dense(weight_bits=8)"],
        trials=3,
        sampler="random",
        gap=False,
        calibration_images=0,
        out=searched / "python",
        quiet=True,
    )
    assert run.info["objectives"][0]["direction"] == "maximize"
    assert (run.front["metric"] < 0).all()
    with pytest.raises(ArgumentError, match="a metric is a function or the text that names one"):
        ff.search(module, example_input=example, data=namespace["parts"](), metric=3)


def test_options_of_a_metric():
    assert make_config(metric="a.py:b").objective_names == ("metric", "flash")
    with pytest.raises(ConfigError, match="give --data too"):
        make_config(network="resnet18", metric="a.py:b")
    assert find_objectives(["metric"], True, metric="minimize")[0].direction == "minimize"
    assert find_objectives(["metric"], True, metric="maximize")[0].direction == "maximize"
    with pytest.raises(SearchError, match=r"give --metric file\.py:callable"):
        find_objectives(["metric"], True)
    with pytest.raises(CallableError, match="the file exists"):
        load_metric("nowhere.py:x")
