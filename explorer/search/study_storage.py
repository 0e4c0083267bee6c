"""The storage of a study while it is in use: alone on a journal, closed at the end, its faults said in one line."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage

from searches.database import Database
from searches.errors import SearchError
from searches.journal import sole_searcher
from searches.passwords import masked, without_password
from searches.proxy import is_proxy
from searches.storage import open_storage

__all__ = ["JOB", "SEALS", "STUDY_FILE", "check_storage", "opened"]

STUDY_FILE = "study.journal"

JOB = "filterfront"
"""The attribute of a study that holds the configuration, for workers elsewhere and for who asks how far it is."""

SEALS = "filterfront-seals"
"""The attribute that holds the seals of the code that the configuration names (`explorer.config.trust`)."""


@contextmanager
def opened(location: str | Path) -> Iterator[BaseStorage]:
    """The storage of a study.

    Args:
        location: the path of a journal, or the URL of a database.

    Raises:
        SearchError: it cannot be opened, read or written, or another search writes to the journal.
    """
    with ExitStack() as stack:
        if "://" not in str(location):
            stack.enter_context(sole_searcher(Path(location)))
        storage = open_storage(location)
        try:
            yield storage
        except _faults(storage) as error:
            details = getattr(error, "details", lambda: "")()
            cause = (details or str(error.__cause__ or error)).strip().splitlines()[0]
            reason = f"{masked(str(location)) if '://' in str(location) else location} ({without_password(cause)})"
            remedy = "see that nothing locks it and it can be reached, then add --resume; no finished trial is lost"
            raise SearchError("the study's storage can be read and written", reason, remedy) from error
        finally:
            if isinstance(storage, Database):
                storage.remove_session()
                storage.engine.dispose()
            elif is_proxy(storage):
                storage.close()  # type: ignore[attr-defined]  # no method of all storages


def check_storage(location: str | Path, look: Callable[[BaseStorage], object] = lambda storage: None) -> None:
    """Finds out whether a study can be read, before anything else is loaded or computed for it.

    Args:
        location: as of `opened`; a journal that is not there yet is none that cannot be read.
        look: at the storage, which may refuse it too.

    Raises:
        SearchError: as `opened`, or as ``look``.
    """
    if "://" in str(location) or os.path.lexists(location):
        with opened(location) as storage:
            look(storage)


def _faults(storage: BaseStorage) -> tuple[type[Exception], ...]:
    """What reading and writing a storage raises."""
    if is_proxy(storage):
        from grpc import RpcError

        return StorageInternalError, RpcError
    if not isinstance(storage, Database):
        return (StorageInternalError,)
    from sqlalchemy.exc import SQLAlchemyError

    return StorageInternalError, SQLAlchemyError
