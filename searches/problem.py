"""What is searched, and what a search finds: plain facts that every part of a search shares."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from optuna.samplers import BaseSampler

from searches.constraints import Budget
from searches.design import Design
from searches.guided import ProblemTables
from searches.initial_designs import initial_design_levels
from searches.objectives import Objective
from searches.space import Space

__all__ = ["Figures", "Problem", "SearchResult", "TrialRecord"]

Figures = Mapping[str, Any]
"""A design's figures by name (`searches.figures`): integers that are counted, floats that are measured."""


@dataclass(frozen=True)
class Problem:
    """What is searched.

    Args:
        space: the designs.
        objectives: what is wanted.
        budgets: what is allowed.
        evaluate: figures of a design.
        signature: everything that figures depend on, as plain data; a study is resumed only under an equal one.
        tables: for the guided sampler, which begins with designs of its own in the place of initial ones.
        sampling: makes the sampler of a trial from a seed, in the place of one by name; likewise.
    """

    space: Space
    objectives: tuple[Objective, ...]
    budgets: tuple[Budget, ...]
    evaluate: Callable[[Design], Figures]
    signature: Mapping[str, Any] = field(default_factory=dict)
    tables: ProblemTables | None = None
    sampling: Callable[[int], BaseSampler] | None = None

    def initial_levels(self) -> tuple[dict[str, Any], ...]:
        """Values of every search parameter of the designs to measure before sampling."""
        has_own = self.tables is not None or self.sampling is not None
        return () if has_own else tuple(initial_design_levels(self.space))


@dataclass(frozen=True)
class TrialRecord:
    """One finished trial.

    Args:
        number: of the trial.
        design: what it proposed.
        state: ``measured``, ``repeated`` (its figures are those of an earlier trial) or ``failed``.
        seconds: that the measurement took.
        figures: of the design; none where it was never measured to the end.
        reason: why it failed.
    """

    number: int
    design: Design
    state: str
    seconds: float
    figures: Figures
    reason: str = ""

    @property
    def design_id(self) -> str:
        """What the design is called in the tables and files of a run."""
        return self.design.id


@dataclass(frozen=True)
class SearchResult:
    """What a search found.

    Args:
        trials: the finished ones, in order.
        interrupted: whether it was stopped before all were.
        study: the name of the study that holds them; "" where there is none.
        trained: those of designs after training, by its epochs, the shortest first; none where nothing is trained.
    """

    trials: tuple[TrialRecord, ...]
    interrupted: bool
    study: str = ""
    trained: Mapping[int, tuple[TrialRecord, ...]] = field(default_factory=dict)

    def measured(self) -> dict[str, TrialRecord]:
        """The measured trials by the id of their design, each design once."""
        return {trial.design_id: trial for trial in self.trials if trial.state == "measured"}
