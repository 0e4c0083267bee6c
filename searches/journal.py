"""Optuna's journal file, written once for each trial instead of once for each of its parameters.

Optuna appends a line, locks, synchronises and reads again for every operation. Here the operations of a trial are held
in memory and written together when its result is: one lock, one write, one fsync. What is on disk stays an ordinary
journal, in which Optuna and optuna-dashboard find every parameter.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from optuna.storages.journal import BaseJournalBackend, JournalFileSymlinkLock
from optuna.trial import TrialState

from costmodels.file_content import check_plain_file, file_content
from costmodels.plain_data import json_data
from searches.errors import SearchError

__all__ = ["DamagedLineError", "TrialJournal", "is_searched", "locked", "sole_searcher"]

MOST_BYTES = 2**30
"""Of a journal: a trial of 60 parameters takes some 10,000."""

PATIENCE_SECONDS = 5
"""After so long the lock of a writer that is gone is broken; an append takes milliseconds."""

CREATE_STUDY, DELETE_STUDY, SET_STUDY_USER_ATTR, CREATE_TRIAL, SET_TRIAL_STATE_VALUES = 0, 1, 2, 4, 6
"""Operations by Optuna's numbers, which are the format of the file."""


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds the lock that Optuna's own writers of the journal respect."""
    # The lock is a link to the journal, which Optuna looks through: a relative path would lead it astray.
    lock = JournalFileSymlinkLock(str(path.resolve()), grace_period=PATIENCE_SECONDS)
    lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def sole_searcher(path: Path) -> Iterator[None]:
    """Keeps a second search off the journal. The system lets go of the lock however the process ends.

    Raises:
        SearchError: another search writes to it.
    """
    if path.exists():
        check_plain_file(path, MOST_BYTES)
    with open(path, "ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            remedy = "wait for it, use --workers, or share a database with --storage"
            raise SearchError("one search writes to a journal at a time", str(path), remedy) from None
        yield


def is_searched(path: Path) -> bool:
    """Whether a search writes to the journal just now."""
    with open(path, "rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


class DamagedLineError(Exception):
    """A line of a journal that cannot be read; all lines before it can.

    Args:
        number: of the line, from 1.
        reason: what is wrong with it.
    """

    def __init__(self, number: int, reason: str) -> None:
        super().__init__(f"line {number}: {reason}")
        self.number = number


class TrialJournal(BaseJournalBackend):
    """The file of a study that one process searches.

    Durable when the call returns: a study made, its attributes, and every trial whose result was reported, with all
    that was set before. Whatever a trial in progress has set is in memory: a killed process loses that trial only.

    Args:
        path: the journal, which exists and is whole.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held: list[dict[str, Any]] = []
        numbered, self._size = _entries(path, 0)
        self._lines, self._unread = [number for number, _ in numbered], [log for _, log in numbered]
        self._first = 0
        self.line = 0
        """The line of the file whose operation was last given out; 0 for none, and for one that is not read from it."""

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        """The operations from that number on, in the order in which this process knows them."""
        if log_number_from < self._first:
            raise ValueError("the operations of a journal are read once, in order")
        del self._unread[: log_number_from - self._first]
        self._first = log_number_from
        return self._given_out(self._unread[:])

    def _given_out(self, logs: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for number, log in enumerate(logs, start=self._first):
            self.line = self._lines[number] if number < len(self._lines) else 0
            yield log

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Holds the operations, and writes all that are held once one of them is to be durable.

        Raises:
            OSError: they cannot be written, on a full disk for one. The file is as before.
            SearchError: another program made trials in it meanwhile.
        """
        self._held += logs
        if any(_is_durable(log) for log in logs):
            try:
                self._write()
            except BaseException:
                del self._held[-len(logs) :]
                raise
        self._unread += logs

    def _write(self) -> None:
        lines = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in self._held).encode()
        with locked(self._path), open(self._path, "r+b", buffering=0) as file:
            self._take_in_others()
            try:
                _write_whole(file.fileno(), lines, self._size)
                os.fsync(file.fileno())
            except BaseException as error:
                file.truncate(self._size)
                if isinstance(error, OSError) and error.errno:
                    raise OSError(error.errno, error.strerror, str(self._path)) from error
                raise
        self._size += len(lines)
        self._held.clear()

    def _take_in_others(self) -> None:
        """Reads what another program appended: notes of a dashboard. It comes first in the file, and last here."""
        try:
            numbered, self._size = _entries(self._path, self._size)
        except DamagedLineError as error:
            found = f"{self._path} has a line of another program that is no operation"
            raise SearchError(
                "one search writes to a journal at a time", found, "end it and take the line out"
            ) from error
        others = [log for _, log in numbered]
        if any(log["op_code"] in (CREATE_STUDY, DELETE_STUDY, CREATE_TRIAL) for log in others):
            remedy = "end the other program and add --resume, or share a database with --storage"
            raise SearchError("one search writes to a journal at a time", f"trials of another in {self._path}", remedy)
        self._unread += others


def _entries(path: Path, start: int) -> tuple[list[tuple[int, dict[str, Any]]], int]:
    """The operations from a byte on, each with the number of its line counted from there, and where they end. A line of
    blanks holds none.

    Raises:
        DamagedLineError: a line holds none either.
    """
    content = file_content(path, MOST_BYTES, start)
    lines = enumerate(content.split(b"\n"), start=1)
    return [(number, _operation(number, line)) for number, line in lines if line.strip()], start + len(content)


def _operation(number: int, line: bytes) -> dict[str, Any]:
    """The operation of a line."""
    try:
        log = json_data(line)
    except ValueError as error:
        raise DamagedLineError(number, str(error)) from error
    if not isinstance(log, dict) or not isinstance(log.get("op_code"), int):
        raise DamagedLineError(number, "no operation of a study")
    return log


def _write_whole(descriptor: int, content: bytes, position: int) -> None:
    """A write may take less than it is given; what is missing then fails with its reason."""
    rest: Sequence[int] | memoryview = memoryview(content)
    while len(rest):
        written = os.pwrite(descriptor, rest, position)  # type: ignore[arg-type]
        rest, position = rest[written:], position + written


def _is_durable(log: dict[str, Any]) -> bool:
    code = log["op_code"]
    if code == SET_TRIAL_STATE_VALUES:
        return TrialState(log["state"]).is_finished()
    return code in (CREATE_STUDY, DELETE_STUDY, SET_STUDY_USER_ATTR)
