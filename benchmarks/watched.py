"""A command of filterfront run as a process under watch: its time, its memory, and what it leaves on the screen."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

__all__ = ["NET", "Watched", "start", "watch"]

SHIFTED = Path(__file__).with_name("shifted_clock.py")
PROGRESS = ("starting", "reading", "training on", "Usage: filterfront ", "Try 'filterfront ")
"""How lines begin that are no refusal: of progress, and what click says around one of wrong usage."""
LIMIT_SECONDS = 120
"""After so long a command hangs."""

NET = """
import numpy as np, torch
from torch import nn

def build():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 2)).eval(), torch.zeros(1, 1, 6, 6)

def parts():
    draw = np.random.default_rng(0)
    images, labels = draw.normal(size=(90, 1, 6, 6)).astype(np.float32), np.arange(90) % 2
    return {"train": (images[:40], labels[:40]), "validation": (images[40:], labels[40:])}
"""
"""A network and data that cost next to nothing."""


@dataclass(frozen=True)
class Watched:
    """How a command ended.

    Args:
        code: its exit code; negative for a signal.
        seconds: from start to end.
        processor: seconds of the processor.
        mebibytes: of memory at most, by a look every hundredth of a second.
        out: the standard output.
        err: what it said besides.
        hung: whether it was ended after its time.
    """

    code: int
    seconds: float
    processor: float
    mebibytes: float
    out: str
    err: str
    hung: bool = False

    @property
    def said(self) -> list[str]:
        """The lines on stderr but for progress."""
        return [line for line in self.err.splitlines() if line.strip() and not line.startswith(PROGRESS)]

    @property
    def has_traceback(self) -> bool:
        """Whether it ended in a traceback, in a fault that nobody expected, or by a signal."""
        return "Traceback" in self.err or self.code == 3 or self.code < 0

    @property
    def has_garbage(self) -> bool:
        """Whether a control character reached the terminal."""
        return any(not (letter.isprintable() or letter in "\n\t") for letter in self.out + self.err)


def start(
    words: Sequence[str],
    folder: Path,
    out: IO[bytes],
    err: IO[bytes],
    environment: Mapping[str, str] | None = None,
    shifted_by: Path | None = None,
) -> "subprocess.Popen[bytes]":
    """The command, started in a folder and in a group of its own, its clock shifted where a file says so."""
    program = ["-m", "filterfront"] if shifted_by is None else [str(SHIFTED), str(shifted_by)]
    command = [sys.executable, *program, *words]
    variables = {**os.environ, **(environment or {})}
    return subprocess.Popen(command, cwd=folder, stdout=out, stderr=err, env=variables, start_new_session=True)


def watch(
    words: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None, shifted_by: Path | None = None
) -> Watched:
    """Runs the command to its end, or for `LIMIT_SECONDS`."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        began = time.monotonic()
        process, hung = start(words, folder, out, err, environment, shifted_by), False
        mebibytes = 0.0
        while True:
            done, status, usage = os.wait4(process.pid, os.WNOHANG)
            if done:
                break
            mebibytes = max(mebibytes, _most_mebibytes(process.pid))
            if not hung and time.monotonic() - began > LIMIT_SECONDS:
                os.killpg(process.pid, signal.SIGKILL)
                hung = True
            time.sleep(0.01)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - began
        texts = [_text(file) for file in (out, err)]
    processor = usage.ru_utime + usage.ru_stime
    return Watched(process.returncode, seconds, processor, mebibytes, *texts, hung)


def _most_mebibytes(pid: int) -> float:
    """The most memory that a process has had. What wait4 tells begins with that of the process that started it."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:  # it has ended
        return 0.0
    found = next((line for line in status.splitlines() if line.startswith("VmHWM:")), None)
    return int(found.split()[1]) / 1024 if found else 0.0


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")
