"""Files that are there whole or not at all: staged next to their place, flushed to the disk, then renamed.

A rename within a folder is one step for every reader, but only what has been flushed before survives a power cut under
its new name. A cache, whose entries are checked as they are read and can be made again, need not wait for the disk.
"""

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from reports.errors import ReportError

__all__ = ["whole_file", "write_files"]


@contextmanager
def whole_file(path: Path, durable: bool = True) -> Iterator[Path]:
    """A path to write to, which becomes ``path`` at the end; whatever is raised leaves ``path`` as it was.

    Args:
        path: where the file is to be; its folder is made where it is missing.
        durable: whether the file is on the disk before it has its name.

    Yields:
        The path to write to.

    Raises:
        OSError: the folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _stage(path.parent) as stage:
        unfinished = stage / path.name
        yield unfinished
        _rename([(unfinished, path)], durable)


def write_files(folder: str | Path, files: Mapping[str, bytes], stale: Iterable[str] = ()) -> None:
    """Writes files into a folder, all or, where they cannot be staged, none.

    Args:
        folder: made if missing.
        files: content by name relative to the folder. They are renamed in this order once all are staged, so the last
            one says that those before it are there.
        stale: names to remove, after everything else.

    Raises:
        ReportError: the folder cannot be written; what was staged is removed, and so is a folder made here.
    """
    folder = Path(folder)
    made = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _stage(folder) as stage:
            for name, content in files.items():
                (stage / name).parent.mkdir(parents=True, exist_ok=True)
                (stage / name).write_bytes(content)
            for name in files:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
            _rename([(stage / name, folder / name) for name in files], durable=True)
            for name in stale:
                (folder / name).unlink()
    except OSError as error:
        if made:
            shutil.rmtree(folder, ignore_errors=True)
        found = f"{folder} ({error.strerror or error})"
        raise ReportError("the run folder can be written", found, "choose another folder with --out") from error


@contextmanager
def _stage(folder: Path) -> Iterator[Path]:
    """A folder in the folder, since only within one file system a rename is one step."""
    with tempfile.TemporaryDirectory(prefix=".writing-", dir=folder) as stage:
        yield Path(stage)


def _rename(moves: Iterable[tuple[Path, Path]], durable: bool) -> None:
    """Gives staged files their names: their content is flushed before, the folders' entries after that."""
    moves = list(moves)
    if durable:
        for staged, _ in moves:
            _flush(staged)
    for staged, path in moves:
        os.replace(staged, path)
    if durable and os.name == "posix":  # elsewhere a folder cannot be opened
        for folder in dict.fromkeys(path.parent for _, path in moves):
            _flush(folder)


def _flush(path: Path) -> None:
    """Waits until a file or a folder is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
