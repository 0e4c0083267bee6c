"""Where a run goes: a folder named after what is searched, and nothing left of a run that never began."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from explorer.config import SearchConfig
from explorer.errors import ConfigError

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
            remedy = "add --resume to go on with it, or choose another folder"
            raise ConfigError("a new search has a folder of its own", f"{config.out} is not empty", remedy)
        return config.out
    network = Path(config.network.partition(":")[0]).stem
    device = Path(config.device_name).stem if config.device_name else "no-device"
    name = f"{network}-{device}"
    taken = [path for path in (RUNS / name, *(RUNS / f"{name}-{number}" for number in range(2, 1000))) if path.exists()]
    if config.resume and taken:
        return taken[-1]
    return RUNS / (name if not taken else f"{name}-{len(taken) + 1}")


@contextmanager
def made_folder(folder: Path) -> Iterator[None]:
    """Makes the folder; takes it away again where an error leaves it without a finished trial."""
    made = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        if made and not _holds_trials(folder):
            shutil.rmtree(folder, ignore_errors=True)
        raise


def _holds_trials(folder: Path) -> bool:
    """Whether a study in the folder has begun."""
    return any(path.stat().st_size for path in folder.glob("study.*"))
