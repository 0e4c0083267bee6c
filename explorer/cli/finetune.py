"""``filterfront finetune``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from explorer.api.progress import quiet_warnings
from explorer.cli.common import handles_errors, json_option, print_json, trust_option
from explorer.cli.offered import offered
from explorer.config.command_options import FINETUNE_OPTIONS

__all__ = ["finetune", "tuned_line"]


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--design", required=True, help="The design of the run's front, as front.csv names it.")
@offered(FINETUNE_OPTIONS)
@trust_option
@json_option
@handles_errors
def finetune(
    folder: Path, design: str, epochs: int, recipe: Path | None, metric: str | None, trust: bool, as_json: bool
) -> None:
    """Fine-tune a design of a run folder: its layers are trained in their compressed form, at no more cost.

    The validation part chooses the best epoch; the test part only measures. Without labels the float network's answers
    are what is learned, and agreement with them chooses. A metric of the search is not run again unless --metric names
    it. State, curve and figures go into DIR/tuned, and the report shows the design before and after. The same command
    goes on after the last finished epoch of a stopped training, to the same result. Network, weights and data are those
    of the search, by the same names and paths.

    \b
    filterfront finetune runs/digits-cnn-stm32l432 --design 2951b278d7
    filterfront finetune runs/digits-cnn-stm32l432 --design 2951b278d7 --epochs 10
    """
    from explorer.api.run import open_run
    from explorer.config.given import Given

    with quiet_warnings():
        tuned, page = open_run(folder, Given(trusted=trust)).tune(design, epochs, metric, recipe)
    if as_json:
        print_json({"folder": str(folder), "report": str(page), **tuned.facts})
        return
    click.echo(tuned_line(tuned.facts))
    click.echo(f"state: {tuned.state}")
    click.echo(f"report: {page}")


def tuned_line(facts: Mapping[str, Any]) -> str:
    """What fine-tuning a design has brought, in a line."""
    from reports.text import format_cell
    from searches.figures import HELD_OUT

    before, after = facts["before"], facts["after"]
    quality = next((name for name in HELD_OUT if before.get(name) is not None), "")
    names = (quality, HELD_OUT[quality]) if quality else ()
    *found, storage = (
        f"{format_cell(before.get(name), name)} -> {format_cell(after.get(name), name)}"
        for name in (*names, "storage_bytes")
    )
    said = "" if quality == "accuracy" else f"{quality} "
    measured = f"{said}validation {found[0]}, test {found[1]}" if found else _error(facts)
    epochs = (
        f"best after {facts['best_epoch']} of {facts['epochs']} epochs" if facts["epochs"] else "fitted in sequence"
    )
    return (
        f"{facts['design']}: {measured} [measured]; storage {storage} [counted]; "
        f"{epochs}, {facts['seconds']:.1f} s on {facts['key']['device']}"
    )


def _error(facts: Mapping[str, Any]) -> str:
    """What is known of outputs that are no scores of classes: how far they are from the float network's."""
    errors = {row["epoch"]: row.get("validation_error") for row in facts["curve"]}
    error = errors.get(facts["best_epoch"])
    kept = "that of the fit" if error is None else f"{error:.3g} of the float network's outputs"
    return f"validation error {kept}"
