"""A refusal says what of it is assumed, and what would do instead: each of these does."""

import re

import pytest

from costmodels import load_device
from costmodels.devices import DEFAULT_RAM_RESERVE_BYTES
from costmodels.program_need import ProgramNeed
from explorer.config.budgets import chosen_device, make_budgets
from explorer.config.search import make_config
from explorer.search.reachability import Reachability
from explorer.search.setup import _remedies
from searches.bounds import least_reachable
from searches.errors import InfeasibleError
from searches.space import build_space

KIB = 1024


@pytest.fixture
def refusal(zoo_spec):
    """What a search of ResNet-20 is refused with, whose maps need 32 KiB at 8 bits; dense at 1 bit fits any flash."""

    def refuse(needs=(), **options):
        config = make_config(network="resnet20-cifar", **options)
        network = zoo_spec("resnet20-cifar")
        space = build_space(network, {"dense": {"weight_bits": (1,)}})
        device = chosen_device(config)
        budgets = make_budgets(config, device, needs)
        remedies = _remedies(config, network, space, budgets, device, needs)
        check = Reachability(network, space, budgets, config.least_activation_bits, None, remedies)
        try:
            check.check_before_fits()
        except InfeasibleError as error:
            return str(error)
        return ""

    return refuse


def test_the_assumed_reserve_is_named_with_what_would_do(refusal, zoo_spec):
    said = refusal(device="stm32l432")
    # 64 KiB usable less 44 KiB assumed
    assert "SRAM allows 20,480 bytes" in said
    assert "44.00 KiB of stm32l432's 64.00 KiB of SRAM are an assumed reserve for the runtime, not measured" in said
    network = zoo_spec("resnet20-cifar")
    space = build_space(network, {"dense": {"weight_bits": (1,)}})
    least = int(least_reachable(network, space, "sram_bytes", 8))
    assert f"--reserve-ram {64 * KIB - least}B or less" in said
    assert refusal(device="stm32l432", reserve_ram=f"{64 * KIB - least}B") == ""
    assert "SRAM" in refusal(device="stm32l432", reserve_ram=f"{64 * KIB - least + 1}B")


def test_each_width_and_device_that_is_named_would_do(refusal):
    said = refusal(device="stm32l432")
    width = int(re.search(r"--activation-bits (\d+)", said)[1])
    assert refusal(device="stm32l432", activation_bits=width) == ""
    devices = re.search(r"--device ([\w, -]+)$", said)[1].split(", ")
    assert 1 <= len(devices) <= 3
    for name in devices:
        assert refusal(device=name) == ""
        assert load_device(name).ram_usable_bytes > 64 * KIB


def test_what_a_program_takes_is_no_reserve_to_make_smaller(refusal):
    needs = tuple(ProgramNeed(f"cortex-{core}", 19_000, 2_000, 30_000, 3_000, 764) for core in ("m4", "m7"))
    said = refusal(needs, device="stm32l432")
    # 764 of stack, 3,000 of buffers, 1,536 of the user's own, and an arena of 30,000 more than is counted
    assert f"SRAM allows {65_536 - 764 - 3_000 - 1_536 - 30_000:,} bytes" in said
    assert "34.47 KiB of stm32l432's 64.00 KiB of SRAM are what its program takes" in said
    assert "reserve" not in said
    assert "--activation-bits" not in said  # a byte each, however few bits
    for name in re.search(r"--device ([\w, -]+)$", said)[1].split(", "):
        assert refusal(needs, device=name) == ""


def test_a_reserve_of_ones_own_is_no_assumption(refusal):
    said = refusal(device="stm32l432", reserve_ram=f"{DEFAULT_RAM_RESERVE_BYTES}B")
    assert "assumed" not in said
    assert "would do: --reserve-ram " in said


def test_a_budget_of_ones_own_has_no_device_to_blame(refusal):
    said = refusal(sram="4KiB")
    assert "SRAM allows 4,096 bytes" in said
    assert "would do" not in said
    assert "would do" not in refusal(sram="4KiB", device="stm32l432")
