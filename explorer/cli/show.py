"""``filterfront show``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from explorer.api.progress import quiet_warnings
from explorer.cli.common import handles_errors, json_option, plain_rows, print_json

if TYPE_CHECKING:
    from explorer.api.run import Run

__all__ = ["show"]

LAYER_COLUMNS = ("layer", "scheme", "storage_bits", "macs", "bit_ops", "distortion", "sqnr_db")


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.argument("design", metavar="[ID]", required=False)
@json_option
@handles_errors
def show(folder: Path, design: str | None, as_json: bool) -> None:
    """Show a run again as its search printed it, or a design of its front layer by layer.

    ID is a design's id, or the beginning of one.

    \b
    filterfront show runs/digits-cnn-stm32l432
    filterfront show runs/digits-cnn-stm32l432 97ba
    """
    from explorer.api.run import open_run

    with quiet_warnings():
        run = open_run(folder)
        if design is not None:
            _design(run, run.known_design(design), as_json)
        elif as_json:
            facts = {name: run.info[name] for name in ("status", "counts", "gap", "float")}
            print_json({"folder": str(folder), **facts, "front": plain_rows(run.front)})
        else:
            _run(run)


def _run(run: "Run") -> None:
    from reports.tables import summary

    click.echo(summary(run.record))
    if (run.folder / "report.html").is_file():
        click.echo(f"report: {run.folder / 'report.html'}")


def _design(run: "Run", design: str, as_json: bool) -> None:
    from reports.columns import column
    from reports.tables import front_columns, text_table

    figures, layers = run.front[run.front["design"] == design], run.layers[run.layers["design"] == design]
    if as_json:
        print_json({"folder": str(run.folder), "figures": plain_rows(figures)[0], "layers": plain_rows(layers)})
        return
    click.echo(text_table(front_columns(run.record), figures.to_dict("records")))  # type: ignore[arg-type]
    click.echo()
    click.echo(text_table([column(name) for name in LAYER_COLUMNS], layers.to_dict("records")))  # type: ignore[arg-type]
    click.echo(f"\nto deploy it: filterfront export {run.folder} --design {design}")
