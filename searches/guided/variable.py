"""One variable of a design and its choices: what each costs, and estimates of how sensitive the network is to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from searches.errors import SearchError

__all__ = ["Variable"]

LEAST_PROXY = 1e-9
"""Share of a variable's greatest proxy that a smaller one counts as, so that it has a logarithm."""

KIND_SIMILARITY = 0.3
"""Of choices of two kinds whose proxies are the same."""

PROXY_SCALE = 1.5
"""Natural logarithm of the ratio of two proxies at which choices of one kind are somewhat similar (e^-0.5)."""


@dataclass(frozen=True, eq=False)
class Variable:
    """One variable of a design, a layer for instance, and its choices.

    Args:
        name: the variable.
        choices: for each choice the values of the trial's parameters that it reads, by name.
        sums: by figure, what each choice adds to it, shape (choices,).
        proxies: sensitivity proxies, estimates of how much each choice degrades the measured objective, shape (choices,
            proxies), not negative: squared errors of the weights, for instance. Only their ratios within a variable
            matter; how much each variable and each proxy counts is learned. Without any, all choices are alike.
        peaks: by figure, shape (choices,): such a figure is the greatest over the variables.
        kinds: a label for each choice; choices of one kind are expected to be misjudged alike.

    Raises:
        SearchError: an array has another shape or a value that is not finite, or a proxy is negative.
    """

    name: str
    choices: Sequence[Mapping[str, Any]]
    sums: Mapping[str, np.ndarray]
    proxies: np.ndarray | None = None
    peaks: Mapping[str, np.ndarray] = field(default_factory=dict)
    kinds: Sequence[str] | None = None

    def __post_init__(self) -> None:
        count = len(self.choices)
        if not count:
            raise SearchError("a variable has choices", f"none for {self.name}", "leave the variable out")
        given = {**self.sums, **self.peaks, **({} if self.proxies is None else {"proxies": self.proxies})}
        for name, values in given.items():
            if np.shape(values)[:1] != (count,) or not np.isfinite(values).all():
                rule = f"{name} of {self.name} has a finite value for each of its {count} choices"
                raise SearchError(rule, f"shape {np.shape(values)}", "give a value for each")
        if self.proxies is not None and (np.ndim(self.proxies) != 2 or np.min(self.proxies) < 0):
            rule = f"proxies of {self.name} are not negative, one row a choice and one column a proxy"
            raise SearchError(rule, f"shape {np.shape(self.proxies)}", "give squared errors, for instance")
        if self.kinds is not None and len(self.kinds) != count:
            raise SearchError(f"{self.name} has a kind for each choice", len(self.kinds), f"give {count}")

    @property
    def proxy_count(self) -> int:
        """Number of proxies; one that is the same for all choices where none are given."""
        return len(self.log_proxies[0])

    @cached_property
    def log_proxies(self) -> np.ndarray:
        """Natural logarithms of the proxies over their medians, shape (choices, proxies)."""
        given = np.ones((len(self.choices), 1)) if self.proxies is None else np.asarray(self.proxies, dtype=np.float64)
        floored = np.maximum(given, np.maximum(LEAST_PROXY * given.max(axis=0), np.finfo(np.float64).tiny))
        return np.asarray(np.log(floored / np.median(floored, axis=0)))

    @cached_property
    def similarity(self) -> np.ndarray:
        """How similarly choices are expected to be misjudged, 0 to 1, shape (choices, choices)."""
        distance = np.square(self.log_proxies[:, None] - self.log_proxies[None]).mean(axis=2) / PROXY_SCALE**2
        kinds = np.array(self.kinds if self.kinds is not None else [""] * len(self.choices))
        same = np.where(kinds[:, None] == kinds[None], 1.0, KIND_SIMILARITY)
        return np.asarray(np.exp(-distance / 2) * same)

    @cached_property
    def _by_names(self) -> dict[tuple[str, ...], dict[tuple[Any, ...], int]]:
        """Choices by the values of what they read, those that read most first."""
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
