"""Many workers through the real command, and what disks, memory, signals and databases do to a search."""

import json
import math
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace
from itertools import count
from pathlib import Path

import optuna
import pandas as pd
import psutil
import pytest
from optuna.storages import JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from costmodels import FilterfrontError
from explorer.cli import main
from explorer.config.search import make_config
from explorer.data.quality import Quality
from explorer.measurement.quality_meter import QualityMeter
from explorer.search.run import run_search

ROOT = Path(__file__).parents[2]
TRIALS = 30
PROGRAM = str(Path(sys.executable).with_name("filterfront"))
SMALL = (
    "--no-gap",
    "--network",
    "net.py:build",
    "--data",
    "data.py:parts",
    "--flash",
    "4KiB",
    "--schemes",
    "dense",
    "--sampler",
    "tpe",
    "--trials",
    TRIALS,
)
MANY = 80
LONG = (*SMALL, "--trials", MANY)
"""A search that is stopped half way: long enough that it is not over before the signal comes."""


@pytest.fixture
def folder(tmp_path) -> Path:
    """A folder with a small network and synthetic data of one's own."""
    shutil.copy(ROOT / "examples" / "my_network.py", tmp_path / "net.py")
    shutil.copy(ROOT / "examples" / "my_data.py", tmp_path / "data.py")
    return tmp_path


@pytest.fixture
def began(folder):
    """Commands that run beside the test, ended with it."""
    running = []

    def start(*arguments) -> subprocess.Popen[str]:
        command = [PROGRAM, *map(str, arguments)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        running.append(subprocess.Popen(command, cwd=folder, start_new_session=True, **pipes))
        return running[-1]

    yield start
    for process in running:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def ended(process: subprocess.Popen[str], code: int = 0) -> str:
    output, _ = process.communicate(timeout=200)
    assert process.returncode == code, output
    assert "Traceback" not in output
    return output


def finished(study: optuna.Study) -> dict[str, dict]:
    """Records of the finished trials that were measured, by design; none is measured twice."""
    records = [trial.user_attrs["record"] for trial in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))]
    measured = [record for record in records if record["state"] == "measured"]
    assert len({record["design"] for record in measured}) == len(measured)
    return {record["design"]: record for record in measured}


def journal(folder: Path, name: str = "run") -> optuna.Study | None:
    """The study as Optuna reads it, None until it is there."""
    path = folder / name / "study.journal"
    storage = JournalStorage(JournalFileBackend(str(path))) if path.exists() and path.stat().st_size else None
    has_study = storage is not None and name in optuna.get_all_study_names(storage)
    return optuna.load_study(storage=storage, study_name=name) if has_study else None


def wait_for(process: subprocess.Popen[str], study, least: int) -> dict[str, dict]:
    """The measured designs, once there are so many."""
    deadline = time.monotonic() + 150
    while time.monotonic() < deadline and process.poll() is None:
        found = study()
        if found is not None and len(measured := finished(found)) >= least:
            return measured
        time.sleep(0.1)
    raise AssertionError(f"too few trials: {process.poll()}, {process.communicate()[0] if process.poll() else ''}")


def check_front(run: Path, trials: int = TRIALS) -> pd.DataFrame:
    """The front is what the trials say, no design is measured twice, and as many trials as asked for are there."""
    table, front = pd.read_csv(run / "trials.csv"), pd.read_csv(run / "front.csv")
    assert len(table) == trials
    measured = table[table["state"] == "measured"]
    assert measured["design"].is_unique
    points = {(-row["accuracy"], row["flash_bytes"]) for _, row in measured[measured["feasible"]].iterrows()}
    best = {
        point
        for point in points
        if not any(all(a <= b for a, b in zip(other, point, strict=True)) and other != point for other in points)
    }
    assert {(-row["accuracy"], row["flash_bytes"]) for _, row in front.iterrows()} == best != set()
    return table


