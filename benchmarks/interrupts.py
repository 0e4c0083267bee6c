"""Ctrl-C at random moments, that of loading the libraries among them: no traceback, exit code 130, and the report of
what there is.

    python benchmarks/interrupts.py [--tries 24] [--seed 0]

The signal goes to all processes of the command, as a terminal sends it. A moment after the end of the command counts as
one of its own end.
"""

import argparse
import os
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from left_behind import finished_trials, half_written
from watched import NET, start, watch

SEARCH = "search --network net.py:build --data net.py:parts --flash 4KiB --schemes dense --sampler tpe --no-gap"
INTERRUPTED, LONGEST_SECONDS = 130, 600


@dataclass
class Tally:
    """What was found of a command.

    Args:
        tries: so far.
        stopped: of them ended with 130; the others came to their end.
        codes: other exit codes, and commands that did not end.
        tracebacks: on the screen.
        reports: that are missing though trials were finished.
        half: files that could not be read.
        longest: seconds from the signal to the end.
        notes: on each fault.
    """

    tries: int = 0
    stopped: int = 0
    codes: int = 0
    tracebacks: int = 0
    reports: int = 0
    half: int = 0
    longest: float = 0.0
    notes: list[str] = field(default_factory=list)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tries", type=int, default=24)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    draw, tallies = np.random.default_rng(arguments.seed), {}
    with tempfile.TemporaryDirectory() as scratch:
        home, place = Path(scratch) / "home", Path(scratch) / "place"
        commands = _commands(_made_home(home, place))
        for name, text in commands.items():
            tallies[name] = _interrupt(text, arguments.tries // len(commands), home, place, draw)
            print(f"{name}: {tallies[name]}", flush=True)
    _table(tallies)


def _made_home(home: Path, place: Path) -> str:
    """Makes a folder with a run whose seals are of the place where copies go; a design of its front."""
    place.mkdir()
    (place / "net.py").write_text(NET)
    with (place / "said").open("wb") as said:
        code = start(f"{SEARCH} --trials 6 --out run".split(), place, said, said).wait()
    assert code == 0, (place / "said").read_text()
    shutil.move(place, home)
    return sorted((home / "run" / "designs").glob("*.json"))[0].stem


def _commands(design: str) -> dict[str, str]:
    return {
        "search": f"{SEARCH} --trials 60 --out new",
        "search of two processes": f"{SEARCH} --trials 60 --workers 2 --out new",
        "finetune": f"finetune run --design {design} --epochs 40",
        "export --c": f"export run --design {design} --c --out out",
    }


def _interrupt(text: str, tries: int, home: Path, place: Path, draw: np.random.Generator) -> Tally:
    tally = Tally()
    _copy(home, place)
    whole = watch(text.split(), place).seconds
    for _ in range(tries):
        _copy(home, place)
        _once(text, float(draw.uniform(0.2, whole)), place, tally)
    return tally


def _copy(home: Path, place: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(home, place)


def _once(text: str, moment: float, place: Path, tally: Tally) -> None:
    said = place / "said"
    with said.open("wb") as file:
        process = start(text.split(), place, file, file)
        time.sleep(moment)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
        began = time.monotonic()
        code = _ended(process)
    words = said.read_text(errors="replace")
    half = half_written(place)
    is_bare = (place / "new" / "study.journal").exists() and finished_trials(place, "new") > 0
    faults = {
        "codes": code not in (0, INTERRUPTED),
        "tracebacks": "Traceback" in words,
        "reports": is_bare and not (place / "new" / "report.html").exists(),
        "half": bool(half),
    }
    tally.tries += 1
    tally.stopped += code == INTERRUPTED
    tally.longest = max(tally.longest, time.monotonic() - began)
    for name, is_so in faults.items():
        setattr(tally, name, getattr(tally, name) + is_so)
    if any(faults.values()):
        tally.notes.append(f"after {moment:.1f} s: {code}, {half}: {words[-400:]}")


def _ended(process: "subprocess.Popen[bytes]") -> int | None:
    """The exit code; None for a command that had to be killed."""
    try:
        return process.wait(LONGEST_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return None


def _table(tallies: dict[str, Tally]) -> None:
    names = ("tries", "stopped", "codes", "tracebacks", "reports", "half")
    heads = "Ctrl-C | stopped by it | other exit codes | tracebacks | reports missing | half written | longest, s"
    print(f"\n| command | {heads} |\n{'|---' * 8}|")
    for name, tally in tallies.items():
        print(f"| {name} | {' | '.join(str(getattr(tally, item)) for item in names)} | {tally.longest:.1f} |")
    totals = [sum(getattr(tally, item) for tally in tallies.values()) for item in names]
    longest = max(tally.longest for tally in tallies.values())
    print(f"| all | {' | '.join(map(str, totals))} | {longest:.1f} |")


if __name__ == "__main__":
    main()
