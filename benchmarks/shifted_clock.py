"""filterfront by a wall clock that is put back while it runs: ``shifted_clock.py FILE WORDS...``.

FILE has the seconds that the clock is off by, and is read each time that somebody asks for the time. The monotonic
clock goes on, as that of a machine does whose time is set.
"""

import datetime
import sys
import time
from pathlib import Path
from typing import Any

import optuna
import optuna.storages._rdb.storage
import optuna.storages.journal._storage

from explorer.cli import main

OFFSET = Path(sys.argv[1])
_time, _datetime = time.time, datetime.datetime


def _shifted() -> float:
    return _time() + float(OFFSET.read_text() or 0)


class Shifted(_datetime):
    @classmethod
    def now(cls, tz: Any = None) -> "Shifted":
        return cls.fromtimestamp(_shifted(), tz)


if __name__ == "__main__":
    time.time = _shifted
    # Optuna writes the times of trials by these; libraries in C keep the class that they were compiled with.
    for module in (optuna.storages._rdb.storage, optuna.storages.journal._storage):
        module.datetime = Shifted
    sys.exit(main(sys.argv[2:]))
