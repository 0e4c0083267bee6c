"""Where a run goes: a folder named after what is searched, and nothing left of a run that never began."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from explorer.config.search import SearchConfig
from explorer.system.errors import ConfigError

__all__ = ["free_folder", "made_folder"]

RUNS = Path("runs")


def free_folder(config: SearchConfig) -> Path:
    """The folder asked for, else ``runs/NETWORK-DEVICE``, with a number where it is taken; resuming takes the last one.

    Raises:
        ConfigError: the folder asked for holds a search already and ``--resume`` is not given, or is a file.
    """
    if config.out is not None:
        if config.out.exists() and not config.out.is_dir():
            raise ConfigError("--out is a folder", str(config.out), "choose another name")
        if not config.resume and config.out.is_dir() and any(config.out.iterdir()):
            remedy = "pass --resume to go on with it, or another --out"
            raise ConfigError("a new search has a folder of its own", f"run folder {config.out} is not empty", remedy)
        return config.out
    network = Path(config.network.rpartition(":")[0] or config.network).name.removesuffix(".py")
    device = Path(config.device_name).name.removesuffix(".toml") if config.device_name else "no-device"
    first = RUNS / f"{network}-{device}"
    taken = {number: path for path in RUNS.glob("*") if (number := _number(path.name, first.name)) is not None}
    if config.resume and taken:
        return taken[max(taken)]
    return first if not taken else first.with_name(f"{first.name}-{max(taken) + 1}")


def _number(name: str, first: str) -> int | None:
    """The number of a run's folder: 1 for the first, 2 for ``first-2``; None for a folder of other runs."""
    match = re.fullmatch(rf"{re.escape(first)}(?:-([1-9][0-9]*))?", name)
    return int(match[1] or 1) if match else None


@contextmanager
def made_folder(folder: Path) -> Iterator[None]:
    """Makes the folder and those above it; takes them away again where an error comes before the study begins."""
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        if made and not _holds_trials(folder):
            shutil.rmtree(folder, ignore_errors=True)
            with suppress(OSError):  # another run's folder stands next to it by now
                for parent in made[1:]:
                    parent.rmdir()
        raise


def _holds_trials(folder: Path) -> bool:
    """Whether a study in the folder has begun."""
    return any(path.stat().st_size for path in folder.glob("study.*"))
