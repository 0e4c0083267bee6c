"""What is searched, and what a search finds: plain facts that every part of a search shares."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from searches.constraints import Budget
from searches.design import Design
from searches.guided import ProblemTables
from searches.initial_designs import initial_design_levels
from searches.objectives import Objective
from searches.space import Space

__all__ = ["Figures", "Problem", "SearchResult", "TrialRecord"]

Figures = Mapping[str, Any]
"""A design's figures by column: integers that are counted, floats that are measured."""


@dataclass(frozen=True)
class Problem:
    """What is searched.

    Args:
        space: the designs.
        objectives, budgets: what is wanted and what is allowed.
        evaluate: figures of a design.
        signature: everything that figures depend on, as plain data; a study is resumed only under an equal one.
        tables: for the guided sampler, which has starts of its own in the place of initial_designs.
    """

    space: Space
    objectives: tuple[Objective, ...]
    budgets: tuple[Budget, ...]
    evaluate: Callable[[Design], Figures]
    signature: Mapping[str, Any] = field(default_factory=dict)
    tables: ProblemTables | None = None

    def starts(self) -> tuple[dict[str, Any], ...]:
        """Values of every search parameter of the designs to measure before sampling."""
        return () if self.tables is not None else tuple(initial_design_levels(self.space))


@dataclass(frozen=True)
class TrialRecord:
    """One finished trial: ``state`` is ``measured``, ``repeated`` (figures of an earlier trial) or ``failed``.

    A failed trial has the ``reason``, and no figures where its design was never measured to the end.
    """

    number: int
    design: str
    schemes: Design
    state: str
    seconds: float
    figures: Figures
    reason: str = ""


@dataclass(frozen=True)
class SearchResult:
    """The finished trials in order, and whether the search was interrupted."""

    trials: tuple[TrialRecord, ...]
    interrupted: bool

    def measured(self) -> dict[str, TrialRecord]:
        """The measured designs by name, each once."""
        return {trial.design: trial for trial in self.trials if trial.state == "measured"}
