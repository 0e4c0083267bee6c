"""The least value of each budgeted figure that any design of a space reaches: proven, since each is a sum or a maximum
over layers that choose alone, but for the codebooks that they share."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from costmodels import LayerCost, LayerSpec, LayerUsage, NetworkSpec, Scheme, layer_cost
from costmodels.fixed_costs import fixed_figures
from costmodels.flash import layer_flash_bytes
from costmodels.latency import LatencySource
from costmodels.memory import live_steps, peak_of
from searches.constraints import Budget
from searches.errors import InfeasibleError
from searches.figures import FLASH, LATENCY, SRAM, STORAGE
from searches.space import Space
from searches.table_columns import STORED_FIGURES, column_of, figure_of, shared_size

__all__ = ["UsageOf", "check_reachable", "contribution_span", "least_reachable", "least_sum"]

UsageOf = Callable[[str, Scheme], LayerUsage]
"""What the layer of that name really uses when it is fitted with a scheme."""

MANY = 1 << 60
EXTREMES = (
    LayerUsage(0, 0, 0, 0, 0),
    LayerUsage(0, 0, 0, MANY, 0),
    LayerUsage(0, 0, MANY, 0, 0),
    LayerUsage(MANY, MANY, MANY, MANY, MANY),
)
"""Least counts, and most; between them, the two that force the one or the other way to share templates."""


def least_reachable(
    network: NetworkSpec,
    space: Space,
    figure: str,
    activation_bits: int,
    usage_of: UsageOf | None = None,
    latency: LatencySource | None = None,
) -> float:
    """The least value of a figure over all designs, no other figure being limited.

    Args:
        network: the network.
        space: its designs.
        figure: ``flash_bytes``, ``storage_bytes``, ``sram_bytes`` (every layer in its execution of least scratch),
            ``traffic_bytes``, ``latency_ms`` or an operation count (every layer in its execution of least bit-ops).
        activation_bits: of every activation tensor.
        usage_of: gives the counts of fitted layers; without it the schemes' parameters are counted. It is asked only
            about schemes that may be the least: those whose figure with the fewest counts is below the best found.
        latency: what gives times, for ``latency_ms``.

    Returns:
        The least value, an integer but for times.
    """
    if figure == LATENCY:
        return _least_milliseconds(network, space, activation_bits, usage_of, latency)
    shared: dict[str, int] = {}
    tables = []
    for layer, choices in zip(network.layers, space.layers, strict=True):
        groups: dict[frozenset[str], list[LayerCost]] = {}
        for scheme in choices.candidates:
            cost = layer_cost(layer.shape, scheme, activation_bits, layer=layer)
            needs = cost.shared if figure in STORED_FIGURES else {}
            shared.update(needs)
            groups.setdefault(frozenset(needs), []).append(cost)
        tables.append({needs: _least(layer, costs, figure, usage_of) for needs, costs in groups.items()})
    if figure == SRAM:
        scratch = {layer.name: min(table.values()) for layer, table in zip(network.layers, tables, strict=True)}
        return peak_of(live_steps(network, activation_bits), scratch).bytes
    least = least_sum(tables, {key: shared_size(figure, bits) for key, bits in shared.items()})
    return figure_of(figure, least + fixed_figures(network, activation_bits).get(column_of(figure), 0))


def _least_milliseconds(
    network: NetworkSpec, space: Space, activation_bits: int, usage_of: UsageOf | None, latency: LatencySource | None
) -> float:
    """The sum over layers of the least time of a candidate: of what the model says, every rate of it at least 0.

    With fewer counts a layer may be run in another execution, so a candidate is asked about where the least of any of
    its executions is below the best found.
    """
    if latency is None:
        raise RuntimeError("latency is bounded only where there is something that gives times")
    total = 0.0
    for layer, choices in zip(network.layers, space.layers, strict=True):
        best = math.inf
        for scheme in choices.candidates:
            cost = layer_cost(layer.shape, scheme, activation_bits, layer=layer)
            if usage_of is not None:
                fewest = layer_cost(layer.shape, scheme, activation_bits, EXTREMES[0], layer)
                floor = min(latency.of_cost(replace(fewest, execution=name)) for name in fewest.executions)
                if floor >= best:
                    continue
                cost = layer_cost(layer.shape, scheme, activation_bits, usage_of(layer.name, scheme), layer)
            best = min(best, latency.of_cost(cost))
        total += best
    return 1e3 * total


def _least(layer: LayerSpec, costs: Iterable[LayerCost], figure: str, usage_of: UsageOf | None) -> int:
    """The least that a candidate of the layer adds to a figure: branch and bound, the most promising first."""
    if usage_of is None:
        return min(_contribution(layer, cost, figure) for cost in costs)
    best = math.inf
    spans = sorted(((contribution_span(layer, cost, figure), cost) for cost in costs), key=lambda item: item[0])
    for (lower, upper), cost in spans:
        if lower >= best:
            break
        value = lower
        if lower < upper:
            value = _contribution(layer, _with_usage(layer, cost, usage_of(layer.name, cost.scheme)), figure)
        best = min(best, value)
    return int(best)


def contribution_span(layer: LayerSpec, cost: LayerCost, figure: str) -> tuple[int, int]:
    """Bounds of what a candidate adds to a figure, whatever the fitted layer uses; equal where that is all the same.

    Every execution's counts grow with what is used, but which execution is reported changes with it: so the bounds
    are over all executions.

    Args:
        layer: the layer.
        cost: of a candidate, counted from its parameters.
        figure: of `searches.figures.TABULATED_FIGURES`; storage is in bits.
    """
    extremes = [_with_usage(layer, cost, usage) for usage in EXTREMES]
    values = [
        _contribution(layer, replace(item, execution=name), figure) for item in extremes for name in item.executions
    ]
    return min(values), max(values)


def _with_usage(layer: LayerSpec, cost: LayerCost, usage: LayerUsage) -> LayerCost:
    return layer_cost(cost.shape, cost.scheme, cost.activation_bits, usage, layer)


def _contribution(layer: LayerSpec, cost: LayerCost, figure: str) -> int:
    """What a layer adds to a network's figure, without what the network stores once; to storage in bits."""
    if figure == SRAM:
        return min(int(execution.scratch_bytes) for execution in cost.executions.values())
    if figure == STORAGE:
        return cost.storage_bits
    if figure == FLASH:
        return layer_flash_bytes(layer, cost.scheme, cost.storage)
    return int(getattr(cost, figure))


