"""Connections to a database server, asked whether they live when they have rested."""

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import Engine

__all__ = ["ask_rested_connections"]

REST_SECONDS = 1.0
"""After so long a connection may have been ended by a server that was started again, or by what lies in between."""

_USED = "last used"


def ask_rested_connections(engine: "Engine") -> None:
    """Lets a connection that has rested be asked whether it lives before it is used, and replaced where it does not.

    SQLAlchemy's own ``pool_pre_ping`` asks before every transaction, which takes longer than the transaction.

    Args:
        engine: of a database.
    """
    import sqlalchemy as sql

    def ask(driver_connection: Any, record: Any, proxy: Any) -> None:
        rested = time.monotonic() - record.info.get(_USED, time.monotonic())
        if rested > REST_SECONDS:
            try:
                engine.dialect.do_ping(driver_connection)
            except engine.dialect.loaded_dbapi.Error as error:
                raise sql.exc.DisconnectionError from error

    def note(driver_connection: Any, record: Any) -> None:
        record.info[_USED] = time.monotonic()

    sql.event.listen(engine, "checkout", ask)
    sql.event.listen(engine, "checkin", note)
