"""Cycles of an instruction at zero wait states: the instructions that emulated kernels run, by Arm's tables of cycles.

    python benchmarks/cycles.py

Needs what benchmarks/instructions.py needs. A program of twenty small drawn layers is run with every block of
instructions logged; each counts with the least, the usual and the most cycles that its core's manual has for it. What
it prints stands in explorer/deployment/device_code/instructions/cycles.py.
"""

import re
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import instructions
import numpy as np

from explorer.deployment.device_code.emulation.emulate import board_arguments, link_program
from explorer.deployment.device_code.folder import c_folder
from explorer.deployment.device_code.targets import target_of_core
from explorer.deployment.device_code.writing import write_c_folder

SMALL_MACS = 60_000
OUTSIDE = 0x20000000
"""From this address on lies the test and not the program."""

_LINE = re.compile(r"0x([0-9a-f]+):\s+((?:[0-9a-f]{4} ?)+)\s+(\S+)\s*(.*)$")
LOADED = ("ldr", "str")
LISTS = ("push", "pop", "ldm", "stm")
Cycles = tuple[float, float, float]


@dataclass(frozen=True)
class Instruction:
    """Of a block: where it lies, its bytes, and what it is."""

    address: int
    bytes: int
    name: str
    operands: str

    @property
    def registers(self) -> int:
        """Of a list of them."""
        found = re.search(r"\{(.*)\}", self.operands)
        return sum(_span(part.strip()) for part in found[1].split(",")) if found else 0


def main() -> None:
    """Prints least, usual and most cycles of an instruction for each core."""
    instructions.MOST_MACS = SMALL_MACS
    generator = np.random.default_rng([12, 0])
    network, _ = instructions.program(generator)
    levels = [generator.integers(-128, 128, (1, *network.tensors[one].size)).astype(np.int8) for one in network.inputs]
    with tempfile.TemporaryDirectory() as name:
        write_c_folder(Path(name) / "c", c_folder(network, "", levels).files)
        for core, title in instructions.CORES.items():
            if core in TABLES:
                log = _logged(Path(name) / "c", Path(name) / core, title)
                count, cycles = _counted(log, TABLES[core])
                said = ", ".join(f"{total / count:.2f}" for total in cycles)
                print(f"{core}: {count:,} instructions, least, usual, most cycles of one: {said}")


def _logged(folder: Path, work: Path, title: str) -> Path:
    work.mkdir()
    link_program(folder, instructions.board(title), work, "plain.elf", 1)
    command = ["qemu-system-arm", *board_arguments(target_of_core(title)), "-kernel", "plain.elf"]
    subprocess.run([*command, "-d", "in_asm,exec,nochain", "-D", "log"], cwd=work, capture_output=True, check=False)
    return work / "log"


def _counted(log: Path, table: Callable[[list[Instruction], float], Cycles]) -> tuple[int, Cycles]:
    """Instructions of the program, and their cycles in all."""
    blocks: dict[int, list[Instruction]] = {}
    runs, jumps = Counter[int](), Counter[int]()
    block: list[Instruction] = []
    before = -1
    with log.open(errors="replace") as lines:
        for line in lines:
            if line.startswith("IN:"):
                block = []
            elif found := _LINE.match(line):
                address, code, name, operands = found.groups()
                block.append(Instruction(int(address, 16), 2 * len(code.split()), name.split(".")[0], operands))
            elif line.startswith("Trace"):
                if block:
                    blocks[block[0].address], block = block, []
                place = int(line.split("/")[1], 16)
                runs[place] += 1
                if before in blocks:
                    jumps[before] += place != blocks[before][-1].address + blocks[before][-1].bytes
                before = place
    chosen = {place: count for place, count in runs.items() if place < OUTSIDE and place in blocks}
    parts = [(count, table(blocks[place], jumps[place] / count)) for place, count in chosen.items()]
    total = sum(count * len(blocks[place]) for place, count in chosen.items())
    least, usual, most = (sum(count * cycles[index] for count, cycles in parts) for index in range(3))
    return total, (least, usual, most)


def _cortex_m4(block: list[Instruction], jumps: float) -> Cycles:
    """Table 3-1 of Arm 100166: a load takes two cycles and one behind another, a jump one to three more."""
    found = np.zeros(3)
    after_load = False
    for one in block:
        name = one.name
        if name in ("ldrd", "strd"):
            found += (2, 3, 3)
        elif name.startswith(LOADED):
            is_store = name.startswith("str")
            found += (1, 1 if is_store or after_load else 2, 2)
        elif name.startswith(LISTS):
            found += (one.registers, 1 + one.registers, 1 + one.registers)
        elif name in ("sdiv", "udiv"):
            found += (2, 7, 12)
        elif re.fullmatch("it[te]*", name):
            found += (0, 1, 1)
        else:
            found += (1, 1, 1)
        after_load = name.startswith(LOADED)
    least, usual, most = found + np.array((1, 2, 3)) * jumps
    return float(least), float(usual), float(most)


def _cortex_m0plus(block: list[Instruction], jumps: float) -> Cycles:
    """Table 3.1 of Arm DDI 0484C, with the multiplier of one cycle, or of 32 as the most."""
    found = np.zeros(3)
    for one in block:
        if one.name.startswith(LOADED):
            found += 2
        elif one.name.startswith(LISTS):
            found += 1 + one.registers
        elif one.name.startswith("mul"):
            found += (1, 1, 32)
        else:
            found += 2 if one.name in ("bl", "blx") else 1
    least, usual, most = found + jumps
    return float(least), float(usual), float(most)


def _span(part: str) -> int:
    """Registers of ``r4`` or of ``r4-r7``."""
    ends = part.split("-")
    return 1 if len(ends) == 1 else int(ends[1][1:]) - int(ends[0][1:]) + 1


TABLES: Mapping[str, Callable[[list[Instruction], float], Cycles]] = {
    "cortex-m0plus": _cortex_m0plus,
    "cortex-m4": _cortex_m4,
}

if __name__ == "__main__":
    main()
