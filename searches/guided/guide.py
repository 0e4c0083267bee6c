"""What a guided search is told: the parts of a design, what each option of a part costs, and guesses of its harm.

Plain tables, so that other problems than filterfront's can be searched: a design takes one option for each part; some
figures are sums or maxima over the parts and known beforehand; one objective at most has to be measured.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from searches.errors import SearchError

__all__ = ["MOST_OBJECTIVES", "Guide", "Part"]

LEAST_ERROR = 1e-9
"""Share of a part's greatest error that a smaller one counts as, so that it has a logarithm."""

KIND_LIKENESS = 0.3
"""Of options of two kinds whose errors are the same."""

ERROR_SCALE = 1.5
"""Natural logarithm of the ratio of two errors at which options of one kind are somewhat alike (e^-0.5)."""

MOST_OBJECTIVES = 3


@dataclass(frozen=True, eq=False)
class Part:
    """One part of a design, a layer for instance, and its options.

    Args:
        name: the part.
        options: for each option the values of the trial's parameters that it reads, by name.
        sums: by figure, what each option adds to it, shape (options,).
        peaks: by figure, shape (options,): such a figure is the greatest over the parts.
        errors: guesses of the harm that each option does, shape (options, proxies), not negative. Only their ratios
            within a part matter; how much each part and each proxy counts is learned.
        kinds: a label for each option; options of one kind are expected to be misjudged alike.

    Raises:
        SearchError: an array has another shape or a value that is not finite, or an error is negative.
    """

    name: str
    options: Sequence[Mapping[str, Any]]
    sums: Mapping[str, np.ndarray]
    errors: np.ndarray | None = None
    peaks: Mapping[str, np.ndarray] = field(default_factory=dict)
    kinds: Sequence[str] | None = None

    def __post_init__(self) -> None:
        count = len(self.options)
        if not count:
            raise SearchError("a part has options", f"none for {self.name}", "leave the part out")
        given = {**self.sums, **self.peaks, **({} if self.errors is None else {"errors": self.errors})}
        for name, values in given.items():
            if np.shape(values)[:1] != (count,) or not np.isfinite(values).all():
                rule = f"{name} of {self.name} has a finite value for each of its {count} options"
                raise SearchError(rule, f"shape {np.shape(values)}", "give a value for each")
        if self.errors is not None and (np.ndim(self.errors) != 2 or np.min(self.errors) < 0):
            rule = f"errors of {self.name} are not negative, one row an option and one column a proxy"
            raise SearchError(rule, f"shape {np.shape(self.errors)}", "give squared errors, for instance")
        if self.kinds is not None and len(self.kinds) != count:
            raise SearchError(f"{self.name} has a kind for each option", len(self.kinds), f"give {count}")

    @cached_property
    def logs(self) -> np.ndarray:
        """Natural logarithms of the errors over their medians, shape (options, proxies)."""
        errors = np.ones((len(self.options), 1)) if self.errors is None else np.asarray(self.errors, dtype=np.float64)
        floored = np.maximum(errors, np.maximum(LEAST_ERROR * errors.max(axis=0), np.finfo(np.float64).tiny))
        return np.asarray(np.log(floored / np.median(floored, axis=0)))

    @cached_property
    def likeness(self) -> np.ndarray:
        """How alike options are expected to be misjudged, 0 to 1, shape (options, options)."""
        distance = np.square(self.logs[:, None] - self.logs[None]).mean(axis=2) / ERROR_SCALE**2
        kinds = np.array(self.kinds if self.kinds is not None else [""] * len(self.options))
        same = np.where(kinds[:, None] == kinds[None], 1.0, KIND_LIKENESS)
        return np.asarray(np.exp(-distance / 2) * same)

    @cached_property
    def _by_names(self) -> dict[tuple[str, ...], dict[tuple[Any, ...], int]]:
        """Options by the values of what they read, those that read most first."""
        found: dict[tuple[str, ...], dict[tuple[Any, ...], int]] = {}
        for index, option in enumerate(self.options):
            found.setdefault(tuple(option), {}).setdefault(tuple(option.values()), index)
        return dict(sorted(found.items(), key=lambda item: -len(item[0])))

    def find(self, parameters: Mapping[str, Any]) -> int | None:
        """The option that a trial with these parameters takes; None if it is none of them."""
        for names, options in self._by_names.items():
            index = options.get(tuple(parameters.get(name) for name in names))
            if index is not None:
                return index
        return None


