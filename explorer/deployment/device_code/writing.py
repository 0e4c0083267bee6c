"""Writing the folder of an exported network: there whole, or not at all."""

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

from explorer.deployment.device_code.own_programs import remember
from explorer.system.errors import DeviceCodeError
from reports.atomic_write import write_files

__all__ = ["check_place", "write_c_folder"]

_KERNEL = re.compile(r"filterfront_\w+\.[ch]")
_RECORD = "model.json"


def check_place(folder: Path) -> None:
    """Refuses a folder of other things.

    Args:
        folder: that is to be written.

    Raises:
        DeviceCodeError: it is a file, or holds files and was not written by an export.
    """
    if folder.is_dir() and (not any(folder.iterdir()) or (folder / _RECORD).is_file()):
        return
    if folder.exists():
        rule = "a folder of C is new, empty or that of an export before"
        raise DeviceCodeError(rule, f"{folder} holds other files", "choose another --out")


def write_c_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Writes the files: a new folder gets its name when all of them are in it; in a folder that is there they take the
    place of those of the export before, and its kernels that are not needed any more are removed.

    Args:
        folder: as `check_place` lets it be.
        files: content by name.

    Raises:
        ReportError, OSError: the folder cannot be written.
    """
    remember(files)
    if folder.is_dir():
        stale = [path.name for path in folder.iterdir() if _KERNEL.fullmatch(path.name) and path.name not in files]
        write_files(folder, files, stale)
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".writing-", dir=folder.parent) as stage:
        write_files(Path(stage) / folder.name, files)
        (Path(stage) / folder.name).rename(folder)
