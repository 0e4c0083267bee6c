"""Many workers through the real command, and what disks, memory, signals and databases do to a search."""

import json
import math
import os
import re
import signal
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path

import optuna
import pandas as pd
import psutil
import pytest
import sqlalchemy as sql
from optuna.storages import JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from costmodels import FilterfrontError
from explorer.cli import main
from explorer.config.search import make_config
from explorer.data.quality import Quality
from explorer.measurement.design_evaluator import DesignEvaluator
from explorer.measurement.quality_meter import QualityMeter
from explorer.search.run import run_search
from searches.shared_database import LOCKS

DEADLINE_SECONDS = 600
TRIALS = 20
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
IN_TWO = ("search", *SMALL, "--workers", 2, "--out", "run")
BEFORE = 4
"""Designs that are measured before something happens to the search; it is held at its next ones."""

FORGET = sql.text("update trial_heartbeats set heartbeat = '2000-01-01 00:00:00' where trial_id = :trial")
LOST = {"searches.database:GRACE": 1_000_000}
"""Signs of life that nobody misses, however long the machine stands still; `forgotten` takes one's away."""


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


def when_measured(study: optuna.Study | None, count: int) -> dict[str, dict]:
    """The measured designs once there are so many."""
    found = finished(study) if study else {}
    return found if len(found) == count else {}


def check_front(run: Path, trials: int = TRIALS) -> pd.DataFrame:
    """The front is what the trials say, no design is measured twice, and as many trials as asked for are there."""
    table, front = (
        pd.read_csv(run / "trials.csv", dtype={"design": str}),
        pd.read_csv(run / "front.csv", dtype={"design": str}),
    )
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


def measuring(search) -> list[psutil.Process]:
    """The processes that measure for a search: copies of one that it has started."""
    started = psutil.Process(search.pid).children()
    return [copy for process in started for copy in process.children()]


def forgotten(storage: RDBStorage, study: Callable[[], optuna.Study], number: int) -> bool:
    """Takes away the signs of life of a running trial; whether it is given up as lost by now."""
    trial_id = study().trials[number]._trial_id
    with storage.engine.begin() as connection:
        connection.execute(FORGET, {"trial": trial_id})
    return study().trials[number].state != TrialState.RUNNING


def test_several_processes_measure_what_one_measures_and_lose_nothing_when_they_end(
    folder, began, make_gate, until, run_filterfront
):
    """One of those that measure ends, then the one that they measure for, and two others go on."""
    gate = make_gate(DesignEvaluator.figures, BEFORE)
    search = began(gate, *IN_TWO)
    first = until(lambda: len(gate.came()) == BEFORE + 2 and when_measured(journal(folder), BEFORE), search)
    victim = measuring(search)[0]
    assert victim.pid in gate.came()[BEFORE:]  # with a design in hand
    victim.kill()
    gate.let(BEFORE + 6)  # the design in hand once more, and four others
    held = (lambda: len(gate.came()) == BEFORE + 8), (lambda: when_measured(journal(folder), BEFORE + 5))
    before = until(lambda: held[0]() and held[1](), search)
    assert first.items() <= before.items()
    assert len(set(gate.came())) == 3  # another process stands in for it
    helpers = measuring(search)
    assert len(helpers) == 2
    search.kill()  # those that measure for it end by themselves
    search.ended(-signal.SIGKILL)
    gate.let()
    psutil.wait_procs(helpers, timeout=DEADLINE_SECONDS)
    assert not any(helper.is_running() for helper in helpers)
    done = run_filterfront(*IN_TWO, "--resume", cwd=folder)
    assert done.returncode == 0, done.stderr
    table = check_front(folder / "run").set_index("design")
    assert {design: table.loc[[design], "accuracy"].iloc[0] for design in before} == {
        design: record["figures"]["accuracy"] for design, record in before.items()
    }
    assert set(table["state"]) <= {"measured", "repeated"}
    done = run_filterfront("search", *SMALL, "--out", "alone", cwd=folder)
    assert done.returncode == 0, done.stderr
    tables = [check_front(folder / "alone").set_index("design"), table]
    common = tables[0].index.intersection(tables[1].index)
    assert len(common) >= 7  # the initial designs at least
    columns = ["storage_bytes", "flash_bytes", "sram_bytes", "bit_ops", "distortion", "accuracy"]
    one, two = (
        table[table["state"] == "measured"].loc[lambda part: part.index.isin(common), columns] for table in tables
    )
    pd.testing.assert_frame_equal(one.sort_index(), two.sort_index())


