"""``filterfront devices``."""

import click

from costmodels import Device, list_devices, load_device
from costmodels.units import format_bytes
from explorer.api.listings import device_rows
from explorer.cli.common import handles_errors, json_option
from explorer.cli.listings import print_listing

__all__ = ["devices"]


@click.command()
@json_option
@handles_errors
def devices(as_json: bool) -> None:
    """The devices of the catalogue, and what a network may use of them.

    The columns after the reserve are what a network gets when the default reserve for the runtime is taken off; a
    search for a Cortex-M knows what the network's exported C program needs, which is less. A device of your own is a
    TOML file in the form of the catalogue's; give its path to --device.

    \b
    filterfront devices --json              every number with its source and date
    filterfront search --device my-board.toml
    """
    columns = ("name", "core", "flash", "ram", "flash left", "arena", "title")
    rows = device_rows() if as_json else [_row(load_device(name)) for name in list_devices()]
    print_listing(rows, columns, as_json)
    if not as_json:
        click.echo("\nflash left, arena: after the default reserve of 144 KiB flash and 44 KiB RAM for the runtime;")
        click.echo("the arena for activations lies in one contiguous region of RAM. A search for a Cortex-M takes off")
        click.echo("what the exported C program needs, in the place of the reserve")


def _row(device: Device) -> dict[str, object]:
    flash, left = device.flash_usable_bytes, device.flash_budget_bytes()
    return {
        "name": device.name,
        "title": device.title,
        "core": f"{device.core} {device.clock_hz / 1e6:.0f} MHz",
        "flash": "no limit" if flash is None else format_bytes(flash),
        "ram": format_bytes(device.ram_usable_bytes),
        "flash left": "no limit" if left is None else format_bytes(left),
        "arena": format_bytes(device.activation_budget_bytes()),
    }
