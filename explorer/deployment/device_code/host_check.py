"""An exported program compiled and run on this machine: every bit of its test vectors' outputs."""

import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from explorer.system.errors import DeviceToolError

__all__ = ["HostCheck", "check_on_host"]

SECONDS = 600
"""After which a compiler or a program is stopped."""


@dataclass(frozen=True)
class HostCheck:
    """What came of it.

    Args:
        compiler: by which; "" where this machine has none.
        right: whether every test vector gave the outputs that it has to.
        said: what the program or the compiler printed last.
    """

    compiler: str
    right: bool
    said: str


def check_on_host(files: Mapping[str, bytes]) -> HostCheck:
    """Builds a folder's test with the C compiler of this machine, and runs it.

    Args:
        files: of the folder, by name.

    Raises:
        DeviceToolError: compiler or program do not end.
    """
    compiler = next((name for name in ("cc", "gcc", "clang") if shutil.which(name)), "")
    if not compiler:
        return HostCheck("", False, "this machine has no C compiler")
    with tempfile.TemporaryDirectory() as name:
        for file, content in files.items():
            (Path(name) / file).write_bytes(content)
        sources = sorted(file for file in files if file.endswith(".c"))
        built = _run([compiler, "-std=c99", "-O1", *sources, "-o", "test_model"], name)
        ran = built if built.returncode else _run(["./test_model"], name)
    lines = (ran.stdout + ran.stderr).strip().splitlines() or [f"exit code {ran.returncode}"]
    return HostCheck(compiler, ran.returncode == 0, lines[-1])


def _run(command: list[str], folder: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired as error:
        found = f"{command[0]} runs for more than {SECONDS} s"
        raise DeviceToolError("an exported program is built and tested", found, "try a smaller network") from error
