"""The programs that emulation runs: found, run within a time, and what they say when they fail."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from explorer.system.errors import DeviceToolError

__all__ = ["COMPILER", "EMULATOR", "SIZES", "check_tools", "run_tool"]

COMPILER, EMULATOR, SIZES = "arm-none-eabi-gcc", "qemu-system-arm", "arm-none-eabi-size"
_PACKAGES = {
    COMPILER: "gcc-arm-none-eabi libnewlib-arm-none-eabi",
    SIZES: "binutils-arm-none-eabi",
    EMULATOR: "qemu-system-arm",
}


def check_tools() -> None:
    """Refuses a machine without compiler or emulator.

    Raises:
        DeviceToolError: with the packages to install.
    """
    missing = [tool for tool in _PACKAGES if shutil.which(tool) is None]
    if missing:
        packages = " ".join(_PACKAGES[tool] for tool in missing)
        rule = f"emulation runs {', '.join(_PACKAGES)}"
        raise DeviceToolError(rule, f"no {' and no '.join(missing)} here", f"apt-get install {packages} (Debian)")


def run_tool(command: Sequence[str], folder: Path, seconds: int) -> subprocess.CompletedProcess[str]:
    """Runs a program in a folder.

    Args:
        command: program and arguments.
        folder: to run it in.
        seconds: after which it is stopped.

    Raises:
        DeviceToolError: it does not end.
    """
    try:
        return subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
        )
    except subprocess.TimeoutExpired as error:
        found = f"{command[0]} runs for more than {seconds} s"
        raise DeviceToolError("programs of emulation end", found, "try fewer vectors with --vectors") from error
