"""Designs by integer programming: the best under any number of caps, and fronts of any number of figures.

One binary variable for each candidate, one chosen for each layer; a variable for each part that layers share, at least
that of every layer's candidates that need it. SRAM is a maximum, so a cap on it leaves candidates out. The programs go
to HiGHS through `scipy.optimize.milp`.

A front within a factor follows Papadimitriou & Yannakakis (FOCS 2000) with the thresholds set by what was found, as in
Diakonikolas & Yannakakis (SIAM Journal on Computing 2009): see `epsilon_pareto_set`.

HiGHS works in float64 with tolerances. A design that it returns is evaluated exactly, and where it exceeds a cap it is
excluded and the program solved again; so designs are within the caps without tolerance. That there is no design, and
bounds, hold up to the tolerances of HiGHS: they are computed, not proven in exact arithmetic as `searches.exact` does.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, OptimizeResult, milp
from scipy.sparse import csr_array

from searches.candidates import Candidates, dominated
from searches.errors import InfeasibleError, SearchError
from searches.evaluation import FIGURES, evaluate
from searches.quiet import quiet_stdout

__all__ = ["BestDesign", "EpsilonParetoSet", "best_design", "epsilon_pareto_set"]

TOLERANCE = 1e-6
"""Of HiGHS: by how much it lets a row be exceeded, a number be fractional, or an optimum be missed."""

LEAST_SCALE = 1e-300
ROW_SIZE = 1e4
"""Of a scaled limit: with it the tolerance is 1e-10 of the limit."""

LEAST_FACTOR = 1.0001
MOST_EXCLUDED = 100
OPTIMAL, LIMIT, INFEASIBLE = 0, 1, 2
"""Status of `scipy.optimize.milp`."""


@dataclass(frozen=True, eq=False)
class BestDesign:
    """A design of least value.

    Args:
        choices: the index of a candidate for each layer.
        figures: of the design, the objective and all capped ones.
        value: of the objective.
        bound: no design within the caps has less, as HiGHS proves within its tolerance.
    """

    choices: tuple[int, ...]
    figures: Mapping[str, float]
    value: float
    bound: float

    @property
    def gap(self) -> float:
        """How far the value may be above the least, as a share of the value."""
        return max(0.0, (self.value - self.bound) / self.value) if self.value else 0.0


@dataclass(frozen=True, eq=False)
class EpsilonParetoSet:
    """Designs such that for each design of the space one is at most ``factor`` times as large in every objective.

    Args:
        figures: the objectives by name, each of shape (points,).
        designs: int64 of shape (points, layers).
        factor: 1 + eps.
        programs: how many were solved.
    """

    figures: Mapping[str, np.ndarray]
    designs: np.ndarray
    factor: float
    programs: int


def best_design(
    candidates: Candidates,
    objective: str,
    caps: Mapping[str, float] | None = None,
    gap: float = TOLERANCE,
    seconds: float = math.inf,
) -> BestDesign:
    """The design of least objective under any number of caps.

    Args:
        candidates: the tables of the space.
        objective: a sum over layers, of `searches.evaluation.FIGURES` or of the proxies.
        caps: greatest values allowed, of any figures.
        gap: the search ends once value and bound are so close, as a share.
        seconds: or after this time, with the best design until then and its bound.

    Raises:
        InfeasibleError: no design meets the caps. SearchError: a name is unknown, or no design was found in the time.
    """
    caps = dict(caps or {})
    _check_names(candidates, [objective], caps)
    if objective == "sram_bytes":
        raise SearchError("the objective is a sum over layers", objective, "cap SRAM, or make it one of a near front")
    found = _Program(candidates, caps.get("sram_bytes", math.inf), (objective, *caps)).solve(
        objective, caps, caps, gap, seconds
    )
    if found is None:
        limits = ", ".join(f"{name} <= {cap:,}" for name, cap in caps.items())
        raise InfeasibleError("a design meets all caps", limits, "raise a cap, or add smaller schemes")
    return found


def epsilon_pareto_set(
    candidates: Candidates, objectives: Sequence[str], factor: float, caps: Mapping[str, float] | None = None
) -> EpsilonParetoSet:
    """A front of two or more figures within a factor, under any number of caps.

    The first sum is made least under a threshold on every other objective. Let s be the greatest value of an objective
    in what a threshold t on it gives: every design within t, and above the next threshold, the greatest value below
    s / factor, has one found that is at most factor times as large. The sweeps of several objectives nest.

    Args:
        candidates: the tables of the space.
        objectives: two or more of `searches.evaluation.FIGURES` (``sram_bytes`` too) or of the proxies, none negative.
        factor: 1 + eps, at least 1.0001.
        caps: greatest values allowed.

    Raises:
        InfeasibleError: no design meets the caps. SearchError: a name is unknown or repeated, the factor is too small
            or a figure is negative.
    """
    caps = dict(caps or {})
    _check_names(candidates, objectives, caps)
    if not LEAST_FACTOR <= factor < math.inf:
        raise SearchError(f"a factor is at least {LEAST_FACTOR}", factor, "give 1.01 for designs within 1% of the best")
    if len(objectives) < 2:
        raise SearchError("a front has at least two objectives", len(objectives), "ask for the best design")
    for table in candidates.layers:
        for name in candidates.proxies:
            if name in objectives and table.columns[name].min() < 0:
                raise SearchError("objectives are not negative", f"{name} of {table.layer}", "add a constant to it")
    sweep = _Sweep(candidates, tuple(sorted(objectives, key=lambda name: name == "sram_bytes")), factor, caps)
    sweep.run(sweep.order[1:], {})
    if not sweep.found:
        limits = ", ".join(f"{name} <= {cap:,}" for name, cap in caps.items())
        raise InfeasibleError("a design meets all caps", limits, "raise a cap, or add smaller schemes")
    designs = np.array(sweep.found)
    figures = evaluate(candidates, designs, objectives)
    keep = ~dominated(np.stack([values.astype(np.float64) for values in figures.values()], axis=1))
    kept = {name: values[keep] for name, values in figures.items()}
    return EpsilonParetoSet(kept, designs[keep], factor, sweep.programs)


def _check_names(candidates: Candidates, objectives: Sequence[str], caps: Mapping[str, float]) -> None:
    known = (*FIGURES, *candidates.proxies)
    if strange := [name for name in (*objectives, *caps) if name not in known]:
        raise SearchError("a figure has a known name", strange[0], f"choose of {', '.join(known)}")
    if len(set(objectives)) != len(objectives):
        raise SearchError("an objective is given once", ", ".join(objectives), "remove one")
    if strange := [name for name, cap in caps.items() if math.isnan(cap)]:
        raise SearchError("a cap is a number", f"{strange[0]} <= nan", "give one, or leave the cap out")


@dataclass(eq=False)
class _Sweep:
    """The nested sweeps over thresholds; ``found`` grows."""

    candidates: Candidates
    order: tuple[str, ...]
    factor: float
    caps: Mapping[str, float]
    found: list[tuple[int, ...]] = field(default_factory=list)
    programs: int = 0
    _program: "_Program | None" = None

    def run(self, rest: tuple[str, ...], thresholds: Mapping[str, float]) -> list[BestDesign]:
        """Designs within the factor under these thresholds; ``rest`` are the objectives still without one."""
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
        limits = {name: min(self.caps.get(name, math.inf), thresholds.get(name, math.inf)) for name in self._names}
        sram = limits.pop("sram_bytes", math.inf)
        if self._program is None or self._program.sram_limit != sram:
            self._program = _Program(self.candidates, sram, self._names)
        self.programs += 1
        best = self._program.solve(self.order[0], limits, self.caps, 1 - 1 / self.factor, math.inf)
        if best is None:
            return []
        self.found.append(best.choices)
        return [best]

    @property
    def _names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.order, *self.caps)))


class _Program:
    """The variables and the rows that all programs of these figures under one limit on SRAM have in common."""

    def __init__(self, candidates: Candidates, sram_limit: float, names: Sequence[str]) -> None:
        self.candidates, self.sram_limit, self.names = candidates, sram_limit, tuple(names)
        sums = [name for name in names if name != "sram_bytes"]
        columns = ["storage_bits" if name == "storage_bytes" else name for name in sums]
        self.places: list[np.ndarray] = []
        fits = candidates.idle_bytes <= sram_limit
        for table in candidates.layers:
            within = np.flatnonzero(fits & (table.columns["sram_bytes"] <= sram_limit))
            part = table.taking(within)
            self.places.append(within[part.efficient_in(columns)] if len(within) else within)
        self.possible = all(len(place) for place in self.places)
        self.starts = np.cumsum([0, *(len(place) for place in self.places)])
        keys = tuple(candidates.shared_bits)
        bits = np.array([candidates.shared_bits[key] for key in keys], dtype=np.float64)
        self.rows = {}
        for name, column in zip(sums, columns, strict=True):
            own = [table.columns[column][place] for table, place in zip(candidates.layers, self.places, strict=True)]
            shared = {"storage_bytes": bits, "flash_bytes": np.ceil(bits / 8)}.get(name, np.zeros(len(keys)))
            self.rows[name] = np.concatenate([*own, shared]).astype(np.float64)
        self.structure = self._structure(keys)

    def _structure(self, keys: Sequence[str]) -> list[LinearConstraint]:
        """One candidate a layer; a part is stored where a layer's candidate needs it."""
        variables = self.starts[-1] + len(keys)
        chosen = np.zeros((len(self.places), variables))
        needs = []
        for layer, (table, place) in enumerate(zip(self.candidates.layers, self.places, strict=True)):
            chosen[layer, self.starts[layer] : self.starts[layer + 1]] = 1
            for number, key in enumerate(keys):
                row = np.zeros(variables)
                row[self.starts[layer] : self.starts[layer + 1]] = [key in table.shared[one] for one in place]
                if row.any():
                    row[self.starts[-1] + number] = -1
                    needs.append(row)
        constraints = [LinearConstraint(csr_array(chosen), 1, 1)]
        return constraints + ([LinearConstraint(csr_array(np.array(needs)), -np.inf, 0)] if needs else [])

    def solve(
        self, objective: str, limits: Mapping[str, float], caps: Mapping[str, float], gap: float, seconds: float
    ) -> BestDesign | None:
        """The best design under the limits, None where there is none; the caps are kept without tolerance."""
        if not self.possible:
            return None
        units = {name: 8 if name == "storage_bytes" else 1 for name in self.rows}
        upper = np.ones(len(self.rows[objective]))
        constraints = list(self.structure)
        for name, limit in limits.items():
            if name not in self.rows or limit == math.inf:
                continue
            # whole sums leave room for half a unit
            row, most = self.rows[name], limit * units[name] + (0 if name in self.candidates.proxies else 0.5)
            size = max(abs(most), TOLERANCE * float(np.abs(row).max()), LEAST_SCALE)
            if (row >= 0).all():
                upper[row > most + TOLERANCE * size] = 0
            constraints.append(
                LinearConstraint(csr_array((ROW_SIZE * row * upper / size)[None]), -np.inf, ROW_SIZE * most / size)
            )
        scale = self._scale(self.rows[objective])
        bound = -math.inf
        for _ in range(MOST_EXCLUDED):
            result = self._milp(self.rows[objective] / scale, constraints, upper, gap, seconds)
            if result is None:
                return None
            bound = max(bound, result.mip_dual_bound * scale / units[objective])
            choices, variables = self._read(result.x)
            figures = {n: v[0].item() for n, v in evaluate(self.candidates, choices[None], self.names).items()}
            if all(figures[name] <= cap for name, cap in caps.items()):
                value = figures[objective]
                if objective not in self.candidates.proxies:
                    bound = math.ceil(bound - TOLERANCE * max(1, abs(bound)))  # whole, as all values are
                return BestDesign(tuple(choices.tolist()), figures, value, min(bound, value))
            again = np.zeros((1, len(upper)))
            again[0, variables] = 1
            constraints.append(LinearConstraint(csr_array(again), -np.inf, len(choices) - 1))
        rule = "caps are not within the solver's tolerance of many designs"
        raise SearchError(rule, f"{MOST_EXCLUDED} designs just above them", "change a cap by a millionth")

    def _scale(self, row: np.ndarray) -> float:
        """A unit in which the objective is about 1 or more: HiGHS also stops at an absolute gap of 1e-6."""
        layers = zip(self.starts[:-1], self.starts[1:], strict=True)
        least = abs(sum(float(row[start:end].min()) for start, end in layers))
        return max(least, TOLERANCE * float(np.abs(row).max()), LEAST_SCALE)

    def _milp(
        self, costs: np.ndarray, constraints: list[LinearConstraint], upper: np.ndarray, gap: float, seconds: float
    ) -> OptimizeResult | None:
        options: Any = {"mip_rel_gap": gap} | ({"time_limit": seconds} if seconds < math.inf else {})
        integrality = np.arange(len(upper)) < self.starts[-1]
        with quiet_stdout():  # HiGHS prints a line of its own now and then, whatever it is told
            result = milp(
                costs, integrality=integrality, bounds=Bounds(0, upper), constraints=constraints, options=options
            )
        if result.status == INFEASIBLE:
            return None
        if result.status not in (OPTIMAL, LIMIT) or result.x is None:
            raise SearchError("the solver finds a design", str(result.message), "give it more time")
        return result

    def _read(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The index of the candidate that each layer takes, and its variable."""
        spans = list(zip(self.starts[:-1], self.starts[1:], strict=True))
        variables = np.array([start + int(np.argmax(values[start:end])) for start, end in spans])
        own = zip(self.places, variables, self.starts[:-1], strict=True)
        return np.array([place[variable - start] for place, variable, start in own]), variables
