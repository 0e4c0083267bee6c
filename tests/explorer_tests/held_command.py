"""The command with one of its functions held at a gate: each call of it waits until the test lets it through.

A search that is stopped half way is then half way for certain, on any machine and next to any other program. Processes
that the command starts import this file as their main program, so that their calls are held with the others.
"""

import fcntl
import functools
import importlib
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from multiprocessing import forkserver
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


def run(folder: Path, arguments: Sequence[str], cwd: Path, output: Path, environment: Mapping[str, str]) -> None:
    """Runs the command in this process, which becomes one as a shell would start it: a process group of its own,
    whose output goes to a file, and whose other processes are copies of none that was there before."""
    os.setsid()
    written = os.open(output, os.O_WRONLY | os.O_CREAT)
    os.dup2(written, 1)
    os.dup2(written, 2)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment, **{GATE: str(folder)})
    signal.signal(signal.SIGINT, signal.default_int_handler)
    forkserver._forkserver.__init__()  # type: ignore[misc]
    sys.modules["__main__"] = sys.modules[__name__]
    hold(folder)
    from explorer.cli import main

    sys.argv = ["filterfront", *arguments]
    sys.exit(main())


if __name__ == "__mp_main__":
    hold(Path(os.environ[GATE]))
