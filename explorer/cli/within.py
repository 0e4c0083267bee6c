"""``filterfront within``."""

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from explorer.api.progress import quiet_warnings
from explorer.cli.common import handles_errors, json_option, plain_rows, print_json
from explorer.cli.offered import offered
from explorer.cli.summary import terminal_width
from explorer.config.command_options import RESERVE_OPTIONS

if TYPE_CHECKING:
    from explorer.api.what_if import WhatIf

__all__ = ["within"]

NO_DESIGN_FITS = 1


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--device", help="A device of the catalogue, or a .toml file: what it leaves for flash and SRAM.")
@click.option("--flash", help="Flash for the network itself, such as 256KiB; none lifts the budget.")
@click.option("--sram", help="SRAM for activations and scratch; none lifts the budget.")
@click.option("--max-bit-ops", help="Bit operations of an inference at most; none lifts the budget.")
@click.option("--max-latency", help="Time of an inference at most, such as 20ms; none lifts the budget.")
@offered(RESERVE_OPTIONS)
@json_option
@handles_errors
def within(folder: Path, as_json: bool, **budgets: str | None) -> None:
    """The front of a run's measured designs under other budgets; nothing is measured again.

    Budgets that are not named stay those of the search. A search under these budgets may find better designs: only what
    was measured is looked at. The exit code is 1 when no measured design fits.

    \b
    filterfront within runs/digits-cnn-stm32l432 --flash 64KiB --sram 32KiB
    filterfront within runs/digits-cnn-stm32l432 --device nrf52840 --reserve-ram 16KiB
    """
    from explorer.api.run import open_run

    with quiet_warnings():
        found = open_run(folder).under(
            {name: None if text.lower() == "none" else text for name, text in budgets.items() if text is not None}
        )
        _print(folder, found, as_json)
    if not len(found.front):
        raise SystemExit(NO_DESIGN_FITS)


def _print(folder: Path, found: "WhatIf", as_json: bool) -> None:
    from reports.key_facts import nearest_misses
    from reports.tables import front_table

    notes, width = list(found.notes), terminal_width()
    if as_json:
        limits: dict[str, Any] = found.budgets
        print_json({"folder": str(folder), "budgets": limits, "front": plain_rows(found.front), "notes": notes})
        return
    click.echo(_filled(repr(found).strip("<>"), width))
    if len(found.front):
        click.echo(f"\n{front_table(found.record, width=width)}\n")
    for fact in () if len(found.front) else nearest_misses(found.record):
        click.echo(f"{fact.title}: {fact.value}. {fact.detail}")
    for note in notes:
        click.echo(_filled(f"- {note}", width))


def _filled(text: str, width: int | None) -> str:
    """A line, broken where the terminal ends."""
    return text if width is None else textwrap.fill(text, width, subsequent_indent="  ")
