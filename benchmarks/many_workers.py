"""Simulated workers that share a study of 60 parameters: trials a second, trials lost, designs measured twice.

    python benchmarks/many_workers.py [--workers 32] [--trials 160] [--seconds 10] [--killed 4]

A worker is a process that proposes at random, sleeps in the place of a measurement, and writes; some are killed in the
middle. All share a PostgreSQL server of this machine (the package pgserver), each by a connection of its own, and then
by `filterfront serve` in front of it.
"""

import argparse
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import optuna

from costmodels import ConvShape, LayerSpec, NetworkSpec, Operation, TensorSpec
from searches.design import Design
from searches.objectives import find_objectives
from searches.space import build_space
from searches.storage import open_storage, sharing_of
from searches.study import Problem, open_study, run_study

LAYERS, HEARTBEAT_SECONDS, STUDY = 15, 10, "shared"
GRID = {"dense": {"weight_bits": (1, 2, 4)}, "stacked-binary": {"segments": (1, 2), "filters": ("1/2", "1/1")}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=32)
    parser.add_argument("--trials", type=int, default=160)
    parser.add_argument("--seconds", type=float, default=10.0, help="that a measurement takes")
    parser.add_argument("--killed", type=int, default=4, help="workers that are killed")
    parser.add_argument("--only", default="", help="storages whose name begins so")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    import pgserver

    heads = "trials a second | of what measuring alone allows | finished | lost | measured twice | load average"
    print(f"| storage | {heads} |\n{'|---' * 7}|")
    multiprocessing.get_context("forkserver").set_forkserver_preload(["searches.study", "searches.shared_database"])
    for kind in (name for name in ("PostgreSQL", "proxy of PostgreSQL") if name.startswith(given.only)):
        server = pgserver.get_server(tempfile.mkdtemp(prefix="filterfront-"), cleanup_mode="delete")
        with tempfile.TemporaryDirectory() as folder, _address(kind, server.get_uri()) as url:
            _print(kind, _measure(url, server.get_uri(), Path(folder), given), given)
        server.cleanup()


@contextmanager
def _address(kind: str, database: str) -> Iterator[str]:
    """What workers are given: the database, or a server in front of it."""
    if kind == "PostgreSQL":
        yield database
        return
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "filterfront", "serve", "--storage", database, "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    time.sleep(5)
    yield f"grpc://localhost:{port}"
    server.terminate()
    server.wait()


def _measure(url: str, database: str, folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    """What became of a study."""
    open_study(_problem(folder, 0), open_storage(url), STUDY, False)
    context = multiprocessing.get_context("forkserver")
    arguments = (url, str(folder), given.seconds, given.trials)
    workers: list[BaseProcess] = [context.Process(target=_work, args=arguments) for _ in range(given.workers)]
    for worker in workers:
        worker.start()
    while len(_measured(folder)) < given.trials // 2:
        time.sleep(0.1)
    for worker in workers[: given.killed]:
        assert worker.pid is not None
        os.kill(worker.pid, signal.SIGKILL)
    load = os.getloadavg()[0]
    for worker in workers:
        worker.join()
    assert all(worker.exitcode == 0 for worker in workers[given.killed :])
    storage = open_storage(database)
    trials = optuna.load_study(storage=storage, study_name=STUDY).get_trials(deepcopy=False)
    done = [trial for trial in trials if trial.state.name == "COMPLETE"]
    ends = sorted(trial.datetime_complete for trial in done if trial.datetime_complete)
    begun = sorted(trial.datetime_start for trial in done if trial.datetime_start)
    # A design of a killed worker is measured once more, which is the promise.
    twice = sum(times - 1 for times in Counter(_measured(folder)).values())
    return {
        "rate": len(done) / (ends[-1] - begun[0]).total_seconds(),
        "finished": len(done),
        "lost": given.trials - len(done),
        "twice": max(twice - given.killed, 0),
        "load": load,
    }


def _print(kind: str, found: dict[str, Any], given: argparse.Namespace) -> None:
    share = found["rate"] * given.seconds / given.workers
    counts = " | ".join(str(found[name]) for name in ("finished", "lost", "twice"))
    print(
        f"| {kind}, {given.workers} workers | {found['rate']:.1f} | {share:.0%} | {counts} | {found['load']:.1f} |",
        flush=True,
    )


def _work(url: str, folder: str, seconds: float, trials: int) -> None:
    """A worker."""
    warnings.simplefilter("ignore")
    storage, problem = open_storage(url), _problem(Path(folder), seconds)
    study = open_study(problem, storage, STUDY, True)
    sharing = sharing_of(storage, STUDY, HEARTBEAT_SECONDS)
    assert sharing is not None
    with sharing:
        run_study(study, problem, "random", 0, trials, sharing=sharing)


def _problem(folder: Path, seconds: float) -> Problem:
    """A search of 60 parameters whose figures are made up of the design's id."""

    def evaluate(design: Design) -> dict[str, Any]:
        time.sleep(seconds)
        (folder / f"{design.id}.{os.getpid()}").touch()
        number = int(design.id, 16)
        return {f"figure{place}": float(number % (place + 7)) for place in range(10)} | {
            "distortion": number / 16**10,
            "storage_bytes": number % 1000,
        }

    return Problem(
        space=build_space(_network(), GRID),
        objectives=find_objectives(["distortion", "storage"], has_data=False),
        budgets=(),
        evaluate=evaluate,
        signature={"network": "made up"},
    )


def _measured(folder: Path) -> list[str]:
    """The designs that were measured, each as often as it was."""
    return [path.name.partition(".")[0] for path in folder.iterdir()]


def _network() -> NetworkSpec:
    shape = ConvShape(4, 4, (3, 3), (6, 6), padding=(1, 1))
    names = [f"layer{number}" for number in range(LAYERS)]
    return NetworkSpec(
        name="made up",
        layers=tuple(LayerSpec(name, shape) for name in names),
        tensors=tuple(TensorSpec(f"t{number}", 144) for number in range(LAYERS + 1)),
        operations=tuple(
            Operation(name, "conv2d", (f"t{number}",), f"t{number + 1}", "counted", "", name)
            for number, name in enumerate(names)
        ),
        inputs=("t0",),
        outputs=(f"t{LAYERS}",),
    )


if __name__ == "__main__":
    main()
