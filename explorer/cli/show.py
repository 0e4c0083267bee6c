"""``filterfront show``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from explorer.api.progress import quiet_warnings
from explorer.cli.common import handles_errors, json_option, plain_rows, print_json
from explorer.cli.summary import answer_facts, detail_options, level_of, print_summary, terminal_width

if TYPE_CHECKING:
    from explorer.api.run import Run

__all__ = ["show"]

LAYER_COLUMNS = ("layer", "scheme", "storage_bits", "macs", "bit_ops", "distortion", "sqnr_db", "noise")


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.argument("design", metavar="[ID]", required=False)
@detail_options
@json_option
@handles_errors
def show(folder: Path, design: str | None, as_json: bool, quiet: bool, verbose: bool, explain: bool) -> None:
    """Show a run again as its search printed it, or a design of its front layer by layer.

    ID is a design's id, or the beginning of one.

    \b
    filterfront show runs/digits-cnn-stm32l432
    filterfront show runs/digits-cnn-stm32l432 97ba
    """
    from explorer.api.run import open_run

    level = level_of(quiet, verbose)
    with quiet_warnings():
        run = open_run(folder)
        if design is not None:
            _design(run, run.known_design(design), as_json)
        elif as_json:
            facts = {name: run.info[name] for name in ("status", "counts", "gap", "float")}
            facts["recommended"] = answer_facts(run.record, folder)
            print_json({"folder": str(folder), **facts, "front": plain_rows(run.front)})
        else:
            _run(run, level, explain)


def _run(run: "Run", level: int, explain: bool) -> None:
    page = run.folder / "report.html"
    print_summary(run.record, run.folder, level, explain, [f"report: {page}"] if page.is_file() else [])


def _design(run: "Run", design: str, as_json: bool) -> None:
    from reports.columns import column
    from reports.tables import front_columns, text_table, usual_columns

    figures, layers = run.front[run.front["design"] == design], run.layers[run.layers["design"] == design]
    if as_json:
        print_json({"folder": str(run.folder), "figures": plain_rows(figures)[0], "layers": plain_rows(layers)})
        return
    rows: tuple[Any, Any] = figures.to_dict("records"), layers.to_dict("records")
    known = [column(name) for name in LAYER_COLUMNS if name in layers]
    click.echo(text_table(front_columns(run.record), rows[0], terminal_width(), usual_columns(run.record)))
    click.echo()
    click.echo(text_table(known, rows[1], terminal_width(), wrapped="scheme"))
    click.echo(f"\nto deploy it: filterfront export {run.folder} --design {design}")
