"""Where no measured design fits, what would do for one of them: each of these does."""

import dataclasses
import re

from costmodels import load_device
from explorer.config.budgets import DeviceRoom, chosen_device, make_budgets
from explorer.config.search import make_config
from explorer.runs.measured_ways import MeasuredWays
from searches.constraints import exceeded

KIB = 1024
SMALL, FAST = (
    {"flash_bytes": 100 * KIB, "sram_bytes": 30 * KIB, "bit_ops": 9_000_000},
    {"flash_bytes": 130 * KIB, "sram_bytes": 12 * KIB, "bit_ops": 2_000_000},
)


def ways(**options: object) -> MeasuredWays:
    """Of two designs for a board of 256 KiB of flash less 144, and 64 KiB of RAM less 44: one has too much of each."""
    config = make_config(network="resnet20-cifar", **options)
    device = chosen_device(config)
    room = DeviceRoom(device, (), config.reserve_flash, config.reserve_ram) if device else None
    return MeasuredWays([SMALL, FAST], make_budgets(config, device), room)


def test_assumed_reserves_are_named() -> None:
    assert list(ways(device="stm32l432").facts()) == [
        "flash: 144.0 KiB of stm32l432 are an assumed reserve, not measured",
        "SRAM: 44.00 KiB of stm32l432 are an assumed reserve, not measured",
    ]
    named = ways(device="stm32l432", reserve_ram="44KiB", flash="8KiB")
    assert list(named.facts()) == []


def test_each_reserve_would_do_and_no_larger_one() -> None:
    found = list(ways(device="stm32l432").ways())
    # FAST keeps the 20 KiB of SRAM: flash of 130 KiB leaves 256 - 130; SMALL keeps the 112 KiB of flash: 64 - 30
    assert found[0] == f"flash of 133,120 bytes (--reserve-flash {126 * KIB}B)"
    assert found[1] == f"SRAM of 30,720 bytes (--reserve-ram {34 * KIB}B)"
    for option, figures in (({"reserve_flash": f"{126 * KIB}B"}, FAST), ({"reserve_ram": f"{34 * KIB}B"}, SMALL)):
        assert exceeded(ways(device="stm32l432", **option).budgets, figures) == []
        more = {name: f"{int(text[:-1]) + 1}B" for name, text in option.items()}
        assert exceeded(ways(device="stm32l432", **more).budgets, figures) != []


def test_each_device_would_do() -> None:
    named = re.fullmatch(r"--device ([\w, -]+)", list(ways(device="stm32l432").ways())[-1])
    assert named is not None
    devices = named[1].split(", ")
    assert 1 <= len(devices) <= 3
    for name in devices:
        budgets = ways(device=name).budgets
        assert any(exceeded(budgets, figures) == [] for figures in (SMALL, FAST))
        assert load_device(name).ram_usable_bytes >= 12 * KIB


def test_a_budget_of_ones_own_is_raised_and_no_device_is_to_blame() -> None:
    own = ways(flash="110KiB", sram="20KiB")
    assert list(own.facts()) == []
    assert list(own.ways()) == ["flash of 133,120 bytes", "SRAM of 30,720 bytes"]
    # Neither design keeps the limit on bit-ops with either memory: no budget alone would do.
    assert list(ways(flash="110KiB", sram="20KiB", max_bit_ops="1e6").ways()) == []


def test_the_widest_of_the_narrower_activations_that_would_do() -> None:
    def narrowed(bits: int) -> list[dict[str, int]]:
        """Half the bits, half the SRAM of the small design: 30 KiB at 8, 15 at 4."""
        return [{**SMALL, "sram_bytes": 30 * KIB * bits // 8}] if bits < 8 else []

    known = dataclasses.replace(ways(flash="110KiB", sram="20KiB"), narrowed=narrowed)
    assert "--activation-bits 4, by what is counted" in list(known.ways())
