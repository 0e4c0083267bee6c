"""What a calibration is of: the machine, its instructions, the threads, and the code that was timed."""

import hashlib
import platform
from functools import cache
from importlib.metadata import version
from pathlib import Path

__all__ = ["cpu_model", "machine_facts"]

PACKAGES = ("numba", "llvmlite", "numpy", "filterfront")
TIMED = ("kernels", "latency", "layout", "machine", "schemes")
"""Folders of costmodels: the code that is timed, and the formulas that count its work."""


def machine_facts(threads: int) -> dict[str, str]:
    """Everything on which the times hang, as text; other facts ask for another calibration."""
    import llvmlite.binding as llvm

    features = llvm.get_host_cpu_features()
    instructions = ",".join(sorted(name for name, has in features.items() if has))
    return {
        "cpu": cpu_model(),
        "target": llvm.get_host_cpu_name(),
        "instructions": hashlib.sha256(instructions.encode()).hexdigest()[:16],
        "threads": str(threads),
        **{name: version(name) for name in PACKAGES},
        "kernels": _sources(),
    }


def cpu_model() -> str:
    """The processor's name as the system gives it."""
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


@cache
def _sources() -> str:
    """A digest of the kernels' source and of the formulas that count their work."""
    import costmodels

    root = Path(costmodels.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(path for folder in TIMED for path in (root / folder).rglob("*.py")):
        digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]
