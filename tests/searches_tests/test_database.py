"""Databases: what plain Optuna reads from them, locks, and several processes on one PostgreSQL server."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import optuna
import pytest
from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.storages import InMemoryStorage, RDBStorage
from optuna.trial import TrialState
from sqlalchemy import event, select, text

from searches.database import Database
from searches.initial_designs import initial_design_levels
from searches.passwords import without_password
from searches.shared_database import LOCKS, SharedDatabase
from searches.sharing import ask_trial
from searches.storage import open_storage
from searches.study import open_study, run_study

TRIALS = 40
DEADLINE_SECONDS = 600
"""What a test waits for has gone wrong by then; no test takes that long on any machine."""


@pytest.fixture
def opened():
    """Storages by URL, closed at the end."""
    storages = []

    def at(url):
        storages.append(open_storage(url))
        return storages[-1]

    yield at
    for storage in storages:
        storage.remove_session()
        storage.engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path, empty_postgres):
    return f"sqlite:///{tmp_path}/study.db" if request.param == "sqlite" else empty_postgres


@pytest.fixture
def empty_postgres(postgres):
    import psycopg

    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("set client_min_messages to warning")
        connection.execute("drop schema public cascade")
        connection.execute("create schema public")
    return postgres


def test_optuna_reads_what_a_search_in_memory_holds(url, opened, Evaluate, make_problem):
    studies = []
    for storage in (InMemoryStorage(), opened(url)):
        problem = make_problem(Evaluate())
        studies.append(open_study(problem, storage, "search", resume=False))
        run_study(studies[-1], problem, "nsga2", 3, 30)
    plain = RDBStorage(url.replace("postgresql://", "postgresql+psycopg://"))
    studies[1] = optuna.load_study(storage=plain, study_name="search")
    facts = [
        [
            (t.number, t.values, t.params, t.distributions, t.constraints, t.user_attrs["record"]["figures"])
            for t in done
        ]
        for done in (study.get_trials(states=(TrialState.COMPLETE,)) for study in studies)
    ]
    assert len(facts[0]) == 30
    assert facts[1] == facts[0]
    plain.remove_session()
    plain.engine.dispose()


def test_a_lock_that_goes_is_waited_for_and_one_that_stays_ends_the_search(tmp_path, opened, Evaluate, make_problem):
    problem, path = make_problem(Evaluate()), tmp_path / "study.db"
    storage = opened(f"sqlite:///{path}?timeout={DEADLINE_SECONDS}")
    study = open_study(problem, storage, "search", resume=False)
    run_study(study, problem, "random", 3, 3)
    other = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    other.execute("begin exclusive")
    release = threading.Timer(0.3, lambda: other.execute("rollback"))
    # The lock goes a moment after the search has come to it.
    event.listen(storage.engine, "before_cursor_execute", lambda *_: release.ident or release.start())
    assert len(run_study(study, problem, "random", 3, 6).trials) == 6
    release.join()
    impatient = opened(f"sqlite:///{path}?timeout=1")
    study = optuna.load_study(storage=impatient, study_name="search")

    def lock(record):
        other.execute("begin exclusive")

    with pytest.raises(StorageInternalError):
        run_study(study, problem, "random", 3, 9, on_trial=lock)
    other.execute("rollback")
    other.close()
    result = run_study(study, problem, "random", 3, 9)
    assert [trial.state for trial in result.trials] == 9 * ["measured"]


WORKER = """
import json, os, signal, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from conftest import Evaluate, make_problem
from searches.database import set_heartbeat
from searches.shared_database import SharedDatabase
from searches.storage import open_storage
from searches.study import run_study
import optuna

url, folder, name, trials, rule, together = *sys.argv[2:5], int(sys.argv[5]), sys.argv[6], int(sys.argv[7])
measured, folder = Evaluate(), Path(folder)
victim, gone = folder / "killed", folder.with_name("gone")

def wait_for(condition):
    end = time.monotonic() + 600
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)

def calls(path):
    return len(path.read_text().split())

def evaluate(design):
    with (folder / name).open("a") as file:
        file.write(design.id + "\\n")
    if victim.exists():  # nobody leaves it so far behind that it finds no trial to be killed in
        wait_for(lambda: gone.exists() or calls(folder / name) <= calls(victim) + 2)
    if rule == f"at {len(measured.designs)}" or rule == design.id:
        gone.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return measured(design)

