"""What would make a design fit a device: a smaller reserve, narrower activations, another device."""

from collections.abc import Iterator
from dataclasses import dataclass

from costmodels import NetworkSpec, list_devices, load_device
from costmodels.devices import DEFAULT_FLASH_RESERVE_BYTES, DEFAULT_RAM_RESERVE_BYTES
from costmodels.errors import DeviceError
from costmodels.units import format_bytes
from explorer.config.budgets import DeviceRoom
from searches.bounds import least_reachable
from searches.constraints import Budgets
from searches.errors import InfeasibleError
from searches.figures import FLASH, SRAM
from searches.space import Space

__all__ = ["Remedies"]

NARROWER_BITS = (8, 4, 2, 1)
SHOWN_DEVICES = 3


@dataclass(frozen=True)
class Remedies:
    """Where a device's own budgets of flash and SRAM come from, and what would do instead.

    Args:
        network: the network.
        space: its designs.
        budgets: of the search.
        room: of the device that they are of.
        activation_bits: of the search, the least.
    """

    network: NetworkSpec
    space: Space
    budgets: Budgets
    room: DeviceRoom
    activation_bits: int

    def explained(self, error: InfeasibleError) -> InfeasibleError:
        """The same error; where a budget of the device is below what any design needs, with what would do."""
        missed = [name for name in (SRAM, FLASH) if self._is_missed(name)]
        if not missed:
            return error
        facts = [fact for name in missed for fact in self._facts(name)]
        ways = [way for name in missed for way in self._ways(name)]
        fitting = self._devices()
        ways += [f"--device {', '.join(fitting)}"] if fitting else []
        remedy = f"{error.remedy}. Of these would do: {'; '.join(ways)}" if ways else error.remedy
        return InfeasibleError(f"{error.rule} ({'; '.join(facts)})" if facts else error.rule, error.value, remedy)

    def _is_missed(self, figure: str) -> bool:
        limit = self.budgets.limit(figure)
        return limit is not None and self._is_of_device(figure) and self._least(figure) > limit

    def _is_of_device(self, figure: str) -> bool:
        """Whether the budget is what the device leaves, and not one that the user named."""
        origins = (budget.origin for budget in self.budgets if budget.column == figure)
        return any(origin.startswith(f"{self.room.device.name}:") for origin in origins)

    def _least(self, figure: str, bits: int | None = None) -> int:
        return int(least_reachable(self.network, self.space, figure, bits or self.activation_bits))

    def _facts(self, figure: str) -> Iterator[str]:
        device, given = self.room.device, self._given(figure)
        name, reserve, usable = self._memory(figure)
        if given is not None or usable is None:
            return
        if self.room.is_known(figure):
            taken = format_bytes(usable - int(self.budgets.limit(figure) or 0))
            yield f"{taken} of {device.name}'s {format_bytes(usable)} of {name} are what its program takes"
        else:
            of = f"{format_bytes(reserve)} of {device.name}'s {format_bytes(usable)} of {name}"
            yield f"{of} are an assumed reserve for the runtime, not measured"

    def _ways(self, figure: str) -> Iterator[str]:
        name, _, usable = self._memory(figure)
        least, limit = self._least(figure), self.budgets.limit(figure) or 0
        fits_region = figure == FLASH or self.room.device.largest_region_bytes >= least
        if usable is not None and usable >= least and fits_region and not self.room.is_known(figure):
            option = "--reserve-ram" if figure == SRAM else "--reserve-flash"
            yield f"{option} {usable - least}B or less, as the least is {format_bytes(least)} of {name}"
        for bits in NARROWER_BITS:
            # A program takes a byte for every activation, however few bits it has.
            is_less = bits < self.activation_bits and not (self.room.is_known(figure) and figure == SRAM)
            if is_less and (narrow := self._least(figure, bits)) <= limit:
                yield f"--activation-bits {bits}, with {format_bytes(narrow)} of {name}"
                return

    def _devices(self) -> list[str]:
        """The smallest of the catalogue that leave enough of both when nothing is named to be reserved."""
        sram, flash = self._least(SRAM), self._least(FLASH)
        found = []
        for device in map(load_device, list_devices()):
            room = DeviceRoom(device, self.room.needs)
            try:
                stored, left = room.flash_bytes(), room.sram_bytes()
            except DeviceError:  # smaller than the reserve
                continue
            if left >= sram and (stored is None or stored >= flash):
                found.append(device)
        return [device.name for device in sorted(found, key=lambda one: one.ram_usable_bytes)[:SHOWN_DEVICES]]

    def _given(self, figure: str) -> int | None:
        """The reserve that the user named."""
        return self.room.reserve_ram if figure == SRAM else self.room.reserve_flash

    def _memory(self, figure: str) -> tuple[str, int, int | None]:
        """(name of the memory, assumed reserve, usable bytes)."""
        if figure == SRAM:
            return "SRAM", DEFAULT_RAM_RESERVE_BYTES, self.room.device.ram_usable_bytes
        return "flash", DEFAULT_FLASH_RESERVE_BYTES, self.room.device.flash_usable_bytes