def least_sum(tables: Sequence[Mapping[frozenset[str], int]], shared: Mapping[str, int]) -> int:
    """The least sum of one entry a layer, and once the shared parts that the chosen entries need.

    Branch and bound over the parts that are stored. Every entry needs one part at most, so a part saves no more the
    more others are stored: one that does not pay with those stored already never will.

    Args:
        tables: for each layer the least entry by the shared parts that it needs, at most one of them.
        shared: what each shared part adds, in the unit of the entries.
    """

    def least_with(stored: frozenset[str]) -> float:
        return sum(min((v for needs, v in table.items() if needs <= stored), default=math.inf) for table in tables)

    best = math.inf
    branches = [(frozenset[str](), frozenset(shared))]
    while branches:
        stored, undecided = branches.pop()
        once = sum(shared[key] for key in stored)
        least = least_with(stored)
        best = min(best, once + least)
        if once + least_with(stored | undecided) >= best:
            continue
        saving = {key: math.inf if least == math.inf else least - least_with(stored | {key}) for key in undecided}
        paying = frozenset(key for key, saved in saving.items() if saved > shared[key])
        if paying:
            key = max(sorted(paying), key=lambda part: saving[part] - shared[part])
            branches += [(stored, paying - {key}), (stored | {key}, paying - {key})]
    return int(best)


def check_reachable(
    network: NetworkSpec,
    space: Space,
    budgets: Sequence[Budget],
    activation_bits: int,
    usage_of: UsageOf | None = None,
    latency: LatencySource | None = None,
) -> None:
    """Refuses budgets that no design of the space can meet, each taken alone.

    Args:
        network: the network.
        space: its designs.
        budgets: the limits.
        activation_bits: of every activation tensor.
        usage_of: see `least_reachable`; asked only for budgets that the schemes' parameters alone would refuse.
        latency: see `least_reachable`.

    Raises:
        InfeasibleError: the message names every such budget and the least value reachable.
    """
    faults = []
    for budget in budgets:
        least = least_reachable(network, space, budget.column, activation_bits, latency=latency)
        if least > budget.limit and usage_of is not None:
            least = least_reachable(network, space, budget.column, activation_bits, usage_of, latency)
        if least > budget.limit:
            counted = "" if usage_of else " counted from the schemes' parameters"
            limit = f"{budget.name} allows {budget.shown(budget.limit)} {budget.unit}"
            faults.append(f"{limit}, the least reachable is {budget.shown(least)}{counted}")
    if faults:
        rule = f"no design of the space fits: {' | '.join(faults)}"
        raise InfeasibleError(rule, remedy="raise the budget, choose another device, or add smaller schemes")
