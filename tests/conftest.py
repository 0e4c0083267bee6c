"""What all tests share: a cache of their own, the network trained once, the command as a user types it."""

import os
import pickle
import subprocess
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import chdir, redirect_stderr, redirect_stdout
from functools import cache
from io import StringIO
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings

from costmodels import NetworkSpec

# The same examples in every run, so that a change is what turns a test red; `make fuzz` draws new ones.
settings.register_profile("repeatable", derandomize=True)
settings.register_profile("random", derandomize=False)
settings.load_profile("repeatable")

FIRST = (
    ("test_search", "test_finetune", "test_export", "test_train", "test_packing"),
    (
        *("test_foreign_networks", "test_database", "test_crashes", "test_study", "test_journal", "test_proxy"),
        *("test_workers", "test_kernels_modes", "test_documentation", "test_gap"),
    ),
)
"""Modules that each of two workers begins with, since they take longest: what is left at the end is short, and is
shared out evenly. Those of one worker use what the others of it have made. While the first compiles what fits and
searches run, the second has modules that need none of it, so that it finds them compiled."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the longest modules at the beginning of what pytest-xdist gives each worker: one half, in order."""
    if os.environ.get("PYTEST_XDIST_WORKER_COUNT") != str(len(FIRST)):
        return
    first, second = ([item for name in names for item in items if item.path.stem == name] for names in FIRST)
    rest = [item for item in items if item.path.stem not in {*FIRST[0], *FIRST[1]}]
    middle = max(0, len(items) // 2 - len(first))
    items[:] = [*first, *rest[:middle], *second, *rest[middle:]]


Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory, worker_id) -> Path:
    """A folder that every worker of this test run sees."""
    base = tmp_path_factory.getbasetemp()
    return base if worker_id == "master" else base.parent


@pytest.fixture(scope="session", autouse=True)
def _own_cache(shared_folder):
    """No test reads or writes the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FILTERFRONT_CACHE", str(shared_folder / "cache"))
        yield


@pytest.fixture(scope="session", autouse=True)
def _texts_of_python():
    """Tables hold texts as where pyarrow is not installed; test_parquet.py has tables with texts of Arrow."""
    import pandas as pd

    with pd.option_context("mode.string_storage", "python"):
        yield


@pytest.fixture(scope="session", autouse=True)
def _no_first_line():
    """What the command says of its progress comes after a time, which a machine under load would make of any test."""
    from explorer.system import progress

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(progress, "FIRST_SECONDS", 1e9)
        yield


@pytest.fixture(scope="session")
def run_filterfront() -> Run:
    """The command's entry point in this process, in a folder, with its output as text.

    A process of its own would spend most of its time on imports; test_cli.py starts the installed command.
    """

    def run(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        from explorer.cli import main

        command = [str(argument) for argument in arguments]
        out, err = StringIO(), StringIO()
        with redirect_stdout(out), redirect_stderr(err), chdir(cwd or "."), pytest.raises(SystemExit) as ended:
            main(command)
        return subprocess.CompletedProcess(command, int(ended.value.code or 0), out.getvalue(), err.getvalue())

    return run


@pytest.fixture(scope="session")
def once(shared_folder):
    """Makes something once in a test run: the first worker makes it, the others wait for its folder."""

    def make(name: str, maker: Callable[[Path], None]) -> Path:
        folder = shared_folder / name
        with FileLock(shared_folder / f"{name}.lock"):
            if not (shared_folder / f"{name}.made").exists():
                maker(folder)
                (shared_folder / f"{name}.made").touch()
        return folder

    return make


@pytest.fixture(scope="session")
def zoo_spec(once) -> Callable[[str], NetworkSpec]:
    """The structure of a network of the zoo, which is built and traced once in a test run."""

    @cache
    def spec(name: str) -> NetworkSpec:
        def write(folder: Path) -> None:
            from explorer.networks.trace import trace
            from explorer.networks.zoo import build

            folder.write_bytes(pickle.dumps(trace(*build(name), name).spec))

        return pickle.loads(once(f"zoo-{name}", write).read_bytes())  # noqa: S301 (written above)

    return spec


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a real PostgreSQL server of this test run, stopped and removed at its end."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pgserver
    folder = tempfile.mkdtemp(prefix="filterfront-postgres-")
    try:
        server = pgserver.get_server(folder, cleanup_mode="delete")
    except (OSError, subprocess.SubprocessError, AssertionError) as error:
        pytest.skip(f"no PostgreSQL server can be started here: {error}")
    yield server.get_uri()
    server.cleanup()
