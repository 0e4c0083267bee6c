"""The best design under any number of caps, by mixed-integer linear programming.

One binary variable for each candidate, one chosen for each layer; a variable for each part that layers share, at least
that of every layer's candidates that need it. SRAM is a maximum, so a cap on it leaves candidates out. The programs go
to HiGHS [huangfu2018parallelizing] through `scipy.optimize.milp`.

HiGHS works in float64 with tolerances. A design that it returns is evaluated exactly, and where it exceeds a cap it is
excluded and the program solved again; so designs are within the caps without tolerance. That there is no design, and
bounds, hold up to the tolerances of HiGHS: they are computed, not proven in exact arithmetic as `searches.exact` does.

References:
    [huangfu2018parallelizing] Q. Huangfu & J. A. J. Hall. Parallelizing the dual revised simplex method. Mathematical
        Programming Computation 10(1), 2018.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from searches.candidates import Candidates
from searches.errors import InfeasibleError, SearchError
from searches.figures import SRAM, TABULATED_FIGURES
from searches.quiet import quiet_stdout
from searches.table_columns import column_of, shared_size, units_of
from searches.tabulated import tabulated_figures

if TYPE_CHECKING:
    from scipy.optimize import LinearConstraint, OptimizeResult
    from scipy.sparse import csr_array

__all__ = ["BestDesign", "DesignProgram", "best_design", "check_figures"]

TOLERANCE = 1e-6
"""Of HiGHS: by how much it lets a row be exceeded, a number be fractional, or an optimum be missed."""

LEAST_SCALE = 1e-300
ROW_SIZE = 1e4
"""Of a scaled limit: with it the tolerance is 1e-10 of the limit."""

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
        objective: a sum over layers, of `searches.figures.TABULATED_FIGURES` or of the proxies.
        caps: greatest values allowed, of any figures.
        gap: the search ends once value and bound are so close, as a share.
        seconds: or after this time, with the best design until then and its bound.

    Raises:
        InfeasibleError: no design meets the caps.
        SearchError: a name is unknown, or no design was found in the time.
    """
    caps = dict(caps or {})
    check_figures(candidates, [objective], caps)
    if objective == SRAM:
        remedy = "cap SRAM, or make it one objective of an epsilon-Pareto set"
        raise SearchError("the objective is a sum over layers", objective, remedy)
    program = DesignProgram(candidates, caps.get(SRAM, math.inf), (objective, *caps))
    found = program.solve(objective, caps, caps, gap, seconds)
    if found is None:
        limits = ", ".join(f"{name} <= {cap:,}" for name, cap in caps.items())
        raise InfeasibleError("a design meets all caps", limits, "raise a cap, or add smaller schemes")
    return found


def check_figures(candidates: Candidates, objectives: Sequence[str], caps: Mapping[str, float]) -> None:
    """Refuses objectives and caps that the tables do not give.

    Raises:
        SearchError: a name is unknown, an objective is given twice, or a cap is no number.
    """
    known = (*TABULATED_FIGURES, *candidates.proxies)
    if strange := [name for name in (*objectives, *caps) if name not in known]:
        raise SearchError("a figure has a known name", strange[0], f"choose of {', '.join(known)}")
    if len(set(objectives)) != len(objectives):
        raise SearchError("an objective is given once", ", ".join(objectives), "remove one")
    if strange := [name for name, cap in caps.items() if math.isnan(cap)]:
        raise SearchError("a cap is a number", f"{strange[0]} <= nan", "give one, or leave the cap out")


