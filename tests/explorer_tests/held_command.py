"""The command with one of its functions held at a gate: each call of it waits until the test lets it through.

``python held_command.py search ...``, with `GATE` in the environment. A search that is stopped half way is then half
way for certain, on any machine and next to any other program. Processes that the command spawns import this file as
well, so that their calls are held with the others.
"""

import fcntl
import functools
import importlib
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

GATE = "FILTERFRONT_TEST_GATE"
"""A folder. It holds `target`, as ``module:function`` or ``module:Class.method``; `allowed`, the number of calls that
may pass; `calls`, a line with the process's number for each call that has come; and in `settings` lines of
``module:NAME value`` for whole numbers to be changed before anything runs."""

PATIENCE_SECONDS = 900


def pass_gate(folder: Path) -> None:
    """Comes to the gate, and goes on once it is let through."""
    with (folder / "calls").open("a") as calls:
        fcntl.flock(calls, fcntl.LOCK_EX)
        number = len((folder / "calls").read_text().splitlines())
        calls.write(f"{os.getpid()}\n")
        calls.flush()
    end = time.monotonic() + PATIENCE_SECONDS
    while number >= int((folder / "allowed").read_text()):
        if time.monotonic() > end:
            raise TimeoutError(f"call {number} was not let through")
        time.sleep(0.02)


def owner_of(target: str) -> tuple[Any, str]:
    """The module or class that has the attribute, and its name."""
    module, _, path = target.partition(":")
    *owners, name = path.split(".")
    return functools.reduce(getattr, owners, importlib.import_module(module)), name


def hold(folder: Path) -> None:
    """Puts the gate in place, and the settings."""
    owner, name = owner_of((folder / "target").read_text())
    function = getattr(owner, name)

    @functools.wraps(function)
    def held(*given: Any, **named: Any) -> Any:
        pass_gate(folder)
        return function(*given, **named)

    setattr(owner, name, held)
    for line in (folder / "settings").read_text().splitlines():
        setting, value = line.split()
        setattr(*owner_of(setting), int(value))


if __name__ in ("__main__", "__mp_main__"):
    hold(Path(os.environ[GATE]))
if __name__ == "__main__":
    from explorer.cli import main

    signal.signal(signal.SIGINT, signal.default_int_handler)  # which shells ignore in what they start in the background

    sys.exit(main())