storage = open_storage(url)
set_heartbeat(storage, 1)
storage.grace_period = 1_000_000  # nobody is missed because the machine stood still
study = optuna.load_study(storage=storage, study_name="search")
(folder / name).touch()
wait_for(lambda: len(list(folder.iterdir())) >= together)
with SharedDatabase(storage, "search") as sharing:
    result = run_study(study, make_problem(evaluate), "tpe", 3, trials, sharing=sharing)
print(json.dumps([[trial.number, trial.design_id, trial.state] for trial in result.trials]))
storage.remove_session()
storage.engine.dispose()
"""


def start(url: str, folder: Path, name: str, trials: int, rule: str, together: int = 1) -> subprocess.Popen[str]:
    """A worker that begins once so many are ready."""
    arguments = [os.path.dirname(__file__), url, str(folder), name, str(trials), rule, str(together)]
    command = [sys.executable, "-W", "ignore", "-c", WORKER, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(process: subprocess.Popen[str], code: int = 0) -> list[list]:
    output, errors = process.communicate(timeout=DEADLINE_SECONDS)
    assert process.returncode == code, errors
    return json.loads(output) if code == 0 else []


def holder(storage: Database, design: str) -> int:
    """The trial that measures a design."""
    with storage.engine.begin() as connection:
        return connection.execute(select(LOCKS.c.trial).where(LOCKS.c.design == design)).scalar_one()


def forget(storage: Database, number: int) -> None:
    """Takes away the signs of life of a running trial until others have given it up as lost."""
    study = storage.get_study_id_from_name("search")
    trial_id = storage.get_trial_id_from_study_id_trial_number(study, number)
    deadline = time.monotonic() + DEADLINE_SECONDS
    while storage.get_trial(trial_id).state == TrialState.RUNNING:
        assert time.monotonic() < deadline
        age(storage, trial_id)
        time.sleep(0.05)


def age(storage: Database, trial_id: int) -> None:
    """Makes the last sign of life of a trial an old one."""
    aged = text("update trial_heartbeats set heartbeat = '2000-01-01 00:00:00' where trial_id = :trial")
    with storage.engine.begin() as connection:
        connection.execute(aged, {"trial": trial_id})


def calls(folder: Path) -> dict[str, list[str]]:
    return {path.name: path.read_text().split() for path in folder.iterdir()}


def test_three_workers_one_killed_half_way(empty_postgres, tmp_path, opened, Evaluate, make_problem):
    storage = opened(empty_postgres)
    open_study(make_problem(Evaluate()), storage, "search", resume=False)
    folder = tmp_path / "calls"
    folder.mkdir()
    rules = {"first": "never", "second": "never", "killed": "at 6"}
    *processes, killed = (start(empty_postgres, folder, name, TRIALS, rule, len(rules)) for name, rule in rules.items())
    ended(killed, -signal.SIGKILL)
    forget(storage, holder(storage, calls(folder)["killed"][-1]))
    results = [ended(process) for process in processes]
    assert results[0] == results[1]
    assert len(results[0]) == TRIALS
    made = calls(folder)
    assert len(made["killed"]) == 7
    lost = made["killed"][-1]
    times = Counter(design for designs in made.values() for design in designs)
    assert {design for design, count in times.items() if count > 1} == {lost}
    assert times[lost] == 2  # once more by another, after the first was killed
    states = {design: state for _, design, state in results[0] if state == "measured"}
    assert states.keys() == times.keys()
    assert set(made["killed"]) <= states.keys()
    study = optuna.load_study(storage=opened(empty_postgres), study_name="search")
    retried = [trial for trial in study.trials if trial.system_attrs.get("retry_history")]
    assert [trial.state for trial in retried] == [TrialState.COMPLETE]
    assert retried[0].user_attrs["record"]["design"] == lost
    finished = [trial for trial in study.trials if trial.state == TrialState.COMPLETE]
    evaluate = Evaluate()
    again = {trial.user_attrs["record"]["design"]: trial for trial in finished}
    for trial in finished:
        figures = evaluate(make_problem(evaluate).space.design(trial.params))
        assert trial.values == [figures["distortion"], figures["storage_bytes"]]
    front = {trial.user_attrs["record"]["design"] for trial in study.best_trials}
    fitting = {
        name: trial.values
        for name, trial in again.items()
        if trial.user_attrs["record"]["figures"]["flash_bytes"] <= 240
    }
    best = {
        name
        for name, own in fitting.items()
        if not any(other[0] <= own[0] and other[1] <= own[1] and other != own for other in fitting.values())
    }
    assert front == best != set()


def test_a_design_that_ends_its_process_twice_fails_with_the_reason(empty_postgres, tmp_path, opened, make_problem):
    problem, storage = make_problem(lambda design: {}), opened(empty_postgres)
    open_study(problem, storage, "search", resume=False)
    third = [problem.space.design(levels) for levels in initial_design_levels(problem.space)][2]
    for attempt in ("first", "second", "third"):
        (tmp_path / attempt).mkdir()
        process = start(empty_postgres, tmp_path / attempt, "calls", 10, third.id)
        if attempt != "first":
            forget(storage, holder(storage, third.id))
        result = ended(process, 0 if attempt == "third" else -signal.SIGKILL)
    assert len(result) == 10
    made = {attempt: calls(tmp_path / attempt)["calls"] for attempt in ("first", "second", "third")}
    assert {attempt: names.count(third.id) for attempt, names in made.items()} == {
        "first": 1,
        "second": 1,
        "third": 0,
    }
    rows = [row[2] for row in result if row[1] == third.id]
    assert set(rows) == {"failed"}  # trials that proposed it again too
    study = optuna.load_study(storage=opened(empty_postgres), study_name="search")
    records = [trial.user_attrs.get("record") for trial in study.trials if trial.state == TrialState.FAIL]
    assert records.count(None) >= 2  # the lost trial and its retry
    assert all(record["design"] == third.id for record in records if record)


def test_a_trial_that_waits_for_a_lost_one_gives_its_place_to_the_retry(url, opened, Evaluate, make_problem):
    """The last place of a search is a duplicate's, which waits for the retry; the retry waits for a place."""
    evaluate = Evaluate()
    problem, storage = make_problem(evaluate), opened(url)
    study = open_study(problem, storage, "search", resume=False)
    levels = problem.initial_levels()
    study.enqueue_trial(levels[0])
    lost = ask_trial(study)
    for name, values in problem.space.parameters().items():
        lost.suggest_categorical(name, values)
    sharing = SharedDatabase(storage, "search")
    sharing._ids[lost.number] = lost._trial_id
    assert sharing.lock(study, problem.space.design(levels[0]).id, lost.number)
    end = time.monotonic() + DEADLINE_SECONDS

    def stop() -> bool:
        age(storage, lost._trial_id)
        return time.monotonic() > end

    with SharedDatabase(storage, "search") as living:
        result = run_study(study, problem, "random", 3, len(levels), stop=stop, sharing=living)
    assert not result.interrupted
    assert {record.state for record in result.trials} == {"measured"}
    assert sorted(evaluate.designs) == sorted(problem.space.design(level).id for level in levels)
    states = Counter(trial.state for trial in study.trials)
    assert states == {TrialState.COMPLETE: len(levels), TrialState.FAIL: 2}  # the lost trial, and the one that waited