def test_three_workers_on_a_database_one_killed_half_way(folder, began, make_gate, until, run_filterfront, postgres):
    storage = postgres.replace("postgres:@", "postgres:secret@")
    half = TRIALS // 2
    gate = make_gate(DesignEvaluator.figures, half, LOST)
    search = began(gate, "search", *SMALL, "--storage", storage, "--heartbeat", 1, "--out", "shared")
    workers = [began(gate, "worker", "shared", "--storage", storage, "--wait", DEADLINE_SECONDS) for _ in range(2)]
    until(lambda: len(gate.came()) == half + 3, search, *workers)
    plain = RDBStorage(postgres.replace("postgresql://", "postgresql+psycopg://"))

    def study() -> optuna.Study:
        return optuna.load_study(storage=plain, study_name="shared")

    assert set(gate.came()[half:]) == {process.pid for process in (search, *workers)}  # a design in each one's hands
    before = finished(study())
    assert len(before) == half
    os.killpg(workers[0].pid, signal.SIGKILL)
    workers[0].ended(-signal.SIGKILL)
    gate.let()
    lost = until(lambda: the_last_one(study(), holders(plain)), search, workers[1])
    until(lambda: forgotten(plain, study, lost))
    assert f"{TRIALS} trials are finished" in workers[1].ended()
    output = search.ended()
    after = finished(study())
    assert {design: after[design] for design in before} == before
    table = check_front(folder / "shared")
    assert set(table.query("state == 'measured'")["design"]) == after.keys()
    for path in (folder / "shared").rglob("*"):
        assert path.is_dir() or b"secret" not in path.read_bytes(), path
    assert "secret" not in output + json.dumps(study().user_attrs)
    assert "postgresql://postgres:***@" in json.loads((folder / "shared" / "run.json").read_text())["command"]
    plain.remove_session()
    plain.engine.dispose()
    for names in (("data.py", "default_rng(0)", "default_rng(1)"), ("net.py", "manual_seed(0)", "manual_seed(1)")):
        source = (folder / names[0]).read_text()
        (folder / names[0]).write_text(source.replace(*names[1:]))
        refused = run_filterfront("worker", "shared", "--storage", storage, cwd=folder)
        assert refused.returncode == 2
        assert f"{'data' if names[0] == 'data.py' else 'weights'}: " in refused.stderr
        assert refused.stderr.count("\n") == 1
        (folder / names[0]).write_text(source)
    unknown = run_filterfront("worker", "other", "--storage", storage, "--wait", 0, cwd=folder)
    assert unknown.returncode == 2
    assert "other in postgresql://postgres:***@" in unknown.stderr
    assert "; a worker takes part in a search; " in unknown.stderr
    assert re.search(r"choose of .*\bshared\b", unknown.stderr)  # other tests may share the server


def holders(storage: RDBStorage) -> set[int]:
    """The trials that measure a design, or that have measured it."""
    with storage.engine.connect() as connection:
        return set(connection.execute(sql.select(LOCKS.c.trial).where(LOCKS.c.study == "shared")).scalars())


