"""Devices: what memory a network may use, from the catalogue (``devices/*.toml``) or from a user's own file.

Nominal bytes are what the chip has; usable bytes are what the board's linker script or board file leaves to an
application. Every number of the catalogue has a source and the date on which it was looked up.
"""

import difflib
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from costmodels.device_files import UNLIMITED, read_device_file
from costmodels.errors import ArgumentTypeError, DeviceError
from costmodels.units import KIB

__all__ = [
    "DEFAULT_FLASH_RESERVE_BYTES",
    "DEFAULT_RAM_RESERVE_BYTES",
    "Cycles",
    "Device",
    "Power",
    "Region",
    "Source",
    "list_devices",
    "load_device",
]

DEFAULT_FLASH_RESERVE_BYTES = 144 * KIB
"""Flash for the runtime and the application's code, where no exported program says what it takes
(`costmodels.program_need`). One vendor's report on a deployed network puts what lies there
in addition to the weights at 144 KiB; measure your own program and override it."""

DEFAULT_RAM_RESERVE_BYTES = 44 * KIB
"""RAM for the runtime, stack and heap. The same report puts it at 44 KiB in addition to weights and activations."""

_CATALOGUE = Path(__file__).with_name("devices")


@dataclass(frozen=True)
class Region:
    """A run of RAM that one array may span; banks at adjacent addresses count as one region where its note says so."""

    name: str
    bytes: int
    note: str = ""


@dataclass(frozen=True)
class Source:
    """Where a number comes from: its dotted field, the document, its address, and the date (ISO) it was looked up."""

    field: str
    text: str
    url: str
    date: str


@dataclass(frozen=True)
class Cycles:
    """Cycles of a core for one operation on registers: integer multiply-accumulate, addition and multiplication, and
    multiply-accumulate of 32-bit floats."""

    mac: int
    addition: int
    multiplication: int
    float_mac: int


@dataclass(frozen=True)
class Power:
    """What the chip draws while its core runs from flash at full speed, peripherals off.

    Args:
        microamps_per_mhz: of supply current.
        supply_millivolts: at which it was measured.
    """

    microamps_per_mhz: int
    supply_millivolts: int

    @property
    def joules_per_cycle(self) -> float:
        """Microamperes per megahertz are 1e-12 coulombs a cycle, times volts.

        >>> Power(84, 3000).joules_per_cycle
        2.52e-10
        """
        return self.microamps_per_mhz * self.supply_millivolts / 1e15


@dataclass(frozen=True)
class Device:
    """A device as the budgets see it.

    Args:
        name: of the catalogue, or of a user's file.
        title: for people.
        core: the processor's name, such as Cortex-M4F.
        cores: how many the device has of it.
        clock_hz: its frequency.
        flash_nominal_bytes: of the chip; ``None`` where storage is no limit (an SD card).
        flash_usable_bytes: what a linker may use; ``None`` where storage is no limit.
        ram_nominal_bytes: of the chip.
        ram_usable_bytes: what a linker may use in all.
        ram_regions: the contiguous regions; they may sum to less than the usable bytes (the rest is heap in pieces).
        cycles: for an operation, where they are known.
        power: while it runs, where it is published.
        sources: one for each number of the catalogue.
        note: what is left out.
    """

    name: str
    title: str
    core: str
    cores: int
    clock_hz: int
    flash_nominal_bytes: int | None
    flash_usable_bytes: int | None
    ram_nominal_bytes: int
    ram_usable_bytes: int
    ram_regions: tuple[Region, ...]
    cycles: Cycles | None = None
    power: Power | None = None
    sources: tuple[Source, ...] = ()
    note: str = ""

    @property
    def running_watts(self) -> float | None:
        """What it draws while it computes; None where no current is published."""
        return None if self.power is None else self.power.joules_per_cycle * self.clock_hz

    @property
    def largest_region_bytes(self) -> int:
        """The longest run of RAM that one array may span."""
        return max(region.bytes for region in self.ram_regions)

    def activation_budget_bytes(self, reserve_bytes: int = DEFAULT_RAM_RESERVE_BYTES) -> int:
        """RAM for the arena: activations and scratch live in one static array, so in one contiguous region.

        The reserve goes into the other regions first, so the arena gets the whole largest region while they hold the
        reserve, and what the reserve leaves of all usable bytes otherwise.

        Raises:
            DeviceError: the reserve is negative, or more than the usable RAM.
        """
        _check_reserve("RAM", self, reserve_bytes, self.ram_usable_bytes)
        return min(self.largest_region_bytes, self.ram_usable_bytes - reserve_bytes)

    def arena_budget_bytes(self, apart_bytes: int) -> int:
        """RAM for an arena in one region, with so many bytes of stack and buffers in another that holds all of them.

        As linked (`filterfront emulate`): where no other region holds them they lie in the arena's. Bytes that are in
        no region are not used.

        Args:
            apart_bytes: of stack and buffers.

        Returns:
            Bytes; negative where one region does not even hold what lies apart.
        """
        largest, *others = sorted((region.bytes for region in self.ram_regions), reverse=True)
        return largest if others and others[0] >= apart_bytes else largest - apart_bytes

    def flash_budget_bytes(self, reserve_bytes: int = DEFAULT_FLASH_RESERVE_BYTES) -> int | None:
        """Flash for the network's stored numbers; ``None`` where storage is no limit.

        Raises:
            DeviceError: the reserve is negative, or more than the usable flash.
        """
        _check_reserve("flash", self, reserve_bytes, self.flash_usable_bytes)
        return None if self.flash_usable_bytes is None else self.flash_usable_bytes - reserve_bytes

    def to_json(self) -> dict[str, Any]:
        """Plain data, the row of ``filterfront devices --json``."""
        return asdict(self)


