"""The trials of a search whose designs are trained too: as fitted, after a short training, after the whole.

Half of the trials come first, then half of the short trainings: from these the guided sampler learns what training
makes of a design, and the other half of the trials looks for designs that are good after it. Every rung is a study of
its own in the search's storage, so that all of them go on where they were, and processes share them.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import optuna
from optuna.storages import BaseStorage

from explorer.config.search import SearchConfig
from explorer.measurement.layer_fits import LayerFit
from explorer.search.study_name import rung_name
from explorer.search.worker_process import Maker
from explorer.system.interrupts import StopRequest
from searches.design import Design
from searches.guided import GuidedSampler
from searches.objectives import Objective
from searches.promoting_sampler import PromotingSampler, promotable
from searches.rungs import Rung, make_rungs
from searches.samplers import GUIDED
from searches.study import Figures, Problem, SearchResult, open_study

__all__ = ["RunPart", "Trainer", "run_rungs"]

RunPart = Callable[..., SearchResult]
"""`explorer.search.trials.run_part`, which is above this module."""


class Trainer(Protocol):
    """Trains designs."""

    def figures(self, design: Design, epochs: int) -> Figures:
        """Figures of a design after so many epochs at most."""

    def fits(self, design: Design, epochs: int) -> Mapping[str, LayerFit]:
        """The layers of a design that was trained so, whose state is kept here; one that another machine has trained is
        trained once more."""

    def maker(self, epochs: int) -> Maker:
        """What a process of a pool trains with."""

    def signature(self, epochs: int) -> Mapping[str, Any]:
        """What these figures depend on beside what those of fitted designs do."""


@dataclass(frozen=True)
class _Stage:
    """A part of the plan: one study until it holds so many finished trials."""

    problem: Problem
    study: optuna.Study
    trials: int
    rung: Rung | None = None
    below: optuna.Study | None = None


def run_rungs(
    config: SearchConfig,
    problem: Problem,
    study: optuna.Study,
    storage: BaseStorage,
    request: StopRequest,
    trainer: Trainer,
    run_part: RunPart,
) -> SearchResult:
    """Runs all trials and all trainings of a search, as far as the user does not stop it.

    Args:
        config: of the search.
        problem: what is searched, as fitted.
        study: of the problem.
        storage: that the studies are in.
        request: of the user, to stop.
        trainer: trains designs.
        run_part: runs a study until it holds so many trials.

    Raises:
        SearchError: a study of trained designs was made under another signature.
        WorkerError: as `explorer.search.trials.run_part`.
    """
    results: dict[str, SearchResult] = {}
    epochs: dict[str, int] = {}
    interrupted = False
    for stage in _plan(config, problem, study, storage, trainer):
        trials, name = stage.trials, stage.study.study_name
        options: dict[str, Any] = {}
        if stage.rung is not None and stage.below is not None:
            trials, epochs[name] = min(trials, len(promotable(stage.below))), stage.rung.epochs
            options = {
                "maker": trainer.maker(stage.rung.epochs),
                "title": f"training {stage.rung.epochs} epoch{'s' * (stage.rung.epochs > 1)}",
                "unit": "design",
                "at_once": True,
            }
        results[name] = run_part(config, stage.problem, stage.study, storage, request, trials, **options)
        interrupted = results[name].interrupted
        if interrupted:
            break
    trained = {number: results[name].trials for name, number in epochs.items()}
    return replace(results[study.study_name], interrupted=interrupted, trained=trained)


def _plan(
    config: SearchConfig, problem: Problem, study: optuna.Study, storage: BaseStorage, trainer: Trainer
) -> Iterator[_Stage]:
    """The stages of a search, one after the other."""
    rungs = make_rungs(config.trained, config.trials)
    studies, problems = [study], [problem]
    for rung in rungs:
        own = _trained_problem(problem, studies[-1], rung.epochs, trainer)
        problems.append(own)
        studies.append(open_study(own, storage, rung_name(study.study_name, rung.epochs), resume=True))
    yield _Stage(problem, study, -(-config.trials // 2))
    yield _Stage(problems[1], studies[1], -(-rungs[0].designs // 2), rungs[0], study)
    yield _Stage(_informed(config, problem, studies[1:]), study, config.trials)
    for place, rung in enumerate(rungs, 1):
        yield _Stage(problems[place], studies[place], rung.designs, rung, studies[place - 1])


def _trained_problem(problem: Problem, below: optuna.Study, epochs: int, trainer: Trainer) -> Problem:
    """The problem of the same designs after training."""
    place = trained_objective(problem.objectives)
    return replace(
        problem,
        evaluate=_Trained(trainer, epochs),
        signature={**problem.signature, **trainer.signature(epochs)},
        tables=None,
        sampling=lambda seed: PromotingSampler(below, place),
    )


def trained_objective(objectives: tuple[Objective, ...]) -> int:
    """The place of the objective that training changes: the one that needs data."""
    return next(place for place, item in enumerate(objectives) if item.needs_data)


def _informed(config: SearchConfig, problem: Problem, trained: list[optuna.Study]) -> Problem:
    """The problem with a sampler that knows what training makes of designs, where it can learn that."""
    tables = problem.tables
    if config.chosen_sampler != GUIDED or tables is None:
        return problem
    return replace(problem, sampling=lambda seed: GuidedSampler(tables, seed, trained))


@dataclass(frozen=True)
class _Trained:
    """Figures of a design after training."""

    trainer: Trainer
    epochs: int

    def __call__(self, design: Design) -> Figures:
        return self.trainer.figures(design, self.epochs)
