"""Commands killed at random moments: what was finished is kept, nothing is half written, and the work goes on.

    python benchmarks/crashes.py [--kills 200] [--seed 0]

Each command is started again after each kill, until it ends by itself; then what it has made is compared with what an
uninterrupted one makes. After each kill every file under its own name is read. Commands are processes of a server that
has loaded the libraries already, so that kills meet their work and not their imports.
"""

import argparse
import json
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import numpy as np
from watched import NET

from explorer.system.container import TUNED, read_container_file
from reports.csv_tables import read_table
from reports.run_folder import read_run

SEARCH = "search --network net.py:build --data net.py:parts --flash 4KiB --schemes dense,stacked-binary --seed 0 --gap"
PRELOADED = ["torch", "explorer.api.searching", "explorer.search.run", "explorer.runs.export", "reports.render"]
STAGES = (".writing-", ".making-")
LONGEST_SECONDS = 120


@dataclass
class Tally:
    """What was found of a command.

    Args:
        kills: so far.
        chains: of kills that came to their end.
        lost: finished trials or epochs that were gone after a kill.
        half: files that could not be read.
        tracebacks: of commands that went on.
        hangs: of commands.
        differs: results that are not those of an uninterrupted one.
        notes: on each fault.
    """

    kills: int = 0
    chains: int = 0
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
    arguments = parser.parse_args()
    draw = np.random.default_rng(arguments.seed)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    tallies = {}
    with tempfile.TemporaryDirectory() as scratch:
        home, place = Path(scratch) / "home", Path(scratch) / "place"
        place.mkdir()
        (place / "net.py").write_text(NET)
        cases = _cases(_run_of(place))
        shutil.move(place, home)
        for case in cases:
            tallies[case] = _kill(case, round(case.share * arguments.kills), home, draw)
            _print(case, tallies[case])
    _table(tallies)


def _run_of(home: Path) -> str:
    """Makes the run that commands work on; the design of its front."""
    assert _ended(f"{SEARCH} --sampler random --trials 6 --out run", home, None) == 0
    return sorted((home / "run" / "designs").glob("*.json"))[0].stem


def _cases(design: str) -> list[Case]:
    trials = ("run-a/front.csv", "run-a/designs")
    new = f"{SEARCH} --trials 30 --out run-a"
    shared = f"{new} --sampler random --storage sqlite:///study.db --heartbeat 1"
    tune = f"finetune run --design {design} --epochs 8"
    return [
        Case("search, TPE", 0.25, f"{new} --sampler tpe", f"{new} --sampler tpe --resume", trials, _trials),
        Case("search, guided", 0.2, new, f"{new} --resume", trials, _trials),
        Case("search, two processes", 0.05, f"{new} --workers 2", f"{new} --workers 2 --resume", (), _trials),
        Case("search in SQLite", 0.15, shared, f"{shared} --resume", (), _rows),
        Case("search --trained", 0.05, f"{new} --trained 3", f"{new} --trained 3 --resume", (), _trials),
        Case("finetune", 0.1, tune, tune, ("run/tuned.csv",)),
        Case(
            "export --c", 0.1, *[f"export run --design {design} --c --out out"] * 2, ("out/packed.safetensors", "out/c")
        ),
        Case("report", 0.1, "report run", "report run", ("run/front.svg",)),
    ]


def _kill(case: Case, kills: int, home: Path, draw: np.random.Generator) -> Tally:
    """Kills a command so often, from its beginning again each time that it came to its end."""
    tally, place = Tally(), home.with_name("place")
    began = time.monotonic()
    expected = _fresh(home, place)
    assert _ended(case.first, expected, None) == 0, _said(expected)
    whole = time.monotonic() - began
    made = {name: _content(expected / name) for name in case.made}
    while tally.kills < kills:
        folder, words, finished = _fresh(home, place), case.first, 0
        while True:
            code = _ended(words, folder, draw.uniform(0, whole) if tally.kills < kills else None)
            if code is None:
                tally.kills += 1
            now = case.finished(folder)
            tally.lost += max(finished - now, 0)
            finished = now
            _read_all(folder, tally)
            if code is not None:
                break
            words = case.again if (folder / "run-a").exists() or "--resume" not in case.again else case.first
        tally.chains += 1
        tally.hangs += code == -signal.SIGKILL
        if code != 0 or "Traceback" in _said(folder):
            tally.tracebacks += 1
            tally.notes.append(f"code {code}: {_said(folder)[-300:]}")
        for name, content in made.items():
            if code == 0 and _content(folder / name) != content:
                tally.differs += 1
                tally.notes.append(f"{name} differs")
    return tally


