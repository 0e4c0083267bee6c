"""What would make a design that was measured fit, where none does: one budget raised, or another device."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from costmodels import Device, list_devices, load_device
from costmodels.devices import DEFAULT_FLASH_RESERVE_BYTES, DEFAULT_RAM_RESERVE_BYTES
from costmodels.errors import DeviceError
from costmodels.units import format_bytes
from explorer.config.budgets import DeviceRoom
from searches.constraints import Budget, exceeded
from searches.figures import FLASH, LATENCY, SRAM
from searches.study import Figures

__all__ = ["MeasuredWays"]

NARROWER_BITS = (8, 4, 2, 1)
SHOWN_DEVICES = 3
_RESERVES = {FLASH: DEFAULT_FLASH_RESERVE_BYTES, SRAM: DEFAULT_RAM_RESERVE_BYTES}
_OPTIONS = {FLASH: "--reserve-flash", SRAM: "--reserve-ram"}


@dataclass(frozen=True)
class MeasuredWays:
    """Designs that were measured, none of which keeps all budgets.

    Args:
        figures: of each.
        budgets: of the search.
        room: of the device that they are of; None without one.
        narrowed: the figures of the designs with activations of so many bits, where these are counted alone; None where
            narrower ones change nothing. Of a width that is not narrower it gives none.
    """

    figures: Sequence[Figures]
    budgets: Sequence[Budget]
    room: DeviceRoom | None
    narrowed: Callable[[int], Iterable[Figures]] | None = None

    def facts(self) -> Iterator[str]:
        """What of the device's memory is reserved by assumption, and by what device."""
        for budget in self.budgets:
            room = self.room
            if room is None or not self._is_of_device(budget) or room.is_known(budget.column):
                continue
            if self._given(room, budget.column) is None:
                reserve = format_bytes(_RESERVES[budget.column])
                yield f"{budget.name}: {reserve} of {room.device.name} are an assumed reserve, not measured"

    def ways(self) -> Iterator[str]:
        """Each of which alone would do for a measured design."""
        for budget in self.budgets:
            least = self._least_within_others(budget)
            if least is None:
                continue
            reserve = self._reserve(budget, least)
            smaller = f" ({_OPTIONS[budget.column]} {reserve}B)" if reserve is not None else ""
            yield f"{budget.name} of {budget.shown(least)} {budget.unit}{smaller}"
        width = self._width()
        if width is not None:
            yield f"--activation-bits {width}, by what is counted"
        devices = self._devices()
        if devices:
            yield f"--device {', '.join(devices)}"

    def _least_within_others(self, budget: Budget) -> int | float | None:
        """The least of a figure among the designs that keep the other budgets; None where none does."""
        others = [other for other in self.budgets if other is not budget]
        return min((one[budget.column] for one in self.figures if not exceeded(others, one)), default=None)

    def _width(self) -> int | None:
        """The most bits of activations with which a design keeps all budgets; None where none of the narrower does."""
        for bits in NARROWER_BITS if self.narrowed else ():
            if self.narrowed and any(not exceeded(self.budgets, one) for one in self.narrowed(bits)):
                return bits
        return None

    def _is_of_device(self, budget: Budget) -> bool:
        return self.room is not None and budget.origin.startswith(f"{self.room.device.name}:")

    def _reserve(self, budget: Budget, least: float) -> int | None:
        """The reserve that leaves so much of a memory of the device; None where there is none to make smaller."""
        room = self.room
        if room is None or not self._is_of_device(budget) or room.is_known(budget.column):
            return None
        device = room.device
        usable = device.flash_usable_bytes if budget.column == FLASH else device.ram_usable_bytes
        fits_region = budget.column == FLASH or device.largest_region_bytes >= least
        return None if usable is None or usable < least or not fits_region else usable - int(least)

    @staticmethod
    def _given(room: DeviceRoom, figure: str) -> int | None:
        """The reserve that the user named."""
        return room.reserve_flash if figure == FLASH else room.reserve_ram

    def _devices(self) -> list[str]:
        """The smallest of the catalogue that a measured design fits when nothing is named to be reserved. None where a
        budget of the memory is the user's own, or times are those of the device."""
        kept = [budget for budget in self.budgets if budget.column not in (FLASH, SRAM)]
        own = [budget for budget in self.budgets if budget not in kept and not self._is_of_device(budget)]
        if self.room is None or own or any(budget.column == LATENCY for budget in kept):
            return []
        within = [one for one in self.figures if not exceeded(kept, one)]
        found = [device for device in map(load_device, list_devices()) if self._fits(device, within)]
        return [device.name for device in sorted(found, key=lambda one: one.ram_usable_bytes)[:SHOWN_DEVICES]]

    def _fits(self, device: Device, figures: Sequence[Figures]) -> bool:
        room = DeviceRoom(device, self.room.needs if self.room else ())
        try:
            flash, sram = room.flash_bytes(), room.sram_bytes()
        except DeviceError:  # smaller than the reserve
            return False
        return any(one[SRAM] <= sram and (flash is None or one[FLASH] <= flash) for one in figures)
