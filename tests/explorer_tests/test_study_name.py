"""A resumed search goes on in the study that it began, whatever its folder is called; passwords are not written."""

import json
import sys

import pytest

from explorer.cli.common import command_line
from explorer.config.search import make_config

SEARCH = (
    *("search", "--network", "net.py:build", "--data", "data.py:parts", "--flash", "4KiB", "--schemes", "dense"),
    *("--sampler", "random", "--no-gap", "--out", "run"),
)


@pytest.fixture
def go(run_filterfront, folder):
    """Searches until there are so many trials; what it says on stderr."""

    def search(trials, *options, code=0):
        done = run_filterfront(*SEARCH, "--trials", trials, *options, cwd=folder)
        assert done.returncode == code, done.stderr
        return done.stderr

    return search


def created(folder) -> list[str]:
    """The names of the studies that a journal creates."""
    logs = map(json.loads, (folder / "study.journal").read_text().splitlines())
    return [log["study_name"] for log in logs if log["op_code"] == 0]


def test_a_moved_run_goes_on_in_its_own_study(go, folder):
    go(3)
    before = (folder / "run" / "trials.csv").read_text().splitlines()
    (folder / "run").rename(folder / "moved")
    go(5, "--resume", "--out", "moved")
    assert created(folder / "moved") == ["run"]
    after = (folder / "moved" / "trials.csv").read_text().splitlines()
    assert len(after) == 1 + 5
    assert after[: 1 + 3] == before
    assert json.loads((folder / "moved" / "run.json").read_text())["study"] == "run"


def test_a_moved_run_goes_on_in_its_own_study_of_a_database(go, folder):
    at = ("--storage", f"sqlite:///{folder}/study.db")
    go(3, *at)
    assert json.loads((folder / "run" / "study.json").read_text())["study"] == "run"
    (folder / "run").rename(folder / "moved")
    go(5, *at, "--resume", "--out", "moved")
    assert len((folder / "moved" / "trials.csv").read_text().splitlines()) == 1 + 5
    assert json.loads((folder / "moved" / "run.json").read_text())["study"] == "run"


def test_a_search_is_not_resumed_where_its_study_is_not(go, folder):
    go(2, "--storage", f"sqlite:///{folder}/study.db")
    said = go(4, "--resume", code=2)
    assert "no study run in run/study.journal; a search resumes where its study is; give the --storage" in said
    said = go(4, "--resume", "--storage", f"sqlite:///{folder}/other.db", code=2)
    assert f"no study run in sqlite:///{folder}/other.db; " in said
    go(2, "--out", "journal")
    said = go(4, "--resume", "--out", "journal", "--storage", f"sqlite:///{folder}/study.db", code=2)
    assert "leave --storage out: its study is in journal/study.journal" in said


def test_resuming_never_creates_a_study_in_a_journal_that_is_not_empty(go, folder):
    go(2)
    journal = folder / "run" / "study.journal"
    deleted = journal.read_text() + '{"op_code":1,"worker_id":"a","study_id":0}\n'
    journal.write_text(deleted)
    assert "no study in run/study.journal; a search resumes the study of its journal" in go(4, "--resume", code=2)
    assert journal.read_text() == deleted


def test_of_several_studies_the_folder_tells_which(go, folder):
    go(2)
    journal = folder / "run" / "study.journal"
    logs = journal.read_text()
    # What version 0.1.0 made of a moved run: a second study in the same journal.
    journal.write_text(logs + '{"op_code":0,"worker_id":"a","study_name":"other","directions":[2,1]}\n')
    go(3, "--resume")
    (folder / "run").rename(folder / "third")
    said = go(4, "--resume", "--out", "third", code=2)
    assert "2 in third/study.journal: run, other; a journal holds one study; rename the folder" in said


def test_an_empty_journal_is_begun(go, folder):
    (folder / "run").mkdir()
    (folder / "run" / "study.journal").touch()
    go(2, "--resume")
    assert created(folder / "run") == ["run"]


ADDRESS = "postgresql://me@corp:S3 CRET,'x@127.0.0.1:1/h?application_name=a&sslpassword=AN0THER"
SHOWN = "postgresql://me@corp:***@127.0.0.1:1/h?application_name=a&sslpassword=***"


@pytest.mark.parametrize("more", [(), ("--debug",)])
def test_passwords_of_a_database_are_in_no_message(run_filterfront, folder, more):
    done = run_filterfront(*SEARCH, "--trials", 2, "--storage", ADDRESS, *more, cwd=folder)
    assert done.returncode == (1 if "--debug" in more else 2)
    said = done.stdout + done.stderr
    assert SHOWN in said or "--debug" in more
    assert not any(secret in said for secret in ("S3", "CRET", "AN0THER"))
    worker = run_filterfront("worker", "run", "--storage", ADDRESS, *more, cwd=folder)
    said += worker.stdout + worker.stderr
    assert not any(secret in said for secret in ("S3", "CRET", "AN0THER"))


def test_passwords_are_in_no_record(monkeypatch):
    words = ["filterfront", "search", "--storage", ADDRESS, f"--storage={ADDRESS}", "--out", "run"]
    monkeypatch.setattr(sys, "argv", words)
    assert command_line() == f"filterfront search --storage {SHOWN} --storage={SHOWN} --out run"
    assert make_config(storage=ADDRESS).to_json()["storage"] == SHOWN
    assert "storage" not in make_config(storage=ADDRESS).to_job()
