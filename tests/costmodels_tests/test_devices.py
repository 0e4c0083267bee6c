"""The catalogue of devices, users' own files, and the budgets."""

import datetime
import re
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest

from costmodels.device_files import source_fields
from costmodels.devices import (
    DEFAULT_FLASH_RESERVE_BYTES,
    DEFAULT_RAM_RESERVE_BYTES,
    Device,
    Region,
    list_devices,
    load_device,
)
from costmodels.errors import DeviceError

KIB, MIB, GIB = 1024, 1024**2, 1024**3
CATALOGUE = files("costmodels") / "devices"

GOOD = """
name = "board"
title = "My board"

[core]
name = "Cortex-M4F"
cores = 1
clock_hz = 100_000_000

[memory.flash]
nominal_bytes = 524_288
usable_bytes = 393_216

[memory.ram]
nominal_bytes = 131_072
usable_bytes = 122_880

[[memory.ram.regions]]
name = "SRAM1"
bytes = 81_920

[[memory.ram.regions]]
name = "SRAM2"
bytes = 40_960
note = "at another address"
"""


@pytest.fixture
def write(tmp_path):
    """Writes a device file and gives its path."""

    def write(text):
        path = tmp_path / "board.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def faults_of(path):
    """The fault lines of a refused file."""
    with pytest.raises(DeviceError) as caught:
        load_device(path)
    head, *lines = str(caught.value).split("\n")
    assert re.fullmatch(rf".*board\.toml has {len(lines)} faults?:", head)
    return [line.strip() for line in lines]


def test_the_catalogue_is_long_enough_and_spans_from_64_kib_to_a_raspberry_pi():
    devices = [load_device(name) for name in list_devices()]
    assert len(devices) >= 16
    assert min(device.ram_usable_bytes for device in devices) == 64 * KIB
    assert {"raspberrypi4", "raspberrypi5"} <= {device.name for device in devices}


@pytest.mark.parametrize("name", list_devices())
def test_every_number_of_the_catalogue_has_a_source_and_a_date(name):
    plain = tomllib.loads((CATALOGUE / f"{name}.toml").read_text(encoding="utf-8"))
    device = load_device(name)
    assert device.name == name
    assert sorted(source.field for source in device.sources) == sorted(source_fields(plain))
    for source in device.sources:
        assert source.text
        assert source.url.startswith("https://")
        assert datetime.date(2026, 1, 1) <= datetime.date.fromisoformat(source.date) <= datetime.date(2027, 1, 1)


def test_source_fields_name_every_number_of_a_file():
    def numbers(table, where=""):
        for key, value in table.items():
            if isinstance(value, dict):
                yield from numbers(value, f"{where}{key}.")
            elif key == "regions":
                yield from (f"{where}regions.{region['name']}.bytes" for region in value)
            elif isinstance(value, int):
                yield f"{where}{key}"

    plain = tomllib.loads(GOOD)
    assert sorted(source_fields(plain)) == sorted(numbers(plain))


@pytest.mark.parametrize("name", list_devices())
def test_regions_fit_into_usable_and_usable_into_nominal(name):
    device = load_device(name)
    assert 0 < sum(region.bytes for region in device.ram_regions) <= device.ram_usable_bytes <= device.ram_nominal_bytes
    assert (device.flash_usable_bytes is None) == (device.flash_nominal_bytes is None)
    if device.flash_usable_bytes is not None:
        assert 0 < device.flash_usable_bytes <= device.flash_nominal_bytes