@dataclass(frozen=True, eq=False)
class Guide:
    """A problem for `GuidedSampler`.

    Args:
        parts: of a design.
        objectives: for each direction of the study the figure that it is, a sum or a peak of the parts; None for one
            that is measured.
        caps: the greatest value allowed of any figures; no design above is proposed.
        best: the best value that the measured objective can have, 1 for an accuracy; None where there is no such. A
            design is not expected to gain beyond it.

    Raises:
        SearchError: parts differ in their figures or share a parameter; objectives are not one to three, or more than
            one of them is measured; a name is unknown.
    """

    parts: tuple[Part, ...]
    objectives: tuple[str | None, ...]
    caps: Mapping[str, float] = field(default_factory=dict)
    best: float | None = None

    def __post_init__(self) -> None:
        if not self.parts:
            raise SearchError("a design has parts", "none", "give at least one")
        for part in self.parts:
            kinds = [(*item.sums, None, *item.peaks, item.logs.shape[1]) for item in (self.parts[0], part)]
            if kinds[0] != kinds[1]:
                raise SearchError("all parts have the same figures and proxies", part.name, "give each of them to all")
        owners = [name for part in self.parts for name in dict.fromkeys(key for item in part.options for key in item)]
        if len(set(owners)) < len(owners):
            twice = next(name for name in owners if owners.count(name) > 1)
            raise SearchError("a parameter belongs to one part", twice, "name it after its part")
        if not 1 <= len(self.objectives) <= MOST_OBJECTIVES:
            count = len(self.objectives)
            raise SearchError("the guided sampler takes 1 to 3 objectives", count, "drop some, or use nsga2")
        if self.objectives.count(None) > 1 or len(set(self.objectives)) < len(self.objectives):
            remedy = "drop all but one, or use nsga2"
            raise SearchError("the guided sampler takes one measured objective at most, none twice", "more", remedy)
        for name in (*self.caps, *(name for name in self.objectives if name is not None)):
            if name not in (*self.figures, None):
                raise SearchError(
                    "an objective or a cap is a figure of the parts", name, "give its part of each option"
                )

    @property
    def figures(self) -> tuple[str, ...]:
        """Names of the figures known beforehand."""
        return (*self.parts[0].sums, *self.parts[0].peaks)

    @cached_property
    def counts(self) -> np.ndarray:
        """Number of options of each part, shape (parts,)."""
        return np.array([len(part.options) for part in self.parts])

    @cached_property
    def parameters(self) -> frozenset[str]:
        """All parameters that some option reads."""
        return frozenset(name for part in self.parts for option in part.options for name in option)

    @cached_property
    def size(self) -> float:
        """Number of designs."""
        return math.prod(float(count) for count in self.counts)

    def of(self, name: str, designs: np.ndarray) -> np.ndarray:
        """A figure of designs, indices of options of shape (designs, parts): float64 of shape (designs,)."""
        is_sum = name in self.parts[0].sums
        columns = [np.asarray((part.sums if is_sum else part.peaks)[name], dtype=np.float64) for part in self.parts]
        values = np.stack([column[designs[:, index]] for index, column in enumerate(columns)])
        return np.asarray(values.sum(axis=0) if is_sum else values.max(axis=0))

    def greatest(self, name: str) -> float:
        """The cap of a figure, or the greatest value that a design can have."""
        is_sum = name in self.parts[0].sums
        most = [float(np.max((part.sums if is_sum else part.peaks)[name])) for part in self.parts]
        return min(self.caps.get(name, math.inf), sum(most) if is_sum else max(most))

    def fits(self, designs: np.ndarray) -> np.ndarray:
        """Which designs keep all caps."""
        keep = np.ones(len(designs), dtype=bool)
        for name, cap in self.caps.items():
            keep &= self.of(name, designs) <= cap
        return keep

    def find(self, parameters: Mapping[str, Any]) -> tuple[int, ...] | None:
        """The design of a trial's parameters; None if some part's are none of its options."""
        found = [part.find(parameters) for part in self.parts]
        return None if None in found else tuple(index for index in found if index is not None)

    def values(self, design: Sequence[int]) -> dict[str, Any]:
        """The parameters that a design reads."""
        return {
            name: value
            for part, index in zip(self.parts, design, strict=True)
            for name, value in part.options[index].items()
        }
