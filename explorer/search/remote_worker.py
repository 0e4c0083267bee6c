"""``filterfront worker``: takes part in a search that was started elsewhere, through their database."""

from collections.abc import Callable

from explorer.search.rungs import Trainer
from explorer.search.setup import Prepared, prepare
from explorer.search.shared_job import find_study, job_of
from explorer.search.study_storage import opened
from explorer.search.trials import run_all
from explorer.system.errors import ConfigError
from explorer.system.interrupts import StopRequest
from explorer.system.progress import said_beside_bars
from searches.passwords import keep_secret, masked
from searches.signature import check_signature
from searches.study import SearchResult

__all__ = ["run_worker"]


def run_worker(
    name: str,
    location: str,
    workers: int,
    patience_seconds: float = 0,
    make_trainer: Callable[[Prepared], Trainer] | None = None,
    trust: bool = False,
) -> SearchResult:
    """Proposes and measures designs of the search of that name until all its trials are finished.

    Args:
        name: of the study.
        location: the database's URL.
        workers: processes that measure.
        patience_seconds: how long to wait for a search that has not begun.
        make_trainer: makes what trains designs, for a search whose designs are trained.
        trust: whether code that the database names is run, though no search of this user ran it under that name.

    Raises:
        SearchError: there is no such search, or what is loaded here is not what it searches; what differs is named.
        ConfigError: the search is somebody else's and names code.
        FilterfrontError: something that the search names cannot be used here.
    """
    keep_secret(location)
    if "://" not in location:
        rule = "workers share a database, which a URL names"
        raise ConfigError(rule, masked(location), "start the search with --storage postgresql://...")
    with opened(location) as storage:
        study = find_study(storage, name, location, patience_seconds)
        config = job_of(study, workers, trust)
        ready = prepare(config, fit_workers=1)
        check_signature(study.user_attrs["signature"], ready.problem.signature)
        with StopRequest(said_beside_bars) as request:
            trainer = make_trainer(ready) if make_trainer and ready.config.has_rungs else None
            return run_all(ready.config, ready.problem, study, storage, request, trainer)
