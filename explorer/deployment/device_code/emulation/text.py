"""What is printed about an emulated program."""

from collections.abc import Iterator
from dataclasses import astuple

from costmodels.printable import printable
from explorer.deployment.device_code.emulation.emulate import INSTRUCTIONS_A_TICK, Emulation

__all__ = ["emulation_lines"]


def emulation_lines(found: Emulation) -> Iterator[str]:
    """A table of steps, and memory as it was predicted and linked."""
    record = found.record
    design = f", design {record.design}" if record.design else ""
    core = f"{found.target.name} in qemu {found.target.machine}"
    yield f"{printable(record.network)}{design} on {found.device.title}: {core}"
    right = found.vectors - found.wrong
    yield f"{right} of {found.vectors} test vectors give every bit of their outputs [measured]"
    yield f"{'step':<32}{'kernel':<11}{'MAC':>12}{'instructions':>14}{'MAC each':>10}  [measured]"
    for step, count in zip(record.steps, found.instructions, strict=True):
        each = f"{step.macs / count:.3f}" if step.macs and count else ""
        yield f"{printable(step.name)[:31]:<32}{step.kernel:<11}{step.macs:>12,}{count:>14,}{each:>10}"
    total, macs = sum(found.instructions), sum(step.macs for step in record.steps)
    yield f"{'all':<43}{macs:>12,}{total:>14,}{macs / max(total, 1):>10.3f}"
    yield f"(instructions are no cycles; the counter advances once in {INSTRUCTIONS_A_TICK})"
    yield from _memory_lines(found)


def _memory_lines(found: Emulation) -> Iterator[str]:
    """Bytes as they were predicted, where they were, and as they are linked."""
    sections, record, device = found.sections, found.record, found.device
    yield f"{'memory, bytes':<32}{'predicted':>12}{'linked':>12}"
    yield f"{'  weights, numbers, plan':<32}{record.constant_bytes:>12,}{sections['constants']:>12,}"
    code, libraries, flash, stack, ram = ("",) * 5
    if found.predicted is not None:
        code, libraries, stack = (f"{it:,}" for it in astuple(found.predicted))
        flash, ram = f"{found.predicted_flash_bytes:,}", f"{found.predicted_ram_bytes:,}"
    yield f"{'  code of the kernels':<32}{code:>12}{sections['code']:>12,}"
    yield f"{'  of the compiler':<32}{libraries:>12}{sections.get('libraries', 0):>12,}"
    yield f"{'  flash':<32}{flash:>12}{found.flash_bytes:>12,}  of {device.flash_usable_bytes:,}"
    yield f"{'  arena':<32}{record.arena_bytes:>12,}{sections['arena']:>12,}"
    yield f"{'  input and output':<32}{record.input_bytes + record.output_bytes:>12,}{sections['buffers']:>12,}"
    yield f"{'  stack of an inference':<32}{stack:>12}{found.stack_bytes:>12,}  [measured]"
    yield f"{'  ram':<32}{ram:>12}{found.ram_bytes:>12,}  of {device.ram_usable_bytes:,}"
