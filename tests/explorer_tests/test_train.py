"""``filterfront train`` through the real command, and searches on what it leaves."""

import csv
import json
import os
import signal
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file

from explorer.data import glyphs
from explorer.training.checkpoint import Checkpoint
from reports.run_folder import read_run

FILES = {"weights.safetensors", "curve.csv", "curve.png", "curve.svg", "training.json"}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FILTERFRONT_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def photos(tmp_path) -> Path:
    """Synthetic 32x32 images in three classes: class k is brightest in channel k."""
    rng = np.random.default_rng(0)
    for part, count in (("train", 30), ("val", 10), ("test", 8)):
        for label, name in enumerate(("red", "green", "blue")):
            folder = tmp_path / "photos" / part / name
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = rng.integers(0, 100, (32, 32, 3), dtype=np.uint8)
                pixels[:, :, label] += 100
                Image.fromarray(pixels).save(folder / f"{number}.png")
    return tmp_path / "photos"


def train(run_filterfront, *options, code=0):
    done = run_filterfront("train", *options)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done


def test_a_training_leaves_weights_record_and_curve(run_filterfront, tmp_path):
    out = tmp_path / "digits"
    done = train(run_filterfront, "--epochs", 3, "--out", out)
    assert {path.name for path in out.iterdir()} == FILES
    facts = json.loads((out / "training.json").read_text())
    assert (facts["network"], facts["recipe"]["epochs"], facts["data"]["classes"]) == ("digits-cnn", 3, 10)
    assert (facts["data"]["train"], facts["data"]["test"]) == (1_097, 400)
    rows = list(csv.DictReader((out / "curve.csv").read_text().splitlines()))
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3]
    assert float(rows[-1]["validation_accuracy"]) == facts["validation_accuracy"]
    assert [float(row["training_loss"]) for row in rows] == [epoch["loss"] for epoch in facts["curve"]]
    assert f"test accuracy: {facts['test_accuracy']:.2%} of 400 images [measured]" in done.stdout
    assert "trained in" in done.stdout
    assert "training on" not in done.stderr  # no bar outside a terminal
    with Image.open(out / "curve.png") as picture:
        assert picture.size == (2000, 720)
    again = json.loads(train(run_filterfront, "--epochs", 3, "--out", out, "--json").stdout)
    assert again == {"folder": str(out), **facts, "from_cache": True}