def test_a_trial_in_hand_gives_signs_of_life(url, opened, Evaluate, make_problem):
    storage = opened(url)
    study = open_study(make_problem(Evaluate()), storage, "search", resume=False)
    sharing = SharedDatabase(storage, "search")
    sharing._interval = 0.01
    with sharing:
        trial = sharing.ask(study)
        with storage.engine.begin() as connection:
            connection.execute(text("update trial_heartbeats set heartbeat = '2000-01-01 00:00:00'"))
        deadline = time.monotonic() + DEADLINE_SECONDS
        while (last := last_sign(storage, trial._trial_id)) < "2001":
            assert time.monotonic() < deadline, last


def last_sign(storage: Database, trial_id: int) -> str:
    with storage.engine.begin() as connection:
        query = text("select heartbeat from trial_heartbeats where trial_id = :trial")
        return str(connection.execute(query, {"trial": trial_id}).scalar_one())


def test_a_claim_is_one_trials_until_that_trial_is_lost(url, opened, Evaluate, make_problem):
    storage = opened(url)
    study = open_study(make_problem(Evaluate()), storage, "search", resume=False)
    with SharedDatabase(storage, "search") as first, SharedDatabase(storage, "search") as second:
        trials = [sharing.ask(study) for sharing in (first, second, second, first)]
        assert first.lock(study, "ab", trials[0].number)
        assert first.lock(study, "ab", trials[0].number)
        assert not second.lock(study, "ab", trials[1].number)
        assert second.lock(study, "cd", trials[1].number)
        study.tell(trials[0], state=TrialState.FAIL)
        assert not second.lock(study, "ab", trials[2].number)  # its retry may be about to be queued
        second._interval = 0
        assert second.lock(study, "ab", trials[2].number)
        assert not first.lock(study, "ab", trials[3].number)


