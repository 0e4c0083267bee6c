"""The journal: one write for each trial, plain Optuna on disk, and what a full disk or another writer does to it."""

import errno
import json
import os
import resource
import subprocess
import sys
import warnings

import optuna
import pytest
from optuna.storages import InMemoryStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from searches.errors import SearchError
from searches.journal import sole_searcher
from searches.storage import open_storage
from searches.study import open_study, run_study


def as_optuna_reads(path) -> optuna.Study:
    return optuna.load_study(storage=JournalStorage(JournalFileBackend(str(path))), study_name="search")


def facts(study: optuna.Study) -> list[tuple]:
    """All of the finished trials but their times."""
    return [
        (t.number, t.state, t.values, t.params, t.distributions, t.constraints, t.user_attrs["record"]["figures"])
        for t in study.get_trials(states=(TrialState.COMPLETE, TrialState.FAIL))
    ]


def test_optuna_reads_from_the_file_what_a_search_in_memory_holds(tmp_path, Evaluate, make_problem, run_search):
    run_search(tmp_path / "s", make_problem(Evaluate()), 30, sampler="nsga2")
    problem = make_problem(Evaluate())
    study = open_study(problem, InMemoryStorage(), "search", resume=False)
    run_study(study, problem, "nsga2", 3, 30)
    assert len(facts(study)) == 30
    assert facts(as_optuna_reads(tmp_path / "s")) == facts(study)


def test_a_trial_is_on_disk_when_it_is_finished_and_costs_one_write(tmp_path, Evaluate, make_problem, monkeypatch):
    problem = make_problem(Evaluate())
    study = open_study(problem, open_storage(tmp_path / "s"), "search", resume=False)
    written, on_disk, fsync = [], [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda descriptor: (written.append(descriptor), fsync(descriptor)))

    def look(record):
        on_disk.append(len(facts(as_optuna_reads(tmp_path / "s"))))

    run_study(study, problem, "random", 3, 12, look)
    assert on_disk == list(range(1, 13))
    assert len(written) == 12


def test_a_dashboard_shows_the_parameters(tmp_path, Evaluate, make_problem, run_search):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from optuna_dashboard import wsgi
    run_search(tmp_path / "s", make_problem(Evaluate()), 5)
    app, answers = wsgi(JournalStorage(JournalFileBackend(str(tmp_path / "s")))), []
    request = {"REQUEST_METHOD": "GET", "PATH_INFO": "/api/studies/0", "QUERY_STRING": "after=0"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        body = b"".join(app(request, lambda status, headers, *rest: answers.append(status)))
    assert answers == ["200 OK"]
    shown = [trial for trial in json.loads(body)["trials"] if trial["state"] == "Complete"]
    names = set(make_problem(Evaluate()).space.parameters())
    assert [{item["name"] for item in trial["params"]} for trial in shown] == 5 * [names]


def test_notes_of_a_dashboard_are_kept_and_trials_of_another_program_refused(tmp_path, Evaluate, make_problem):
    problem, path = make_problem(Evaluate()), tmp_path / "s"
    study = open_study(problem, open_storage(path), "search", resume=False)
    as_optuna_reads(path).set_user_attr("note", "looks good")
    run_study(study, problem, "random", 3, 4)
    assert study.user_attrs["note"] == as_optuna_reads(path).user_attrs["note"] == "looks good"
    assert len(facts(as_optuna_reads(path))) == 4
    as_optuna_reads(path).ask()
    as_optuna_reads(path).enqueue_trial({})
    with pytest.raises(SearchError, match=r"trials of another in .*; one search writes to a journal at a time"):
        run_study(study, problem, "random", 3, 6)
    assert len(facts(as_optuna_reads(path))) == 4


def test_a_second_search_is_kept_off(tmp_path):
    refused = pytest.raises(SearchError, match=r"got .*; one search writes to a journal at a time; wait for it")
    with sole_searcher(tmp_path / "s"), refused:
        sole_searcher(tmp_path / "s").__enter__()
    with sole_searcher(tmp_path / "s"):
        pass


def test_a_lock_left_behind_is_broken(tmp_path, Evaluate, make_problem, run_search, monkeypatch):
    monkeypatch.setattr("searches.journal.PATIENCE_SECONDS", 3)
    monkeypatch.chdir(tmp_path)  # the lock of a relative path too
    run_search("s", make_problem(Evaluate()), 2)
    os.symlink("s", "s.lock")
    result = run_search("s", make_problem(Evaluate()), 4, resume=True)
    assert len(result.trials) == 4
    assert sorted(os.listdir()) == ["s"]


FULL = """
import resource, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from conftest import Evaluate, make_problem, run_search
path, trials, limit = Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    result = run_search(path, make_problem(Evaluate()), trials, resume=path.exists())
except OSError as error:
    sys.exit(error.errno)
print(*(trial.design_id for trial in result.trials))
"""


def test_a_file_that_cannot_grow_loses_no_finished_trial(tmp_path, Evaluate, make_problem, run_search):
    whole = [trial.design_id for trial in run_search(tmp_path / "whole", make_problem(Evaluate()), 25).trials]
    size = (tmp_path / "whole").stat().st_size

    def run(limit: int) -> subprocess.CompletedProcess[str]:
        here = os.path.dirname(__file__)
        command = [sys.executable, "-c", FULL, here, str(tmp_path / "s"), "25", str(limit)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    full = run(size // 2)
    assert full.returncode == errno.EFBIG, full.stderr
    kept = [row[-1] for row in facts(as_optuna_reads(tmp_path / "s"))]
    assert 0 < len(kept) < 25
    assert (tmp_path / "s").read_bytes().endswith(b"\n")
    resumed = run(resource.RLIM_INFINITY)
    assert resumed.stdout.split() == whole
