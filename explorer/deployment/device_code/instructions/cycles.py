"""Cycles of an instruction on each core: a range, and where it comes from."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["CYCLES", "InstructionCycles"]


@dataclass(frozen=True)
class InstructionCycles:
    """Cycles of an instruction, averaged over what programs run, without waiting for flash.

    Args:
        least: that there may be.
        usual: taken for predictions.
        most: that there may be.
        source: of the three, in words.
        address: of the core's own table of cycles; "" where there is none.
        date: on which it was looked up.
    """

    least: float
    usual: float
    most: float
    source: str
    address: str = ""
    date: str = ""


_TABLE = "what kernels run, by Arm's table of cycles at zero wait states"
CYCLES: Mapping[str, InstructionCycles] = MappingProxyType(
    {
        "cortex-m0plus": InstructionCycles(
            1.36,
            1.36,
            3.35,
            f"{_TABLE}, the most with a multiplier of 32 cycles",
            "http://infocenter.arm.com/help/index.jsp?topic=/com.arm.doc.ddi0484c/CHDCICDF.html",
            "2026-11-30",
        ),
        "cortex-m4": InstructionCycles(
            1.14,
            1.42,
            1.64,
            f"{_TABLE}, loads behind one another or not and jumps of two to four cycles",
            "http://infocenter.arm.com/help/topic/com.arm.doc.100166_0001_00_en/ric1417175924567.html",
            "2026-11-30",
        ),
        "cortex-m7": InstructionCycles(
            0.5,
            0.75,
            1.0,
            "two instructions in every cycle, or one, and the middle: an assumption, as Arm has no table of this core",
        ),
    }
)
"""By target; of the first two `benchmarks/cycles.py` counts them."""
