"""``filterfront status``."""

from pathlib import Path

import click

from explorer.api.progress import quiet_warnings
from explorer.cli.common import handles_errors, json_option, print_json

__all__ = ["status"]


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--storage", help="The database that the search was given, where its address has a password.")
@json_option
@handles_errors
def status(folder: Path, storage: str | None, as_json: bool) -> None:
    """How far a search is, also while it runs: trials, the best so far, the time left.

    \b
    filterfront status runs/digits-cnn-stm32l432
    filterfront status runs/shared --storage postgresql://me@host/searches
    """
    from explorer.runs.status import run_status

    with quiet_warnings():
        found = run_status(folder, storage)
    if as_json:
        print_json(found.to_json())
    else:
        click.echo("\n".join(found.lines()))
