"""``filterfront report``."""

from pathlib import Path

import click

from explorer.api.progress import quiet_warnings
from explorer.cli.common import handles_errors, json_option, print_json
from explorer.cli.summary import answer_facts, print_answer

__all__ = ["report"]


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--design", help="The design whose layers are drawn.  [default: the recommended one]")
@click.option("--parquet", is_flag=True, help="The tables as Parquet too; needs filterfront[parquet].")
@click.option("--mlflow", metavar="URL", help="Log the run to MLflow; see search.")
@json_option
@handles_errors
def report(folder: Path, design: str | None, parquet: bool, mlflow: str | None, as_json: bool) -> None:
    """Draw the pictures and the page of a run folder again, from its tables.

    \b
    filterfront report runs/digits-cnn-stm32l432
    filterfront report runs/digits-cnn-stm32l432 --design 97ba91eed8
    filterfront report runs/digits-cnn-stm32l432 --mlflow http://tracking.example.org:5000
    """
    from explorer.api.run import open_run

    with quiet_warnings():
        run = open_run(folder)
        page = run.draw(design, parquet)
        if mlflow is not None:
            from explorer.runs.mlflow_log import open_log

            log = open_log(mlflow, folder)
            log.finish(run.record, folder, run.status == "interrupted")
    if as_json:
        recommended = answer_facts(run.record, folder)
        print_json({"folder": str(folder), "report": str(page), "recommended": recommended})
    else:
        click.echo(f"report: {page}")
        print_answer(run.record, folder)
