"""Processors that C is written and emulated for: the compiler's flags, and the emulated board of each."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from explorer.system.errors import DeviceCodeError

__all__ = ["HOST", "TARGETS", "Target", "target_name", "target_named", "target_of_core"]


@dataclass(frozen=True)
class Target:
    """A processor.

    Args:
        name: what ``--target`` takes.
        compiler: the program that compiles for it.
        flags: of the processor, for the compiler.
        machine: QEMU's board with such a core; "" for the machine itself.
        cores: names of the device catalogue that are such cores.
        test_start: address of the board's 16 MiB of memory that no device has, where tests lie.
    """

    name: str
    compiler: str
    flags: tuple[str, ...] = ()
    machine: str = ""
    cores: tuple[str, ...] = ()
    test_start: int = 0x21000000


ARM = "arm-none-eabi-gcc"
HOST = Target("host", "cc")
_ENTRIES = (
    HOST,
    # QEMU's boards of the MPS2 family have no M0+; its instructions are a part of the M3's.
    Target("cortex-m0plus", ARM, ("-mcpu=cortex-m0plus", "-mthumb"), "mps2-an385", ("Cortex-M0+",)),
    Target("cortex-m3", ARM, ("-mcpu=cortex-m3", "-mthumb"), "mps2-an385", ("Cortex-M3",)),
    Target(
        "cortex-m4",
        ARM,
        ("-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"),
        "mps2-an386",
        ("Cortex-M4", "Cortex-M4F"),
    ),
    Target(
        "cortex-m7",
        ARM,
        ("-mcpu=cortex-m7", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv5-sp-d16"),
        "mps2-an500",
        ("Cortex-M7",),
        0x60000000,
    ),
    Target("cortex-m33", ARM, ("-mcpu=cortex-m33", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv5-sp-d16")),
)
TARGETS: Mapping[str, Target] = MappingProxyType({target.name: target for target in _ENTRIES})
"""By name."""


def target_named(name: str) -> Target:
    """The target of that name.

    Raises:
        DeviceCodeError: there is none.
    """
    if name not in TARGETS:
        raise DeviceCodeError(f"a target is one of {', '.join(TARGETS)}", name, "choose one; host is any C99 compiler")
    return TARGETS[name]


def target_of_core(core: str) -> Target:
    """The target of a core of the device catalogue.

    Raises:
        DeviceCodeError: no such core is emulated.
    """
    for target in _ENTRIES:
        if core in target.cores:
            return target
    cores = ", ".join(core for target in _ENTRIES for core in target.cores)
    raise DeviceCodeError(f"emulated cores are {cores}", core, "choose a device with one of them")


def target_name(core: str) -> str:
    """The name of the target of a core of the device catalogue; "" where C is not written for it."""
    return next((target.name for target in _ENTRIES if core in target.cores), "")
