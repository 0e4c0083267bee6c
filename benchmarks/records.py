"""What it costs to keep a trial: milliseconds beyond a study in memory, as Optuna writes it and as filterfront does.

    python benchmarks/records.py [--parameters 60 140] [--trials 40] [--url postgresql://...]

One process, random proposals, three kinds of storage: a journal file, SQLite and, where a URL is given or the package
pgserver is installed, PostgreSQL on this machine. A trial is asked for, its parameters are named, its record of twelve
figures and one budget are written, and it is told. Medians of single trials, the storages taking turns trial by trial,
so that a busy moment of the machine meets all of them. What is told is on disk in every one of them. The floor is a
commit of one small row that is waited for, in the same turns; statements and transactions are counted.
"""

import argparse
import os
import statistics
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import optuna
from optuna.storages import BaseStorage, InMemoryStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from sqlalchemy import create_engine, event, text

from searches.storage import open_storage

FIGURES = {f"figure{number}": number * 1.5 for number in range(12)}
TARGET_MS = 10
KINDS = ("journal", "SQLite", "PostgreSQL")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parameters", type=int, nargs="+", default=[60, 140])
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--url", help="of a PostgreSQL server; one is started where none is given")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    heads = (
        "storage | parameters | Optuna's, ms | ours, ms | beyond memory, ms | of it processor, ms | share of Optuna's"
    )
    print(f"| {heads} | statements | transactions | a commit alone, ms |\n{'|---' * 10}|")
    with tempfile.TemporaryDirectory() as folder, _server(arguments.url) as url:
        for parameters in arguments.parameters:
            _compare(Path(folder), url, parameters, arguments.trials)
    print(f"\ntarget {TARGET_MS} ms beyond memory at 60 parameters; load average at the end {os.getloadavg()[0]:.1f}")


@contextmanager
def _server(url: str | None) -> Iterator[str | None]:
    """The URL given, else one of a server of its own, else None."""
    if url is not None:
        yield url
        return
    try:
        import pgserver
    except ImportError:
        yield None
        return
    server = pgserver.get_server(tempfile.mkdtemp(), cleanup_mode="delete")
    yield server.get_uri()
    server.cleanup()


def _compare(folder: Path, url: str | None, parameters: int, trials: int) -> None:
    """One line of the table for each kind of storage."""
    paths = {who: folder / f"{who}-{parameters}" for who in ("optuna", "ours")}
    storages: dict[str, BaseStorage] = {
        "memory": InMemoryStorage(),
        "journal optuna": JournalStorage(JournalFileBackend(str(paths["optuna"]))),
        "journal ours": open_storage(paths["ours"]),
        "SQLite optuna": RDBStorage(f"sqlite:///{paths['optuna']}.db"),
        "SQLite ours": open_storage(f"sqlite:///{paths['ours']}.db"),
    }
    if url is not None:
        storages["PostgreSQL optuna"] = RDBStorage(url.replace("postgresql://", "postgresql+psycopg://"))
        storages["PostgreSQL ours"] = open_storage(url)
    counts = {name: _counted(storage) for name, storage in storages.items() if name.endswith("ours")}
    floors = {kind: _floor(storages[f"{kind} ours"], kind, folder) for kind in KINDS if f"{kind} ours" in storages}
    times = _times(storages, parameters, trials, floors)
    memory, memory_cpu = times.pop("memory")
    for kind in dict.fromkeys(name.split()[0] for name in times if " " in name):
        theirs, (ours, cpu) = times[f"{kind} optuna"][0], times[f"{kind} ours"]
        beyond = f"{ours - memory:.1f} | {cpu - memory_cpu:.1f} | {(ours - memory) / (theirs - memory):.1%}"
        found = counts[f"{kind} ours"]
        count = f"{found['statement'] / trials:.1f} | {found['commit'] / trials:.1f}" if found else " | "
        print(f"| {kind} | {parameters} | {theirs:.1f} | {ours:.1f} | {beyond} | {count} | {times[kind][0]:.1f} |")
    print(f"| memory | {parameters} | | {memory:.1f} | | {memory_cpu:.1f} | | | | |")


def _counted(storage: BaseStorage) -> Counter[str]:
    """Counts the statements and the transactions of a database from now on."""
    found: Counter[str] = Counter()
    if isinstance(storage, RDBStorage):
        event.listen(storage.engine, "before_cursor_execute", lambda *_: found.update(["statement"]))
        event.listen(storage.engine, "commit", lambda _: found.update(["commit"]))
    return found


def _floor(storage: BaseStorage, kind: str, folder: Path) -> Callable[[], None]:
    """One small write that is on disk when the call returns."""
    if kind == "journal":
        file = (folder / "bare").open("ab")

        def append() -> None:
            file.write(b"1")
            file.flush()
            os.fsync(file.fileno())

        return append
    url = storage.engine.url.render_as_string(hide_password=False)
    bare = create_engine(url.replace("ours", "bare"))
    with bare.begin() as connection:
        connection.execute(text("create table if not exists bare (number integer)"))
        if kind == "SQLite":
            connection.execute(text("pragma journal_mode = wal"))
    connection = bare.connect()

    def commit() -> None:
        connection.execute(text("insert into bare values (1)"))
        connection.commit()

    return commit


def _times(
    storages: dict[str, BaseStorage], parameters: int, trials: int, floors: dict[str, Callable[[], None]]
) -> dict[str, tuple[float, float]]:
    """Median milliseconds of a trial by storage, and of each floor: on the clock, and of the processor for this
    process."""
    names = [f"layer{number}.bits" for number in range(parameters)]
    studies = {
        name: optuna.create_study(
            storage=storage, directions=["minimize"] * 2, sampler=optuna.samplers.RandomSampler(seed=0)
        )
        for name, storage in storages.items()
    }
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in (*studies, *floors)}
    for _ in range(trials):
        for name, study in studies.items():
            start, start_cpu = time.perf_counter(), time.process_time()
            trial = study.ask()
            for parameter in names:
                trial.suggest_categorical(parameter, (1, 2, 3, 4, 5, 6, 8))
            trial.set_user_attr("record", FIGURES)
            trial.set_constraint("flash", -0.5)
            study.tell(trial, [1.0, 2.0])
            times[name].append((1e3 * (time.perf_counter() - start), 1e3 * (time.process_time() - start_cpu)))
        for name, write in floors.items():
            start, start_cpu = time.perf_counter(), time.process_time()
            write()
            times[name].append((1e3 * (time.perf_counter() - start), 1e3 * (time.process_time() - start_cpu)))
    for storage in storages.values():
        if isinstance(storage, RDBStorage):
            storage.remove_session()
            storage.engine.dispose()
    return {name: tuple(map(statistics.median, zip(*values, strict=True))) for name, values in times.items()}


if __name__ == "__main__":
    main()
