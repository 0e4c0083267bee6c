"""How long the screen stays as it is: the first line of a command, and the longest time without one.

    python benchmarks/first_lines.py [--repeat 3] [COMMAND ...]

`filterfront search` of the demo is run on a terminal of 100 columns and redirected into a file, with an empty cache, as
a first user does it, and then with what it keeps. On a terminal a bar that is drawn again counts, as it moves.
Targets: the first line within 2 s, and never more than 10 s without one.
"""

import argparse
import os
import pty
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fcntl import ioctl
from pathlib import Path
from struct import pack
from termios import TIOCSWINSZ

FIRST_SECONDS, LONGEST_SECONDS = 2, 10
LINES, COLUMNS = 40, 100


@dataclass(frozen=True)
class Seen:
    """What a command showed.

    Args:
        first: seconds to the first character.
        longest: seconds without one, the end of the command among them.
        before: the line after which that was.
        whole: seconds in all.
        code: exit code.
    """

    first: float
    longest: float
    before: str
    whole: float
    code: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("words", nargs="*", default=["search"])
    arguments = parser.parse_args()
    print(f"| output | cache | first line, s | longest without one, s | after | all, s | load average |\n{'|---' * 7}|")
    for _ in range(arguments.repeat):
        for name, watch in (("terminal", on_terminal), ("redirected", redirected)):
            with tempfile.TemporaryDirectory() as folder:
                for cache in ("empty", "warm"):
                    place = Path(folder) / cache
                    place.mkdir()
                    seen = watch(arguments.words, place, Path(folder) / "cache")
                    assert seen.code == 0, seen
                    late = " (!)" * (seen.first > FIRST_SECONDS or seen.longest > LONGEST_SECONDS)
                    times = f"{seen.first:.1f} | {seen.longest:.1f}{late} | {seen.before} | {seen.whole:.0f}"
                    print(f"| {name} | {cache} | {times} | {os.getloadavg()[0]:.1f} |", flush=True)


def on_terminal(words: list[str], folder: Path, cache: Path) -> Seen:
    """The command, with a terminal for all that it shows."""
    ours, theirs = pty.openpty()
    ioctl(theirs, TIOCSWINSZ, pack("HHHH", LINES, COLUMNS, 0, 0))
    process = _start(words, folder, cache, theirs)
    os.close(theirs)
    return _watched(process, _reads(ours, process))


def redirected(words: list[str], folder: Path, cache: Path) -> Seen:
    """The command, into a pipe."""
    ours, theirs = os.pipe()
    process = _start(words, folder, cache, theirs)
    os.close(theirs)
    return _watched(process, _reads(ours, process))


def _start(words: list[str], folder: Path, cache: Path, out: int) -> "subprocess.Popen[bytes]":
    environment = {**os.environ, "FILTERFRONT_CACHE": str(cache), "TERM": "xterm-256color"}
    command = [sys.executable, "-m", "filterfront", *words]
    return subprocess.Popen(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out)


def _reads(ours: int, process: "subprocess.Popen[bytes]") -> Iterator[bytes]:
    """What is shown, piece by piece."""
    while True:
        ready, _, _ = select.select([ours], [], [], 0.05)
        if not ready:
            if process.poll() is not None:
                break
            continue
        try:
            content = os.read(ours, 65536)
        except OSError:  # the terminal's other end is closed
            break
        if not content:
            break
        yield content
    os.close(ours)


def _watched(process: "subprocess.Popen[bytes]", reads: Iterator[bytes]) -> Seen:
    began = last = time.monotonic()
    first, longest, before, line = 0.0, 0.0, "the start", ""
    for content in reads:
        now = time.monotonic()
        first = first or now - began
        if now - last > longest:
            longest, before = now - last, line or "the start"
        last = now
        shown = [
            part.strip() for part in content.decode(errors="replace").replace("\r", "\n").split("\n") if part.strip()
        ]
        line = shown[-1][:40].replace("|", "/") if shown else line
    code, end = process.wait(), time.monotonic()
    if end - last > longest:
        longest, before = end - last, line
    return Seen(first, longest, before, end - began, code)


if __name__ == "__main__":
    main()
