"""Where a study lives: a journal file in the run folder by default, or any storage that Optuna names by URL."""

from pathlib import Path

import optuna
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend

from searches.errors import SearchError

__all__ = ["open_storage"]


def open_storage(location: str | Path) -> BaseStorage:
    """The storage at a path (a journal file, created where missing) or a URL such as ``sqlite:///study.db``.

    Raises:
        SearchError: it cannot be opened; the message gives the reason.
    """
    text = str(location)
    try:
        if "://" in text:
            return RDBStorage(text)
        return JournalStorage(JournalFileBackend(text))
    except Exception as error:  # every driver and file system raises its own kinds; all mean the same here
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        remedy = "check the address, its driver and its permissions"
        raise SearchError("the study's storage can be opened", f"{text} ({reason})", remedy) from error


optuna.logging.set_verbosity(optuna.logging.WARNING)