@pytest.mark.parametrize(
    ("name", "clock_mhz", "flash", "ram", "largest"),
    [
        ("stm32f446", 180, 512 * KIB, 128 * KIB, 128 * KIB),
        ("stm32f746", 216, 1 * MIB, (64 + 240 + 16) * KIB, (240 + 16) * KIB),  # the TCM is apart
        ("stm32f767", 216, 2 * MIB, (128 + 368 + 16) * KIB, (368 + 16) * KIB),
        ("stm32f429", 180, 2 * MIB, (192 + 64) * KIB, 192 * KIB),  # the CCM is apart
        ("stm32h743", 480, 2 * MIB, 512 * KIB, 512 * KIB),  # the AXI bank
        ("stm32h723", 550, 1 * MIB, 320 * KIB, 320 * KIB),
        ("stm32l4r5", 120, 2 * MIB, (192 + 64 + 384) * KIB, (192 + 64 + 384) * KIB),
        ("stm32l432", 80, 256 * KIB, 64 * KIB, 64 * KIB),
        ("nrf52840", 64, 1 * MIB, 256 * KIB, 256 * KIB),
        ("nano33ble", 64, (1024 - 64) * KIB, 256 * KIB, 256 * KIB - 2 * 256),
        ("nrf52832", 64, 512 * KIB, 64 * KIB, 64 * KIB),
        ("rp2040", 133, 2 * MIB, (4 * 64 + 2 * 4) * KIB, 4 * 64 * KIB),
        ("esp32", 240, 4 * MIB, 320 * KIB, 0x2C200),  # the linker's segment for static data
        ("esp32s3", 240, 8 * MIB, 320 * KIB, 320 * KIB),
        ("portenta-h7", 480, 768 * KIB, 512 * KIB - 664, 512 * KIB - 664),
        ("max78000", 100, 512 * KIB, (32 + 32 + 48 + 16) * KIB, (32 + 32 + 48 + 16) * KIB),
        ("raspberrypi4", 1500, None, 1 * GIB, 1 * GIB),
        ("raspberrypi5", 2400, None, 1 * GIB, 1 * GIB),
    ],
)
def test_values_of_the_catalogue(name, clock_mhz, flash, ram, largest):
    device = load_device(name)
    assert device.clock_hz == clock_mhz * 1_000_000
    assert (device.flash_usable_bytes, device.ram_usable_bytes, device.largest_region_bytes) == (flash, ram, largest)


def test_a_device_is_plain_data():
    plain = load_device("stm32f446").to_json()
    assert plain["name"] == "stm32f446"
    assert plain["ram_regions"][0]["bytes"] == 128 * KIB
    assert plain["sources"][0]["date"] == "2026-11-20"


def device_of(ram_usable, *regions, flash=512 * KIB):
    regions = tuple(Region(f"bank {index}", size) for index, size in enumerate(regions))
    return Device("board", "My board", "Cortex-M4F", 1, 10**8, flash, flash, ram_usable, ram_usable, regions)


@pytest.mark.parametrize(
    ("usable", "regions", "reserve", "budget"),
    [
        (128 * KIB, (128 * KIB,), 44 * KIB, (128 - 44) * KIB),  # one region holds both
        (192 * KIB, (128 * KIB, 64 * KIB), 44 * KIB, 128 * KIB),  # the other region holds the reserve
        (192 * KIB, (128 * KIB, 64 * KIB), 64 * KIB, 128 * KIB),
        (192 * KIB, (128 * KIB, 64 * KIB), 80 * KIB, (192 - 80) * KIB),  # the reserve spills over
        (128 * KIB, (128 * KIB,), 0, 128 * KIB),
        (128 * KIB, (128 * KIB,), 128 * KIB, 0),
    ],
)
def test_the_arena_gets_one_region_less_what_of_the_reserve_the_others_cannot_hold(usable, regions, reserve, budget):
    assert device_of(usable, *regions).activation_budget_bytes(reserve) == budget


def test_default_reserves():
    device = load_device("stm32f446")
    assert (DEFAULT_FLASH_RESERVE_BYTES, DEFAULT_RAM_RESERVE_BYTES) == (144 * KIB, 44 * KIB)
    assert device.flash_budget_bytes() == (512 - 144) * KIB
    assert device.activation_budget_bytes() == (128 - 44) * KIB
    assert device.flash_budget_bytes(0) == 512 * KIB


def test_an_sd_card_is_no_limit():
    assert load_device("raspberrypi4").flash_budget_bytes() is None


def test_a_reserve_that_does_not_fit_is_refused():
    device = load_device("stm32l432")
    with pytest.raises(DeviceError, match=r"65537 bytes reserved of 65536 usable on stm32l432; the RAM reserve fits "):
        device.activation_budget_bytes(64 * KIB + 1)
    with pytest.raises(DeviceError, match=r"262145 bytes reserved of 262144 usable .*; the flash reserve fits "):
        device.flash_budget_bytes(256 * KIB + 1)
    with pytest.raises(DeviceError, match=r"-1 bytes; a RAM reserve is not negative"):
        device.activation_budget_bytes(-1)
    with pytest.raises(DeviceError, match=r"-1 bytes; a flash reserve is not negative"):
        load_device("raspberrypi5").flash_budget_bytes(-1)


def test_an_unknown_name_lists_the_choices_and_the_closest():
    with pytest.raises(DeviceError) as caught:
        load_device("STM32F44")
    message = str(caught.value)
    assert message.startswith("got STM32F44; ")
    assert "; did you mean stm32f446?" in message
    assert all(name in message for name in list_devices())
    with pytest.raises(DeviceError, match=r"got toaster; .*; choose one of esp32, "):
        load_device("toaster")


