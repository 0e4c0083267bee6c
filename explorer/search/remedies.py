"""What would make a design fit a device: a smaller reserve, narrower activations, another device."""

from collections.abc import Iterator
from dataclasses import dataclass

from costmodels import Device, NetworkSpec, list_devices, load_device
from costmodels.devices import DEFAULT_FLASH_RESERVE_BYTES, DEFAULT_RAM_RESERVE_BYTES
from costmodels.units import format_bytes
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
        device: that they are of.
        activation_bits: of the search, the least.
        assumed: ``flash`` and ``SRAM`` where the reserve is this project's assumption, as the user named none.
    """

    network: NetworkSpec
    space: Space
    budgets: Budgets
    device: Device
    activation_bits: int
    assumed: tuple[str, ...]

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
        return any(origin.startswith(f"{self.device.name}:") for origin in origins)

    def _least(self, figure: str, bits: int | None = None) -> int:
        return int(least_reachable(self.network, self.space, figure, bits or self.activation_bits))

    def _facts(self, figure: str) -> Iterator[str]:
        name, reserve, usable = _memory(self.device, figure)
        if name in self.assumed and usable is not None:
            of = f"{format_bytes(reserve)} of {self.device.name}'s {format_bytes(usable)} of {name}"
            yield f"{of} are an assumed reserve for the runtime, not measured"

    def _ways(self, figure: str) -> Iterator[str]:
        name, _, usable = _memory(self.device, figure)
        least, limit = self._least(figure), self.budgets.limit(figure) or 0
        fits_region = figure == FLASH or self.device.largest_region_bytes >= least
        if usable is not None and usable >= least and fits_region:
            option = "--reserve-ram" if figure == SRAM else "--reserve-flash"
            yield f"{option} {usable - least}B or less, as the least is {format_bytes(least)} of {name}"
        for bits in NARROWER_BITS:
            if bits < self.activation_bits and (narrow := self._least(figure, bits)) <= limit:
                yield f"--activation-bits {bits}, with {format_bytes(narrow)} of {name}"
                return

    def _devices(self) -> list[str]:
        """The smallest of the catalogue that leave enough of both under the default reserves."""
        sram, flash = self._least(SRAM), self._least(FLASH)
        found = []
        for device in map(load_device, list_devices()):
            room = device.ram_usable_bytes >= DEFAULT_RAM_RESERVE_BYTES and device.activation_budget_bytes() >= sram
            stored = device.flash_usable_bytes
            if room and (stored is None or stored - DEFAULT_FLASH_RESERVE_BYTES >= flash):
                found.append(device)
        return [device.name for device in sorted(found, key=lambda one: one.ram_usable_bytes)[:SHOWN_DEVICES]]


def _memory(device: Device, figure: str) -> tuple[str, int, int | None]:
    """(name of the memory, default reserve, usable bytes)."""
    if figure == SRAM:
        return "SRAM", DEFAULT_RAM_RESERVE_BYTES, device.ram_usable_bytes
    return "flash", DEFAULT_FLASH_RESERVE_BYTES, device.flash_usable_bytes
