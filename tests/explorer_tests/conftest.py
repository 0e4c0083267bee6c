import multiprocessing
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn
from torch.func import functional_call

from costmodels.latency import LatencyModel
from costmodels.schemes import SCHEMES
from explorer.data import load_digits_dataset
from explorer.measurement import layer_fits
from explorer.measurement.latency.machine import machine_facts
from explorer.measurement.latency.store import Calibration, write_calibration
from explorer.measurement.quality_meter import BATCH
from explorer.networks.trace import trace
from explorer.networks.zoo import build
from explorer.search.worker_pool import PRELOADED
from explorer.system.memory_layout import channels_last
from explorer.training import folder as _training_folder  # noqa: F401  # it takes its drawing before that is replaced
from explorer.training.trained_cache import trained
from reports import figures

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # where copies of a process that has loaded the libraries find what they are to run
import held_command  # noqa: E402

EXAMPLES = HERE.parents[1] / "examples"
LOADED = ("explorer.search.run", "matplotlib.backends.backend_agg", "mpl_toolkits.mplot3d")
"""What a command loads of libraries once it runs, in addition to what the processes that measure do."""
DEADLINE_SECONDS = 600
"""What a test waits for has gone wrong by then; no test takes that long on any machine."""

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


@pytest.fixture(autouse=True)
def _same_weights():
    """Modules that a test makes have the same weights whichever tests ran before."""
    torch.manual_seed(0)


@pytest.fixture(scope="session", autouse=True)
def _fits_here():
    """Layers are fitted by the process that asks: the tests keep all processors busy, and starting others takes
    seconds each time. Tests of fits in several processes set this again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layer_fits, "ALONE_SECONDS", 1e9)
        yield


@pytest.fixture(autouse=True)
def _pictures_are_not_drawn(monkeypatch):
    """Pictures of reports are composed and not drawn, which is most of what a short search would take. Fixtures of the
    whole session draw them, and so do the tests of reports."""
    monkeypatch.setattr(figures, "figure_bytes", lambda figure, kind, dpi: f"{kind} of {figure}, not drawn".encode())


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

    trials = 30

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
    """The main job on embedded data, with few trials, its layers fitted to their weights alone: fits to data have tests
    of their own, and take a minute of a space as large as the default one."""
    return once("demo", lambda folder: search(folder, "--calibration-images", 0))


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
        "--trials",
        16,
    )
    return once("resnet20", lambda folder: search(folder, *options))


@pytest.fixture(scope="session")
def command(run_filterfront):
    """Runs the command, for tests that name its code and texts briefly."""

    def run(*arguments):
        done = run_filterfront(*arguments)
        return SimpleNamespace(code=done.returncode, out=done.stdout, err=done.stderr)

    return run


@pytest.fixture
def tell(run_filterfront, searched):
    """All that a command prints in the folder that a module's ``searched`` has made; its exit code is checked."""

    def run(*arguments, code=0):
        done = run_filterfront(*arguments, cwd=searched)
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr

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


@pytest.fixture
def folder(tmp_path) -> Path:
    """A folder with a small network and synthetic data of one's own."""
    shutil.copy(EXAMPLES / "my_network.py", tmp_path / "net.py")
    shutil.copy(EXAMPLES / "my_data.py", tmp_path / "data.py")
    return tmp_path


class Gate:
    """The gate at which ``held_command.py`` holds a function of the command, from the test's side.

    Args:
        folder: to be made.
        function: each call of it, in any of the command's processes, waits at the gate.
        allowed: calls that pass at once.
        settings: whole numbers to be changed, by ``module:NAME``.
    """

    def __init__(self, folder: Path, function: Callable[..., Any], allowed: int, settings: dict[str, int]) -> None:
        self.folder = folder
        folder.mkdir()
        (folder / "target").write_text(f"{function.__module__}:{function.__qualname__}")
        (folder / "settings").write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
        (folder / "calls").touch()
        self.let(allowed)

    def let(self, calls: int = sys.maxsize) -> None:
        """So many calls in all pass; every one by default."""
        (self.folder / "unfinished").write_text(str(calls))
        os.replace(self.folder / "unfinished", self.folder / "allowed")

    def came(self) -> list[int]:
        """The process of each call that has come to the gate, in order."""
        return [int(line) for line in (self.folder / "calls").read_text().splitlines()]


@pytest.fixture
def make_gate(tmp_path) -> Callable[..., Gate]:
    """Makes the gates of a test."""
    numbers = count()

    def make(function: Callable[..., Any], allowed: int, settings: dict[str, int] | None = None) -> Gate:
        return Gate(tmp_path / f"gate-{next(numbers)}", function, allowed, settings or {})

    return make


class Command:
    """A command that runs while the test does, in a process group of its own; all that it prints is in a file.

    It is the copy of a process that has loaded the libraries and done nothing, since loading them takes longer than
    what a test does; test_cli.py starts the installed command.
    """

    def __init__(self, gate: Gate, arguments: tuple[object, ...], cwd: Path, output: Path) -> None:
        self._output = output
        output.touch()
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([*PRELOADED, *LOADED])
        given = gate.folder, [str(argument) for argument in arguments], cwd, output, dict(os.environ)
        self._process = context.Process(target=held_command.run, args=given)
        self._process.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def is_running(self) -> bool:
        return self._process.is_alive()

    def send_signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def kill_all(self) -> None:
        """Ends it and what it has started."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.join()

    def said(self) -> str:
        return self._output.read_text()

    def ended(self, code: int = 0) -> str:
        """Waits for its end, which has this code; what it printed."""
        self._process.join(timeout=DEADLINE_SECONDS)
        assert self._process.exitcode == code, self.said()
        assert "Traceback" not in self.said()
        return self.said()


@pytest.fixture
def began(folder) -> Iterator[Callable[..., Command]]:
    """Commands that run while the test does, held at a gate, killed at its end."""
    running: list[Command] = []

    def start(gate: Gate, *arguments: object) -> Command:
        running.append(Command(gate, arguments, folder, folder / f"output-{len(running)}"))
        return running[-1]

    yield start
    for command in running:
        command.kill_all()


@pytest.fixture(scope="session")
def until() -> Callable[..., Any]:
    """Waits until a condition has come true, and gives its value; for minutes while the processes run that it is of."""

    def wait(condition: Callable[[], Any], *running: Command) -> Any:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not (found := condition()):
            assert time.monotonic() < deadline, [process.said() for process in running]
            for process in running:
                assert process.is_running(), process.said()
            time.sleep(0.05)
        return found

    return wait
