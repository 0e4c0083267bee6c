"""What a guided search is told: the variables of a design, what their choices cost, and sensitivity proxies.

Plain tables, so that problems other than filterfront's can be searched: a design takes one choice for each variable;
some figures are sums or maxima over the variables and known beforehand; one objective at most has to be measured.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from optuna.trial import FrozenTrial

from searches.errors import SearchError
from searches.guided.variable import Variable
from searches.objectives import MOST_OBJECTIVES

__all__ = ["ProblemTables"]


@dataclass(frozen=True, eq=False)
class ProblemTables:
    """A problem for `GuidedSampler`.

    Args:
        variables: of a design.
        objectives: for each direction of the study its figure, a sum or a peak of the variables; None for one
            that is measured.
        caps: the greatest value allowed of any figures; no design above is proposed.
        best: the best value that the measured objective can have, 1 for an accuracy; None where there is no such. A
            design is not expected to gain beyond it.
        surrogate: of a finished trial, a figure of at least 0 that grows as the measured objective gets worse and is
            less noisy, such as how far a network's answers are from those of the uncompressed one beside its accuracy;
            None for a trial without. What is learned is learned from it where the trials have it.
        unread: further parameters that trials may name and no choice reads: of a space of which candidates were left
            out. Any value of them will do.

    Raises:
        SearchError: variables differ in their figures or share a parameter; objectives are not one to three, more than
            one of them is measured; a name is unknown.
    """

    variables: tuple[Variable, ...]
    objectives: tuple[str | None, ...]
    caps: Mapping[str, float] = field(default_factory=dict)
    best: float | None = None
    surrogate: Callable[[FrozenTrial], float | None] | None = None
    unread: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if not self.variables:
            raise SearchError("a design has variables", "none", "give at least one")
        self._check_variables()
        if not 1 <= len(self.objectives) <= MOST_OBJECTIVES:
            count = len(self.objectives)
            raise SearchError("the guided sampler takes 1 to 3 objectives", count, "drop some, or use nsga2")
        if self.objectives.count(None) > 1 or len(set(self.objectives)) < len(self.objectives):
            remedy = "drop all but one, or use nsga2"
            raise SearchError("the guided sampler takes one measured objective at most, none twice", "more", remedy)
        for name in (*self.caps, *(name for name in self.objectives if name is not None)):
            if name not in self.figures:
                rule = "an objective or a cap is a figure of the variables"
                raise SearchError(rule, name, "give what each choice of every variable adds to it")

    def _check_variables(self) -> None:
        """Refuses variables that differ in what they have, or that share a parameter."""
        for variable in self.variables:
            has = [(*item.sums, None, *item.peaks, item.proxy_count) for item in (self.variables[0], variable)]
            if has[0] != has[1]:
                rule = "all variables have the same figures and proxies"
                raise SearchError(rule, variable.name, "give each of them to all")
        owned = [
            name
            for variable in self.variables
            for name in dict.fromkeys(key for choice in variable.choices for key in choice)
        ]
        if len(set(owned)) < len(owned):
            twice = next(name for name in owned if owned.count(name) > 1)
            raise SearchError("a parameter belongs to one variable", twice, "name it after its variable")

    @property
    def sums(self) -> tuple[str, ...]:
        """Names of the figures that are sums over the variables."""
        return tuple(self.variables[0].sums)

    @property
    def figures(self) -> tuple[str, ...]:
        """Names of the figures known beforehand."""
        return (*self.sums, *self.variables[0].peaks)

    @property
    def proxy_count(self) -> int:
        """Number of sensitivity proxies."""
        return self.variables[0].proxy_count

    @property
    def measured(self) -> int | None:
        """The place of the measured objective; None where all are known."""
        return self.objectives.index(None) if None in self.objectives else None

    @property
    def known_objectives(self) -> tuple[str, ...]:
        """The objectives known beforehand."""
        return tuple(name for name in self.objectives if name is not None)

    @cached_property
    def counts(self) -> np.ndarray:
        """Number of choices of each variable, shape (variables,)."""
        return np.array([len(variable.choices) for variable in self.variables])

    @cached_property
    def parameters(self) -> frozenset[str]:
        """All parameters that trials may name."""
        return self.unread.union(*(choice for variable in self.variables for choice in variable.choices))

    @cached_property
    def size(self) -> float:
        """Number of designs."""
        return math.prod(float(count) for count in self.counts)

    def figure(self, name: str, designs: np.ndarray) -> np.ndarray:
        """A figure of designs.

        Args:
            name: of `figures`.
            designs: indices of choices, shape (designs, variables).

        Returns:
            float64 of shape (designs,).
        """
        is_sum = name in self.sums
        columns = [
            np.asarray((variable.sums if is_sum else variable.peaks)[name], dtype=np.float64)
            for variable in self.variables
        ]
        values = np.stack([column[designs[:, index]] for index, column in enumerate(columns)])
        return np.asarray(values.sum(axis=0) if is_sum else values.max(axis=0))

    def greatest(self, name: str) -> float:
        """The cap of a figure, or the greatest value that a design can have."""
        is_sum = name in self.sums
        most = [float(np.max((variable.sums if is_sum else variable.peaks)[name])) for variable in self.variables]
        return min(self.caps.get(name, math.inf), sum(most) if is_sum else max(most))

    def fits(self, designs: np.ndarray) -> np.ndarray:
        """Which designs keep all caps: booleans of shape (designs,)."""
        keep = np.ones(len(designs), dtype=bool)
        for name, cap in self.caps.items():
            keep &= self.figure(name, designs) <= cap
        return keep

    def find(self, parameters: Mapping[str, Any]) -> tuple[int, ...] | None:
        """The design of a trial's parameters; None if those of some variable are none of its choices."""
        found = [variable.find(parameters) for variable in self.variables]
        return None if None in found else tuple(index for index in found if index is not None)

    def values(self, design: Sequence[int]) -> dict[str, Any]:
        """The parameters that a design reads."""
        return {
            name: value
            for variable, index in zip(self.variables, design, strict=True)
            for name, value in variable.choices[index].items()
        }
