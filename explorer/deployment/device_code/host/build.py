"""Programs compiled into libraries by this machine's C compiler, and kept by what they were made of.

Only what an export writes is compiled. A library is built in a folder of its own and gets its name when it is whole;
the digest of its bytes stands beside it, so that one that was changed or cut short is built again and never loaded.
"""

import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from explorer.system.cache_folder import cache_folder
from explorer.system.errors import DeviceToolError

__all__ = ["COMPILERS", "built_library", "host_compiler"]

COMPILERS = ("cc", "gcc", "clang")
"""That are asked for, in this order."""

FLAGS = ("-std=c99", "-O2", "-fPIC", "-shared", "-fvisibility=hidden", "-ffp-contract=off")
SECONDS = 600
LIBRARY = "library.so"


def built_library(files: Mapping[str, bytes], check: Callable[[Path], None]) -> Path:
    """A shared library of C sources: from the cache, or built and checked now.

    Args:
        files: sources and headers by name.
        check: refuses a library that was built and does not compute what it has to.

    Raises:
        DeviceToolError: there is no compiler, it fails, or the cache cannot be written.
    """
    compiler = host_compiler()
    folder = cache_folder() / "libraries" / _key(files, compiler)
    path = folder / LIBRARY
    if _is_whole(path):
        return path
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".building-", dir=folder) as name:
            made = Path(name) / LIBRARY
            _build(compiler, files, Path(name), made)
            check(made)
            _digest_file(made).write_text(_digest(made))
            os.replace(_digest_file(made), _digest_file(path))
            os.replace(made, path)
    except OSError as error:
        rule, found = "compiled networks are kept in the cache", f"{error.filename or folder} ({error.strerror})"
        raise DeviceToolError(rule, found, "set FILTERFRONT_CACHE to a folder that can be written") from error
    return path


def host_compiler() -> str:
    """The C compiler of this machine.

    Raises:
        DeviceToolError: there is none.
    """
    compiler = next(filter(None, map(shutil.which, COMPILERS)), None)
    if compiler is None:
        rule = "a compiled network is built by this machine's C compiler"
        raise DeviceToolError(rule, f"no {', '.join(COMPILERS)} here", "apt-get install gcc libc6-dev (Debian)")
    return compiler


def _key(files: Mapping[str, bytes], compiler: str) -> str:
    """Of sources, compiler, flags and processor."""
    found = hashlib.sha256(" ".join((_version(compiler), _processor(), *FLAGS)).encode())
    for name, content in sorted(files.items()):
        found.update(f"\0{name}\0{len(content)}\0".encode() + content)
    return found.hexdigest()[:32]


def _version(compiler: str) -> str:
    """Which compiler it is: where it lies, its size and when it was changed, which costs no process."""
    state = os.stat(compiler)
    return f"{os.path.realpath(compiler)} {state.st_size} {state.st_mtime_ns}"


def _processor() -> str:
    """Its kind, and what it can do as far as the system says: a library is checked where it runs."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    return " ".join([platform.machine(), *next((line.split() for line in lines if line.startswith("flags")), [])])


def _build(compiler: str, files: Mapping[str, bytes], folder: Path, made: Path) -> None:
    for name, content in files.items():
        (folder / name).write_bytes(content)
    sources = sorted(name for name in files if name.endswith(".c"))
    command = [compiler, *FLAGS, *sources, "-o", made.name]
    try:
        ran = subprocess.run(
            command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, errors="replace", timeout=SECONDS
        )
    except subprocess.TimeoutExpired as error:
        rule, found = "a network is compiled in ten minutes", f"{Path(compiler).name} runs for longer"
        raise DeviceToolError(rule, found, "try a smaller network") from error
    if ran.returncode or not made.is_file():
        said = next((line for line in ran.stderr.splitlines() if "error" in line), f"exit code {ran.returncode}")
        rule, found = "this machine's C compiler builds a network", f"{Path(compiler).name} says {said[:300]}"
        raise DeviceToolError(rule, found, "apt-get install gcc libc6-dev (Debian)")


def _digest_file(path: Path) -> Path:
    return path.with_suffix(".sha256")


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _is_whole(path: Path) -> bool:
    """Whether a library is there with the bytes that were built."""
    with suppress(OSError):
        return _digest_file(path).read_text() == _digest(path)
    return False
