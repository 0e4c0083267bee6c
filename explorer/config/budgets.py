"""Budgets of a search: from the device and the command line to limits on a design's figures."""

from collections.abc import Sequence
from dataclasses import dataclass

from costmodels import Device, load_device
from costmodels.devices import DEFAULT_FLASH_RESERVE_BYTES, DEFAULT_RAM_RESERVE_BYTES, list_devices
from costmodels.errors import DeviceError
from costmodels.program_need import OWN_FLASH_BYTES, OWN_RAM_BYTES, ProgramNeed
from costmodels.units import format_bytes
from explorer.config.search import SearchConfig
from explorer.deployment.device_code.targets import target_name
from searches.constraints import Budget, Budgets
from searches.errors import InfeasibleError
from searches.figures import FLASH, LATENCY, SRAM

__all__ = ["DeviceRoom", "chosen_device", "make_budgets"]


@dataclass(frozen=True)
class DeviceRoom:
    """What a device leaves of its memory for a network's design.

    That is what a linker may use less what the exported program takes, where it is known for the device's core, and
    less an assumed reserve for a runtime otherwise.

    Args:
        device: the device.
        needs: of the exported program, by processor; none where there is no C form or it was not asked for.
        reserve_flash: in the place of either; None for none.
        reserve_ram: likewise.
        why_assumed: why the reserve is assumed for a core that C is written for, in words.
    """

    device: Device
    needs: Sequence[ProgramNeed] = ()
    reserve_flash: int | None = None
    reserve_ram: int | None = None
    why_assumed: str = ""

    @property
    def need(self) -> ProgramNeed | None:
        """Of the program on the device's core; None where it is not known."""
        target = target_name(self.device.core)
        return next((need for need in self.needs if need.target == target), None)

    def is_known(self, figure: str) -> bool:
        """Whether what comes off a memory is what the program takes: no assumption, and not named by the user.

        Args:
            figure: flash or SRAM.
        """
        return (self.reserve_flash if figure == FLASH else self.reserve_ram) is None and self.need is not None

    def flash_bytes(self) -> int | None:
        """For the design's flash; None where storage is no limit, negative where nothing is left.

        Raises:
            DeviceError: the reserve exceeds the device's flash.
        """
        usable, need = self.device.flash_usable_bytes, self.need
        if need is not None and self.reserve_flash is None:
            return None if usable is None else usable - need.flash_bytes
        reserve = DEFAULT_FLASH_RESERVE_BYTES if self.reserve_flash is None else self.reserve_flash
        return self.device.flash_budget_bytes(reserve)

    def sram_bytes(self) -> int:
        """For the design's SRAM; negative where nothing is left.

        Raises:
            DeviceError: the reserve exceeds the device's RAM.
        """
        need = self.need
        if need is not None and self.reserve_ram is None:
            return self.device.arena_budget_bytes(need.apart_bytes) - need.arena_bytes
        reserve = DEFAULT_RAM_RESERVE_BYTES if self.reserve_ram is None else self.reserve_ram
        return self.device.activation_budget_bytes(reserve)

    def flash_origin(self) -> str:
        """Where the limit on flash comes from."""
        device, need = self.device, self.need
        usable = f"{device.name}: {format_bytes(device.flash_usable_bytes or 0)} usable"
        if need is not None and self.reserve_flash is None:
            return (
                f"{usable} less {format_bytes(need.flash_bytes)} of its program: {need.code_bytes:,} bytes of code, "
                f"{need.table_bytes:,} of tables, {OWN_FLASH_BYTES:,} allowed for your own"
            )
        reserve = DEFAULT_FLASH_RESERVE_BYTES if self.reserve_flash is None else self.reserve_flash
        return f"{usable} less {format_bytes(reserve)} reserve{self._said_assumed(self.reserve_flash)}"

    def sram_origin(self) -> str:
        """Where the limit on SRAM comes from."""
        device, need = self.device, self.need
        if need is not None and self.reserve_ram is None:
            left = format_bytes(device.arena_budget_bytes(need.apart_bytes))
            return (
                f"{device.name}: {left} in one region next to {need.stack_bytes:,} bytes of its program's stack, "
                f"{need.buffer_bytes:,} of input and output and {OWN_RAM_BYTES:,} allowed for your own, less "
                f"{need.arena_bytes:,} by which the arena may exceed what is counted"
            )
        reserve = DEFAULT_RAM_RESERVE_BYTES if self.reserve_ram is None else self.reserve_ram
        return (
            f"{device.name}: {format_bytes(device.ram_usable_bytes)} usable less {format_bytes(reserve)} reserve, in "
            f"one region of at most {format_bytes(device.largest_region_bytes)}{self._said_assumed(self.reserve_ram)}"
        )

    def _said_assumed(self, given: int | None) -> str:
        return f", assumed: {self.why_assumed}" if self.why_assumed and given is None else ""