def list_devices() -> tuple[str, ...]:
    """The names of the catalogue, sorted."""
    return tuple(sorted(path.stem for path in _CATALOGUE.glob("*.toml")))


def load_device(name_or_path: str | os.PathLike[str]) -> Device:
    """A device of the catalogue by name, or of a user's file.

    Args:
        name_or_path: a name of `list_devices`; a path is anything that ends in ``.toml`` or has a separator in it.

    Raises:
        ArgumentTypeError: it is neither text nor a path.
        DeviceError: the name is unknown (the message lists the choices), or the file has faults (all are listed).

    >>> load_device("stm32f446").activation_budget_bytes() == (128 - 44) * 1024
    True
    """
    if not isinstance(name_or_path, (str, os.PathLike)):
        remedy = "give for example 'stm32f446' or 'my_board.toml'"
        raise ArgumentTypeError("a device is a name or a path", type(name_or_path).__name__, remedy)
    text = os.fspath(name_or_path)
    if text.endswith(".toml") or "/" in text or os.sep in text:
        return _device(read_device_file(Path(text)))
    names = list_devices()
    if text not in names:
        close = difflib.get_close_matches(text.lower(), names, n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        remedy = f"{hint}choose one of {', '.join(names)}, or give the path of a .toml file"
        raise DeviceError("a device is one of the catalogue, or a file", text, remedy)
    return _device(read_device_file(_CATALOGUE / f"{text}.toml"))


def _device(plain: Mapping[str, Any]) -> Device:
    """The device of a checked file."""
    core, ram = plain["core"], plain["memory"]["ram"]
    flash = {} if plain["memory"]["flash"] == UNLIMITED else plain["memory"]["flash"]
    return Device(
        name=plain["name"],
        title=plain["title"],
        core=core["name"],
        cores=core["cores"],
        clock_hz=core["clock_hz"],
        flash_nominal_bytes=flash.get("nominal_bytes"),
        flash_usable_bytes=flash.get("usable_bytes"),
        ram_nominal_bytes=ram["nominal_bytes"],
        ram_usable_bytes=ram["usable_bytes"],
        ram_regions=tuple(Region(**region) for region in ram["regions"]),
        cycles=Cycles(**core["cycles"]) if "cycles" in core else None,
        power=Power(**core["power"]) if "power" in core else None,
        sources=tuple(
            Source(field, source["text"], source["url"], source["date"].isoformat())
            for source in plain.get("sources", ())
            for field in source["fields"]
        ),
        note=plain.get("note", ""),
    )


def _check_reserve(memory: str, device: Device, reserve_bytes: int, usable_bytes: int | None) -> None:
    """A reserve is no negative size, and leaves something of what there is."""
    if reserve_bytes < 0:
        raise DeviceError(f"a {memory} reserve is not negative", f"{reserve_bytes} bytes", "give 0 or more")
    if usable_bytes is not None and reserve_bytes > usable_bytes:
        raise DeviceError(
            f"the {memory} reserve fits into the device",
            f"{reserve_bytes} bytes reserved of {usable_bytes} usable on {device.name}",
            "give a smaller reserve or choose a larger device",
        )