def children(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """The processes that measure for a search."""
    return [child for child in psutil.Process(process.pid).children() if "spawn_main" in " ".join(child.cmdline())]


def test_several_processes_measure_what_one_measures(run_filterfront, folder):
    tables = []
    for workers in (1, 2):
        done = run_filterfront("search", *SMALL, "--workers", workers, "--out", f"w{workers}", cwd=folder)
        assert done.returncode == 0, done.stderr
        tables.append(check_front(folder / f"w{workers}").set_index("design"))
    common = tables[0].index.intersection(tables[1].index)
    assert len(common) >= 7  # the anchors at least
    columns = ["storage_bytes", "flash_bytes", "sram_bytes", "bit_ops", "distortion", "accuracy"]
    one, two = (
        table[table["state"] == "measured"].loc[lambda part: part.index.isin(common), columns] for table in tables
    )
    pd.testing.assert_frame_equal(one.sort_index(), two.sort_index())


def test_a_process_that_the_system_ends_takes_nothing_with_it(folder, began):
    search = began("search", *LONG, "--workers", 2, "--out", "run")
    before = wait_for(search, lambda: journal(folder), 8)
    children(search)[0].send_signal(signal.SIGKILL)
    ended(search)
    table = check_front(folder / "run", MANY)
    assert set(before) <= set(table["design"])
    assert set(table["state"]) <= {"measured", "repeated"}


def test_several_processes_stopped_lose_nothing_finished(folder, began):
    search = began("search", *LONG, "--workers", 2, "--out", "run")
    before = wait_for(search, lambda: journal(folder), 8)
    helpers = children(search)
    os.kill(search.pid, signal.SIGKILL)  # those that measure for it end by themselves
    ended(search, -signal.SIGKILL)
    psutil.wait_procs(helpers, timeout=30)
    assert not any(helper.is_running() for helper in helpers)
    ended(began("search", *LONG, "--workers", 2, "--out", "run", "--resume"))
    table = check_front(folder / "run", MANY).set_index("design")
    assert {design: table.loc[[design], "accuracy"].iloc[0] for design in before} == {
        design: record["figures"]["accuracy"] for design, record in before.items()
    }


def test_three_workers_on_a_database_one_killed_half_way(folder, began, postgres):
    storage = postgres.replace("postgres:@", "postgres:secret@")
    search = began("search", *SMALL, "--storage", storage, "--heartbeat", 1, "--out", "shared")
    workers = [began("worker", "shared", "--storage", storage) for _ in range(2)]
    plain = RDBStorage(postgres.replace("postgresql://", "postgresql+psycopg://"))

    def study() -> optuna.Study | None:
        names = optuna.get_all_study_names(plain)
        return optuna.load_study(storage=plain, study_name="shared") if "shared" in names else None

    before = wait_for(search, study, TRIALS // 2)
    os.killpg(workers[0].pid, signal.SIGKILL)
    assert f"{TRIALS} trials are finished" in ended(workers[1])
    output = ended(search)
    after = finished(study())
    assert {design: after[design] for design in before} == before
    table = check_front(folder / "shared")
    assert set(table.query("state == 'measured'")["design"]) == after.keys()
    for path in (folder / "shared").rglob("*"):
        assert path.is_dir() or b"secret" not in path.read_bytes(), path
    assert "secret" not in output + json.dumps(study().user_attrs)
    assert "postgresql://postgres:***@" in json.loads((folder / "shared" / "run.json").read_text())["command"]
    for names in (("data.py", "default_rng(0)", "default_rng(1)"), ("net.py", "manual_seed(0)", "manual_seed(1)")):
        source = (folder / names[0]).read_text()
        (folder / names[0]).write_text(source.replace(*names[1:]))
        refused = ended(began("worker", "shared", "--storage", storage), 2)
        assert f"{'data' if names[0] == 'data.py' else 'weights'}: " in refused
        assert refused.count("\n") == 1
        (folder / names[0]).write_text(source)
    unknown = ended(began("worker", "other", "--storage", storage, "--wait", 0), 2)
    assert "other in postgresql://postgres:***@" in unknown
    assert "; a worker takes part in a search; " in unknown
    assert re.search(r"choose of .*\bshared\b", unknown)  # other tests may share the server
    plain.remove_session()
    plain.engine.dispose()


def test_a_worker_needs_a_database(run_filterfront):
    done = run_filterfront("worker", "run", "--storage", "runs/run/study.journal")
    assert done.returncode == 2
    assert "workers share a database, which a URL names" in done.stderr


def test_a_full_disk_ends_the_search_in_one_line_and_it_goes_on_with_space(folder, run_filterfront):
    disk = folder / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=80k", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("no small tmpfs can be mounted here; a limit on the file's size is tested in test_journal.py")
    try:
        full = run_filterfront("search", *SMALL, "--out", "disk/run", cwd=folder)
        assert full.returncode == 2
        assert "No space left on device" in full.stderr  # of the journal, or of the run folder's files
        assert full.stderr.count("\n") == 1
        before = finished(journal(disk))
        assert 0 < len(before) < TRIALS
        subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
        done = run_filterfront("search", *SMALL, "--out", "disk/run", "--resume", cwd=folder)
        assert done.returncode == 0, done.stderr
        check_front(disk / "run")
        assert before.items() <= finished(journal(disk)).items()
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_database_that_stays_locked_ends_the_search_in_one_line(folder, began):
    url = f"sqlite:///{folder}/study.db?timeout=1"
    search = began("search", *LONG, "--storage", url, "--out", "run")
    plain = RDBStorage(f"sqlite:///{folder}/study.db")

    def study() -> optuna.Study | None:
        names = optuna.get_all_study_names(plain)
        return optuna.load_study(storage=plain, study_name="run") if "run" in names else None

    before = wait_for(search, study, 5)
    plain.remove_session()
    plain.engine.dispose()
    other = sqlite3.connect(folder / "study.db", isolation_level=None, timeout=30)
    other.execute("begin exclusive")
    output = ended(search, 2)
    assert "filterfront: sqlite:///" in output
    assert "; the study's storage can be read and written; " in output
    assert "database is locked" in output
    other.execute("rollback")
    other.close()
    ended(began("search", *LONG, "--storage", url, "--heartbeat", 1, "--out", "run", "--resume"))
    assert set(before) <= set(check_front(folder / "run", MANY)["design"])


def test_losses_that_are_no_finite_numbers_fail_their_designs_only(folder, monkeypatch, capsys):
    measure, calls = QualityMeter.measure, count()

    def faulty(self, weights, part) -> Quality:
        quality = measure(self, weights, part)
        loss = {3: math.nan, 5: math.inf}.get(next(calls) % 7, quality.loss) if part == "validation" else quality.loss
        return replace(quality, loss=loss)

    monkeypatch.chdir(folder)
    monkeypatch.setattr(QualityMeter, "measure", faulty)
    with pytest.raises(SystemExit) as ended:
        main(["search", *map(str, SMALL), "--objectives", "loss,flash", "--out", "run"])
    assert ended.value.code == 0
    table = pd.read_csv("run/trials.csv")
    reasons = table["reason"].value_counts()
    assert reasons["loss is not a number"] >= 4
    assert reasons["loss is infinite"] >= 4
    assert (table["state"] == "failed").sum() == reasons.sum()
    front = pd.read_csv("run/front.csv")
    assert len(front) > 1
    assert front["loss"].map(math.isfinite).all()
    assert "Traceback" not in capsys.readouterr().err


def test_memory_that_runs_out_in_the_one_process_is_said_in_one_line(folder, monkeypatch, capsys):
    def exhausted(self, weights, part) -> Quality:
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes.")

    monkeypatch.chdir(folder)
    monkeypatch.setattr(QualityMeter, "measure", exhausted)
    with pytest.raises(SystemExit) as ended:
        main(["search", *map(str, SMALL), "--out", "run"])
    assert ended.value.code == 2
    line = capsys.readouterr().err
    assert line.startswith("filterfront: RuntimeError: ")
    assert "; a design can be measured in the memory there is; " in line
    assert "add --resume" in line


@pytest.fixture
def searched(folder, monkeypatch):
    """A finished search of three trials, and how to resume it with other options."""
    monkeypatch.chdir(folder)
    options = {"network": "net.py:build", "data": "data.py:parts", "flash": "4KiB", "schemes": "dense", "trials": 3}
    (folder / "run").mkdir()
    run_search(make_config(**options), folder / "run")

    def resume(**others) -> str:
        config = make_config(**{**options, **others}, resume=True)
        with pytest.raises(FilterfrontError) as caught:
            run_search(config, folder / "run")
        return str(caught.value)

    return resume


def test_a_search_under_anything_else_is_refused_with_what_differs(folder, searched):
    rule = "; a search resumes under what it began with; "
    network = (folder / "net.py").read_text()
    (folder / "net.py").write_text(network.replace("16", "24"))
    assert "network: " in searched()
    (folder / "net.py").write_text(network.replace("manual_seed(0)", "manual_seed(1)"))
    assert searched().startswith("weights: ")
    assert rule in searched()
    (folder / "net.py").write_text(network)
    data = (folder / "data.py").read_text()
    (folder / "data.py").write_text(data.replace("0.3", "0.4"))
    assert searched().startswith("data: ")
    (folder / "data.py").write_text(data)
    assert searched(flash="5KiB").startswith("budgets.flash: 4096 then, 5120 now; ")
    assert searched(sram="64KiB").startswith("budgets.SRAM: null then, 65536 now; ")
    assert "sampler: " in searched(sampler="nsga2")
    assert len(finished(journal(folder))) == 3


def test_a_second_search_of_one_folder_is_refused(folder, began, run_filterfront):
    search = began("search", *SMALL, "--trials", 2000, "--out", "run")
    wait_for(search, lambda: journal(folder), 2)
    second = run_filterfront("search", *SMALL, "--out", "run", "--resume", cwd=folder)
    assert second.returncode == 2
    assert "one search writes to a journal at a time" in second.stderr
    search.send_signal(signal.SIGINT)
    ended(search, 130)