def test_only_its_retry_repeats_a_lost_trial(url, opened, Evaluate, make_problem):
    storage = opened(url)
    study = open_study(make_problem(Evaluate()), storage, "search", resume=False)
    with SharedDatabase(storage, "search") as sharing:
        lost, other = sharing.ask(study), sharing.ask(study)
        assert sharing.lock(study, "ab", lost.number)
        study.tell(lost, state=TrialState.FAIL)
        retry = optuna.create_trial(
            state=TrialState.RUNNING, system_attrs={"failed_trial": lost.number, "retry_history": [lost.number]}
        )
        number = storage.get_trial_number_from_id(storage.create_new_trial(study._study_id, retry))
        sharing._ids[number] = storage.get_trial_id_from_study_id_trial_number(study._study_id, number)
        sharing._interval = 0
        assert not sharing.lock(study, "ab", other.number)
        assert sharing.lock(study, "ab", number)


def test_more_trials_than_asked_for_are_given_back(url, opened, Evaluate, make_problem):
    storage = opened(url)
    study = open_study(make_problem(Evaluate()), storage, "search", resume=False)
    with SharedDatabase(storage, "search") as sharing, SharedDatabase(storage, "search") as other:
        trials = [sharing.ask(study), other.ask(study), sharing.ask(study)]

        def surplus(least: int) -> list[bool]:
            return [sharing.is_surplus(study, trial.number, least) for trial in trials]

        assert surplus(2) == [False, False, True]
        trials[1].set_user_attr("record", {})
        study.tell(trials[1], [1.0, 1.0])  # what ended elsewhere a moment ago still stands
        assert surplus(2) == [False, False, True]
        trials[0].set_user_attr("record", {"state": "measured"})
        study.tell(trials[0], state=TrialState.FAIL)  # lost at its very end: its retry tells the record
        other._interval = 0
        sharing._interval = 0
        assert surplus(2) == [False, False, False]
        assert surplus(1) == [False, False, True]


def test_a_queued_trial_stands_before_later_ones(url, opened, Evaluate, make_problem):
    storage = opened(url)
    study = open_study(make_problem(Evaluate()), storage, "search", resume=False)
    initial_designs = len(study.get_trials(states=(TrialState.WAITING,)))
    with SharedDatabase(storage, "search") as sharing:
        numbers = [sharing.ask(study).number for _ in range(initial_designs)]
        study.enqueue_trial({})  # a lost trial's retry, queued after this process looked for one
        late = optuna.create_trial(state=TrialState.RUNNING)
        number = storage.get_trial_number_from_id(storage.create_new_trial(study._study_id, late))
        assert numbers == list(range(initial_designs))
        assert sharing.is_surplus(study, number, initial_designs + 1)
        assert not sharing.is_surplus(study, number, initial_designs + 2)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://me:secret@host/name", "postgresql://me:***@host/name"),
        (
            "search --storage postgresql://me:a@b:c/d@host/name --out x",
            "search --storage postgresql://me:***@host/name --out x",
        ),
        ("postgresql://host/name?user=me&password=secret&x=1", "postgresql://host/name?user=me&password=***&x=1"),
        ("sqlite:///study.db", "sqlite:///study.db"),
    ],
)
def test_passwords_are_taken_out(text, shown):
    assert without_password(text) == shown


def test_a_trial_that_another_process_has_ended_is_refused_and_what_was_held_of_it_forgotten(tmp_path, opened):
    url = f"sqlite:///{tmp_path}/study.db"
    study = optuna.create_study(storage=opened(url), study_name="s")
    other = optuna.load_study(storage=opened(url), study_name="s")
    trial = ask_trial(study)
    trial.set_user_attr("record", 1)
    assert other._storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
    for _ in range(2):
        with pytest.raises(UpdateFinishedTrialError):
            study._storage.set_trial_state_values(trial._trial_id, TrialState.COMPLETE, [1.0])
    assert study.trials[0].state == TrialState.FAIL
    assert not study.trials[0].user_attrs


def test_a_long_text_without_an_address_is_looked_through_once():
    """Were every letter taken for the beginning of a scheme, this would take 40,000 million steps."""
    text = 280_000 * "a"
    assert without_password(f"{text} postgresql://me:secret@host/name") == f"{text} postgresql://me:***@host/name"
