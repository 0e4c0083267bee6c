"""Budgets that no design meets at once, though each alone can be met: which of them exclude each other, and the least
value of each within the others.

With SRAM and one sum over layers among the budgets, or two, this is proven in exact arithmetic (`searches.exact`); with
more sums by integer programs, within the tolerance of HiGHS (`searches.milp`).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from costmodels import NetworkSpec, layer_cost
from costmodels.memory import live_steps
from searches.bounds import part_span
from searches.candidates import COSTS, Candidates, CandidateTable, candidate_tables
from searches.constraints import Budget
from searches.errors import InfeasibleError, SearchError
from searches.evaluation import FIGURES
from searches.exact import exact_front, least_figure
from searches.milp import best_design
from searches.space import Space

__all__ = ["Conflict", "check_joint", "find_conflict", "floor_tables", "least_within"]

SRAM = "sram_bytes"
MOST_POINTS = 200_000
"""Of a front on the way to a least value; beyond, an integer program finds it."""


@dataclass(frozen=True)
class Conflict:
    """Budgets that no design meets at once, and of which none can be spared: without any one of them a design fits.

    Args:
        budgets: those budgets.
        within: for each one the least value that keeps the others.
        alone: with no other limit.
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
        name: of `searches.evaluation.FIGURES`, of which ``caps`` names any.
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
    first = next(iter(sums), "storage_bytes")

    def found(place: int) -> tuple[float, bool] | None:
        return least_within(candidates, first, {**sums, SRAM: int(peaks[place])})

    low, high = 0, len(peaks)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if found(middle) else (middle + 1, high)
    if low == len(peaks):
        return None
    return int(peaks[low]), bool((found(low) or (0, False))[1])


def find_conflict(candidates: Candidates, budgets: Sequence[Budget]) -> Conflict | None:
    """The budgets that no design of the tables meets at once; None where one does.

    Budgets on figures that tables of candidates do not give are passed over: leaving one out only adds designs. So is,
    one after another, every budget without which there is still no design.
    """

    def least_of(budget: Budget, others: Sequence[Budget]) -> tuple[float, bool] | None:
        return least_within(candidates, budget.column, {other.column: other.limit for other in others})

    def fits(chosen: Sequence[Budget]) -> bool:
        return not chosen or least_of(chosen[0], chosen) is not None

    binding = [budget for budget in budgets if budget.column in FIGURES]
    if fits(binding):
        return None
    for budget in tuple(binding):
        rest = [other for other in binding if other is not budget]
        binding = binding if fits(rest) else rest
    within = [least_of(budget, [other for other in binding if other is not budget]) for budget in binding]
    alone = [least_of(budget, []) for budget in binding]
    exact = all(item is None or item[1] for item in within)
    return Conflict(tuple(binding), _values(within), _values(alone), "exact" if exact else "HiGHS")


def _values(found: Sequence[tuple[float, bool] | None]) -> tuple[int, ...]:
    """Whole values; a least value is always there, as any budget's conflict ends where it is left out."""
    return tuple(math.ceil(item[0]) for item in found if item is not None)


def floor_tables(network: NetworkSpec, space: Space, columns: Sequence[str], activation_bits: int) -> Candidates:
    """Tables of the least that each candidate adds to these figures, whatever the weights that it is fitted to are.

    Other columns are 0. What cannot be met with these tables cannot be met.
    """
    live: dict[str, int] = {}
    steps = live_steps(network, activation_bits)
    for step in steps:
        if step.layer is not None:
            live[step.layer] = max(live.get(step.layer, 0), step.bytes)
    shared_bits: dict[str, int] = {}
    tables = []
    for layer, part in zip(network.layers, space.layers, strict=True):
        costs = [layer_cost(layer.shape, scheme, activation_bits, layer=layer) for scheme in part.candidates]
        values = {name: np.zeros(len(costs), np.int64) for name in COSTS}
        for name in columns:
            own = np.array([part_span(layer, cost, name)[0] for cost in costs], np.int64)
            peak = own + live[layer.name] if layer.name in live else np.zeros_like(own)
            values["storage_bits" if name == "storage_bytes" else name] = peak if name == SRAM else own
        for cost in costs:
            shared_bits.update(cost.shared)
        tables.append(CandidateTable(layer.name, part.candidates, values, tuple(frozenset(c.shared) for c in costs)))
    idle = max((step.bytes for step in steps if step.layer is None), default=0)
    return Candidates(tuple(tables), shared_bits, idle)


def check_joint(
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
        sram_limit_bytes: see `searches.candidates.candidate_tables`.

    Raises:
        InfeasibleError: the message names the budgets that exclude each other, and the least values.
    """
    counted = [budget for budget in budgets if budget.column in FIGURES]
    if len(counted) < 2:
        return
    schemes = {layer.name: layer.candidates for layer in space.layers}
    if find_conflict(candidate_tables(network, schemes, activation_bits, None, sram_limit_bytes), counted) is None:
        return
    columns = [budget.column for budget in counted]
    conflict = find_conflict(floor_tables(network, space, columns, activation_bits), counted)
    if conflict is not None:
        raise InfeasibleError(
            f"no design of the space meets these budgets at once, whatever its weights are: {conflict}",
            remedy="raise one of these budgets, choose another device, or add smaller schemes",
        )
