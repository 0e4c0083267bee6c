"""Budgets of a search: from the device and the command line to limits on a design's figures."""

from costmodels import Device, load_device
from costmodels.devices import DEFAULT_FLASH_RESERVE_BYTES, DEFAULT_RAM_RESERVE_BYTES
from costmodels.units import format_bytes
from explorer.config.search import SearchConfig
from searches.constraints import Budget, Budgets
from searches.figures import FLASH, LATENCY, SRAM

__all__ = ["make_budgets"]


def make_budgets(config: SearchConfig) -> tuple[Device | None, Budgets]:
    """The device and the budgets.

    A device's budget is what its linker may use less the reserve. A size on the command line stands in the place of the
    device's: it is what the network itself may take, with nothing reserved.

    Raises:
        DeviceError: the device is unknown, its file has faults, or the reserve exceeds its memory.
    """
    device = config.given.device or _named_device(config)
    budgets = [_flash(config, device), _sram(config, device)]
    if config.max_bit_ops is not None:
        budgets.append(Budget("bit-ops", "bit_ops", config.max_bit_ops, "bit operations", "--max-bit-ops"))
    if config.max_latency is not None:
        budgets.append(Budget("latency", LATENCY, config.max_latency, "ms", "--max-latency"))
    return device, Budgets(budget for budget in budgets if budget is not None)


def _named_device(config: SearchConfig) -> Device | None:
    config.check_given("device")
    return load_device(config.device_name) if config.device_name else None


def _flash(config: SearchConfig, device: Device | None) -> Budget | None:
    if config.flash is not None:
        return Budget("flash", FLASH, config.flash, "bytes", "--flash")
    reserve = DEFAULT_FLASH_RESERVE_BYTES if config.reserve_flash is None else config.reserve_flash
    limit = device.flash_budget_bytes(reserve) if device else None
    if device is None or limit is None or device.flash_usable_bytes is None:
        return None
    origin = f"{device.name}: {format_bytes(device.flash_usable_bytes)} usable less {format_bytes(reserve)} reserve"
    return Budget("flash", FLASH, limit, "bytes", origin)


def _sram(config: SearchConfig, device: Device | None) -> Budget | None:
    if config.sram is not None:
        return Budget("SRAM", SRAM, config.sram, "bytes", "--sram")
    if device is None:
        return None
    reserve = DEFAULT_RAM_RESERVE_BYTES if config.reserve_ram is None else config.reserve_ram
    origin = (
        f"{device.name}: {format_bytes(device.ram_usable_bytes)} usable less {format_bytes(reserve)} reserve, in one "
        f"region of at most {format_bytes(device.largest_region_bytes)}"
    )
    return Budget("SRAM", SRAM, device.activation_budget_bytes(reserve), "bytes", origin)
