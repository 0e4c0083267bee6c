"""Commands as processes of a server that has loaded the libraries: they begin at once, and can be killed."""

import multiprocessing
import os
import resource
import signal
import sys
from multiprocessing.context import ForkServerProcess
from pathlib import Path

__all__ = ["HUNG", "ended", "preload", "said"]

HUNG = -signal.SIGKILL
"""The exit code of a command that was ended after its time."""

LONGEST_SECONDS = 180
LIBRARIES = ["torch", "explorer.api.searching", "explorer.search.run", "explorer.runs.export", "reports.render"]


def preload() -> None:
    """Lets the server of processes load the libraries."""
    multiprocessing.get_context("forkserver").set_forkserver_preload(LIBRARIES)


def ended(text: str, folder: Path, kill_after: float | None = None, most_file_bytes: int | None = None) -> int | None:
    """The exit code of a command; None for one that was killed.

    Args:
        text: its words but for the first.
        folder: that it is started in.
        kill_after: seconds; None lets it come to its end.
        most_file_bytes: of each file that it writes, as if the disk were full then.
    """
    arguments = (text.split(), str(folder), most_file_bytes)
    process = multiprocessing.get_context("forkserver").Process(target=_command, args=arguments)
    process.start()
    process.join(LONGEST_SECONDS if kill_after is None else kill_after)
    if process.exitcode is None:
        _end(process)
        return HUNG if kill_after is None else None
    return process.exitcode


def said(folder: Path) -> str:
    """What the last command in a folder has printed."""
    return (folder / "said").read_text(errors="replace") if (folder / "said").exists() else ""


def _end(process: ForkServerProcess) -> None:
    """Kills a process and those that it has started."""
    assert process.pid is not None
    for end in (os.killpg, os.kill):
        try:
            end(process.pid, signal.SIGKILL)
        except ProcessLookupError:  # it has no group of its own yet
            continue
        break
    process.join()


def _command(words: list[str], folder: str, most_file_bytes: int | None) -> None:
    os.setsid()
    os.chdir(folder)
    printed = os.open("said", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(printed, 1)
    os.dup2(printed, 2)
    if most_file_bytes is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most_file_bytes, resource.RLIM_INFINITY))
    import torch

    torch.set_num_threads(1)
    from explorer.cli import main

    sys.exit(main(words))
