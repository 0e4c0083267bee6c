"""Faults around a search: a disk that is full at any write, a database that is killed, a clock that goes back.

    python benchmarks/faults.py [--tries 60] [--seed 0]

Every fault has to end in one line or in nothing at all, with exit code 2; what was finished stays, and the same command
with --resume comes to the results of an undisturbed search. A tmpfs needs the right to mount one, PostgreSQL the
package pgserver; what is missing is said.
"""

import argparse
import os
import shutil
import signal
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from crashes import SEARCH, Case, cases, fresh, made_home
from left_behind import content, finished_rows, finished_trials, half_written
from preloaded import HUNG, ended, preload, said
from watched import NET, start, watch

TRIALS = 60


@dataclass
class Tally:
    """What was found of a fault.

    Args:
        tries: so many times it was made.
        met: of these, the command met it.
        lost: finished trials that were gone.
        half: files that could not be read.
        tracebacks: and other exit codes than 0 and 2.
        hangs: of commands.
        lines: messages of more than one line.
        differs: results after it that are not those of an undisturbed search.
        notes: on each of these.
    """

    tries: int = 0
    met: int = 0
    lost: int = 0
    half: int = 0
    tracebacks: int = 0
    hangs: int = 0
    lines: int = 0
    differs: int = 0
    notes: list[str] = field(default_factory=list)

    def note_end(self, code: int | None, text: str) -> None:
        """Notes how a command ended under the fault."""
        self.tries += 1
        self.met += code != 0
        self.hangs += code == HUNG
        if code not in (0, 2, HUNG) or "Traceback" in text:
            self.tracebacks += 1
            self.notes.append(f"code {code}: {text[-300:]}")
        errors = [line for line in text.splitlines() if line.startswith("filterfront: ")]
        if code == 2 and len(errors) != 1:
            self.lines += 1
            self.notes.append(text[-300:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tries", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    draw = np.random.default_rng(arguments.seed)
    preload()
    tallies: dict[str, Tally] = {}
    with tempfile.TemporaryDirectory() as scratch:
        home, place = Path(scratch) / "home", Path(scratch) / "place"
        for case in [case for case in cases(made_home(home, place)) if case.name != "search, two processes"]:
            tries = round(arguments.tries * 0.6 / 7)
            tallies[f"no file beyond a size: {case.name}"] = _limited(case, tries, home, place, draw)
            _say(tallies)
        tallies["a tmpfs that is full"] = _full(arguments.tries // 6, home, place, draw)
        _say(tallies)
        tallies["PostgreSQL killed under two workers"] = _killed_database(max(arguments.tries // 15, 1), scratch, draw)
        _say(tallies)
        tallies["a clock that goes back an hour"] = _clock(Path(scratch) / "clock")
        _say(tallies)
    _table(tallies)


def _say(tallies: dict[str, Tally]) -> None:
    name, tally = list(tallies.items())[-1]
    print(f"{name}: {tally}", flush=True)


def _limited(case: Case, tries: int, home: Path, place: Path, draw: np.random.Generator) -> Tally:
    """Each file ends at a size, drawn alike over the magnitudes up to that of the largest file."""
    tally = Tally()
    assert ended(case.first, fresh(home, place)) == 0, said(place)
    expected = {name: content(place / name) for name in case.made}
    largest = max(path.stat().st_size for path in place.rglob("*") if path.is_file())
    for _ in range(tries):
        limit = int(np.exp(draw.uniform(np.log(200), np.log(largest))))
        tally.note_end(ended(case.first, fresh(home, place), most_file_bytes=limit), said(place))
        _go_on(case, place, expected, tally)
    return tally


def _go_on(case: Case, place: Path, expected: dict[str, object], tally: Tally) -> None:
    """The fault is over: what is there is whole, and the command comes to its end."""
    half, finished = half_written(place), case.finished(place)
    tally.half += len(half)
    tally.notes += half
    code = ended(case.again if (place / "run-a").exists() else case.first, place)
    if code == 2 and "add --resume" in said(place):  # the study is in its database, and there is no folder yet
        code = ended(case.again, place)
    tally.lost += max(finished - case.finished(place), 0)
    if code != 0:
        tally.tracebacks += 1
        tally.notes.append(f"then code {code}: {said(place)[-300:]}")
    elif any(content(place / name) != value for name, value in expected.items()):
        tally.differs += 1


def _full(tries: int, home: Path, place: Path, draw: np.random.Generator) -> Tally:
    """The whole working folder on a file system of some kilobytes, which is then made larger."""
    tally = Tally()
    case = cases("")[0]
    assert ended(case.first, fresh(home, place)) == 0, said(place)
    expected = {name: content(place / name) for name in case.made}
    needed, at_first = _pages(place), _pages(home)
    for _ in range(tries):
        fresh(home, place)
        with _tmpfs(home, place, at_first + int(draw.uniform(0.02, 0.98) * (needed - at_first))) as enlarge:
            if enlarge is None:
                tally.notes.append("no tmpfs can be mounted here")
                return tally
            tally.note_end(ended(case.first, place), said(place))
            enlarge()
            _go_on(case, place, expected, tally)
    return tally


def _pages(folder: Path) -> int:
    """Bytes of all files and folders, in whole pages."""
    return sum(-(-path.stat().st_size // 4096) * 4096 for path in folder.rglob("*"))


@contextmanager
def _tmpfs(home: Path, place: Path, size: int) -> Iterator[Callable[[], object] | None]:
    options = f"size={size}"
    if subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], capture_output=True).returncode:
        yield None
        return
    try:
        shutil.copytree(home, place, dirs_exist_ok=True)
        yield lambda: subprocess.run(["mount", "-o", "remount,size=512m", place], check=True)
    finally:
        subprocess.run(["umount", place], check=True)


def _killed_database(tries: int, scratch: str, draw: np.random.Generator) -> Tally:
    """The server is killed while a search and a worker share it, and started again; both go on with --resume."""
    tally = Tally()
    try:
        import pgserver
    except ImportError:
        tally.notes.append("no PostgreSQL here")
        return tally
    data = tempfile.mkdtemp(prefix="filterfront-")
    folder = Path(scratch) / "database"
    folder.mkdir()
    (folder / "net.py").write_text(NET)
    server = pgserver.get_server(data, cleanup_mode="delete")
    for number in range(tries):
        name, url = f"run-{number}", server.get_uri()
        search = f"{SEARCH} --sampler random --trials {TRIALS} --heartbeat 1 --out {name} --storage {url}"
        worker = f"worker {name} --storage {url} --trust --wait 120"
        processes = _both(search, worker, folder)
        _wait_for_trials(url, name, int(draw.integers(1, TRIALS - 20)))
        before = _finished(url, name)
        os.kill(server.get_pid(), signal.SIGKILL)
        for process, said_there in processes:
            code = process.wait(120)
            tally.note_end(code, said_there.read_text(errors="replace"))
        _wait_for_end_of(data)
        server.ensure_postgres_running()
        tally.lost += max(before - _finished(url, name), 0)
        for process, said_there in _both(f"{search} --resume", worker, folder):
            if (code := process.wait(240)) != 0:
                tally.tracebacks += 1
                tally.notes.append(f"then code {code}: {said_there.read_text(errors='replace')[-300:]}")
        tally.differs += _finished(url, name) != TRIALS
        tally.half += len(half_written(folder))
    server.cleanup()
    return tally


def _both(search: str, worker: str, folder: Path) -> "list[tuple[subprocess.Popen[bytes], Path]]":
    """A search and a worker, each with the file that has what it says."""
    begun = []
    for name, text in (("search", search), ("worker", worker)):
        path = folder / f"{name}.said"
        with path.open("wb") as file:
            begun.append((start(text.split(), folder, file, file, {"OMP_NUM_THREADS": "1"}), path))
    return begun


def _finished(url: str, study: str) -> int:
    import psycopg

    query = "select count(*) from trials join studies using (study_id) where state = 'COMPLETE' and study_name = %s"
    with psycopg.connect(url, connect_timeout=10) as connection:
        found = connection.execute(query, (study,)).fetchone()
        return int(found[0]) if found else 0


def _wait_for_trials(url: str, study: str, trials: int) -> None:
    import psycopg

    end = time.monotonic() + 180
    while time.monotonic() < end:
        try:
            if _finished(url, study) >= trials:
                return
        except psycopg.errors.UndefinedTable:
            pass
        time.sleep(0.05)
    raise TimeoutError(f"{trials} trials of {study}")


def _wait_for_end_of(data: str) -> None:
    """The processes of a killed server end a moment after it."""
    for _ in range(100):
        found = subprocess.run(["pgrep", "-f", f"postgres.*{data}"], capture_output=True).stdout
        if not found.strip():
            break
        time.sleep(0.1)
    Path(data, "postmaster.pid").unlink(missing_ok=True)


def _clock(folder: Path) -> Tally:
    """The clock goes back an hour in the middle of a search, and another hour before the search goes on."""
    tally = Tally()
    folder.mkdir()
    (folder / "net.py").write_text(NET)
    clock = folder / "clock"
    for out, storage in (("run-a", ""), ("run-b", " --storage sqlite:///study.db --heartbeat 1")):
        clock.write_text("0")
        search = f"{SEARCH} --sampler random --trials {TRIALS} --out {out}{storage}"
        with (folder / "said").open("wb") as file:
            process = start(search.split(), folder, file, file, {"OMP_NUM_THREADS": "1"}, shifted_by=clock)
            while process.poll() is None and finished_trials(folder, out) + finished_rows(folder) < 10:
                time.sleep(0.02)
            clock.write_text("-3600")
            tally.note_end(process.wait(180), (folder / "said").read_text())
        clock.write_text("-7200")
        words = [*search.split(), "--resume", "--trials", str(TRIALS + 10)]
        done = watch(words, folder, {"OMP_NUM_THREADS": "1"}, shifted_by=clock)
        tally.note_end(done.code, done.err)
        tally.met += 2
        tally.half += len(half_written(folder))
        status = watch(["status", out], folder, shifted_by=clock)
        if f"{TRIALS + 10:,} of {TRIALS + 10:,} trials finished" not in status.out:
            tally.lost += 1
            tally.notes.append(status.out + status.err)
    return tally


def _table(tallies: dict[str, Tally]) -> None:
    names = ("tries", "met", "lost", "half", "tracebacks", "hangs", "lines", "differs")
    heads = "tries | that met it | finished and lost | half written | tracebacks | hangs | more than a line"
    print(f"\n| fault | {heads} | other results after it |\n{'|---' * 9}|")
    for name, tally in tallies.items():
        print(f"| {name} | {' | '.join(str(getattr(tally, key)) for key in names)} |")
    print(f"| all | {' | '.join(str(sum(getattr(tally, key) for tally in tallies.values())) for key in names)} |")


if __name__ == "__main__":
    main()
