"""Running a search's trials: who measures, progress, and stopping on request."""

from collections.abc import Iterator
from concurrent.futures import BrokenExecutor
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import optuna
from optuna.storages import BaseStorage

from explorer.config.search import SearchConfig
from explorer.config.trust import seals
from explorer.search.progress import TrialProgress
from explorer.search.rungs import Trainer, run_rungs
from explorer.search.study_name import note_study, study_name
from explorer.search.study_storage import JOB, SEALS, STUDY_FILE, opened
from explorer.search.worker_pool import WorkerPool
from explorer.search.worker_process import Job, Maker, is_out_of_memory
from explorer.system.errors import WorkerError
from explorer.system.interrupts import StopRequest
from searches.design import Design
from searches.rungs import make_rungs
from searches.storage import is_shared, sharing_of
from searches.study import Figures, Problem, SearchResult, open_study, run_study
from searches.trial_records import finished_records

__all__ = ["out_of_memory_said", "run_all", "run_trials"]


def run_trials(
    config: SearchConfig, problem: Problem, folder: Path, request: StopRequest, trainer: Trainer | None = None
) -> SearchResult:
    """The trials of a search, those of earlier runs and of other workers among them.

    Args:
        config: of the search.
        problem: what is searched.
        folder: the run folder; the study is in it unless a database is named.
        request: of the user, to stop.
        trainer: trains designs; nothing is trained without one.

    Raises:
        SearchError: the storage cannot be opened or written, or holds a search that this one does not go on with.
        WorkerError: as `run_part`.
    """
    with opened(config.storage or folder / STUDY_FILE) as storage:
        study = open_study(problem, storage, study_name(config, storage, folder), config.resume)
        study.set_user_attr(JOB, config.to_job())
        if is_shared(storage):
            study.set_user_attr(SEALS, seals(config.named()))
            note_study(config, study.study_name, folder)
        return run_all(config, problem, study, storage, request, trainer)


def run_all(
    config: SearchConfig,
    problem: Problem,
    study: optuna.Study,
    storage: BaseStorage,
    request: StopRequest,
    trainer: Trainer | None = None,
) -> SearchResult:
    """This process's part in all trials of an open study, and in the training of its designs where they are trained.

    Args:
        config: of the search.
        problem: what is searched.
        study: of the problem.
        storage: that the study is in.
        request: of the user, to stop.
        trainer: trains designs; nothing is trained without one.

    Raises:
        SearchError, WorkerError: as `run_part` and `explorer.search.rungs.run_rungs`.
    """
    if trainer is None or not config.has_rungs:
        return run_part(config, problem, study, storage, request, config.trials)
    rungs = make_rungs(config.trained, config.trials, config.sequential)
    return run_rungs(config, rungs, problem, study, storage, request, trainer, run_part)


def run_part(
    config: SearchConfig,
    problem: Problem,
    study: optuna.Study,
    storage: BaseStorage,
    request: StopRequest,
    trials: int,
    maker: Maker | None = None,
    title: str = "searching",
    unit: str = "trial",
    at_once: bool = False,
) -> SearchResult:
    """This process's part in the trials of an open study: all of them where no other process takes part.

    Args:
        config: of the search.
        problem: what is searched.
        study: of the problem.
        storage: that the study is in.
        request: of the user, to stop.
        trials: finished ones that the study is to hold.
        maker: of what the processes of a pool measure with; figures of fitted designs by default.
        title: of the stage.
        unit: of what it counts.
        at_once: whether a request to stop ends what is being measured, which goes on from where it was another time.

    Raises:
        WorkerError: memory ran out, or a process that measures cannot start.
    """
    finished = sum(1 for _ in finished_records(study, problem))
    with ExitStack() as stack:
        progress = stack.enter_context(TrialProgress(problem, trials, min(finished, trials), title, unit))
        pool = None
        if config.workers > 1 and finished < trials:
            maker = maker or partial(_make_job, config)
            pool = stack.enter_context(WorkerPool(config.workers, maker, problem.signature))
        if (sharing := sharing_of(storage, study.study_name, config.heartbeat)) is not None:
            stack.enter_context(sharing)
        return run_study(
            study,
            replace(problem, evaluate=_Evaluate(problem, request, at_once)),
            config.chosen_sampler,
            config.seed,
            trials,
            on_trial=progress.show,
            stop=partial(_is_asked, request, at_once),
            measurer=pool,
            sharing=sharing,
        )


def _is_asked(request: StopRequest, at_once: bool) -> bool:
    """Whether the user wants to stop after what is being measured.

    Raises:
        KeyboardInterrupt: what is being measured ends with it.
    """
    if request.asked and at_once:
        raise KeyboardInterrupt
    return request.asked


@dataclass(frozen=True)
class _Evaluate:
    """Figures of a design; a fault that the request to stop or a lack of memory explains is said to be that."""

    problem: Problem
    request: StopRequest
    at_once: bool

    def __call__(self, design: Design) -> Figures:
        try:
            with out_of_memory_said(), self.request.at_once() if self.at_once else nullcontext():
                return self.problem.evaluate(design)
        except Exception as error:
            # The signal that asked may have ended a fitting process that had not yet learned to ignore it.
            if self.request.asked:
                raise KeyboardInterrupt from error
            raise


@contextmanager
def out_of_memory_said() -> Iterator[None]:
    """A lack of memory within it is said to be that.

    Raises:
        WorkerError: memory ran out, or a fitting process was ended.
    """
    try:
        yield
    except Exception as error:
        if is_out_of_memory(error) or isinstance(error, BrokenExecutor):
            said = " ".join(f"{type(error).__name__}: {error}".split())
            remedy = "free memory, or give --workers 2 to go past what does not fit, and add --resume"
            raise WorkerError("a design can be measured in the memory there is", said, remedy) from error
        raise


def _make_job(config: SearchConfig) -> Job:
    """What a process of the pool measures with. Imports here, since the process that searches may not need them."""
    import warnings

    import torch

    from explorer.search.setup import prepare

    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    ready = prepare(config, fit_workers=1, proposes=False)
    return Job(ready.evaluator.figures, ready.problem.signature)
