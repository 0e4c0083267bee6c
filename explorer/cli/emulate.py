"""``filterfront emulate``."""

import sys
from pathlib import Path

import click

from explorer.cli.common import handles_errors, json_option, print_json, trust_option

__all__ = ["emulate"]


@click.command()
@click.argument("folder", metavar="FOLDER", type=click.Path(path_type=Path))
@click.option("--device", required=True, metavar="NAME", help="Of the catalogue, or the path of a .toml file.")
@click.option("--vectors", type=click.IntRange(min=1), help="Test vectors to run.  [default: all]")
@trust_option
@json_option
@handles_errors
def emulate(folder: Path, device: str, vectors: int | None, trust: bool, as_json: bool) -> None:
    """Link a folder of C into a device's memory, run its test vectors on an emulated core, and count instructions.

    FOLDER is what export --c wrote. It is built for the device's core with arm-none-eabi-gcc, linked into the device's
    flash and RAM and run by qemu-system-arm. Every bit of every output is compared; instructions are counted step by
    step, which are no cycles. Exit code 1: an output is wrong. A program can read and write files of this machine, so
    one that no export of yours wrote asks for --trust.

    \b
    filterfront emulate runs/digits-cnn-stm32l432/exports/97ba91eed8/c --device stm32l432
    """
    from costmodels import load_device
    from explorer.deployment.device_code.emulation.emulate import emulate as run_emulated
    from explorer.deployment.device_code.emulation.text import emulation_lines
    from explorer.deployment.device_code.own_programs import check_own

    if not trust:
        check_own(folder)
    found = run_emulated(folder, load_device(device), vectors)
    if as_json:
        print_json(found.to_json())
    else:
        for line in emulation_lines(found):
            click.echo(line)
    if found.wrong:
        sys.exit(1)
