"""``filterfront finetune`` and ``search --finetune-top`` through the real command, on the run of the search tests."""

import json
import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.numpy import load_file

from explorer.api.run import Run
from explorer.config.given import NOTHING_GIVEN
from explorer.config.search import make_config
from explorer.measurement.quality_meter import QualityMeter
from explorer.measurement.quantized_graph import quantized_graph
from explorer.networks.trace import trace
from explorer.networks.zoo import build
from explorer.system.errors import ConfigError
from explorer.training.checkpoint import Checkpoint
from reports.run_folder import read_run

EPOCHS = "3"


@pytest.fixture(scope="module")
def design(demo) -> str:
    """The best design of the front that has lost much."""
    front = pd.read_csv(demo / "front.csv", dtype={"design": str})
    return str(front[front["accuracy"] < 0.9].nlargest(1, "accuracy")["design"].iloc[0])


@pytest.fixture(scope="module")
def recipe(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("recipe") / "recipe.toml"
    path.write_text("averaging = 0.5\n")
    return path


@pytest.fixture(scope="module")
def tuned(demo, design, recipe, run_filterfront, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("tuned") / demo.name
    shutil.copytree(demo, folder)
    done = run_filterfront("finetune", folder, "--design", design, "--epochs", EPOCHS, "--recipe", recipe)
    assert done.returncode == 0, done.stderr
    assert f"{design}: validation " in done.stdout
    assert facts_of(folder, design)["key"]["recipe"]["averaging"] == 0.5
    return folder


def facts_of(folder: Path, design: str):
    return json.loads((folder / "tuned" / f"{design}.json").read_text())


def test_a_design_wins_back_accuracy_at_no_more_cost(tuned, design):
    facts, row = facts_of(tuned, design), read_run(tuned).front.set_index("design").loc[design]
    for name in ("accuracy", "test_accuracy", "storage_bytes", "flash_bytes", "bit_ops", "distortion"):
        assert facts["before"][name] == pytest.approx(row[name], rel=1e-12), name
    best = json.loads((tuned / "run.json").read_text())["float"]
    for name in ("accuracy", "test_accuracy"):
        assert best[name] - facts["before"][name] > 0.05  # what compression lost; most of it is won back
        assert best[name] - facts["after"][name] < (best[name] - facts["before"][name]) / 2
    for name in ("storage_bytes", "flash_bytes", "sram_bytes", "bit_ops"):
        assert facts["after"][name] <= facts["before"][name]
    assert [epoch["epoch"] for epoch in facts["curve"]] == [1, 2, 3]
    assert facts["epochs"] == 3
    assert not list((tuned / "tuned").glob("*.pt"))


def test_the_state_that_is_kept_is_the_network_that_was_measured(tuned, design, digits, count_right):
    """By the original module alone."""
    facts, tensors = facts_of(tuned, design), load_file(tuned / "tuned" / f"{design}.safetensors")
    module, example = build("digits-cnn")
    state = {key.removeprefix("state/"): value for key, value in tensors.items() if key.startswith("state/")}
    module.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in state.items()})
    traced = trace(module.eval(), example, "tuned")
    graph = quantized_graph(traced, QualityMeter(traced, digits).ranges)
    for part, name in (("validation", "accuracy"), ("test", "test_accuracy")):
        split = digits.part(part)
        assert count_right(graph, {}, split) == round(facts["after"][name] * len(split))
    assert any(key.startswith("arrays/conv2/") for key in tensors)


def test_the_report_shows_it_before_and_after(tuned, design):
    table = pd.read_csv(tuned / "tuned.csv", dtype={"design": str}).set_index("design")
    facts = facts_of(tuned, design)
    assert table.loc[design, "accuracy_before"] == facts["before"]["accuracy"]
    assert table.loc[design, "accuracy"] == facts["after"]["accuracy"]
    page = (tuned / "report.html").read_text()
    assert 'class="move"' in page
    assert "Designs fine-tuned, before and after." in page
    assert "fine-tuned; the arrow comes from where it was" in page


