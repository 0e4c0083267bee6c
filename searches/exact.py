"""The complete front of two figures of a network: no design of the space is better, and that is proven.

Storage, flash, work, traffic and proxies are sums over layers, so the front of two of them is that of a multiple-choice
knapsack with two objectives: a dynamic program with dominance, layer by layer (`searches.knapsack`). What is no plain
sum is handled apart:

- A cap on a further sum is a further column of the dynamic program, which then keeps what is efficient in all of them:
  exact, but only small networks have few enough partial designs for it.
- A limit on SRAM, a maximum over steps, is a limit on each layer's own peak: candidates above it are left out. A front
  of SRAM and another figure is the least of that figure under every limit.
- Parts that layers share (codebooks) are chosen by branch and bound (`searches.branches`).

Exact means: integers are exact, and a proxy is the one in the tables, a multiple of a power of two such that sums are
exact in float64 too. Nothing is rounded while searching, and no order of layers gives another front. Of designs with
the same two figures the front names one.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from searches.bounds import least_sum
from searches.branches import front_over_branches
from searches.candidates import Candidates
from searches.dominance import lower_front
from searches.errors import InfeasibleError, SearchError
from searches.figures import SRAM, TABULATED_FIGURES
from searches.sum_problem import SumProblem, make_sum_problem
from searches.table_columns import STORED_FIGURES, column_of, figure_of, shared_size
from searches.tabulated import tabulated_figures

__all__ = ["ExactFront", "exact_front", "least_figure"]

MOST_POINTS = 2_000_000
MOST_CANDIDATES = np.iinfo(np.int16).max


@dataclass(frozen=True, eq=False)
class ExactFront:
    """Every pair of values that no design of the space betters, with a design for each.

    Args:
        figures: the two objectives by name, each of shape (points,), the first ascending and the second descending;
            int64, or float64 for a proxy.
        designs: indices of candidates, int16 of shape (points, layers).
    """

    figures: Mapping[str, np.ndarray]
    designs: np.ndarray


def exact_front(
    candidates: Candidates,
    objectives: tuple[str, str],
    caps: Mapping[str, float] | None = None,
    most_points: int = MOST_POINTS,
) -> ExactFront:
    """The complete front of two figures, both to be small.

    Args:
        candidates: the tables of the space.
        objectives: two of `searches.figures.TABULATED_FIGURES` or of the proxies.
        caps: greatest values allowed, of any figures. Those on the objectives and on ``sram_bytes`` make it faster,
            one on a further sum much slower: `searches.milp` then has fronts within a factor.
        most_points: of a front on the way, a limit on memory; under caps on further sums 100,000 at most.

    Raises:
        InfeasibleError: no design meets the caps; the message says the least value of each.
        SearchError: an objective or a cap is no such figure, sums cannot be exact, or there are more points than
            allowed.
    """
    caps = dict(caps or {})
    _check_names(candidates, objectives, caps)
    further = tuple(name for name in caps if name not in (*objectives, SRAM))
    if SRAM in objectives:
        return _front_with_sram(candidates, objectives, further, caps, most_points)
    names = (*objectives, *further)
    problem = make_sum_problem(candidates, names, caps)
    points = front_over_branches(problem, most_points)
    if not len(points.x):
        raise _infeasible(problem, names, caps)
    figures = {}
    for name, sums in zip(objectives, (points.x, points.y), strict=True):
        values = figure_of(name, sums)
        figures[name] = values.astype(np.float64 if name in candidates.proxies else np.int64)
    return _without_dominated(figures, points.designs)


def least_figure(candidates: Candidates, name: str, sram_limit: float = math.inf) -> float | None:
    """The least value of a sum over layers that any design within a limit on SRAM reaches; None with no such design.

    Args:
        candidates: the tables.
        name: of `searches.figures.TABULATED_FIGURES` (not ``sram_bytes``) or of the proxies.
        sram_limit: in bytes.

    Raises:
        SearchError: sums cannot be exact.
    """
    problem = make_sum_problem(candidates, (name, name), {SRAM: sram_limit})
    return _least(problem, name) if all(len(allowed) for allowed in problem.allowed) else None


def _without_dominated(figures: Mapping[str, np.ndarray], designs: np.ndarray) -> ExactFront:
    keep = lower_front(*figures.values())
    return ExactFront({name: values[keep] for name, values in figures.items()}, designs[keep])


def _front_with_sram(
    candidates: Candidates,
    objectives: tuple[str, str],
    further: tuple[str, ...],
    caps: Mapping[str, float],
    most_points: int,
) -> ExactFront:
    """The front of SRAM and another figure: the least of that one under a falling limit on SRAM.

    A limit's best design has some peak: between the peak and the limit nothing has less of the other figure, so the
    next limit is a byte below the peak.
    """
    other = objectives[1 - objectives.index(SRAM)]
    names, limit = (other, other, *further), caps.get(SRAM, math.inf)
    found = []
    while True:
        problem = make_sum_problem(candidates, names, {**caps, SRAM: limit})
        points = front_over_branches(problem, most_points)
        if not len(points.x):
            break
        found.append(points.designs)
        limit = tabulated_figures(candidates, points.designs, [SRAM])[SRAM].item() - 1
    if not found:
        raise _infeasible(problem, names, caps)
    designs = np.concatenate(found)
    return _without_dominated(tabulated_figures(candidates, designs, objectives), designs)


def _check_names(candidates: Candidates, objectives: tuple[str, str], caps: Mapping[str, float]) -> None:
    known = (*TABULATED_FIGURES, *candidates.proxies)
    if len(objectives) != 2 or len(set(objectives)) != 2 or not set(objectives) <= set(known):
        raise SearchError("objectives are two known figures", ", ".join(objectives), f"choose of {', '.join(known)}")
    if strange := [name for name in caps if name not in known]:
        raise SearchError("a cap is on a known figure", strange[0], f"choose of {', '.join(known)}")
    if max(len(table.schemes) for table in candidates.layers) > MOST_CANDIDATES:
        raise SearchError(f"a layer has at most {MOST_CANDIDATES:,} candidates", "more", "offer fewer")
    for name, cap in caps.items():
        if math.isnan(cap):
            raise SearchError("a cap is a number", f"{name} <= {cap}", "give one, or leave the cap out")


def _infeasible(problem: SumProblem, names: Sequence[str], caps: Mapping[str, float]) -> InfeasibleError:
    """The error that says the least value of every capped figure: of SRAM alone, of a sum under the cap on SRAM."""
    tables = problem.candidates.layers
    peak = max(problem.candidates.idle_bytes, *(int(table.columns[SRAM].min()) for table in tables))
    least: dict[str, float] = {SRAM: peak}
    if peak <= caps.get(SRAM, math.inf):
        least |= {name: _least(problem, name) for name in names}
    known = [f"{name} <= {cap:,}, the least is {least[name]:,}" for name, cap in caps.items() if name in least]
    return InfeasibleError("a design meets all caps", " | ".join(known), "raise a cap, or add smaller schemes")


def _least(problem: SumProblem, name: str) -> float:
    """The least value of a figure over the designs allowed."""
    tables, column = problem.candidates.layers, column_of(name)
    if name not in STORED_FIGURES:
        least: float = sum(
            table.columns[column][index].min().item() for table, index in zip(tables, problem.allowed, strict=True)
        )
        return least
    groups: list[dict[frozenset[str], int]] = [{} for _ in tables]
    for table, index, group in zip(tables, problem.allowed, groups, strict=True):
        for one in index:
            value = int(table.columns[column][one])
            group[table.shared[one]] = min(group.get(table.shared[one], value), value)
    shared = {key: shared_size(name, bits) for key, bits in problem.candidates.shared_bits.items()}
    return figure_of(name, least_sum(groups, shared))
