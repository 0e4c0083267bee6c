"""``filterfront worker``."""

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from explorer.api.progress import quiet_warnings
from explorer.cli.common import INTERRUPTED, handles_errors, json_option, print_json, trust_option
from explorer.cli.offered import offered
from explorer.config.command_options import WORKER_OPTIONS

__all__ = ["worker"]


@click.command()
@click.argument("study", metavar="STUDY")
@click.option("--storage", required=True, help="The database or proxy that `filterfront search --storage` was given.")
@offered(WORKER_OPTIONS)
@trust_option
@json_option
@handles_errors
def worker(study: str, storage: str, workers: int, wait: float, trust: bool, as_json: bool) -> None:
    """Measure designs of a search that shares a database, on this machine, until it has all its trials.

    STUDY is the name of the search's run folder. Network, data and device are those of the search, by the same names
    and paths, seen from the folder that this is started in; other weights or data are refused. Files with code are run
    if a search of yours on this machine ran them, or with --trust. Ctrl-C gives back what is in hand.

    \b
    filterfront worker front --storage postgresql://me@host/searches
    filterfront worker front --storage postgresql://me@host/searches --workers 8
    """
    from explorer.search.shared_job import look_at_job

    with quiet_warnings():
        look_at_job(study, storage, workers, wait, trust)
    from explorer.finetuning.rung_trainer import make_trainer
    from explorer.search.remote_worker import run_worker

    # The states of designs that are trained here stay here: whoever writes the report trains those of the front.
    with quiet_warnings(), TemporaryDirectory(prefix="filterfront-") as scratch:
        done = run_worker(study, storage, workers, wait, partial(make_trainer, folder=Path(scratch)), trust)
    if as_json:
        print_json({"study": study, "trials": len(done.trials), "interrupted": done.interrupted})
    else:
        click.echo(f"{study}: {len(done.trials)} trials are finished{', interrupted here' if done.interrupted else ''}")
    if done.interrupted:
        raise SystemExit(INTERRUPTED)