def _fresh(home: Path, place: Path) -> Path:
    """A copy of the folder at the one place that seals name."""
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(home, place)
    return place


def _ended(text: str, folder: Path, kill_after: float | None) -> int | None:
    """The exit code of a command; None for one that was killed after these seconds."""
    process = multiprocessing.get_context("forkserver").Process(target=_command, args=(text.split(), str(folder)))
    process.start()
    process.join(LONGEST_SECONDS if kill_after is None else kill_after)
    if process.exitcode is None:
        _end(process)
        return None if kill_after is not None else -signal.SIGKILL
    return process.exitcode


def _end(process: ForkServerProcess) -> None:
    """Kills a process and those that it has started."""
    assert process.pid is not None
    for ended in (os.killpg, os.kill):
        try:
            ended(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
        break
    process.join()


def _command(words: list[str], folder: str) -> None:
    os.setsid()
    os.chdir(folder)
    said = os.open("said", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(said, 1)
    os.dup2(said, 2)
    import torch

    torch.set_num_threads(1)
    from explorer.cli import main as command

    sys.exit(command(words))


def _said(folder: Path) -> str:
    return (folder / "said").read_text(errors="replace") if (folder / "said").exists() else ""


def _content(path: Path) -> bytes | dict[str, bytes] | None:
    """A file, or the files of a folder by name."""
    if path.is_dir():
        return {str(file.relative_to(path)): file.read_bytes() for file in sorted(path.rglob("*")) if file.is_file()}
    return path.read_bytes() if path.exists() else None


def _trials(folder: Path) -> int:
    """Finished trials of the journal, each of which ends with a line of its own."""
    journal = folder / "run-a" / "study.journal"
    lines = journal.read_bytes().split(b"\n")[:-1] if journal.exists() else []
    states = [log["state"] for log in map(json.loads, lines) if log["op_code"] == 6]
    return sum(state in (1, 3) for state in states)


def _rows(folder: Path) -> int:
    """Finished trials of the database."""
    import sqlite3

    if not (folder / "study.db").exists():
        return 0
    try:
        with sqlite3.connect(folder / "study.db") as database:
            return database.execute("select count(*) from trials where state = 'COMPLETE'").fetchone()[0]
    except sqlite3.OperationalError:  # no table yet
        return 0


def _read_all(folder: Path, tally: Tally) -> None:
    """Reads every file that has its own name."""
    for path in folder.rglob("*"):
        if not path.is_file() or any(part.startswith(STAGES) for part in path.parts):
            continue
        try:
            _read(path)
        except Exception as error:  # whatever it is, the file is half written
            tally.half += 1
            tally.notes.append(f"{path.relative_to(folder)}: {error}")
    if (folder / "run-a" / "run.json").exists():
        try:
            read_run(folder / "run-a")
        except Exception as error:
            tally.half += 1
            tally.notes.append(str(error))


def _read(path: Path) -> None:
    if path.suffix == ".json":
        json.loads(path.read_bytes())
    elif path.suffix == ".csv":
        read_table(path)
    elif path.suffix == ".safetensors" and path.name != "weights.safetensors":
        read_container_file(path, TUNED if path.parent.name == "tuned" else "filterfront")
    elif path.suffix in (".html", ".svg"):
        assert path.read_text().rstrip().endswith(f"</{path.suffix[1:]}>"), "cut short"
    elif path.suffix == ".png":
        assert path.read_bytes()[-8:-4] == b"IEND", "cut short"


def _print(case: Case, tally: Tally) -> None:
    print(f"{case.name}: {tally}", flush=True)


def _table(tallies: dict[Case, Tally]) -> None:
    names = ("kills", "chains", "lost", "half", "tracebacks", "hangs", "differs")
    heads = "kills | came to their end | finished and lost | half written | tracebacks | hangs | other results"
    print(f"\n| command | {heads} |\n{'|---' * 8}|")
    for case, tally in tallies.items():
        print(f"| {case.name} | {' | '.join(str(getattr(tally, name)) for name in names)} |")
    totals = [sum(getattr(tally, name) for tally in tallies.values()) for name in names]
    print(f"| all | {' | '.join(map(str, totals))} |")


if __name__ == "__main__":
    main()
