"""Counts the code that each C kernel links to, and its stack, by Arm target, for code_bytes.json of
explorer/deployment/device_code.

    python benchmarks/code_bytes.py

Needs gcc-arm-none-eabi and libnewlib-arm-none-eabi. Each source is linked alone, all its functions kept, with what it
calls of the compiler's libraries. Run it after a kernel has changed.
"""

import json
import re
import subprocess
import tempfile
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

from explorer.deployment.device_code.code_bytes import WIDE
from explorer.deployment.device_code.emulation.emulate import FLAGS
from explorer.deployment.device_code.targets import TARGETS, Target

SHARED = "filterfront_kernels.c"
"""What every kernel may call."""

PLACE = Path(__file__).resolve().parents[1] / "explorer" / "deployment" / "device_code" / "code_bytes.json"
_SECTION = re.compile(r"^ \.(?:text|rodata)\S*\s+0x([0-9a-f]+)\s+0x([0-9a-f]+) (\S+)$", re.MULTILINE)


_FRAME = re.compile(r'node: \{ title: "([^"]+)" label: "[^"]*?(\d+) bytes \(\w+\)')
_EDGE = re.compile(r'edge: \{ sourcename: "([^"]+)" targetname: "([^"]+)"')
POINTER = "__indirect_call"


def main() -> None:
    """Writes the table."""
    kernels = resources.files("explorer.deployment.device_code") / "kernels"
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        for path in kernels.iterdir():
            (work / path.name).write_text(path.read_text())
        targets = {target.name: dict(_target(work, target)) for target in TARGETS.values() if "arm" in target.compiler}
    version = _run("arm-none-eabi-gcc", "-dumpversion", work=Path.cwd()).strip()
    PLACE.write_text(json.dumps({"compiler": version, "targets": targets}, indent=1, sort_keys=True) + "\n")


def _target(work: Path, target: Target) -> Iterator[tuple[str, dict[str, object]]]:
    """By source: bytes of its code, of each library member that it links, and of the stack."""
    sources = sorted(path.name for path in work.glob("*.c") if WIDE not in path.name)
    _run(target.compiler, *target.flags, *FLAGS, "-fcallgraph-info=su", "-c", *sources, work=work)
    shared = (work / SHARED).with_suffix(".ci").read_text()
    for source in sources:
        calls = (work / source).with_suffix(".ci").read_text() + shared
        stack = dict(zip(("stack", "stack_at_pointers"), _stack(calls), strict=True))
        yield source.removeprefix("filterfront_").removesuffix(".c"), _linked(work, target, source) | stack


def _stack(calls: str) -> tuple[int, int]:
    """The most stack of a source's functions, and where the deepest one calls a decoder or products by a pointer."""
    frames = {name: int(size) for name, size in _FRAME.findall(calls)}
    edges = _EDGE.findall(calls)

    def depth(function: str, ends: str | None) -> int:
        below = [depth(called, ends) for caller, called in edges if caller == function and called in frames]
        reached = ends is None or (function, ends) in edges or any(below)
        return (frames[function] + max(below, default=0)) if reached else 0

    return max(depth(name, None) for name in frames), max(depth(name, POINTER) for name in frames)


def _linked(work: Path, target: Target, source: str) -> dict[str, object]:
    own, shared = (Path(name).with_suffix(".o").name for name in (source, SHARED))
    listed = _run("arm-none-eabi-nm", "--defined-only", "--extern-only", own, work=work)
    keep = [f"-Wl,-u,{line.split()[-1]}" for line in listed.splitlines()]
    link = ["-nostartfiles", "-Wl,--gc-sections", "-Wl,-e,0", "-Wl,-Map,map", "-Wl,--unresolved-symbols=ignore-all"]
    _run(target.compiler, *target.flags, *link, *keep, *dict.fromkeys((own, shared)), "-o", "linked", work=work)
    text = (work / "map").read_text().split("Linker script and memory map")[1]
    found: dict[str, int] = {}
    for address, size, where in _SECTION.findall(re.sub(r"(\n \.\S+)\n\s+0x", r"\1 0x", text)):
        if int(address, 16) and int(size, 16):
            found[where] = found.get(where, 0) + int(size, 16)
    members = {re.sub(r".*\((.*)\)", r"\1", where): size for where, size in found.items() if "(" in where}
    return {"code": found.get(own, 0), "libraries": members}


def _run(*command: str, work: Path) -> str:
    return subprocess.run(command, cwd=work, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    main()