def the_last_one(study: optuna.Study, holders: set[int]) -> int | None:
    """The trial that measures a design, once all others have ended or wait for that design, as proposals of it do."""
    records = [trial for trial in study.trials if trial.state.is_finished() and "record" in trial.user_attrs]
    running = {trial.number for trial in study.trials if trial.state == TrialState.RUNNING}
    measuring = running & holders
    return measuring.pop() if len(records) + len(running) == TRIALS and len(measuring) == 1 else None


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
        more = (*SMALL, "--trials", 30, "--out", "disk/run")
        full = run_filterfront("search", *more, cwd=folder)
        assert full.returncode == 2
        assert "No space left on device" in full.stderr  # of the journal, or of the run folder's files
        assert full.stderr.count("\n") == 1
        before = finished(journal(disk))
        assert 0 < len(before) < 30
        subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
        done = run_filterfront("search", *more, "--resume", cwd=folder)
        assert done.returncode == 0, done.stderr
        check_front(disk / "run", 30)
        assert before.items() <= finished(journal(disk)).items()
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_database_that_stays_locked_ends_the_search_in_one_line(
    folder, began, make_gate, until, run_filterfront, monkeypatch
):
    url = f"sqlite:///{folder}/study.db"
    gate = make_gate(DesignEvaluator.figures, 5)
    search = began(gate, "search", *SMALL, "--storage", f"{url}?timeout=2", "--out", "run")
    until(lambda: len(gate.came()) == 6, search)
    plain = RDBStorage(url)
    study = optuna.load_study(storage=plain, study_name="run")
    before, (in_hand,) = finished(study), study.get_trials(states=(TrialState.RUNNING,))
    assert len(before) == 5
    plain.remove_session()
    plain.engine.dispose()
    other = sqlite3.connect(folder / "study.db", isolation_level=None, timeout=DEADLINE_SECONDS)
    other.execute("begin exclusive")
    gate.let()
    output = search.ended(2)
    assert "filterfront: sqlite:///" in output
    assert "; the study's storage can be read and written; " in output
    assert "database is locked" in output
    other.execute("rollback")
    other.close()
    for name, value in LOST.items():
        monkeypatch.setattr(name.replace(":", "."), value)
    with forgetting(folder / "study.db", in_hand._trial_id):
        options = ("--storage", f"{url}?timeout={DEADLINE_SECONDS}", "--heartbeat", 1, "--out", "run", "--resume")
        done = run_filterfront("search", *SMALL, *options, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert set(before) <= set(check_front(folder / "run")["design"])


@contextmanager
def forgetting(path: Path, trial_id: int) -> Iterator[None]:
    """Takes away a trial's signs of life as long as the block runs."""
    end = threading.Event()

    def forget() -> None:
        with closing(sqlite3.connect(path, isolation_level=None, timeout=DEADLINE_SECONDS)) as connection:
            while not end.wait(0.05):
                connection.execute(str(FORGET), {"trial": trial_id})

    thread = threading.Thread(target=forget)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


def test_losses_that_are_no_finite_numbers_fail_their_designs_only(folder, monkeypatch, capsys):
    measure, calls = QualityMeter.measure, count()

    def faulty(self, weights, part, *options, **others) -> Quality:
        quality = measure(self, weights, part, *options, **others)
        loss = {3: math.nan, 5: math.inf}.get(next(calls) % 7, quality.loss) if part == "validation" else quality.loss
        return replace(quality, loss=loss)

    options = ["--trials", "30", "--objectives", "loss,flash", "--no-batch-statistics"]
    monkeypatch.chdir(folder)
    monkeypatch.setattr(QualityMeter, "measure", faulty)
    with pytest.raises(SystemExit) as ended:
        main(["search", *map(str, SMALL), *options, "--out", "run"])
    assert ended.value.code == 0
    table = pd.read_csv("run/trials.csv", dtype={"design": str})
    reasons = table["reason"].value_counts()
    assert reasons["loss is not a number"] >= 4
    assert reasons["loss is infinite"] >= 4
    assert (table["state"] == "failed").sum() == reasons.sum()
    front = pd.read_csv("run/front.csv", dtype={"design": str})
    assert len(front) > 1
    assert front["loss"].map(math.isfinite).all()
    assert "Traceback" not in capsys.readouterr().err


def test_memory_that_runs_out_in_the_one_process_is_said_in_one_line(folder, monkeypatch, capsys):
    def exhausted(self, *options, **others) -> Quality:
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes.")

    monkeypatch.chdir(folder)
    monkeypatch.setattr(QualityMeter, "measure", exhausted)
    with pytest.raises(SystemExit) as ended:
        main(["search", *map(str, SMALL), "--no-batch-statistics", "--out", "run"])
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


def test_a_second_search_of_one_folder_is_refused(folder, began, make_gate, until, run_filterfront):
    gate = make_gate(DesignEvaluator.figures, 2)
    search = began(gate, "search", *SMALL, "--out", "run")
    until(lambda: len(gate.came()) == 3, search)
    assert len(finished(journal(folder))) == 2
    second = run_filterfront("search", *SMALL, "--out", "run", "--resume", cwd=folder)
    assert second.returncode == 2
    assert "one search writes to a journal at a time" in second.stderr
    search.send_signal(signal.SIGINT)
    gate.let()
    search.ended(130)
