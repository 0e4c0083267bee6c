"""Which C this user's exports have written: emulation builds and runs no other without being asked to.

A program on an emulated core can ask the emulator to open files of this machine and to run its commands (semihosting),
so that running it is running code. What is remembered is a digest of the sources, in the user's cache.
"""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from costmodels.file_content import file_content
from explorer.system.cache_folder import cache_folder
from explorer.system.errors import DeviceCodeError

__all__ = ["check_own", "remember"]

MOST_SOURCE_BYTES = 1 << 30


def remember(files: Mapping[str, bytes]) -> None:
    """Notes the sources of a program that an export writes, where the cache can be written.

    Args:
        files: content by name.
    """
    with suppress(OSError):
        folder = cache_folder() / "programs"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _digest(files)).touch()


def check_own(folder: Path) -> None:
    """Refuses C that no export of this user has written as it is.

    Args:
        folder: of the program.

    Raises:
        DeviceCodeError: the sources are others, or one cannot be read.
    """
    try:
        paths = [path for path in folder.iterdir() if path.suffix in (".c", ".h")]
        files = {path.name: file_content(path, MOST_SOURCE_BYTES) for path in paths}
    except OSError as error:
        raise DeviceCodeError("a program's sources can be read", f"{folder} ({error.strerror})", "check it") from error
    if files and not (cache_folder() / "programs" / _digest(files)).exists():
        rule = "C is built and run if an export of yours wrote it as it is"
        raise DeviceCodeError(rule, f"{folder} holds other code", "read it, and add --trust to run it")


def _digest(files: Mapping[str, bytes]) -> str:
    found = hashlib.sha256()
    for name in sorted(name for name in files if name.endswith((".c", ".h"))):
        found.update(f"{len(name)} {name} {len(files[name])} ".encode() + files[name])
    return found.hexdigest()
