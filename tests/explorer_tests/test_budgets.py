"""Budgets from a device, from sizes, and from both."""

import pytest

from costmodels import load_device
from costmodels.errors import DeviceError
from costmodels.program_need import OWN_FLASH_BYTES, OWN_RAM_BYTES, ProgramNeed
from costmodels.units import KIB, MIB
from explorer.config.budgets import chosen_device, make_budgets
from explorer.config.search import make_config
from searches.constraints import Budget
from searches.errors import InfeasibleError, SearchError

NEED = ProgramNeed("cortex-m4", 19_000, 2_000, arena_bytes=6_000, buffer_bytes=100, stack_bytes=736)


def budgets_of(needs=(), **options):
    config = make_config(network="resnet20-cifar", **options)
    device = chosen_device(config)
    return device, {budget.name: budget for budget in make_budgets(config, device, needs)}


def test_no_device_and_no_size_is_no_budget():
    assert budgets_of() == (None, {})


def test_a_device_less_the_default_reserve():
    """stm32f446: 512 KiB of flash less 144, 128 KiB of RAM less 44."""
    device, budgets = budgets_of(device="stm32f446")
    assert device == load_device("stm32f446")
    assert budgets.keys() == {"flash", "SRAM"}
    assert (budgets["flash"].column, budgets["flash"].limit) == ("flash_bytes", (512 - 144) * KIB)
    assert (budgets["SRAM"].column, budgets["SRAM"].limit) == ("sram_bytes", (128 - 44) * KIB)
    assert budgets["flash"].origin == "stm32f446: 512.0 KiB usable less 144.0 KiB reserve"
    assert "128.0 KiB usable less 44.00 KiB reserve, in one region of at most 128.0 KiB" in budgets["SRAM"].origin


def test_a_device_less_what_its_program_takes():
    """stm32l432: 256 KiB of flash, 64 KiB of RAM in one region, which also holds what lies apart."""
    _, budgets = budgets_of(needs=(NEED,), device="stm32l432")
    assert (OWN_FLASH_BYTES, OWN_RAM_BYTES) == (8_192, 1_536)
    assert budgets["flash"].limit == 262_144 - 19_000 - 2_000 - 8_192
    assert budgets["SRAM"].limit == 65_536 - 736 - 100 - 1_536 - 6_000
    assert "28.51 KiB of its program: 19,000 bytes of code, 2,000 of tables, 8,192 allowed" in budgets["flash"].origin
    assert "736 bytes of its program's stack, 100 of input and output and 1,536 allowed" in budgets["SRAM"].origin


def test_what_lies_apart_lies_in_another_region():
    """stm32f429: 192 KiB in one region, and 64 KiB of core-coupled memory that is no part of it."""
    device, budgets = budgets_of(needs=(NEED,), device="stm32f429")
    sizes = sorted(region.bytes for region in device.ram_regions)
    assert budgets["SRAM"].limit == (sizes[-1] if len(sizes) > 1 else sizes[-1] - 2_372) - 6_000


def test_another_core_or_a_reserve_of_ones_own_does_not_ask_the_program():
    _, budgets = budgets_of(needs=(NEED,), device="stm32f746")  # a Cortex-M7
    assert budgets["flash"].limit == (1024 - 144) * KIB
    _, budgets = budgets_of(needs=(NEED,), device="stm32l432", reserve_flash="16KiB")
    assert budgets["flash"].limit == (256 - 16) * KIB
    assert budgets["SRAM"].limit == 65_536 - 736 - 100 - 1_536 - 6_000


def test_a_program_that_takes_everything_is_said_to():
    need = ProgramNeed("cortex-m4", 19_000, 2_000, 60_000, 10_000, 736)
    with pytest.raises(InfeasibleError, match=r"-6,736 bytes left .*the exported program alone takes all SRAM"):
        budgets_of(needs=(need,), device="stm32l432")


def test_a_reserve_of_ones_own():
    _, budgets = budgets_of(device="stm32f446", reserve_flash="0", reserve_ram="28KiB")
    assert (budgets["flash"].limit, budgets["SRAM"].limit) == (512 * KIB, 100 * KIB)


def test_a_size_stands_in_the_place_of_the_devices_and_nothing_is_reserved():
    _, budgets = budgets_of(device="stm32f446", flash="1MiB")
    assert budgets["flash"] == Budget("flash", "flash_bytes", MIB, "bytes", "--flash")
    assert budgets["SRAM"].limit == (128 - 44) * KIB


def test_sizes_without_a_device():
    device, budgets = budgets_of(sram="64KiB", max_bit_ops="2e9")
    assert device is None
    assert budgets == {
        "SRAM": Budget("SRAM", "sram_bytes", 64 * KIB, "bytes", "--sram"),
        "bit-ops": Budget("bit-ops", "bit_ops", 2_000_000_000, "bit operations", "--max-bit-ops"),
    }


def test_a_device_without_a_limit_on_storage():
    _, budgets = budgets_of(device="raspberrypi5")
    assert budgets.keys() == {"SRAM"}


def test_the_arena_lies_in_one_region():
    """RAM in pieces: the arena is no larger than the largest one, however much there is in all."""
    device, budgets = budgets_of(device="esp32")
    assert device.ram_usable_bytes - 44 * KIB > device.largest_region_bytes
    assert budgets["SRAM"].limit == device.largest_region_bytes


def test_reserves_that_leave_nothing():
    with pytest.raises(DeviceError, match="the RAM reserve fits into the device"):
        budgets_of(device="stm32f446", reserve_ram="129KiB")
    with pytest.raises(SearchError, match="got 0; the SRAM budget is positive; give a larger limit or a smaller"):
        budgets_of(device="stm32f446", reserve_ram="128KiB")


def test_an_unknown_device():
    with pytest.raises(DeviceError, match=r"got stm32f44; .*did you mean stm32f446"):
        budgets_of(device="stm32f44")
