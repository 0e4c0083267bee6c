"""Commands killed at random moments: what was finished is kept, nothing is half written, and the work goes on.

    python benchmarks/crashes.py [--kills 200] [--seed 0]

Each command is started again after each kill, until it ends by itself; then what it has made is compared with what an
uninterrupted one makes. After each kill every file that has its name is read.
"""

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from left_behind import content, finished_rows, finished_trials, half_written
from preloaded import HUNG, ended, preload, said
from watched import NET

SEARCH = "search --network net.py:build --data net.py:parts --flash 4KiB --schemes dense,stacked-binary --seed 0 --gap"


@dataclass
class Tally:
    """What was found of a command.

    Args:
        kills: so far.
        ends: of commands that came to their end after kills.
        lost: finished trials that were gone after a kill.
        half: files that could not be read.
        tracebacks: of commands that went on, or another exit code than 0.
        hangs: of commands.
        differs: results that are not those of an uninterrupted one.
        notes: on each fault.
    """

    kills: int = 0
    ends: int = 0
    lost: int = 0
    half: int = 0
    tracebacks: int = 0
    hangs: int = 0
    differs: int = 0
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Case:
    """A command that is killed.

    Args:
        name: in the table.
        share: of all kills.
        first: the command.
        again: the command that goes on.
        made: files that have to be those of an uninterrupted one.
        finished: how much is finished in a folder.
    """

    name: str
    share: float
    first: str
    again: str
    made: tuple[str, ...]
    finished: Callable[[Path], int] = lambda folder: 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="commands whose name has this text, with their share of the kills")
    arguments = parser.parse_args()
    draw = np.random.default_rng(arguments.seed)
    preload()
    tallies = {}
    with tempfile.TemporaryDirectory() as scratch:
        home, place = Path(scratch) / "home", Path(scratch) / "place"
        for case in [case for case in cases(made_home(home, place)) if arguments.only in case.name]:
            tallies[case] = _kill(case, round(case.share * arguments.kills), home, place, draw)
            print(f"{case.name}: {tallies[case]}", flush=True)
    _table(tallies)


def made_home(home: Path, place: Path) -> str:
    """Makes a folder with a network and a run of it, whose seals are of the place where copies go.

    Returns:
        A design of the run's front.
    """
    place.mkdir()
    (place / "net.py").write_text(NET)
    code = ended(f"{SEARCH} --sampler random --trials 6 --out run", place)
    assert code == 0, said(place)
    shutil.move(place, home)
    return sorted((home / "run" / "designs").glob("*.json"))[0].stem


def cases(design: str) -> list[Case]:
    """The commands that write.

    Args:
        design: of the run that there is.
    """
    trials = ("run-a/front.csv", "run-a/designs")
    new = f"{SEARCH} --trials 30 --out run-a"
    shared = f"{new} --sampler random --storage sqlite:///study.db --heartbeat 1"
    tune = f"finetune run --design {design} --epochs 8"
    export = f"export run --design {design} --c --out out"
    pair = f"{new} --workers 2"
    trained = f"{new} --trained 3"
    return [
        Case("search, TPE", 0.25, f"{new} --sampler tpe", f"{new} --sampler tpe --resume", trials, finished_trials),
        Case("search, guided", 0.2, new, f"{new} --resume", trials, finished_trials),
        Case("search, two processes", 0.05, pair, f"{pair} --resume", (), finished_trials),
        Case("search in SQLite", 0.15, shared, f"{shared} --resume", (), finished_rows),
        Case("search --trained", 0.05, trained, f"{trained} --resume", (), finished_trials),
        Case("finetune", 0.1, tune, tune, ()),
        Case("export --c", 0.1, export, export, ("out/packed.safetensors", "out/c")),
        Case("report", 0.1, "report run", "report run", ("run/front.csv",)),
    ]


def fresh(home: Path, place: Path) -> Path:
    """A copy of the folder, at the one place that its seals are of."""
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(home, place)
    return place


def _kill(case: Case, kills: int, home: Path, place: Path, draw: np.random.Generator) -> Tally:
    """Kills a command so often, from its beginning again each time that it came to its end."""
    tally, began = Tally(), time.monotonic()
    assert ended(case.first, fresh(home, place)) == 0, said(place)
    whole = time.monotonic() - began
    made = {name: content(place / name) for name in case.made}
    while tally.kills < kills:
        _to_the_end(case, fresh(home, place), tally, kills, lambda: float(draw.uniform(0, whole)))
        for name, expected in made.items():
            if content(place / name) != expected:
                tally.differs += 1
                tally.notes.append(f"{name} differs")
    return tally


def _to_the_end(case: Case, place: Path, tally: Tally, kills: int, moment: Callable[[], float]) -> None:
    words, finished = case.first, 0
    while True:
        code = ended(words, place, moment() if tally.kills < kills else None)
        tally.kills += code is None
        now = case.finished(place)
        tally.lost += max(finished - now, 0)
        finished = now
        half = half_written(place)
        tally.half += len(half)
        tally.notes += half
        if code is not None:
            break
        words = case.again if (place / "run-a").exists() else case.first
    tally.ends += 1
    tally.hangs += code == HUNG
    if code != 0 or "Traceback" in said(place):
        tally.tracebacks += 1
        tally.notes.append(f"code {code}: {said(place)[-300:]}")


def _table(tallies: dict[Case, Tally]) -> None:
    names = ("kills", "ends", "lost", "half", "tracebacks", "hangs", "differs")
    heads = "kills | came to their end | finished and lost | half written | tracebacks | hangs | other results"
    print(f"\n| command | {heads} |\n{'|---' * 8}|")
    for case, tally in tallies.items():
        print(f"| {case.name} | {' | '.join(str(getattr(tally, name)) for name in names)} |")
    totals = [sum(getattr(tally, name) for tally in tallies.values()) for name in names]
    print(f"| all | {' | '.join(map(str, totals))} |")


if __name__ == "__main__":
    main()