def test_a_killed_training_goes_on_to_the_same_bits(
    tuned, design, recipe, demo, run_filterfront, tmp_path, began, make_gate, until
):
    folder = tmp_path / "killed"
    shutil.copytree(demo, folder)
    gate = make_gate(Checkpoint.save, 1)
    running = began(gate, "finetune", folder, "--design", design, "--epochs", EPOCHS, "--recipe", recipe)
    until(lambda: len(gate.came()) == 2, running)  # one epoch is kept, another is not
    assert list((folder / "tuned").glob("*.checkpoint.pt"))
    os.killpg(running.pid, signal.SIGKILL)
    running.ended(-signal.SIGKILL)
    assert not (folder / "tuned.csv").exists()
    other = run_filterfront("finetune", folder, "--design", design, "--epochs", "2")
    assert other.returncode == 2
    assert "the checkpoint belongs to this fine-tuning" in other.stderr
    done = run_filterfront("finetune", folder, "--design", design, "--epochs", EPOCHS, "--recipe", recipe, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["design"] == design
    name = f"tuned/{design}.safetensors"
    assert (folder / name).read_bytes() == (tuned / name).read_bytes()
    first, second = (facts_of(one, design) for one in (folder, tuned))
    assert first | {"seconds": 0} == second | {"seconds": 0}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("design", "got nonesuch; --design is a design of the run's front"),
        ("weights", "weights are those of the search"),
        ("data", "data are those of the search"),
        ("none", "a run folder holds run.json"),
    ],
)
def test_what_is_no_longer_the_search_is_refused_in_one_line(demo, design, run_filterfront, tmp_path, change, said):
    folder = tmp_path / "changed"
    if change == "none":
        folder.mkdir()
    else:
        shutil.copytree(demo, folder)
        info = json.loads((folder / "run.json").read_text())
        if change == "weights":
            info["network"]["weights_digest"] = "0" * 64
        if change == "data":
            info["data"]["digest"] = "0" * 64
        (folder / "run.json").write_text(json.dumps(info))
    done = run_filterfront("finetune", folder, "--design", "nonesuch" if change == "design" else design)
    assert done.returncode == 2
    assert done.stderr.startswith("filterfront: ")
    assert done.stderr.count("\n") == 1
    assert said in done.stderr


def test_a_search_fine_tunes_the_designs_that_are_worth_it(tuned, search, design):
    """One of them was fine-tuned before, with as many epochs: it is read."""
    options = (
        "--calibration-images",
        0,
        "--resume",
        "--no-gap",
        "--finetune-top",
        "2",
        "--finetune-epochs",
        EPOCHS,
        "--json",
    )
    before = facts_of(tuned, design)
    plain = json.loads(search(tuned, *options).stdout)
    run = read_run(tuned)
    assert len(plain["tuned"]) == 2
    assert set(run.tuned["design"]) == {design, *(facts["design"] for facts in plain["tuned"])}
    lost = run.front.set_index("design")["accuracy"] < run.info.float_network.accuracy
    assert all(lost[facts["design"]] for facts in plain["tuned"])
    assert facts_of(tuned, design) == before
    assert np.isfinite(run.tuned["accuracy"]).all()


def test_fine_tuning_needs_data(run_filterfront, tmp_path):
    done = run_filterfront("search", "--network", "resnet20-cifar", "--finetune-top", "1", "--out", tmp_path / "run")
    assert done.returncode == 2
    assert "--finetune-top trains designs on data; give --data too" in done.stderr


def test_a_search_without_data_is_refused_before_anything_of_it_is_opened(monkeypatch, tmp_path):
    monkeypatch.setattr(Run, "_check_work", lambda self, design: make_config(network="net.py:build", flash="4KiB"))
    with pytest.raises(ConfigError, match="a search without data; a design is fine-tuned on data"):
        Run(tmp_path / "none", NOTHING_GIVEN).tune("a", 1)