def make_budgets(
    config: SearchConfig, device: Device | None, needs: Sequence[ProgramNeed] = (), why_assumed: str = ""
) -> Budgets:
    """The budgets of a search.

    A device's budget is what its linker may use less what the program takes, or less the reserve (`DeviceRoom`). A size
    on the command line stands in the place of the device's: it is what the network itself may take, with nothing taken
    off.

    Args:
        config: of the search.
        device: of `chosen_device`.
        needs: of the exported program, by processor.
        why_assumed: why there are none, in words.

    Raises:
        DeviceError: the reserve exceeds the device's memory.
        InfeasibleError: the program takes all of a memory, whatever the design.
    """
    room = DeviceRoom(device, needs, config.reserve_flash, config.reserve_ram, why_assumed) if device else None
    budgets = [_flash(config, room), _sram(config, room)]
    if config.max_bit_ops is not None:
        budgets.append(Budget("bit-ops", "bit_ops", config.max_bit_ops, "bit operations", "--max-bit-ops"))
    if config.max_latency is not None:
        budgets.append(Budget("latency", LATENCY, config.max_latency, "ms", "--max-latency"))
    return Budgets(budget for budget in budgets if budget is not None)


def chosen_device(config: SearchConfig) -> Device | None:
    """The device of a search; None without one.

    Raises:
        DeviceError: it is unknown, its file has faults, or energy is an objective and its current is not known.
        ConfigError: it was an object that is not given again.
    """
    device = config.given.device
    if device is None:
        config.check_given("device")
        device = load_device(config.device_name) if config.device_name else None
    if "energy" in config.objective_names and (device is None or device.running_watts is None):
        known = ", ".join(name for name in list_devices() if load_device(name).power)
        remedy = f"choose {known}, or describe the device with [core.power] in a .toml file of your own"
        found = "no device" if device is None else device.name
        raise DeviceError("energy needs the current that a device draws while it runs", found, remedy)
    return device


def _flash(config: SearchConfig, room: DeviceRoom | None) -> Budget | None:
    if config.flash is not None:
        return Budget("flash", FLASH, config.flash, "bytes", "--flash")
    limit = room.flash_bytes() if room else None
    if room is None or limit is None:
        return None
    _check_left("flash", limit, room.is_known(FLASH), room.flash_origin())
    return Budget("flash", FLASH, limit, "bytes", room.flash_origin())


def _sram(config: SearchConfig, room: DeviceRoom | None) -> Budget | None:
    if config.sram is not None:
        return Budget("SRAM", SRAM, config.sram, "bytes", "--sram")
    if room is None:
        return None
    limit = room.sram_bytes()
    _check_left("SRAM", limit, room.is_known(SRAM), room.sram_origin())
    return Budget("SRAM", SRAM, limit, "bytes", room.sram_origin())


def _check_left(name: str, limit: int, is_known: bool, origin: str) -> None:
    """Refuses a device whose memory the program alone takes."""
    if is_known and limit <= 0:
        rule = f"no design fits: the exported program alone takes all {name} that there is"
        raise InfeasibleError(rule, f"{limit:,} bytes left ({origin})", "choose a larger device")
