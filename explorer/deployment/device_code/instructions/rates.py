"""The table of a core: the instructions of each amount by kernel, and the cycles of an instruction.

`benchmarks/instructions.py` makes it from emulated layers.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from explorer.deployment.device_code.instructions.cycles import CYCLES, InstructionCycles
from explorer.system.errors import DeviceCodeError

__all__ = ["CoreRates", "core_rates", "known_cores"]


@dataclass(frozen=True)
class CoreRates:
    """A core.

    Args:
        target: the processor, as ``export --target`` names it.
        rates: by kernel and amount, the instructions of one; what is absent is 0.
        cycles: of an instruction.
        held_out: how many layers that no rate was fitted to, and which share of them was predicted within 10%.
    """

    target: str
    rates: Mapping[str, Mapping[str, float]]
    cycles: InstructionCycles
    held_out: Mapping[str, float]

    def instructions(self, kernel: str, amounts: Mapping[str, float]) -> float:
        """Of a step.

        Args:
            kernel: that it calls.
            amounts: of its work.

        Raises:
            DeviceCodeError: the kernel, or a form that it decodes, was not emulated.
        """
        known = self.rates.get(kernel)
        if known is None:
            found = f"{kernel} on {self.target}"
            raise DeviceCodeError("instructions are known of emulated kernels", found, "run benchmarks/instructions.py")
        shared = self.rates["decoding"]
        return sum((known.get(name) or shared.get(name, 0.0)) * amount for name, amount in amounts.items())


def core_rates(target: str) -> CoreRates | None:
    """The table of a processor; None where it was not emulated.

    Args:
        target: as ``export --target`` names it.
    """
    found = _table().get(target)
    return None if found is None else CoreRates(target, found["rates"], CYCLES[target], found["held_out"])


def known_cores() -> tuple[str, ...]:
    """The processors that have a table."""
    return tuple(_table())


@cache
def _table() -> Mapping[str, Any]:
    place = resources.files("explorer.deployment.device_code.instructions") / "rates.json"
    table: Mapping[str, Any] = json.loads(place.read_text())["targets"]
    return table
