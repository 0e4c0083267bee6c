"""An exported program linked into a device's memory and run on an emulated core: its answers, and what it takes.

QEMU counts instructions and not cycles: with ``-icount shift=0`` every instruction takes a nanosecond of the board's
time, and its timer of 25 MHz advances once in 40 instructions.
"""

import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from costmodels.devices import Device
from explorer.deployment.device_code.code_bytes import CodeBytes, kernel_sources, predicted_code
from explorer.deployment.device_code.emulation.linker_script import linker_script
from explorer.deployment.device_code.emulation.model_record import ModelRecord, read_record
from explorer.deployment.device_code.emulation.tools import COMPILER, EMULATOR, SIZES, check_tools, run_tool
from explorer.deployment.device_code.targets import Target, target_of_core
from explorer.system.errors import DeviceCodeError, DeviceToolError

__all__ = ["INSTRUCTIONS_A_TICK", "Emulation", "board_arguments", "count_instructions", "emulate", "link_program"]

INSTRUCTIONS_A_TICK = 40
BUILD_SECONDS = 300
RUN_SECONDS = 600
FLAGS = ("-std=c99", "-O2", "-ffunction-sections", "-fdata-sections", "-fno-tree-loop-distribute-patterns")
LINKING = ("-nostartfiles", "-Wl,--gc-sections", "-Wl,--no-warn-rwx-segments", "-T", "device.ld")
_OVERFLOW = re.compile(r"region [`']?(\w+)'? overflowed by (\d+) bytes")
_SECTION = re.compile(r"^\.(\w+)\s+(\d+)\s", re.MULTILINE)
_MODEL_SOURCE = re.compile(r"model\.[ch]|filterfront_\w+\.[ch]|test_vectors\.h")