class DesignProgram:
    """The variables and the rows that all programs of some figures under one limit on SRAM have in common.

    Args:
        candidates: the tables of the space.
        sram_limit: candidates whose peak is above it are left out, and those that others dominate in the figures.
        figures: that objectives and caps are of.
    """

    def __init__(self, candidates: Candidates, sram_limit: float, figures: Sequence[str]) -> None:
        self.candidates, self.sram_limit, self.figures = candidates, sram_limit, tuple(figures)
        sums = [name for name in figures if name != SRAM]
        columns = [column_of(name) for name in sums]
        self._places: list[np.ndarray] = []
        fits = candidates.idle_bytes <= sram_limit
        for table in candidates.layers:
            within = np.flatnonzero(fits & (table.columns[SRAM] <= sram_limit))
            part = table.taking(within)
            self._places.append(within[part.efficient_in(columns)] if len(within) else within)
        # Variables: the candidates of the first layer, of the second, ..., then the shared parts.
        self._starts = np.cumsum([0, *(len(place) for place in self._places)])
        keys = tuple(candidates.shared_bits)
        self._rows = {}
        for name, column in zip(sums, columns, strict=True):
            own = [table.columns[column][place] for table, place in zip(candidates.layers, self._places, strict=True)]
            shared = [shared_size(name, candidates.shared_bits[key]) for key in keys]
            self._rows[name] = np.concatenate([*own, np.array(shared)]).astype(np.float64)
        self._structure = self._structural_rows(keys)

    def _structural_rows(self, keys: Sequence[str]) -> "list[LinearConstraint]":
        """One candidate a layer; a part is stored where a layer's candidate needs it."""
        from scipy.sparse import csr_array

        variables, layers = self._starts[-1] + len(keys), len(self._places)
        of_layer = np.repeat(np.arange(layers), np.diff(self._starts))
        placed = (np.ones(len(of_layer)), (of_layer, np.arange(len(of_layer))))
        chosen = csr_array(placed, shape=(layers, variables))
        needs = []
        for layer, (table, place) in enumerate(zip(self.candidates.layers, self._places, strict=True)):
            for number, key in enumerate(keys):
                row = np.zeros(variables)
                row[self._starts[layer] : self._starts[layer + 1]] = [key in table.shared[one] for one in place]
                if row.any():
                    row[self._starts[-1] + number] = -1
                    needs.append(row)
        constraints = [_rows(chosen, 1, 1)]
        return constraints + ([_rows(np.array(needs), -np.inf, 0)] if needs else [])

    def solve(
        self, objective: str, limits: Mapping[str, float], caps: Mapping[str, float], gap: float, seconds: float
    ) -> BestDesign | None:
        """The best design under the limits, None where there is none.

        Args:
            objective: one of the figures, a sum.
            limits: on figures, kept up to the solver's tolerance.
            caps: on figures, kept without tolerance: a design above one is excluded, and the program solved again.
            gap: see `best_design`.
            seconds: see `best_design`.

        Raises:
            SearchError: no design was found in the time, or too many are just above a cap.
        """
        if not all(len(place) for place in self._places):
            return None
        row = self._rows[objective]
        upper, constraints = self._limited(limits)
        scale = self._scale(row)
        bound = -math.inf
        for _ in range(MOST_EXCLUDED):
            result = self._milp(row / scale, constraints, upper, gap, seconds)
            if result is None:
                return None
            bound = max(bound, result.mip_dual_bound * scale / units_of(objective))
            choices, variables = self._read(result.x)
            exact = tabulated_figures(self.candidates, choices[None], self.figures)
            figures = {name: values[0].item() for name, values in exact.items()}
            if all(figures[name] <= cap for name, cap in caps.items()):
                value = figures[objective]
                if objective not in self.candidates.proxies:
                    bound = math.ceil(bound - TOLERANCE * max(1, abs(bound)))  # whole, as all values are
                return BestDesign(tuple(choices.tolist()), figures, value, min(bound, value))
            again = np.zeros((1, len(upper)))
            again[0, variables] = 1
            constraints.append(_rows(again, -np.inf, len(choices) - 1))
        rule = "caps are not within the solver's tolerance of many designs"
        raise SearchError(rule, f"{MOST_EXCLUDED} designs just above them", "change a cap by a millionth")

    def _limited(self, limits: Mapping[str, float]) -> "tuple[np.ndarray, list[LinearConstraint]]":
        """Upper bounds of the variables, and all rows: each limit scaled to one size, so that the solver's absolute
        tolerance is the same share of all; a candidate that exceeds one by itself is never taken."""
        upper, constraints = np.ones(int(self._starts[-1]) + len(self.candidates.shared_bits)), list(self._structure)
        for name, limit in limits.items():
            if name not in self._rows or limit == math.inf:
                continue
            # whole sums leave room for half a unit
            row, most = self._rows[name], limit * units_of(name) + (0 if name in self.candidates.proxies else 0.5)
            size = max(abs(most), TOLERANCE * float(np.abs(row).max()), LEAST_SCALE)
            if (row >= 0).all():
                upper[row > most + TOLERANCE * size] = 0
            constraints.append(_rows((ROW_SIZE * row * upper / size)[None], -np.inf, ROW_SIZE * most / size))
        return upper, constraints

    def _scale(self, row: np.ndarray) -> float:
        """A unit in which the objective is about 1 or more: HiGHS also stops at an absolute gap of 1e-6."""
        layers = zip(self._starts[:-1], self._starts[1:], strict=True)
        least = abs(sum(float(row[start:end].min()) for start, end in layers))
        return max(least, TOLERANCE * float(np.abs(row).max()), LEAST_SCALE)

    def _milp(
        self, costs: np.ndarray, constraints: "list[LinearConstraint]", upper: np.ndarray, gap: float, seconds: float
    ) -> "OptimizeResult | None":
        from scipy.optimize import Bounds, milp

        options: Any = {"mip_rel_gap": gap} | ({"time_limit": seconds} if seconds < math.inf else {})
        integrality = np.arange(len(upper)) < self._starts[-1]
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
        spans = list(zip(self._starts[:-1], self._starts[1:], strict=True))
        variables = np.array([start + int(np.argmax(values[start:end])) for start, end in spans])
        own = zip(self._places, variables, self._starts[:-1], strict=True)
        return np.array([place[variable - start] for place, variable, start in own]), variables


def _rows(values: "np.ndarray | csr_array", least: float, most: float) -> "LinearConstraint":
    """That each row (rows, variables), times the variables, is within these bounds."""
    from scipy.optimize import LinearConstraint
    from scipy.sparse import csr_array

    return LinearConstraint(csr_array(values), least, most)
