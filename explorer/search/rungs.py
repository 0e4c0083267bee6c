"""The trials of a search whose designs are trained too: as fitted, after a short training, after the whole.

Half of the trials come first, then half of the short trainings: from these the guided sampler learns what training
makes of a design, and the other half of the trials looks for designs that are good after it. Every rung is a study of
its own in the search's storage, so that all of them go on where they were, and processes share them.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
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
from searches.promotion import START
from searches.rungs import Rung
from searches.samplers import GUIDED
from searches.study import Figures, Problem, SearchResult, open_study
from searches.trial_records import finished_records

__all__ = ["RunPart", "Trainer", "run_rungs"]

RunPart = Callable[..., SearchResult]
"""`explorer.search.trials.run_part`, which is above this module."""


class Trainer(Protocol):
    """Trains designs."""

    def figures(self, design: Design, epochs: int) -> Figures:
        """Figures of a design after so many epochs at most."""

    def figures_alone(self, design: Design, epochs: int) -> Figures:
        """The same of a design whose state is not kept."""

    def fits(self, designs: Iterable[tuple[Design, int]]) -> dict[str, Mapping[str, LayerFit]]:
        """By id, the layers of designs that were trained for so many epochs, whose states are kept here; one that
        another machine has trained is trained once more."""

    def maker(self, epochs: int) -> Maker:
        """What a process of a pool trains with."""

    def signature(self, epochs: int) -> Mapping[str, Any]:
        """What these figures depend on beside what those of fitted designs do."""


@dataclass(frozen=True)
class _OpenRung:
    """A rung with its problem, its study, and the study whose designs it trains."""

    rung: Rung
    problem: Problem
    study: optuna.Study
    below: optuna.Study


@dataclass(frozen=True)
class _Stage:
    """A part of the plan: one study until it holds so many finished trials, which are trainings where it is a rung."""

    problem: Problem
    study: optuna.Study
    trials: int
    rung: _OpenRung | None = None


def run_rungs(
    config: SearchConfig,
    rungs: Sequence[Rung],
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
        rungs: of training, the shortest first.
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
    trained = _open_rungs(rungs, problem, study, storage, trainer)
    for stage in _plan(config, problem, study, trained):
        trials, options = stage.trials, dict[str, Any]()
        if stage.rung is not None:
            epochs = stage.rung.rung.epochs
            trials = min(trials, len(promotable(stage.rung.below)))
            title = f"training {epochs} epoch{'s' * (epochs > 1)}" if epochs else "fitting in sequence"
            options = {"maker": trainer.maker(epochs), "title": title, "unit": "design", "at_once": True}
        found = run_part(config, stage.problem, stage.study, storage, request, trials, **options)
        if found.interrupted:
            break
    return SearchResult(
        trials=tuple(finished_records(study, problem)),
        interrupted=found.interrupted,
        study=study.study_name,
        trained={own.rung.epochs: tuple(finished_records(own.study, own.problem)) for own in trained},
    )


def _open_rungs(
    rungs: Sequence[Rung], problem: Problem, study: optuna.Study, storage: BaseStorage, trainer: Trainer
) -> list[_OpenRung]:
    """The rungs of a search, each with its study, taken up or begun."""
    found: list[_OpenRung] = []
    for rung in rungs:
        below = found[-1].study if found else study
        own = _trained_problem(problem, below, rung.epochs, trainer, 0 if found else START)
        name = rung_name(study.study_name, rung.epochs)
        found.append(_OpenRung(rung, own, open_study(own, storage, name, resume=True), below))
    return found


def _plan(config: SearchConfig, problem: Problem, study: optuna.Study, trained: Sequence[_OpenRung]) -> list[_Stage]:
    """The stages of a search, one after the other."""
    first = trained[0]
    informed = _informed(config, problem, [own.study for own in trained])
    return [
        _Stage(problem, study, -(-config.trials // 2)),
        _Stage(first.problem, first.study, -(-first.rung.designs // 2), first),
        _Stage(informed, study, config.trials),
        *(_Stage(own.problem, own.study, own.rung.designs, own) for own in trained),
    ]


def _trained_problem(problem: Problem, below: optuna.Study, epochs: int, trainer: Trainer, start: int) -> Problem:
    """The problem of the same designs after training, so many of the first spread over the front."""
    place = trained_objective(problem.objectives)
    return replace(
        problem,
        evaluate=_Trained(trainer, epochs),
        signature={**problem.signature, **trainer.signature(epochs)},
        tables=None,
        sampling=lambda seed: PromotingSampler(below, place, problem.objectives[place].best, start),
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
