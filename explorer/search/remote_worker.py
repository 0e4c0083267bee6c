"""``filterfront worker``: takes part in a search that was started elsewhere, through their database."""

import time
from collections.abc import Callable

import optuna
from optuna.storages import BaseStorage

from costmodels.printable import printable
from explorer.config.search import NOT_OF_A_JOB, SearchConfig, make_config
from explorer.config.trust import check_trusted
from explorer.search.rungs import Trainer
from explorer.search.setup import Prepared, prepare
from explorer.search.study_storage import JOB, SEALS, opened
from explorer.search.trials import run_all
from explorer.system.errors import ConfigError
from explorer.system.interrupts import StopRequest
from explorer.system.progress import said_beside_bars
from searches.errors import SearchError
from searches.passwords import keep_secret, masked
from searches.signature import check_signature
from searches.study import SearchResult

__all__ = ["run_worker"]

POLL_SECONDS = 0.5
"""Between two looks for a search that has not begun."""


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
        study = _find(storage, name, location, patience_seconds)
        config = _configuration(study, workers)
        if not trust:
            check_trusted(config.named(), study.user_attrs.get(SEALS), f"the search {printable(name)}")
        ready = prepare(config, fit_workers=1)
        check_signature(study.user_attrs["signature"], ready.problem.signature)
        with StopRequest(said_beside_bars) as request:
            trainer = make_trainer(ready) if make_trainer and ready.config.trained else None
            return run_all(ready.config, ready.problem, study, storage, request, trainer)


def _configuration(study: optuna.Study, workers: int) -> SearchConfig:
    """The configuration that a search left for its workers; what concerns the machine that it began on is left out.

    Raises:
        ConfigError: it is none.
    """
    job = study.user_attrs[JOB]
    if not isinstance(job, dict):
        rule = "a search leaves its configuration for its workers"
        raise ConfigError(rule, f"{type(job).__name__} in {study.study_name}", "start the search again")
    kept = {name: value for name, value in job.items() if name not in NOT_OF_A_JOB}
    return make_config(**kept, workers=workers)


def _find(storage: BaseStorage, name: str, location: str, patience_seconds: float) -> optuna.Study:
    """The study, once it is ready.

    Raises:
        SearchError: there is none of that name after the time to wait, or no search made it.
    """
    end = time.monotonic() + patience_seconds
    while True:
        names = optuna.get_all_study_names(storage)
        if name in names:
            study = optuna.load_study(storage=storage, study_name=name)
            if {JOB, "signature"} <= study.user_attrs.keys():
                return study
        if time.monotonic() >= end:
            known = f"choose of {', '.join(names)}" if names else "start the search first"
            raise SearchError("a worker takes part in a search", f"{name} in {masked(location)}", known)
        time.sleep(POLL_SECONDS)
