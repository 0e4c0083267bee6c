"""The linker script of a device: its flash and its regions of RAM, at the addresses of the emulated board."""

from string import Template

from costmodels.devices import Device
from explorer.system.errors import DeviceCodeError

__all__ = ["BOARD_FLASH_BYTES", "STACK_BYTES", "linker_script"]

BOARD_FLASH_BYTES, BOARD_RAM_BYTES = 4 << 20, 4 << 20
"""Of QEMU's MPS2 boards, from addresses 0 and 0x20000000; 16 MiB elsewhere hold the test."""

WORD_BYTES = 4
RAM_START, REGION_STEP = 0x20000000, 0x00100000
STACK_BYTES = 4096
"""That the linker sets aside: at the lowest address, so that a deeper stack is a fault and not a wrong answer."""

_SCRIPT = Template("""\
MEMORY
{
    FLASH (rx) : ORIGIN = 0, LENGTH = $FLASH
    ARENA (rw) : ORIGIN = $ARENA_START, LENGTH = $ARENA
$OTHER
    TEST (rwx) : ORIGIN = $TEST, LENGTH = 16M
}
ENTRY(reset)
SECTIONS
{
    .startup : { KEEP(*(.vectors)) *startup.o(.text* .rodata*) } > FLASH
    .test : { *harness.o(.text* .rodata* .data*) } > TEST
    .test_state (NOLOAD) : { . = ALIGN(4); bss_start = .; *harness.o(.bss* COMMON) . = ALIGN(4); bss_end = .; } > TEST
    .constants : { *(EXCLUDE_FILE(*lib*.a:*) .rodata*) } > FLASH
    .code : { *(EXCLUDE_FILE(*lib*.a:*) .text*) } > FLASH
    .libraries : { *(.text* .rodata*) } > FLASH
    .stack (NOLOAD) : { . = ALIGN(8); stack_bottom = .; . = . + $STACK; stack_top = .; } > $HOME
    .state : { *(.data* .bss*) } > $HOME
    .arena (NOLOAD) : { *(.arena) } > ARENA
    .buffers (NOLOAD) : { *(.buffers) } > $HOME
    /DISCARD/ : { *(.ARM.exidx* .ARM.extab* .comment .note* .init* .fini* .eh_frame*) }
}
""")


def linker_script(device: Device, buffer_bytes: int, test_start: int) -> str:
    """The arena lies in the device's largest region; stack, input and output in the next one where they fit into it.

    Args:
        device: of the catalogue, or a user's own.
        buffer_bytes: of input and output.
        test_start: address of the board's memory for the test.

    Raises:
        DeviceCodeError: it has more memory than the emulated board, or no flash of its own.
    """
    flash = device.flash_usable_bytes
    regions = sorted(device.ram_regions, key=lambda region: -region.bytes)
    if flash is None or flash > BOARD_FLASH_BYTES or regions[0].bytes > REGION_STEP:
        found = f"{device.name} with {'no limit of' if flash is None else f'{flash:,} bytes of'} flash"
        raise DeviceCodeError("emulated devices have at most 4 MiB of flash and 1 MiB of RAM", found, "choose another")
    starts = [hex(RAM_START + place * REGION_STEP) for place in range(2)]
    is_apart = len(regions) > 1 and regions[1].bytes >= STACK_BYTES + buffer_bytes + WORD_BYTES
    other = f"    OTHER (rw) : ORIGIN = {starts[1]}, LENGTH = {regions[1].bytes}" if is_apart else ""
    home = "OTHER" if other else "ARENA"
    return _SCRIPT.substitute(
        FLASH=flash,
        ARENA_START=starts[0],
        ARENA=regions[0].bytes,
        OTHER=other,
        HOME=home,
        STACK=STACK_BYTES,
        TEST=hex(test_start),
    )