@pytest.mark.parametrize("as_type", [str, Path])
def test_a_users_own_file(write, as_type):
    device = load_device(as_type(write(GOOD)))
    assert device == Device(
        name="board",
        title="My board",
        core="Cortex-M4F",
        cores=1,
        clock_hz=100_000_000,
        flash_nominal_bytes=512 * KIB,
        flash_usable_bytes=384 * KIB,
        ram_nominal_bytes=128 * KIB,
        ram_usable_bytes=120 * KIB,
        ram_regions=(Region("SRAM1", 80 * KIB), Region("SRAM2", 40 * KIB, "at another address")),
    )
    assert device.activation_budget_bytes() == (120 - 44) * KIB


def test_a_users_file_without_a_flash_limit(write):
    text = GOOD.replace(
        "[memory.flash]\nnominal_bytes = 524_288\nusable_bytes = 393_216", '[memory]\nflash = "unlimited"'
    )
    assert load_device(write(text)).flash_usable_bytes is None


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("clock_hz = 100_000_000", "", "core.clock_hz: missing; give a whole number of at least 1"),
        ("cores = 1", 'cores = "two"', "core.cores: 'two' is not a whole number of at least 1"),
        ("cores = 1", "cores = true", "core.cores: True is not a whole number of at least 1"),
        ("cores = 1", "cores = 0", "core.cores: 0 is not a whole number of at least 1"),
        ('title = "My board"', 'title = " "', "title: ' ' is not a text that is not empty"),
        (
            "cores = 1",
            "cores = 1\nfpu = true",
            "core.fpu: unknown key; the keys are name, cores, clock_hz, cycles, power",
        ),
        ("bytes = 40_960", "bytes = -1", "memory.ram.regions[1].bytes: -1 is not a whole number of at least 1"),
        (
            "bytes = 40_960",
            "bytes = 40_961",
            "memory.ram.regions: 122881 bytes in all are more than usable_bytes, 122880",
        ),
        (
            "usable_bytes = 393_216",
            "usable_bytes = 524_289",
            "memory.flash.usable_bytes: 524289 is more than nominal_bytes, 524288",
        ),
        ('name = "SRAM2"', 'name = "SRAM1"', "memory.ram.regions: the name 'SRAM1' repeats"),
        (
            "[memory.flash]\nnominal_bytes = 524_288\nusable_bytes = 393_216",
            '[memory]\nflash = "SD"',
            "memory.flash: 'SD' is not a table, or \"unlimited\"",
        ),
    ],
)
def test_each_fault_has_one_line(write, old, new, fault):
    assert old in GOOD
    assert faults_of(write(GOOD.replace(old, new))) == [fault]


def test_faults_of_sources(write):
    source = (
        '\n[[sources]]\nfields = ["core.volts"]\ntext = "data sheet"\nurl = "https://example.org"\ndate = "today"\n'
    )
    first, second = faults_of(write(GOOD + source))
    assert first == "sources[0].date: 'today' is not a date such as 2026-11-20"
    assert second.startswith("sources[0].fields: 'core.volts' names no number of the file; they are core.cores, ")


def test_all_faults_are_listed_at_once(write):
    text = (
        GOOD.replace("cores = 1", "").replace("usable_bytes = 393_216", "usable_bytes = -3").replace("40_960", "50_000")
    )
    assert faults_of(write(text + "\n[surprise]\n")) == [
        "surprise: unknown key; the keys are name, title, note, core, memory, sources",
        "core.cores: missing; give a whole number of at least 1",
        "memory.flash.usable_bytes: -3 is not a whole number of at least 1",
        f"memory.ram.regions: {81_920 + 50_000} bytes in all are more than usable_bytes, 122880",
    ]


@pytest.mark.parametrize("memory", ["memory = 3", "memory = []", "[memory]\nram = 1\nflash = 2"])
def test_tables_of_the_wrong_kind_are_faults_and_no_crash(write, memory):
    head = GOOD.split("[memory.flash]")[0]
    top, core = head.split("[core]")
    text = f"{head}\n{memory}" if memory.startswith("[") else f"{top}\n{memory}\n[core]{core}"
    assert all(line.startswith("memory") for line in faults_of(write(text)))


def test_a_file_that_is_not_there_or_no_toml(write, tmp_path):
    with pytest.raises(DeviceError, match=r".*none\.toml: No such file or directory; a device file can be read"):
        load_device(tmp_path / "none.toml")
    with pytest.raises(DeviceError, match=r".*board\.toml: .*; a device file is TOML in UTF-8"):
        load_device(write("name = "))
    path = write("")
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(DeviceError, match="a device file is TOML in UTF-8"):
        load_device(path)
