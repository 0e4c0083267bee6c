"""``filterfront report``."""

from pathlib import Path

import click

from explorer.cli.common import handles_errors, json_option, print_json, quiet_warnings

__all__ = ["report"]


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@json_option
@handles_errors
def report(folder: Path, as_json: bool) -> None:
    """Draw the pictures and the page of a run folder again, from its tables.

    \b
    filterfront report runs/digits-cnn-stm32l432
    """
    from reports.render import render

    with quiet_warnings():
        page = render(folder)
    if as_json:
        print_json({"folder": str(folder), "report": str(page)})
    else:
        click.echo(f"report: {page}")
