"""Which study a search is: the one that its journal holds, or that its run folder has noted, whatever the folder is
called by now."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import BaseStorage

from explorer.config.search import SearchConfig
from explorer.search.study_storage import STUDY_FILE, opened
from reports.atomic_write import write_files
from reports.json_files import json_bytes, read_json
from searches.errors import SearchError
from searches.passwords import masked
from searches.signature import check_signature
from searches.storage import is_shared

__all__ = ["NOTE_FILE", "check_resumed", "note_study", "noted_study", "own_studies", "rung_name", "study_name"]

NOTE_FILE = "study.json"
"""Of a search in a database: the name of its study, there from the first trial on. run.json comes at the end."""


_RUNG = "/trained-"
"""No name of a run folder has a slash."""


def study_name(config: SearchConfig, storage: BaseStorage, folder: Path) -> str:
    """The name of the study of a search: of a new one that of the run folder, of a resumed one what it is called.

    Args:
        config: of the search.
        storage: opened.
        folder: the run folder.

    Raises:
        SearchError: a search is to be resumed where its study is not.
    """
    if not config.resume:
        return folder.resolve().name
    known = own_studies(storage)
    return _in_database(config, known, folder) if is_shared(storage) else _in_journal(known, folder)


def check_resumed(config: SearchConfig, folder: Path, signature: Mapping[str, Any]) -> None:
    """Refuses to resume a search under another signature, before anything is fitted for it.

    Args:
        config: of the search.
        folder: the run folder.
        signature: of the search as it is configured now.

    Raises:
        SearchError: what differs is named; or the storage cannot be read, or holds no study of the search.
    """
    location = config.storage or folder / STUDY_FILE
    if not config.resume or ("://" not in str(location) and not Path(location).exists()):
        return
    with opened(location) as storage:
        name = study_name(config, storage, folder)
        if name in optuna.get_all_study_names(storage):
            before = optuna.load_study(storage=storage, study_name=name).user_attrs.get("signature")
            if before is not None:
                check_signature(before, signature)


def rung_name(study: str, epochs: int) -> str:
    """The name of the study of a search's designs after so many epochs of training."""
    return f"{study}{_RUNG}{epochs}"


def own_studies(storage: BaseStorage) -> list[str]:
    """The names of the studies of a storage, but for those of trained designs."""
    return [name for name in optuna.get_all_study_names(storage) if _RUNG not in name]


def note_study(config: SearchConfig, study: str, folder: Path) -> None:
    """Notes in the run folder which study of a database is its own."""
    note = {"study": study, "storage": masked(config.storage or "")}
    write_files(folder, {NOTE_FILE: json_bytes(note, NOTE_FILE)})


def noted_study(folder: Path) -> tuple[str, str | None] | None:
    """(name of the study, address of its database without the password) that a run folder has noted; the address is
    None for a study that is not in a database, and all of it is None where there is no note."""
    for name in (NOTE_FILE, "run.json"):
        if (folder / name).is_file() and (study := (plain := read_json(folder / name)).get("study")):
            return str(study), plain.get("storage")
    return None


def _in_database(config: SearchConfig, known: list[str], folder: Path) -> str:
    noted = _noted(folder)
    if noted is not None and noted not in known:
        found = f"no study {noted} in {masked(config.storage or '')}"
        raise SearchError("a search resumes where its study is", found, _where_it_began(folder))
    return folder.resolve().name if noted is None else noted


def _in_journal(known: list[str], folder: Path) -> str:
    """The journal's own study; one that is empty has none yet."""
    name = folder.resolve().name
    if len(known) == 1:
        return known[0]
    if len(known) > 1 and name not in known:
        found = f"{len(known)} in {folder / STUDY_FILE}: {', '.join(known)}"
        raise SearchError("a journal holds one study", found, "rename the folder as the one to go on with")
    if not known and (folder / STUDY_FILE).stat().st_size:
        remedy = "restore it, or start in another --out"
        raise SearchError("a search resumes the study of its journal", f"no study in {folder / STUDY_FILE}", remedy)
    noted = _noted(folder)
    if not known and noted is not None:
        found = f"no study {noted} in {folder / STUDY_FILE}"
        raise SearchError("a search resumes where its study is", found, _where_it_began(folder))
    return name


def _noted(folder: Path) -> str | None:
    """The name of the study that the folder has noted; None for a folder of no search."""
    noted = noted_study(folder)
    return noted[0] if noted else None


def _where_it_began(folder: Path) -> str:
    if (folder / NOTE_FILE).is_file():
        return f"give the --storage that it began with: {read_json(folder / NOTE_FILE).get('storage')}"
    return f"leave --storage out: its study is in {folder / STUDY_FILE}"
