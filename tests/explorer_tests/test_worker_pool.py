"""Processes that measure: each end of one of them, and what becomes of its design."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from costmodels import FilterfrontError
from explorer.search.worker_pool import WorkerPool
from explorer.system.errors import WorkerError
from searches.errors import SearchError

JOBS = """
import os, resource, signal, time
from pathlib import Path
from explorer.search.worker_process import Job
from explorer.system.errors import DataError

class Evaluate:
    def __init__(self, folder):
        self.folder = Path(folder)

    def __call__(self, design):
        name = design["layer"]
        with (self.folder / name).open("a") as file:
            file.write(f"{os.getpid()}\\n")
        tries = len((self.folder / name).read_text().split())
        if name == "dies" or (name == "dies once" and tries == 1):
            os.kill(os.getpid(), signal.SIGKILL)
        if name == "too large":
            resource.setrlimit(resource.RLIMIT_AS, (2**31, 2**31))
            bytearray(2**32)
        if name == "faulty":
            raise ValueError("no such\\nlayer")
        until = time.monotonic() + 600
        while name == "endless" or (name in TOGETHER and not all((self.folder / other).exists() for other in TOGETHER)):
            assert time.monotonic() < until
            time.sleep(0.01)
        time.sleep(0.05)
        return {"storage_bytes": len(name), "threads": os.environ["OMP_NUM_THREADS"]}

def make(folder):
    return Job(Evaluate(folder), {"weights": "ab"})

def make_other(folder):
    return Job(Evaluate(folder), {"weights": "cd"})

def cannot_load(folder):
    raise DataError("data can be read", "nothing", "name another file")

def is_killed(folder):
    os.kill(os.getpid(), signal.SIGKILL)

def is_killed_once(folder):
    try:
        (folder / "killed").touch(exist_ok=False)
    except FileExistsError:
        return make(folder)
    os.kill(os.getpid(), signal.SIGKILL)
"""


TOGETHER = ("one of both", "other of both")
"""Designs that are measured only while two processes measure them."""


@pytest.fixture
def pool(tmp_path, monkeypatch):
    from functools import partial

    (tmp_path / "pool_jobs.py").write_text(f"TOGETHER = {TOGETHER!r}\n{textwrap.dedent(JOBS)}")
    monkeypatch.syspath_prepend(str(tmp_path))
    import pool_jobs

    (tmp_path / "tries").mkdir()
    yield lambda size=2, make="make": WorkerPool(
        size, partial(getattr(pool_jobs, make), tmp_path / "tries"), {"weights": "ab"}
    )
    sys.modules.pop("pool_jobs")


def measured(pool: WorkerPool, names: list[str]) -> dict[str, object]:
    """All measurements, never more at a time than there is room for."""
    waiting, in_hand, done = list(enumerate(names)), set(), {}
    deadline = time.monotonic() + 600
    while len(done) < len(names):
        assert time.monotonic() < deadline
        while waiting and len(in_hand) < pool.capacity:
            number, name = waiting.pop(0)
            pool.submit(number, {"layer": name})
            in_hand.add(number)
        for measurement in pool.completed(0.2):
            in_hand.remove(measurement.number)
            done[names[measurement.number]] = measurement
    return done


def test_several_processes_measure_with_one_thread_each(pool, tmp_path):
    with pool() as several:
        done = measured(several, [*TOGETHER, *(f"design {number}" for number in range(10))])
    assert {name: item.figures for name, item in done.items()} == {
        name: {"storage_bytes": len(name), "threads": "1"} for name in done
    }
    assert len(done) == 12
    used = {path.read_text().strip() for path in (tmp_path / "tries").iterdir()}
    assert len(used) == 2
    assert str(os.getpid()) not in used
    assert all(item.seconds >= 0.05 for item in done.values())
    assert os.environ.get("OMP_NUM_THREADS") == BEFORE


BEFORE = os.environ.get("OMP_NUM_THREADS")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("dies", "the process that measured it ended (signal 9), 2 times"),
        ("too large", "out of memory (MemoryError:), 2 times"),
    ],
)
def test_a_design_that_ends_its_process_twice_fails_and_the_rest_goes_on(pool, tmp_path, name, reason):
    with pool() as several:
        done = measured(several, ["a", name, "dies once", "b", "c"])
    assert len((tmp_path / "tries" / name).read_text().split()) == 2
    assert done[name].reason == reason
    assert done[name].figures == {}
    assert {other: done[other].reason for other in ("a", "dies once", "b", "c")} == dict.fromkeys(
        ("a", "dies once", "b", "c"), ""
    )
    assert len((tmp_path / "tries" / "dies once").read_text().split()) == 2


def test_a_fault_of_a_measurement_is_raised_in_one_line(pool):
    with pool() as several, pytest.raises(WorkerError, match="ValueError: no such layer; "):
        measured(several, ["a", "faulty"])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        ("cannot_load", "got nothing; data can be read; name another file"),
        ("is_killed", "signal 9, 2 times; a process that measures can start; use fewer --workers"),
        ("make_other", 'weights: "ab" then, "cd" now'),
    ],
)
def test_a_process_that_cannot_begin_ends_the_search_with_its_reason(pool, make, message):
    with pool(make=make) as several, pytest.raises(FilterfrontError) as caught:
        measured(several, ["a"])
    assert message in str(caught.value)
    assert isinstance(caught.value, SearchError | WorkerError) or make == "cannot_load"


def test_a_process_that_dies_while_it_loads_is_started_once_more(pool):
    with pool(make="is_killed_once") as several:
        done = measured(several, ["a", *TOGETHER, "b"])
    assert {name: item.reason for name, item in done.items()} == dict.fromkeys(("a", *TOGETHER, "b"), "")


def test_the_end_does_not_wait_for_a_design_that_is_being_measured(pool, tmp_path):
    """A process that it waited for would end with an error, and say so to nobody."""
    with pool() as several:
        measured_first = measured(several, ["a"])
        several.submit(7, {"layer": "endless"})
        deadline = time.monotonic() + 600
        while not (tmp_path / "tries" / "endless").exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        processes = [worker.process for worker in several._workers]
    assert measured_first["a"].reason == ""
    assert not any(process.is_alive() for process in processes)
    assert -signal.SIGKILL in {process.exitcode for process in processes}


def test_the_server_of_copies_hears_of_no_interrupt_while_it_loads():
    """SigBlk of /proc is a mask in hexadecimal, of which SIGINT, 2, is the second bit. Its copies hear of it again."""
    code = """
import threading, time
from multiprocessing import forkserver
from pathlib import Path
from explorer.search.worker_pool import WorkerPool, _context

def blocked():
    lines = Path(f"/proc/{forkserver._forkserver._forkserver_pid}/status").read_text().splitlines()
    return next(line.split()[1] for line in lines if line.startswith("SigBlk"))

def look():
    while forkserver._forkserver._forkserver_pid is None:
        time.sleep(0.001)
    early.append(blocked())

early = []
thread = threading.Thread(target=look)
thread.start()
pool = object.__new__(WorkerPool)
pool._context, pool._make = _context(), print
process = pool._start().process
thread.join()
process.join()
print(*early, blocked())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    early, late = (int(mask, 16) >> (signal.SIGINT - 1) & 1 for mask in done.stdout.split()[-2:])
    assert (early, late) == (1, 0)
