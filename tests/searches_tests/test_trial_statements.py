"""A trial in a database: how often it is written and asked for, and what is known of it without asking."""

from collections import Counter

import optuna
import pytest
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import TrialState
from sqlalchemy import event

from searches.own_trials import OwnTrials
from searches.sharing import ask_trial, let_wait
from searches.storage import open_storage
from searches.trial_records import tell
from searches.trial_statements import Head, rows_of

PARAMETERS = 60


@pytest.fixture(params=["sqlite", "postgresql"])
def study(request, tmp_path):
    """A study of two objectives in a new database."""
    url = f"sqlite:///{tmp_path}/study.db"
    if request.param == "postgresql":
        import psycopg

        url = request.getfixturevalue("postgres")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("set client_min_messages to warning; drop schema public cascade; create schema public")
    storage = open_storage(url)
    sampler = optuna.samplers.RandomSampler(seed=0)
    yield optuna.create_study(storage=storage, study_name="s", directions=["minimize", "maximize"], sampler=sampler)
    storage.remove_session()
    storage.engine.dispose()


def finish(study) -> optuna.Trial:
    """A trial of 60 parameters with a record and a constraint."""
    trial = ask_trial(study)
    for number in range(PARAMETERS):
        trial.suggest_categorical(f"p{number}", (1, 2, 4))
    trial.set_user_attr("record", {"figures": {"a": 1.5, "b": (1, 2)}})
    trial.set_constraint("flash", -0.5)
    study.tell(trial, [float("inf"), 2.0])
    return trial


def test_a_trial_is_one_transaction_that_makes_it_and_one_with_all_that_it_has(study):
    """One look for trials that wait; the study's row, the trial's row; then its state and rows: in PostgreSQL in one
    statement, in SQLite in one for each of state, values, parameters, and attributes of two kinds."""
    finish(study)
    engine, done = study._storage._backend.engine, Counter()

    def count(connection, cursor, statement, *_):
        done[statement.split()[0].lower()] += 1

    event.listen(engine, "before_cursor_execute", count)
    event.listen(engine, "commit", lambda connection: done.update(["commit"]))
    finish(study)
    if engine.name == "sqlite":
        assert done == {"select": 2, "insert": 1 + 4, "update": 1, "pragma": 1, "commit": 2}
    else:
        assert done == {"select": 2, "insert": 1, "with": 1, "commit": 2}


def test_what_is_known_of_a_trial_is_what_the_database_says(study):
    trials = [finish(study) for _ in range(3)]
    running = ask_trial(study)
    running.suggest_int("p", 1, 3)
    known = study.get_trials()
    assert study._storage._backend._own
    other = open_storage(study._storage._backend.engine.url.render_as_string(hide_password=False))
    plain = optuna.load_study(storage=other, study_name="s").get_trials()
    assert known[:3] == plain[:3]
    assert [len(trial.params) for trial in plain] == [PARAMETERS] * 3 + [0]
    assert known[0].user_attrs == {"record": {"figures": {"a": 1.5, "b": [1, 2]}}}  # as JSON has it
    assert known[0].values == [float("inf"), 2.0]
    assert (known[3].state, known[3].params) == (TrialState.RUNNING, running.params)
    assert [trial.number for trial in trials] == [0, 1, 2]
    other.remove_session()
    other.engine.dispose()


def test_a_trial_that_others_ended_or_may_take_up_is_asked_for(study):
    """A process that waits for a queued trial of its own to end elsewhere would wait for ever if it knew it as it was
    when it was queued."""
    url = study._storage._backend.engine.url.render_as_string(hide_password=False)
    other = optuna.load_study(storage=open_storage(url), study_name="s")
    own, queued = ask_trial(study), ask_trial(study)
    let_wait(study, queued.number)
    taken = ask_trial(other)
    assert taken.number == queued.number
    other._storage.set_trial_state_values(taken._trial_id, TrialState.FAIL)
    other._storage.set_trial_state_values(own._trial_id, TrialState.FAIL)
    assert study._storage.get_trial(queued._trial_id).state == TrialState.FAIL
    assert [trial.state for trial in study.get_trials()] == [TrialState.FAIL] * 2
    with pytest.raises(UpdateFinishedTrialError):
        tell(study, own, values=[1.0, 1.0])
    other._storage.remove_session()
    other._storage._backend.engine.dispose()


def test_what_makes_a_trial_is_not_waited_for_and_what_finishes_it_is(tmp_path):
    storage = open_storage(f"sqlite:///{tmp_path}/study.db")
    sampler = optuna.samplers.RandomSampler(seed=0)
    study = optuna.create_study(storage=storage, directions=["minimize"] * 2, sampler=sampler)
    finish(study)
    with storage.engine.connect() as connection:
        assert connection.exec_driver_sql("pragma journal_mode").scalar() == "wal"
    waits = []

    def ask(connection):
        waits.append(connection.exec_driver_sql("pragma synchronous").scalar())

    event.listen(storage.engine, "commit", ask)
    finish(study)
    normal, full = 1, 2
    assert waits == [normal, full]
    storage.remove_session()
    storage.engine.dispose()


def test_a_database_with_studies_keeps_its_kind_of_journal(tmp_path):
    url = f"sqlite:///{tmp_path}/study.db"
    plain = optuna.storages.RDBStorage(url)
    optuna.create_study(storage=plain, study_name="before")
    storage = open_storage(url)
    with storage.engine.connect() as connection:
        assert connection.exec_driver_sql("pragma journal_mode").scalar() == "delete"
    for one in (plain, storage):
        one.remove_session()
        one.engine.dispose()


def test_rows_of_a_trial():
    rows = rows_of({"a": (1, '{"name": "x"}')}, {"k": "1"}, {}, [float("-inf"), 0.5])
    assert rows["values"] == {"objective": [0, 1], "value": [None, 0.5], "value_type": ["INF_NEG", "FINITE"]}
    assert rows["parameters"] == {"param_name": ["a"], "param_value": [1.0], "distribution_json": ['{"name": "x"}']}
    assert rows["system"] == {"key": [], "value_json": []}


def test_a_trial_whose_row_says_something_else_is_not_known():
    own = OwnTrials()
    start = optuna.trial.create_trial(value=1.0).datetime_start
    own.begin(7, 0, start).params["p"] = 1  # a copy
    assert own.get(7).params == {}
    assert own.known(Head(7, TrialState.RUNNING)).number == 0
    assert own.known(Head(7, TrialState.FAIL)) is None
    own.change(7, TrialState.WAITING, None, start)
    assert own.get(7) is None
