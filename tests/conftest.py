"""What all tests share: a cache of their own, the network trained once, the command as a user types it."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

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


@pytest.fixture(scope="session")
def run_filterfront() -> Run:
    """The installed command, in a folder, with its output as text."""
    program = Path(sys.executable).with_name("filterfront")

    def run(*arguments: str | Path, cwd: Path | None = None, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        command = [str(program), *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=timeout, check=False)

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
