"""What a guided search is told: the variables of a design, the costs of their choices, and guesses of their harm.

Plain tables, so that problems other than filterfront's can be searched: a design takes one choice for each variable;
some figures are sums or maxima over the variables and known beforehand; one objective at most has to be measured.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from searches.errors import SearchError

__all__ = ["MOST_OBJECTIVES", "ProblemTables", "Variable"]

LEAST_ERROR = 1e-9
"""Share of a variable's greatest error that a smaller one counts as, so that it has a logarithm."""

KIND_LIKENESS = 0.3
"""Of choices of two kinds whose errors are the same."""

ERROR_SCALE = 1.5
"""Natural logarithm of the ratio of two errors at which choices of one kind are somewhat alike (e^-0.5)."""

MOST_OBJECTIVES = 3


@dataclass(frozen=True, eq=False)
class Variable:
    """One variable of a design, a layer for instance, and its choices.

    Args:
        name: the variable.
        choices: for each choice the values of the trial's parameters that it reads, by name.
        sums: by figure, what each choice adds to it, shape (choices,).
        peaks: by figure, shape (choices,): such a figure is the greatest over the variables.
        errors: guesses of the harm that each choice does, shape (choices, proxies), not negative. Only their ratios
            within a variable matter; how much each variable and each proxy counts is learned.
        kinds: a label for each choice; choices of one kind are expected to be misjudged alike.

    Raises:
        SearchError: an array has another shape or a value that is not finite, or an error is negative.
    """

    name: str
    choices: Sequence[Mapping[str, Any]]
    sums: Mapping[str, np.ndarray]
    errors: np.ndarray | None = None
    peaks: Mapping[str, np.ndarray] = field(default_factory=dict)
    kinds: Sequence[str] | None = None

    def __post_init__(self) -> None:
        count = len(self.choices)
        if not count:
            raise SearchError("a variable has choices", f"none for {self.name}", "leave the variable out")
        given = {**self.sums, **self.peaks, **({} if self.errors is None else {"errors": self.errors})}
        for name, values in given.items():
            if np.shape(values)[:1] != (count,) or not np.isfinite(values).all():
                rule = f"{name} of {self.name} has a finite value for each of its {count} choices"
                raise SearchError(rule, f"shape {np.shape(values)}", "give a value for each")
        if self.errors is not None and (np.ndim(self.errors) != 2 or np.min(self.errors) < 0):
            rule = f"errors of {self.name} are not negative, one row an choice and one column a proxy"
            raise SearchError(rule, f"shape {np.shape(self.errors)}", "give squared errors, for instance")
        if self.kinds is not None and len(self.kinds) != count:
            raise SearchError(f"{self.name} has a kind for each choice", len(self.kinds), f"give {count}")

    @cached_property
    def logs(self) -> np.ndarray:
        """Natural logarithms of the errors over their medians, shape (choices, proxies)."""
        errors = np.ones((len(self.choices), 1)) if self.errors is None else np.asarray(self.errors, dtype=np.float64)
        floored = np.maximum(errors, np.maximum(LEAST_ERROR * errors.max(axis=0), np.finfo(np.float64).tiny))
        return np.asarray(np.log(floored / np.median(floored, axis=0)))

    @cached_property
    def likeness(self) -> np.ndarray:
        """How alike choices are expected to be misjudged, 0 to 1, shape (choices, choices)."""
        distance = np.square(self.logs[:, None] - self.logs[None]).mean(axis=2) / ERROR_SCALE**2
        kinds = np.array(self.kinds if self.kinds is not None else [""] * len(self.choices))
        same = np.where(kinds[:, None] == kinds[None], 1.0, KIND_LIKENESS)
        return np.asarray(np.exp(-distance / 2) * same)

    @cached_property
    def _by_names(self) -> dict[tuple[str, ...], dict[tuple[Any, ...], int]]:
        """Options by the values of what they read, those that read most first."""
        found: dict[tuple[str, ...], dict[tuple[Any, ...], int]] = {}
        for index, choice in enumerate(self.choices):
            found.setdefault(tuple(choice), {}).setdefault(tuple(choice.values()), index)
        return dict(sorted(found.items(), key=lambda item: -len(item[0])))

    def find(self, parameters: Mapping[str, Any]) -> int | None:
        """The choice that a trial with these parameters takes; None if it is none of them."""
        for names, choices in self._by_names.items():
            index = choices.get(tuple(parameters.get(name) for name in names))
            if index is not None:
                return index
        return None


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

    Raises:
        SearchError: variables differ in their figures or share a parameter; objectives are not one to three, more than
            one of them is measured; a name is unknown.
    """

    variables: tuple[Variable, ...]
    objectives: tuple[str | None, ...]
    caps: Mapping[str, float] = field(default_factory=dict)
    best: float | None = None

    def __post_init__(self) -> None:
        if not self.variables:
            raise SearchError("a design has variables", "none", "give at least one")
        for variable in self.variables:
            kinds = [(*item.sums, None, *item.peaks, item.logs.shape[1]) for item in (self.variables[0], variable)]
            if kinds[0] != kinds[1]:
                raise SearchError(
                    "all variables have the same figures and proxies", variable.name, "give each of them to all"
                )
        owners = [
            name
            for variable in self.variables
            for name in dict.fromkeys(key for item in variable.choices for key in item)
        ]
        if len(set(owners)) < len(owners):
            twice = next(name for name in owners if owners.count(name) > 1)
            raise SearchError("a parameter belongs to one variable", twice, "name it after its variable")
        if not 1 <= len(self.objectives) <= MOST_OBJECTIVES:
            count = len(self.objectives)
            raise SearchError("the guided sampler takes 1 to 3 objectives", count, "drop some, or use nsga2")
        if self.objectives.count(None) > 1 or len(set(self.objectives)) < len(self.objectives):
            remedy = "drop all but one, or use nsga2"
            raise SearchError("the guided sampler takes one measured objective at most, none twice", "more", remedy)
        for name in (*self.caps, *(name for name in self.objectives if name is not None)):
            if name not in (*self.figures, None):
                raise SearchError(
                    "an objective or a cap is a figure of the variables", name, "give its variable of each choice"
                )

    @property
    def figures(self) -> tuple[str, ...]:
        """Names of the figures known beforehand."""
        return (*self.variables[0].sums, *self.variables[0].peaks)

    @cached_property
    def counts(self) -> np.ndarray:
        """Number of choices of each variable, shape (variables,)."""
        return np.array([len(variable.choices) for variable in self.variables])

    @cached_property
    def parameters(self) -> frozenset[str]:
        """All parameters that some choice reads."""
        return frozenset(name for variable in self.variables for choice in variable.choices for name in choice)

    @cached_property
    def size(self) -> float:
        """Number of designs."""
        return math.prod(float(count) for count in self.counts)

    def of(self, name: str, designs: np.ndarray) -> np.ndarray:
        """A figure of designs, indices of choices of shape (designs, variables): float64 of shape (designs,)."""
        is_sum = name in self.variables[0].sums
        columns = [
            np.asarray((variable.sums if is_sum else variable.peaks)[name], dtype=np.float64)
            for variable in self.variables
        ]
        values = np.stack([column[designs[:, index]] for index, column in enumerate(columns)])
        return np.asarray(values.sum(axis=0) if is_sum else values.max(axis=0))

    def greatest(self, name: str) -> float:
        """The cap of a figure, or the greatest value that a design can have."""
        is_sum = name in self.variables[0].sums
        most = [float(np.max((variable.sums if is_sum else variable.peaks)[name])) for variable in self.variables]
        return min(self.caps.get(name, math.inf), sum(most) if is_sum else max(most))

    def fits(self, designs: np.ndarray) -> np.ndarray:
        """Which designs keep all caps."""
        keep = np.ones(len(designs), dtype=bool)
        for name, cap in self.caps.items():
            keep &= self.of(name, designs) <= cap
        return keep

    def find(self, parameters: Mapping[str, Any]) -> tuple[int, ...] | None:
        """The design of a trial's parameters; None if some variable's are none of its choices."""
        found = [variable.find(parameters) for variable in self.variables]
        return None if None in found else tuple(index for index in found if index is not None)

    def values(self, design: Sequence[int]) -> dict[str, Any]:
        """The parameters that a design reads."""
        return {
            name: value
            for variable, index in zip(self.variables, design, strict=True)
            for name, value in variable.choices[index].items()
        }
