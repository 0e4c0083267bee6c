"""Where a study lives: a journal file in the run folder by default, or any storage that Optuna names by URL."""

import os
import random
import shlex
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import optuna
from optuna.storages import BaseStorage, JournalStorage

from costmodels.file_content import check_plain_file, file_content
from costmodels.plain_data import json_data
from searches.database import Database, open_database, set_heartbeat
from searches.errors import SearchError
from searches.journal import MOST_BYTES, DamagedLineError, TrialJournal, locked
from searches.passwords import keep_secret, masked, without_password
from searches.proxy import SCHEME, is_proxy, open_proxy

if TYPE_CHECKING:
    from searches.shared_study import SharedStudy

__all__ = ["is_shared", "journal_snapshot", "open_storage", "sharing_of"]

TABLE_ATTEMPTS = 5
JOURNAL_START = b'{"op_code":'
"""How every line of a journal begins."""


def open_storage(location: str | Path) -> BaseStorage:
    """The storage at a path (a journal file, created where missing) or a URL such as ``sqlite:///study.db`` or
    ``grpc://host:13000``.

    The last line of a journal that a killed process left half written is removed: what was being written is lost,
    and nothing before it.

    Raises:
        SearchError: it cannot be opened; the message gives the reason.
    """
    text = str(location)
    keep_secret(text)
    try:
        if text.startswith(f"{SCHEME}://"):
            return open_proxy(text)
        return _open_database(text) if "://" in text else _open_journal(text)
    except SearchError:
        raise
    except DamagedLineError as error:
        raise _damaged(text, error) from error
    except Exception as error:  # every driver and file system raises its own kinds; all mean the same here
        said = getattr(error, "strerror", None) or str(error)
        reason = (said.strip() or type(error).__name__).splitlines()[0]
        remedy = "check the address, its driver and its permissions"
        if isinstance(error, ImportError) and text.startswith("postgres"):
            remedy = "pip install 'filterfront[postgres]'"
        if isinstance(error, ImportError) and text.startswith(SCHEME):
            remedy = "pip install 'filterfront[grpc]'"
        shown = masked(text) if "://" in text else text
        said = without_password(reason.replace(text, shown))
        raise SearchError("the study's storage can be opened", f"{shown} ({said})", remedy) from error


def is_shared(storage: BaseStorage) -> bool:
    """Whether processes of other machines may work on the studies of a storage too."""
    return isinstance(storage, Database) or is_proxy(storage)


def sharing_of(storage: BaseStorage, study: str, heartbeat: int) -> "SharedStudy | None":
    """Who works on a study: None where nobody else can.

    Args:
        storage: of the study.
        study: its name.
        heartbeat: seconds between two signs of life, the same for all that share the study.
    """
    if isinstance(storage, Database):
        from searches.shared_database import SharedDatabase

        set_heartbeat(storage, heartbeat)
        return SharedDatabase(storage, study)
    if is_proxy(storage):
        from searches.proxied_study import ProxiedStudy

        return ProxiedStudy(storage, heartbeat)
    return None


@contextmanager
def journal_snapshot(path: Path) -> Iterator[BaseStorage]:
    """A journal as it is now, to be read while another process may write to it: a copy without a last line that is not
    whole.

    Raises:
        SearchError: it cannot be read.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "study.journal"
        content = file_content(path, MOST_BYTES)
        copy.write_bytes(content[: content.rfind(b"\n") + 1])
        try:
            yield open_storage(copy)
        except SearchError as error:
            raise type(error)(error.rule, str(error.value).replace(str(copy), str(path)), "see --resume") from error


def _open_database(url: str) -> BaseStorage:
    """The database, its tables made where they are missing, which processes that begin together do at the same time."""
    from sqlalchemy.exc import IntegrityError, ProgrammingError

    for _ in range(TABLE_ATTEMPTS - 1):
        try:
            return open_database(url)
        except (IntegrityError, ProgrammingError):
            time.sleep(1 + random.random())  # noqa: S311 - keeps them apart, hides nothing
    return open_database(url)


def _open_journal(path: str) -> JournalStorage:
    """The journal, whole and writable. The lock keeps out a process that is writing just now."""
    if os.path.exists(path):
        check_plain_file(path, MOST_BYTES)
    with locked(Path(path)):
        with open(path, "ab"):
            pass
        _mend(Path(path))
    journal = TrialJournal(Path(path))
    try:
        return JournalStorage(journal)
    except OSError:
        raise
    except Exception as error:  # whatever Optuna meets in lines that it has not written
        raise DamagedLineError(journal.line, f"{type(error).__name__}: {error}") from error


def _damaged(path: str, error: DamagedLineError) -> SearchError:
    """What to do about a damaged line: the lines before it are a whole journal."""
    rule, value = "every line of a study's journal is an operation", f"{path} ({' '.join(str(error).split())})"
    if error.number <= 1:
        return SearchError(rule, value, "nothing before it can be kept: start in another --out")
    whole, aside = shlex.quote(path), shlex.quote(f"{path}.damaged")
    command = f"mv {whole} {aside} && head -n {error.number - 1} {aside} > {whole}"
    return SearchError(rule, value, f"all before it can be kept: {command}, then add --resume")


def _mend(path: Path) -> None:
    """Cuts off a last line that is not whole, and blanks at the end: Optuna would write on in it, and read no further.

    Raises:
        ValueError: the file is no journal; it is left as it is.
    """
    content = file_content(path, MOST_BYTES)
    if not content.startswith(JOURNAL_START[: len(content)]):
        raise ValueError("the file is not a study's journal")
    lines = content.rstrip()
    start, end = lines.rfind(b"\n") + 1, content.find(b"\n", len(lines)) + 1
    os.truncate(path, end if end and _is_whole(lines[start:]) else start)


def _is_whole(line: bytes) -> bool:
    try:
        return bool(json_data(line))
    except ValueError:
        return False


optuna.logging.set_verbosity(optuna.logging.WARNING)
