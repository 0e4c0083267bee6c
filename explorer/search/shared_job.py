"""What a search leaves in a database for workers elsewhere, read before torch is loaded."""

import time

import optuna
from optuna.storages import BaseStorage

from costmodels.printable import printable
from explorer.config.budgets import chosen_device
from explorer.config.first_look import look_at_files
from explorer.config.search import NOT_OF_A_JOB, SearchConfig, make_config
from explorer.config.trust import check_trusted
from explorer.search.space_grid import search_grid
from explorer.search.study_storage import JOB, SEALS, opened
from explorer.system.errors import ConfigError
from searches.errors import SearchError
from searches.passwords import keep_secret, masked

__all__ = ["find_study", "job_of", "look_at_job"]

POLL_SECONDS = 0.5
"""Between two looks for a search that has not begun."""


def look_at_job(name: str, location: str, workers: int, patience_seconds: float, trust: bool) -> None:
    """Refuses a search that a worker cannot take part in, as far as it can be seen without torch.

    Args:
        name: of the study.
        location: the database's URL.
        workers: processes that measure.
        patience_seconds: how long to wait for a search that has not begun.
        trust: see `job_of`.

    Raises:
        FilterfrontError: as `explorer.search.remote_worker.run_worker`.
    """
    keep_secret(location)
    if "://" not in location:
        rule = "workers share a database, which a URL names"
        raise ConfigError(rule, masked(location), "start the search with --storage postgresql://...")
    with opened(location) as storage:
        config = job_of(find_study(storage, name, location, patience_seconds), workers, trust)
    look_at_files(config)
    chosen_device(config)
    search_grid(config)


def job_of(study: optuna.Study, workers: int, trust: bool) -> SearchConfig:
    """The configuration that a search left for its workers; what concerns the machine that it began on is left out.

    Args:
        study: of the search.
        workers: processes that measure.
        trust: whether code that it names is run, though no search of this user ran it under that name.

    Raises:
        ConfigError: it is none, or names code of somebody else.
    """
    job = study.user_attrs[JOB]
    if not isinstance(job, dict):
        rule = "a search leaves its configuration for its workers"
        raise ConfigError(rule, f"{type(job).__name__} in {study.study_name}", "start the search again")
    kept = {name: value for name, value in job.items() if name not in NOT_OF_A_JOB}
    config = make_config(**kept, workers=workers)
    if not trust:
        check_trusted(config.named(), study.user_attrs.get(SEALS), f"the search {printable(study.study_name)}")
    return config


def find_study(storage: BaseStorage, name: str, location: str, patience_seconds: float) -> optuna.Study:
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
