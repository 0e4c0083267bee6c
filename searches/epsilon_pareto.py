"""Fronts of two or more figures within a factor: epsilon-Pareto sets, under any number of caps.

An epsilon-Pareto set [papadimitriou2000approximability] has for each design of the space one that is at most 1 +
epsilon times as large in every objective. Here the thresholds are set by what was found, so that few more programs are
solved than points are needed [diakonikolas2009small].

References:
    [papadimitriou2000approximability] C. H. Papadimitriou & M. Yannakakis. On the approximability of trade-offs and
        optimal access of web sources. FOCS, 2000.
    [diakonikolas2009small] I. Diakonikolas & M. Yannakakis. Small approximate Pareto sets for biobjective shortest
        paths and other problems. SIAM Journal on Computing 39(4), 2009.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from searches.candidates import Candidates
from searches.dominance import dominated
from searches.errors import InfeasibleError, SearchError
from searches.figures import SRAM
from searches.milp import BestDesign, DesignProgram, check_figures
from searches.tabulated import tabulated_figures

__all__ = ["EpsilonParetoSet", "epsilon_pareto_set"]

LEAST_FACTOR = 1.0001


@dataclass(frozen=True, eq=False)
class EpsilonParetoSet:
    """Designs such that for each design of the space one is at most ``factor`` times as large in every objective.

    Args:
        figures: the objectives by name, each of shape (points,).
        designs: int64 of shape (points, layers).
        factor: 1 + epsilon.
        solved: how many mixed-integer linear programs were.
    """

    figures: Mapping[str, np.ndarray]
    designs: np.ndarray
    factor: float
    solved: int


def epsilon_pareto_set(
    candidates: Candidates, objectives: Sequence[str], factor: float, caps: Mapping[str, float] | None = None
) -> EpsilonParetoSet:
    """A front of two or more figures within a factor, under any number of caps.

    The first sum is made least under a threshold on every other objective. Let s be the greatest value of an objective
    in what a threshold t on it gives: every design within t, and above the next threshold, the greatest value below
    s / factor, has one found that is at most factor times as large. The sweeps of several objectives nest.

    Args:
        candidates: the tables of the space.
        objectives: two or more of `searches.figures.TABULATED_FIGURES` (``sram_bytes`` too) or of the proxies, none
            negative.
        factor: 1 + epsilon, at least 1.0001.
        caps: greatest values allowed.

    Raises:
        InfeasibleError: no design meets the caps.
        SearchError: a name is unknown or repeated, the factor is too small or a figure is negative.
    """
    caps = dict(caps or {})
    check_figures(candidates, objectives, caps)
    if not LEAST_FACTOR <= factor < math.inf:
        raise SearchError(f"a factor is at least {LEAST_FACTOR}", factor, "give 1.01 for designs within 1% of the best")
    if len(objectives) < 2:
        raise SearchError("a front has at least two objectives", len(objectives), "ask for the best design")
    for table in candidates.layers:
        for name in candidates.proxies:
            if name in objectives and table.columns[name].min() < 0:
                raise SearchError("objectives are not negative", f"{name} of {table.layer}", "add a constant to it")
    sweep = _Sweep(candidates, tuple(sorted(objectives, key=lambda name: name == SRAM)), factor, caps)
    sweep.run(sweep.order[1:], {})
    if not sweep.found:
        limits = ", ".join(f"{name} <= {cap:,}" for name, cap in caps.items())
        raise InfeasibleError("a design meets all caps", limits, "raise a cap, or add smaller schemes")
    designs = np.array(sweep.found)
    figures = tabulated_figures(candidates, designs, objectives)
    keep = ~dominated(np.stack([values.astype(np.float64) for values in figures.values()], axis=1))
    kept = {name: values[keep] for name, values in figures.items()}
    return EpsilonParetoSet(kept, designs[keep], factor, sweep.solved)


@dataclass(eq=False)
class _Sweep:
    """The nested sweeps over thresholds; ``found`` grows."""

    candidates: Candidates
    order: tuple[str, ...]
    factor: float
    caps: Mapping[str, float]
    found: list[tuple[int, ...]] = field(default_factory=list)
    solved: int = 0
    _program: DesignProgram | None = None

    def run(self, rest: tuple[str, ...], thresholds: Mapping[str, float]) -> list[BestDesign]:
        """Designs within the factor under these thresholds.

        Args:
            rest: the objectives still without a threshold.
            thresholds: on the others but the first.
        """
        if not rest:
            return self._best(thresholds)
        *others, last = rest
        threshold, designs = math.inf, []
        while found := self.run(tuple(others), {**thresholds, last: threshold}):
            designs += found
            greatest = max(design.figures[last] for design in found)
            if greatest <= 0:
                break
            if last in self.candidates.proxies:
                threshold = float(np.nextafter(greatest / self.factor, 0))
            else:
                threshold = math.ceil(Fraction(greatest) / Fraction(self.factor)) - 1
        return designs

    def _best(self, thresholds: Mapping[str, float]) -> list[BestDesign]:
        names = tuple(dict.fromkeys((*self.order, *self.caps)))
        limits = {name: min(self.caps.get(name, math.inf), thresholds.get(name, math.inf)) for name in names}
        sram = limits.pop(SRAM, math.inf)
        if self._program is None or self._program.sram_limit != sram:
            self._program = DesignProgram(self.candidates, sram, names)
        self.solved += 1
        best = self._program.solve(self.order[0], limits, self.caps, 1 - 1 / self.factor, math.inf)
        if best is None:
            return []
        self.found.append(best.choices)
        return [best]