def test_a_search_reads_the_weights_that_a_training_left(run_filterfront, tmp_path):
    train(run_filterfront, "--epochs", 2, "--out", tmp_path / "short")
    weights = tmp_path / "short" / "weights.safetensors"
    options = (
        "--weights",
        weights,
        "--data",
        "digits",
        "--trials",
        3,
        "--flash",
        "1MiB",
        "--validation-images",
        50,
        "--no-gap",
        "--sampler",
        "tpe",
        "--schemes",
        "dense,ternary",
    )
    done = run_filterfront("search", *options, "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    run = read_run(tmp_path / "run")
    assert run.info.network.weights_origin == "weights of weights.safetensors"
    assert (run.info.data.validation, run.info.data.validation_available) == (50, 300)
    assert (run.trials["accuracy"] * 50 % 1 < 1e-9).all()
    assert "on 50 of 300 validation images of digits" in done.stdout
    assert "50 of 300 for validation" in (tmp_path / "run" / "report.html").read_text()


def test_a_network_of_the_zoo_has_an_output_for_each_class_and_is_trained_for_its_search(
    run_filterfront, tmp_path, photos
):
    data = f"images:{photos}"
    train(run_filterfront, "--network", "resnet20-cifar", "--data", data, "--epochs", 1, "--out", tmp_path / "net")
    weights = load_file(tmp_path / "net" / "weights.safetensors")
    assert weights["fc.weight"].shape == (3, 64)
    facts = json.loads((tmp_path / "net" / "training.json").read_text())
    assert facts["data"]["name"] == "photos"
    assert facts["recipe"]["channels_last"]
    weights_file = tmp_path / "net" / "weights.safetensors"
    options = ("--network", "resnet20-cifar", "--data", data, "--weights", weights_file, "--schemes", "dense")
    few = ("--trials", 2, "--no-gap", "--sampler", "tpe", "--calibration-images", 0)
    done = run_filterfront("search", *options, *few, "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    last = read_run(tmp_path / "run").layers.query("layer == 'fc'")["shape"]
    assert set(last) == {"64->3 1x1 at 1x1"}


def test_synthetic_data_are_called_so_in_everything_that_names_them(run_filterfront, tmp_path, monkeypatch):
    few = {"train": 96, "validation": 48, "test": 48}
    monkeypatch.setattr(glyphs, "load_glyphs", partial(glyphs.load_glyphs, few))

    def run(*arguments):
        done = run_filterfront(*arguments, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout

    net = ("--network", "resnet20-cifar", "--data", "glyphs32")
    trained = run("train", *net, "--epochs", 1, "--out", "net")
    assert "resnet20-cifar on synthetic glyphs32 (synthetic: characters" in trained
    assert "resnet20-cifar on synthetic glyphs32" in (tmp_path / "net" / "curve.svg").read_text()
    options = (
        "--weights",
        "net/weights.safetensors",
        "--schemes",
        "dense",
        "--calibration-images",
        0,
        "--trials",
        2,
        "--no-gap",
        "--sampler",
        "tpe",
    )
    searched = run("search", *net, *options, "--out", "run")
    assert "on 48 validation images of synthetic glyphs32" in searched
    page = (tmp_path / "run" / "report.html").read_text()
    assert "The data are synthetic glyphs32 (synthetic: characters in" in page
    info = json.loads((tmp_path / "run" / "run.json").read_text())
    assert info["data"]["name"] == "synthetic glyphs32"
    assert info["data"]["origin"].startswith("synthetic")


def test_a_killed_training_goes_on_to_the_weights_of_a_whole_one(
    run_filterfront, folder, monkeypatch, began, make_gate, until
):
    """Killed, gone on, interrupted, gone on to the end."""
    options = ("train", "--network", "net.py:build", "--data", "data.py:parts", "--epochs", 6)
    assert run_filterfront(*options, "--out", "whole", cwd=folder).returncode == 0
    monkeypatch.setenv("FILTERFRONT_CACHE", str(folder / "other-cache"))
    kept = folder / "other-cache" / "trained"
    gate = make_gate(Checkpoint.save, 0)
    for stop, code in ((signal.SIGKILL, -9), (signal.SIGINT, 130)):
        came, before = len(gate.came()), checkpoint_times(kept)
        gate.let(came + 1)
        running = began(gate, *options, "--out", "stopped")
        until(lambda came=came: len(gate.came()) == came + 2, running)  # one epoch is kept, another is not
        assert checkpoint_times(kept) != before
        os.kill(running.pid, stop)
        running.ended(code)
        assert not list(kept.glob("*.safetensors")), "the training ended before it was stopped"
    assert run_filterfront(*options, "--out", "stopped", cwd=folder).returncode == 0
    whole, stopped = (folder / name / "weights.safetensors" for name in ("whole", "stopped"))
    assert whole.read_bytes() == stopped.read_bytes()
    assert (folder / "whole" / "curve.csv").read_bytes() == (folder / "stopped" / "curve.csv").read_bytes()


def checkpoint_times(folder: Path) -> list[int]:
    """When each checkpoint was written, in ns."""
    return [path.stat().st_mtime_ns for path in folder.glob("*.checkpoint.pt")]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ("--epochs", "0", "--threads", "0"),
            "--epochs: got 0; Input should be greater than or equal to 1 | --threads: got 0; ",
        ),
        (("--network", "digits-cn"), "did you mean digits-cnn?"),
        (("--data", "digit"), "did you mean digits?"),
        (("--data", "images:nowhere"), "nowhere without train"),
        (("--network", "resnet20-cifar"), "; the network takes the inputs of digits"),
    ],
)
def test_train_refuses_in_one_line(run_filterfront, tmp_path, options, message):
    done = run_filterfront("train", *options, "--out", tmp_path / "none")
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "none").exists()
