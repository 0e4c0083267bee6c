"""``filterfront compare``."""

from pathlib import Path

import click

from explorer.api.progress import quiet_warnings
from explorer.cli.common import handles_errors, json_option, plain_rows, print_json
from explorer.cli.summary import terminal_width

__all__ = ["compare"]


@click.command()
@click.argument("folders", metavar="DIR DIR...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--plot", type=click.Path(path_type=Path), help="Draw the fronts into this file: .png, .svg or .pdf.")
@json_option
@handles_errors
def compare(folders: tuple[Path, ...], plot: Path | None, as_json: bool) -> None:
    """Compare two or more runs of one network: what each found, from one reference point, in one table.

    \b
    filterfront compare runs/tpe runs/guided
    filterfront compare runs/tpe runs/guided --plot fronts.png
    """
    from explorer.api.comparing import compare_folders

    with quiet_warnings():
        found = compare_folders(folders)
        if plot is not None:
            found.save(plot)
        if as_json:
            print_json({"reference": found.reference, "notes": list(found.notes), "runs": plain_rows(found.to_frame())})
            return
        click.echo(found.text(terminal_width()))
        for note in found.notes:
            click.echo(f"- {note}")
        if plot is not None:
            click.echo(f"picture: {plot}")