@dataclass(frozen=True, eq=False)
class Emulation:
    """What came of it.

    Args:
        device: of whose memory.
        target: the core.
        record: of the program.
        vectors: that were run.
        wrong: of them, those with an output that is another than it has to be.
        instructions: by step, of one inference; of 40 at once.
        sections: bytes by linker section.
        stack_bytes: that an inference takes, measured by painting.
        predicted: the code that kernels link to by the table; None where it does not know them.
    """

    device: Device
    target: Target
    record: ModelRecord
    vectors: int
    wrong: int
    instructions: tuple[int, ...]
    sections: Mapping[str, int]
    stack_bytes: int
    predicted: CodeBytes | None = None

    @property
    def predicted_flash_bytes(self) -> int | None:
        """Constants, and code by the table."""
        if self.predicted is None:
            return None
        return self.record.constant_bytes + self.predicted.kernels + self.predicted.libraries

    @property
    def predicted_ram_bytes(self) -> int | None:
        """Arena in whole words, the caller's input and output, and the stack that the table allows for."""
        if self.predicted is None:
            return None
        arena = -(-self.record.arena_bytes // 4) * 4
        return arena + self.record.input_bytes + self.record.output_bytes + self.predicted.stack

    @property
    def flash_bytes(self) -> int:
        """Constants, code and what it calls of the compiler's libraries."""
        return sum(self.sections.get(name, 0) for name in ("constants", "code", "libraries"))

    @property
    def ram_bytes(self) -> int:
        """Arena, the caller's input and output, and the stack of an inference."""
        return self.sections["arena"] + self.sections["buffers"] + self.stack_bytes

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        steps = [
            {**step.model_dump(), "instructions": count}
            for step, count in zip(self.record.steps, self.instructions, strict=True)
        ]
        return {
            "device": self.device.name,
            "target": asdict(self.target),
            "network": self.record.network,
            "design": self.record.design,
            "vectors": self.vectors,
            "wrong": self.wrong,
            "steps": steps,
            "instructions": sum(self.instructions),
            "flash_bytes": self.flash_bytes,
            "ram_bytes": self.ram_bytes,
            "stack_bytes": self.stack_bytes,
            "sections": dict(self.sections),
            "predicted": {
                "constant_bytes": self.record.constant_bytes,
                "arena_bytes": self.record.arena_bytes,
                "flash_bytes": self.predicted_flash_bytes,
                "ram_bytes": self.predicted_ram_bytes,
            },
        }


def emulate(folder: Path, device: Device, vectors: int | None = None) -> Emulation:
    """Builds a folder of `export --c` for a device's core, links it into its memory and runs it.

    Args:
        folder: of C.
        device: whose core and memory.
        vectors: test vectors that are run; all by default.

    Raises:
        DeviceToolError: compiler or emulator are missing, or fail.
        DeviceCodeError: the folder was not written by an export, the core is not emulated, or the program does not
            fit the device.
    """
    record, target = read_record(folder), target_of_core(device.core)
    check_tools()
    count = record.vectors if vectors is None else min(vectors, record.vectors)
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        sections = link_program(folder, device, work, "plain.elf", count)
        plain = _run(work, target, "plain.elf")
        link_program(folder, device, work, "traced.elf", 1, "-DMODEL_TRACE")
        traced = _run(work, target, "traced.elf")
    ticks = traced["ticks"]
    if len(ticks) != len(record.steps) or len(plain["wrong"]) != 1 or len(plain["stack"]) != 1:
        found = f"{len(ticks)} steps of {len(record.steps)}"
        raise DeviceToolError("an emulated program says what it did", found, "write the folder again with export --c")
    instructions = tuple(INSTRUCTIONS_A_TICK * tick for tick in ticks)
    sources = kernel_sources(path.name for path in folder.iterdir())
    predicted = predicted_code(target.name, sources, len(record.steps))
    stack = plain["stack"][0]
    return Emulation(device, target, record, count, plain["wrong"][0], instructions, sections, stack, predicted)


def count_instructions(folder: Path, device: Device) -> tuple[int, ...]:
    """Instructions of each step of one inference, and nothing else of `emulate`.

    Args:
        folder: of C.
        device: whose core and memory.

    Raises:
        DeviceToolError, DeviceCodeError: as `emulate`.
    """
    record, target = read_record(folder), target_of_core(device.core)
    check_tools()
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        link_program(folder, device, work, "traced.elf", 1, "-DMODEL_TRACE")
        traced = _run(work, target, "traced.elf")
    if len(traced["ticks"]) != len(record.steps) or traced["wrong"] != [0]:
        found = f"{len(traced['ticks'])} steps of {len(record.steps)}, {traced['wrong']} wrong"
        raise DeviceToolError("an emulated program gives its answers step by step", found, "report it with the folder")
    return tuple(INSTRUCTIONS_A_TICK * tick for tick in traced["ticks"])


def link_program(
    folder: Path, device: Device, work: Path, program: str, vectors: int, *flags: str
) -> Mapping[str, int]:
    """Builds an emulated program of a folder, and gives the bytes of its linker sections.

    Args:
        folder: of C.
        device: whose core and memory.
        work: folder that it is built in.
        program: its name there.
        vectors: test vectors that it runs.
        flags: more of them for the compiler.

    Raises:
        DeviceCodeError: it does not fit the device.
        DeviceToolError: the compiler says something else.
    """
    record, target = read_record(folder), target_of_core(device.core)
    _copy(folder, work)
    script = linker_script(device, record.input_bytes + record.output_bytes, target.test_start)
    (work / "device.ld").write_text(script)
    return _built(work, target, device, program, vectors, flags)


def _copy(folder: Path, work: Path) -> None:
    """The program's files, and those of the board."""
    for path in sorted(folder.iterdir()):
        if _MODEL_SOURCE.fullmatch(path.name) and path.is_file():
            shutil.copyfile(path, work / path.name)
    home = resources.files("explorer.deployment.device_code.emulation")
    for name in ("startup.c", "harness.c"):
        (work / name).write_text((home / name).read_text())


def _built(
    work: Path, target: Target, device: Device, program: str, vectors: int, more: tuple[str, ...]
) -> dict[str, int]:
    """Compiles and links a program, and gives the bytes of its sections.

    Raises:
        DeviceCodeError: it does not fit the device.
        DeviceToolError: the compiler says something else.
    """
    objects = []
    for source in sorted(work.glob("*.c")):
        objects.append(f"{source.stem}.o")
        defined = f"-DEMULATED_VECTORS={vectors}"
        command = [COMPILER, *target.flags, *FLAGS, defined, *more, "-c", source.name, "-o", objects[-1]]
        _checked(run_tool(command, work, BUILD_SECONDS).stderr, "compiles", work / objects[-1])
    linked = run_tool([COMPILER, *target.flags, *LINKING, *objects, "-o", program], work, BUILD_SECONDS)
    overflows = dict(_OVERFLOW.findall(linked.stderr))
    if overflows:
        regions = {"FLASH": "flash", "ARENA": "its largest region of RAM", "OTHER": "its second region of RAM"}
        found = ", ".join(
            f"{int(size):,} bytes too many for {regions.get(name, name)}" for name, size in overflows.items()
        )
        raise DeviceCodeError(f"the program fits {device.name}", found, "choose a smaller design or a larger device")
    _checked(linked.stderr, "links", work / program)
    sizes = run_tool([SIZES, "-A", program], work, BUILD_SECONDS)
    return {name: int(size) for name, size in _SECTION.findall(sizes.stdout)}


def _checked(said: str, what: str, made: Path) -> None:
    if not made.exists():
        lines = [line for line in said.splitlines() if "error" in line or "undefined" in line] or said.splitlines()
        found = (lines or ["it says nothing"])[0][:300]
        raise DeviceToolError(f"an exported program {what}", found, "write the folder again with export --c")


def _run(work: Path, target: Target, program: str) -> dict[str, list[int]]:
    """What a program said: numbers by word.

    Raises:
        DeviceToolError: it said that it ran into a fault, or nothing.
    """
    ran = run_tool([EMULATOR, *board_arguments(target), "-kernel", program], work, RUN_SECONDS)
    said = ran.stdout + ran.stderr
    found: dict[str, list[int]] = {"ticks": [], "wrong": [], "stack": []}
    for word, number in re.findall(r"^(ticks|wrong|stack) (\d+)$", said, re.MULTILINE):
        found[word].append(int(number))
    if "fault" in said or not found["wrong"]:
        lines = said.strip().splitlines() or [f"exit code {ran.returncode}"]
        raise DeviceToolError("an emulated program ends", lines[-1][:300], "report it with the folder")
    return found


def board_arguments(target: Target) -> list[str]:
    """What the emulator is told of a board: its messages, and a nanosecond for every instruction.

    Args:
        target: the core.
    """
    board = ["-M", target.machine, "-nographic", "-monitor", "none", "-serial", "none"]
    return [*board, "-semihosting-config", "enable=on,target=native", "-icount", "shift=0"]
