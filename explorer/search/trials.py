"""Running a search's trials: its storage, who measures, a progress bar, and stopping on request."""

import math
import sys
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import optuna
from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage
from sqlalchemy.exc import SQLAlchemyError
from tqdm import tqdm

from explorer.config.search import SearchConfig
from explorer.errors import WorkerError
from explorer.search.worker_pool import Job, WorkerPool, is_out_of_memory
from explorer.system.interrupts import StopRequest
from searches.constraints import exceeded
from searches.database import Database, set_heartbeat, without_password
from searches.design import Design
from searches.errors import SearchError
from searches.journal import sole_searcher
from searches.sharing import SharedDatabase
from searches.storage import open_storage
from searches.study import Figures, Problem, SearchResult, TrialRecord, open_study, run_study
from searches.trial_records import finished_records

__all__ = ["JOB", "STUDY_FILE", "opened", "run_part", "run_trials"]

STUDY_FILE = "study.journal"
JOB = "filterfront"
"""The attribute of a study that holds the configuration for workers elsewhere."""


def run_trials(config: SearchConfig, problem: Problem, folder: Path) -> SearchResult:
    """The trials of a search, those of earlier runs and of other workers among them.

    Raises:
        SearchError: the storage cannot be opened or written, or holds a search that this one does not go on with.
    """
    with opened(config.storage or folder / STUDY_FILE) as storage:
        study = open_study(problem, storage, folder.resolve().name, config.resume)
        if isinstance(storage, Database):
            set_heartbeat(storage, config.heartbeat)
            study.set_user_attr(JOB, config.to_job())
        return run_part(config, problem, study, storage)


@contextmanager
def opened(location: str | Path) -> Iterator[BaseStorage]:
    """The storage, closed at the end; its faults while it is used are said in one line.

    Raises:
        SearchError: it cannot be opened, read or written.
    """
    with ExitStack() as stack:
        if "://" not in str(location):
            stack.enter_context(sole_searcher(Path(location)))
        storage = open_storage(location)
        try:
            yield storage
        except (StorageInternalError, SQLAlchemyError) as error:
            cause = str(error.__cause__ or error).strip().splitlines()[0]
            reason = f"{without_password(str(location))} ({without_password(cause)})"
            remedy = "see that nothing locks it and it can be reached, then add --resume; no finished trial is lost"
            raise SearchError("the study's storage can be read and written", reason, remedy) from error
        finally:
            if isinstance(storage, Database):
                storage.remove_session()
                storage.engine.dispose()


def run_part(config: SearchConfig, problem: Problem, study: optuna.Study, storage: BaseStorage) -> SearchResult:
    """This process's part in the trials of an open study: all of them where no other process takes part.

    Raises:
        WorkerError: memory ran out, or a process that measures cannot start.
    """
    best: dict[str, float] = {}
    finished = sum(1 for _ in finished_records(study, problem))
    bar = tqdm(total=config.trials, initial=finished, desc="searching", unit="trial", disable=None)
    with ExitStack() as stack:
        stack.enter_context(bar)
        request = stack.enter_context(StopRequest(lambda line: tqdm.write(line, file=sys.stderr)))

        def show(record: TrialRecord) -> None:
            note_best(best, record, problem)
            bar.set_postfix_str(", ".join(f"{name} {value:,.4g}" for name, value in best.items()))
            bar.update()

        watched = replace(problem, evaluate=partial(_evaluate, problem, request))
        pool = stack.enter_context(_pool(config, problem)) if config.workers > 1 else None
        shared = (
            stack.enter_context(SharedDatabase(storage, study.study_name)) if isinstance(storage, Database) else None
        )
        return run_study(
            study, watched, config.chosen_sampler, config.seed, config.trials, show, lambda: request.asked, pool, shared
        )


def _evaluate(problem: Problem, request: StopRequest, design: Design) -> Figures:
    try:
        return problem.evaluate(design)
    except Exception as error:
        # The signal that asked may have ended a fitting process that had not yet learned to ignore it.
        if request.asked:
            raise KeyboardInterrupt from error
        if is_out_of_memory(error) or isinstance(error, BrokenExecutor):
            said = " ".join(f"{type(error).__name__}: {error}".split())
            remedy = "free memory, or give --workers 2 to go past what does not fit, and add --resume"
            raise WorkerError("a design can be measured in the memory there is", said, remedy) from error
        raise


def _pool(config: SearchConfig, problem: Problem) -> WorkerPool:
    return WorkerPool(config.workers, partial(_make_job, config), problem.signature)


def _make_job(config: SearchConfig) -> Job:
    """What a process of the pool measures with. Imports here, so that its threads are limited before any library is
    loaded."""
    import warnings

    import torch

    from explorer.search.setup import prepare

    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    ready = prepare(config, fit_workers=1, proposes=False)
    return Job(ready.evaluator.figures, ready.problem.signature)


def note_best(best: dict[str, float], record: TrialRecord, problem: Problem) -> None:
    """Keeps the best feasible value of each objective so far, for the progress bar."""
    if record.state == "failed" or exceeded(problem.budgets, record.figures):
        return
    for item in problem.objectives:
        value = float(record.figures[item.column])
        better = max if item.direction == "maximize" else min
        if not math.isnan(value):
            best[f"best {item.name}"] = better(value, best.get(f"best {item.name}", value))
