from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.func import functional_call

from costmodels.latency import LatencyModel
from costmodels.schemes import SCHEMES
from explorer.data import load_digits_dataset
from explorer.latency.machine import machine_facts
from explorer.latency.store import Calibration, write_calibration
from explorer.measurement.quality_meter import BATCH
from explorer.networks.trace import trace
from explorer.networks.zoo import build
from explorer.system.memory_layout import channels_last
from explorer.training.trained_cache import trained

KERNELS = [
    f"{scheme.name} / {execution} / {arithmetic}"
    for scheme in SCHEMES.values()
    for execution in scheme.method_names
    for arithmetic in ("planes", "integer", "float")
]


def simple_calibration(facts):
    """Synthetic: every kernel takes 1 us a call and 10 ns an output."""
    rates = {kernel: {"calls": 1e-6, "written": 1e-8} for kernel in KERNELS}
    return Calibration(LatencyModel(rates, facts), 1, 1.0, 0.0)


@pytest.fixture
def synthetic_calibration():
    """What makes one for facts of a machine."""
    return simple_calibration


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    """A cache with a synthetic calibration of this machine."""
    monkeypatch.setenv("FILTERFRONT_CACHE", str(tmp_path / "cache"))
    facts = machine_facts(1)
    write_calibration(simple_calibration(facts))
    return facts


@pytest.fixture(scope="session")
def digits():
    return load_digits_dataset()


@pytest.fixture(scope="session")
def trained_digits(digits, once) -> tuple[nn.Module, object]:
    """The zoo's digits-cnn, trained in full once in a test run, and the record."""

    def train(folder):
        trained("digits-cnn", build("digits-cnn")[0], digits, progress=False)

    once("training", train)
    module, _ = build("digits-cnn")
    return module, trained("digits-cnn", module, digits, progress=False)


@pytest.fixture
def traced_digits(trained_digits):
    return trace(trained_digits[0], build("digits-cnn")[1], "digits-cnn")


class Searching:
    """Runs ``filterfront search`` and checks its exit code."""

    trials = 45

    def __init__(self, run_filterfront):
        self._run = run_filterfront

    def __call__(self, folder, *options, code=0):
        done = self._run("search", "--trials", self.trials, "--out", folder, *options)
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        return done


@pytest.fixture(scope="session")
def search(run_filterfront):
    return Searching(run_filterfront)


@pytest.fixture(scope="session")
def demo(search, once) -> Path:
    """The main job on embedded data, with few trials."""
    return once("demo", search)


@pytest.fixture(scope="session")
def resnet20(search, once) -> Path:
    """ResNet-20 for a named device, without data; its whole space is not fitted."""
    options = (
        "--network",
        "resnet20-cifar",
        "--device",
        "stm32f446",
        "--objectives",
        "distortion,storage",
        "--no-gap",
        "--sampler",
        "tpe",
    )
    return once("resnet20", lambda folder: search(folder, *options))


@pytest.fixture(scope="session")
def command(run_filterfront):
    """Runs the command, for tests that name its code and texts briefly."""

    def run(*arguments):
        done = run_filterfront(*arguments)
        return SimpleNamespace(code=done.returncode, out=done.stdout, err=done.stderr)

    return run


@pytest.fixture(scope="session")
def count_right():
    """How many images of a split a graph answers rightly with these parameters, in the batches of a measurement: other
    batches sum in another order, which can move an activation over the edge of its level."""

    def count(graph, parameters, split) -> int:
        right, images = 0, channels_last(split.inputs)
        with torch.no_grad():
            for inputs, labels in zip(images.split(BATCH), split.labels.split(BATCH), strict=True):
                right += int((functional_call(graph, parameters, (inputs,)).argmax(1) == labels).sum())
        return right

    return count
