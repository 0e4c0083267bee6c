"""Budgets that no design meets at once, though each alone can be met: which of them are to blame, and the least value
of each within the others.

Those to blame are an irreducible infeasible subset: no design meets them all, and without any one of them one does. It
is found by the deletion filter [chinneck1991locating]: every budget in turn is left out, and stays out where there is
still no design. With SRAM and one sum over layers among the budgets, or two, this is proven in exact arithmetic
(`searches.exact`); with more sums by mixed-integer linear programs, within the tolerance of HiGHS (`searches.milp`).

References:
    [chinneck1991locating] J. W. Chinneck & E. W. Dravnieks. Locating minimal infeasible constraint sets in linear
        programs. ORSA Journal on Computing 3(2), 1991.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from costmodels import NetworkSpec, layer_cost
from costmodels.memory import live_steps
from searches.bounds import contribution_span
from searches.candidate_tables import candidate_tables
from searches.candidates import Candidates, CandidateTable
from searches.constraints import Budget
from searches.errors import InfeasibleError, SearchError
from searches.exact import exact_front, least_figure
from searches.figures import SRAM, STORAGE, TABULATED_FIGURES
from searches.fixed_part import add_fixed_part
from searches.milp import best_design
from searches.space import Space
from searches.table_columns import COLUMNS, column_of

__all__ = ["InfeasibleSubset", "check_jointly_reachable", "find_infeasible_subset", "floor_tables", "least_within"]

MOST_POINTS = 200_000
"""Of a front on the way to a least value; beyond, a mixed-integer linear program finds it."""


@dataclass(frozen=True)
class InfeasibleSubset:
    """Budgets that no design meets at once, and of which none can be spared: without any one of them a design fits.

    Args:
        budgets: those budgets.
        within: for each one the least value that keeps the others.
        alone: for each one the least value with no other limit.
        arithmetic: ``exact``, or ``HiGHS`` where the values hold within its tolerance.
    """

    budgets: tuple[Budget, ...]
    within: tuple[int, ...]
    alone: tuple[int, ...]
    arithmetic: str

    def __str__(self) -> str:
        parts = [
            f"{budget.name} allows {budget.limit:,} {budget.unit}, the least within the others is {least:,} "
            f"({alone:,} alone)"
            for budget, least, alone in zip(self.budgets, self.within, self.alone, strict=True)
        ]
        return " | ".join(parts)


def least_within(candidates: Candidates, name: str, caps: Mapping[str, float]) -> tuple[float, bool] | None:
    """The least value of a figure under caps on others, and whether exact arithmetic proves it; None with no design.

    Args:
        candidates: the tables.
        name: of `searches.figures.TABULATED_FIGURES`.
        caps: greatest values allowed, of any of them.
    """
    if name == SRAM:
        return _least_sram(candidates, caps)
    others = [cap for cap in caps if cap not in (name, SRAM)]
    if not others:
        least = least_figure(candidates, name, caps.get(SRAM, math.inf))
        return None if least is None or least > caps.get(name, math.inf) else (least, True)
    try:
        if len(others) == 1:
            front = exact_front(candidates, (name, others[0]), caps, MOST_POINTS)
            return front.figures[name][0].item(), True
    except InfeasibleError:
        return None
    except SearchError:  # too many points
        pass
    try:
        return best_design(candidates, name, caps).bound, False
    except InfeasibleError:
        return None


def _least_sram(candidates: Candidates, caps: Mapping[str, float]) -> tuple[float, bool] | None:
    """Bisection over the peaks that there are: the more SRAM is allowed, the more designs there are."""
    peaks = np.unique([candidates.idle_bytes, *np.concatenate([t.columns[SRAM] for t in candidates.layers])])
    peaks = peaks[peaks <= caps.get(SRAM, math.inf)]
    sums = {name: cap for name, cap in caps.items() if name != SRAM}
    first = next(iter(sums), STORAGE)

    def found(place: int) -> tuple[float, bool] | None:
        return least_within(candidates, first, {**sums, SRAM: int(peaks[place])})

    low, high = 0, len(peaks)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if found(middle) else (middle + 1, high)
    if low == len(peaks):
        return None
    return int(peaks[low]), bool((found(low) or (0, False))[1])


def find_infeasible_subset(candidates: Candidates, budgets: Sequence[Budget]) -> InfeasibleSubset | None:
    """An irreducible infeasible subset of the budgets; None where a design of the tables meets all of them.

    Budgets on figures that tables of candidates do not give are passed over: leaving one out only adds designs.

    Args:
        candidates: the tables.
        budgets: each of which can be met alone.
    """

    def least_of(budget: Budget, others: Sequence[Budget]) -> tuple[float, bool] | None:
        return least_within(candidates, budget.column, {other.column: other.limit for other in others})

    def fits(chosen: Sequence[Budget]) -> bool:
        return not chosen or least_of(chosen[0], chosen) is not None

    subset = [budget for budget in budgets if budget.column in TABULATED_FIGURES]
    if fits(subset):
        return None
    for budget in tuple(subset):
        rest = [other for other in subset if other is not budget]
        subset = subset if fits(rest) else rest
    within = [least_of(budget, [other for other in subset if other is not budget]) for budget in subset]
    alone = [least_of(budget, []) for budget in subset]
    exact = all(item is None or item[1] for item in within)
    return InfeasibleSubset(tuple(subset), _values(within), _values(alone), "exact" if exact else "HiGHS")


def _values(found: Sequence[tuple[float, bool] | None]) -> tuple[int, ...]:
    """Whole values; a least value is always there, as a design keeps the rest of the subset where one is left out."""
    return tuple(math.ceil(item[0]) for item in found if item is not None)


def floor_tables(network: NetworkSpec, space: Space, figures: Sequence[str], activation_bits: int) -> Candidates:
    """Tables of the least that each candidate adds to these figures, whatever the weights that it is fitted to are.

    What cannot be met with these tables cannot be met.

    Args:
        network: the network.
        space: its designs.
        figures: of `searches.figures.TABULATED_FIGURES`; columns of others are 0.
        activation_bits: of every activation tensor.
    """
    live: dict[str, int] = {}
    steps = live_steps(network, activation_bits)
    for step in steps:
        if step.layer is not None:
            live[step.layer] = max(live.get(step.layer, 0), step.bytes)
    shared_bits: dict[str, int] = {}
    tables = []
    for layer, choices in zip(network.layers, space.layers, strict=True):
        costs = [layer_cost(layer.shape, scheme, activation_bits, layer=layer) for scheme in choices.candidates]
        columns = {name: np.zeros(len(costs), np.int64) for name in COLUMNS}
        for name in figures:
            own = np.array([contribution_span(layer, cost, name)[0] for cost in costs], np.int64)
            peak = own + live[layer.name] if layer.name in live else np.zeros_like(own)
            columns[column_of(name)] = peak if name == SRAM else own
        if layer is network.layers[0]:
            asked = {column_of(name): columns[column_of(name)] for name in figures}
            add_fixed_part(asked, network, activation_bits)
            columns |= asked
        for cost in costs:
            shared_bits.update(cost.shared)
        shared = tuple(frozenset(cost.shared) for cost in costs)
        tables.append(CandidateTable(layer.name, choices.candidates, columns, shared))
    idle = max((step.bytes for step in steps if step.layer is None), default=0)
    return Candidates(tuple(tables), shared_bits, idle)


def check_jointly_reachable(
    network: NetworkSpec,
    space: Space,
    budgets: Sequence[Budget],
    activation_bits: int,
    sram_limit_bytes: int | None = None,
) -> None:
    """Refuses budgets that no design of the space can meet at once, whatever its weights are.

    Args:
        network: the network.
        space: its designs.
        budgets: the limits, each of which can be met alone.
        activation_bits: of every activation tensor.
        sram_limit_bytes: see `searches.candidate_tables.candidate_tables`.

    Raises:
        InfeasibleError: the message names an irreducible infeasible subset of the budgets, and the least values.
    """
    counted = [budget for budget in budgets if budget.column in TABULATED_FIGURES]
    if len(counted) < 2:
        return
    schemes = {layer.name: layer.candidates for layer in space.layers}
    tables = candidate_tables(network, schemes, activation_bits, None, sram_limit_bytes)
    if find_infeasible_subset(tables, counted) is None:
        return
    figures = [budget.column for budget in counted]
    subset = find_infeasible_subset(floor_tables(network, space, figures, activation_bits), counted)
    if subset is not None:
        raise InfeasibleError(
            f"no design of the space meets these budgets at once, whatever its weights are: {subset}",
            remedy="raise one of these budgets, choose another device, or add smaller schemes",
        )
