"""Whether a program fits a device as the linker lays it out: predicted, before anything is linked."""

from dataclasses import dataclass

from costmodels.devices import Device
from costmodels.program_need import OWN_FLASH_BYTES, OWN_RAM_BYTES
from explorer.deployment.device_code.code_bytes import kernel_sources, predicted_code
from explorer.deployment.device_code.folder import CFolder
from explorer.deployment.device_code.targets import target_name

__all__ = ["DeviceFit", "device_fit"]

WORD_BYTES = 4


@dataclass(frozen=True)
class DeviceFit:
    """A program in a device's memory, next to what is allowed for a program of the user's own.

    Args:
        device: of whose flash and regions.
        flash_bytes: constants, code and libraries of the program.
        arena_bytes: of the program, in whole words.
        apart_bytes: of its stack, input and output.
    """

    device: Device
    flash_bytes: int
    arena_bytes: int
    apart_bytes: int

    @property
    def flash_left(self) -> int | None:
        """Flash beyond the program and the user's own; negative where it lacks, None where storage is no limit."""
        usable = self.device.flash_usable_bytes
        return None if usable is None else usable - self.flash_bytes - OWN_FLASH_BYTES

    @property
    def ram_left(self) -> int:
        """What the region of the arena has beyond it; negative where it lacks."""
        return self.device.arena_budget_bytes(self.apart_bytes + OWN_RAM_BYTES) - self.arena_bytes

    @property
    def fits(self) -> bool:
        """Whether nothing lacks."""
        return (self.flash_left is None or self.flash_left >= 0) and self.ram_left >= 0

    def lines(self) -> tuple[str, str]:
        """Whether it fits, and what is left or lacks."""
        flash = "no limit of flash" if self.flash_left is None else _said(self.flash_left, "of flash")
        verdict = "fits" if self.fits else "does not fit"
        own = f"{OWN_FLASH_BYTES:,} bytes of flash and {OWN_RAM_BYTES:,} of RAM for a program of your own"
        left = f"{flash}, {_said(self.ram_left, 'in the region of the arena')}"
        return f"{verdict} {self.device.name} next to {own}:", left


def _said(left: int, where: str) -> str:
    return f"{left:,} bytes left {where}" if left >= 0 else f"{-left:,} bytes too many {where}"


def device_fit(folder: CFolder, device: Device) -> DeviceFit | None:
    """How a program fits a device; None where C is not written for its core, or a kernel's code is not known.

    Args:
        folder: of the program.
        device: whose memory.
    """
    facts, program = folder.facts, folder.program
    code = predicted_code(target_name(device.core), kernel_sources(folder.files), len(facts["steps"]))
    if code is None:
        return None
    constants = program.packed_bytes + program.number_bytes + program.plan_bytes
    arena = -(-program.plan.bytes // WORD_BYTES) * WORD_BYTES
    apart = code.stack + facts["input_bytes"] + facts["output_bytes"]
    return DeviceFit(device, constants + code.kernels + code.libraries, arena, apart)
