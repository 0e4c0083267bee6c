"""Storages: what cannot be opened is refused in one line, and a journal that a kill cut short goes on."""

import json
import os
import subprocess

import optuna
import pytest
from optuna.storages import JournalStorage, RDBStorage

from searches.errors import SearchError
from searches.storage import open_storage


def refusal(location) -> str:
    with pytest.raises(SearchError) as caught:
        open_storage(location)
    message = str(caught.value)
    assert "\n" not in message
    assert "; the study's storage can be opened; " in message
    assert message.endswith("; check the address, its driver and its permissions")
    return message


def write_study(path, trials: int = 3) -> list[bytes]:
    """A study of that many finished trials; the journal's lines."""
    study = optuna.create_study(storage=open_storage(path), study_name="search")
    for value in range(trials):
        study.tell(study.ask(), float(value))
    return path.read_bytes().splitlines(keepends=True)


def values(path) -> list[float | None]:
    study = optuna.load_study(storage=open_storage(path), study_name="search")
    return [trial.value for trial in study.trials]


def test_a_path_is_a_journal_and_a_url_a_database(tmp_path):
    assert isinstance(open_storage(tmp_path / "study.journal"), JournalStorage)
    assert (tmp_path / "study.journal").exists()
    storage = open_storage(f"sqlite:///{tmp_path}/study.db")
    assert isinstance(storage, RDBStorage)
    storage.remove_session()
    storage.engine.dispose()


@pytest.mark.parametrize("cut", [1, 2, 20])
def test_a_last_line_half_written_is_lost_and_nothing_else(tmp_path, cut):
    path = tmp_path / "s"
    lines = write_study(path)
    path.write_bytes(b"".join(lines)[:-cut])  # the end of the third trial's last line
    assert values(path) == [0.0, 1.0, None]
    assert path.read_bytes() == b"".join(lines[:-1])
    study = optuna.load_study(storage=open_storage(path), study_name="search")
    study.tell(study.ask(), 7.0)
    assert values(path) == [0.0, 1.0, None, 7.0]


@pytest.mark.parametrize("tail", [b"\0" * 64, b"\0\0\n", b'{"op_code":5,"worker_id"\n', b"[]\n"])
def test_a_tail_of_garbage_is_cut_off(tmp_path, tail):
    path = tmp_path / "s"
    lines = write_study(path)
    path.write_bytes(b"".join(lines) + tail)
    assert values(path) == [0.0, 1.0, 2.0]
    assert path.read_bytes() == b"".join(lines)


@pytest.mark.parametrize("length", range(0, 30, 4))
def test_a_first_line_half_written_is_an_empty_journal(tmp_path, length):
    path = tmp_path / "s"
    first = write_study(path)[0]
    path.write_bytes(first[:length])
    assert optuna.get_all_study_names(open_storage(path)) == []


@pytest.mark.parametrize(
    ("place", "line"),
    [(1, b"garbage\n"), (2, b"\0\0\0\n"), (1, b'{"op_code":99}\n'), (2, b'{"op_code":5}\n'), (1, b"7\n")],
)
def test_a_journal_damaged_within_is_refused(tmp_path, place, line):
    path = tmp_path / "s"
    lines = write_study(path)
    damaged = b"".join([*lines[:place], line, *lines[place:]])
    path.write_bytes(damaged)
    with pytest.raises(SearchError) as caught:
        open_storage(path)
    assert str(caught.value).startswith(f"{path} (line {place + 1}: ")
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == damaged


@pytest.mark.parametrize("blank", [b"\n", b" \t\r\n", b"\n\n\n"])
@pytest.mark.parametrize("place", [1, 4, None])
def test_an_empty_line_is_nothing(tmp_path, place, blank):
    path = tmp_path / "s"
    lines = write_study(path)
    path.write_bytes(b"".join([*lines[:place], blank, *(lines[place:] if place else [])]))
    assert values(path) == [0.0, 1.0, 2.0]
    study = optuna.load_study(storage=open_storage(path), study_name="search")
    study.tell(study.ask(), 7.0)
    assert values(path) == [0.0, 1.0, 2.0, 7.0]


def test_blanks_at_the_end_are_cut_off_and_the_last_line_stays(tmp_path):
    path = tmp_path / "s"
    lines = write_study(path)
    path.write_bytes(b"".join(lines) + b"\n \n  ")
    assert values(path) == [0.0, 1.0, 2.0]
    assert path.read_bytes() == b"".join(lines)


def test_a_damaged_line_is_named_as_an_editor_counts_and_what_is_before_it_kept_as_the_message_says(tmp_path):
    folder = tmp_path / "my run"
    folder.mkdir()
    path = folder / "study.journal"
    lines = write_study(path)
    last = next(number for number, line in enumerate(lines) if b'"trial_id":2' in line)  # of the third trial
    path.write_bytes(b"".join([*lines[:2], b"\n", *lines[2:last], b"gar\0bage\n", *lines[last:]]))
    with pytest.raises(SearchError, match=rf"\(line {last + 2}: ") as caught:  # one blank line before, counted from 1
        open_storage(path)
    command = str(caught.value).partition("can be kept: ")[2].partition(", then add --resume")[0]
    subprocess.run(command, shell=True, check=True, cwd="/")  # noqa: S602 (the command that the message tells to run)
    assert values(path)[:2] == [0.0, 1.0]
    assert (folder / "study.journal.damaged").exists()


@pytest.mark.parametrize("content", [b"notes of mine", b"a,b\n1,2\n", b"\x89PNG\r\n", b"\n", json.dumps([1]).encode()])
def test_another_file_is_refused_and_left_as_it_is(tmp_path, content):
    path = tmp_path / "notes"
    path.write_bytes(content)
    assert "the file is not a study's journal" in refusal(path)
    assert path.read_bytes() == content
    assert os.listdir(tmp_path) == ["notes"]


def test_paths_that_cannot_be_written_are_refused(tmp_path):
    assert "No such file or directory" in refusal(tmp_path / "missing" / "s")
    assert "Is a directory" in refusal(tmp_path)
    (tmp_path / "file").write_text("")
    assert "Not a directory" in refusal(tmp_path / "file" / "s")


@pytest.mark.parametrize(
    "url", ["nosuchdb://host/name", "sqlite://///", "://", "sqlite:////no/such/folder/study.db", "http://example.org/x"]
)
def test_urls_that_name_no_database_are_refused(url):
    assert url in refusal(url)


def test_a_database_file_of_garbage_is_refused(tmp_path):
    (tmp_path / "study.db").write_bytes(b"garbage " * 1000)
    assert "not a database" in refusal(f"sqlite:///{tmp_path}/study.db")


def test_a_password_is_not_shown():
    message = refusal("nosuchdb://me:se@cret:1@host/name")
    assert "nosuchdb://me:***@host/name" in message
    assert "cret" not in message
