"""What an exported program takes of a device in addition to what is counted of its design.

A design's flash is what it stores, and its SRAM the activations and the scratch of its formulas. The C program that
`export --c` writes of it has code, multipliers and structures too, its kernels have another scratch, and it is a part
of a program of the user's own.
"""

from dataclasses import dataclass

from costmodels.units import KIB

__all__ = ["OWN_FLASH_BYTES", "OWN_RAM_BYTES", "ProgramNeed"]

OWN_FLASH_BYTES = 8 * KIB
"""Allowed for the user's own program: a vector table of at most 256 words (16 exceptions and 240 interrupts, the most
that Armv7-M has), and 7 KiB for start-up, clocks and drivers, which are assumed. --reserve-flash takes another size."""

OWN_RAM_BYTES = 0x400 + 0x200
"""Allowed for the user's own program: the stack and the heap that ST's linker scripts set aside unless they are changed
(`_Min_Stack_Size`, `_Min_Heap_Size`). The stack of an inference is counted apart."""


@dataclass(frozen=True)
class ProgramNeed:
    """The most that the exported program of any design of a space takes in addition to the design's figures.

    Args:
        target: the processor, as ``export --target`` names it.
        code_bytes: of the kernels that designs may call, and of the compiler's libraries.
        table_bytes: of multipliers, biases and structures beyond what flash counts of biases and scales.
        arena_bytes: by which the planned arena may exceed the counted SRAM.
        buffer_bytes: of the caller's input and output.
        stack_bytes: of the deepest chain of calls.
    """

    target: str
    code_bytes: int
    table_bytes: int
    arena_bytes: int
    buffer_bytes: int
    stack_bytes: int

    @property
    def flash_bytes(self) -> int:
        """All that comes off a device's flash before a design gets the rest."""
        return self.code_bytes + self.table_bytes + OWN_FLASH_BYTES

    @property
    def apart_bytes(self) -> int:
        """RAM outside of the arena: it may lie in another region."""
        return self.buffer_bytes + self.stack_bytes + OWN_RAM_BYTES
