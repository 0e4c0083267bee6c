"""The least value of each budgeted figure that any design of a space reaches: proven, since each is a sum or a maximum
over layers that choose alone."""

import itertools
from collections.abc import Mapping, Sequence
from functools import partial

from costmodels import LayerSpec, NetworkSpec, Scheme, layer_cost
from costmodels.cost import network_cost
from costmodels.schemes.base import FLOAT_BITS
from costmodels.units import bytes_of_bits
from searches.constraints import Budget
from searches.errors import InfeasibleError
from searches.space import Space

__all__ = ["check_reachable", "least_reachable"]


def least_reachable(network: NetworkSpec, space: Space, column: str, activation_bits: int) -> int:
    """The least value of a figure over all designs, counted from the schemes' parameters.

    Args:
        network: the network. space: its designs. column: ``flash_bytes``, ``storage_bytes``, ``sram_bytes``, or an
            operation count. activation_bits: of every activation tensor.
    """
    if column == "sram_bytes":
        return _least_sram(network, space, activation_bits)
    tables = [
        [
            (_figure(layer, scheme, column, activation_bits), layer_cost(layer.shape, scheme).shared)
            for scheme in options
        ]
        for layer, options in zip(network.layers, (part.candidates for part in space.layers), strict=True)
    ]
    total = _least_sum(tables, in_bits=column == "storage_bytes")
    return bytes_of_bits(total) if column == "storage_bytes" else total


def _figure(layer: LayerSpec, scheme: Scheme, column: str, activation_bits: int) -> int:
    """A layer's part of a network's figure, without what the network stores once."""
    cost = layer_cost(layer.shape, scheme, activation_bits, layer=layer)
    if column == "storage_bytes":
        return cost.storage_bits
    if column != "flash_bytes":
        return int(getattr(cost, column))
    extra = FLOAT_BITS * layer.shape.out_channels * (layer.bias or layer.normalization)
    extra += FLOAT_BITS * layer.shape.out_channels * (layer.normalization and not scheme.takes_channel_scale)
    return sum(bytes_of_bits(bits) for bits in cost.storage.values()) + extra // 8


def _least_sum(tables: Sequence[Sequence[tuple[int, Mapping[str, int]]]], in_bits: bool) -> int:
    """The least sum of one entry a layer plus the shared parts that the chosen entries need, each counted once."""
    shared = {key: bits for options in tables for _, needs in options for key, bits in needs.items()}
    best = None
    for count in range(len(shared) + 1):
        for allowed in itertools.combinations(shared, count):
            choices = [[value for value, needs in options if set(needs) <= set(allowed)] for options in tables]
            if not all(choices):
                continue
            once = sum(shared[key] if in_bits else bytes_of_bits(shared[key]) for key in allowed)
            total = once + sum(min(values) for values in choices)
            best = total if best is None else min(best, total)
    return best or 0


def _least_sram(network: NetworkSpec, space: Space, activation_bits: int) -> int:
    """The peak when every layer takes the scheme and execution of least scratch: a step's need depends on no other
    layer."""

    def least_scratch(layer: LayerSpec, scheme: Scheme) -> int:
        executions = layer_cost(layer.shape, scheme, activation_bits).executions.values()
        return min(execution.scratch_bytes for execution in executions)

    leanest = {
        layer.name: min(part.candidates, key=partial(least_scratch, layer))
        for layer, part in zip(network.layers, space.layers, strict=True)
    }
    return network_cost(network, leanest, activation_bits, sram_limit_bytes=0).sram_bytes


def check_reachable(network: NetworkSpec, space: Space, budgets: Sequence[Budget], activation_bits: int) -> None:
    """Refuses budgets that no design of the space can meet, each taken alone.

    Raises:
        InfeasibleError: the message names every such budget and the least value reachable.
    """
    faults = []
    for budget in budgets:
        least = least_reachable(network, space, budget.column, activation_bits)
        if least > budget.limit:
            faults.append(f"{budget.name}: the least reachable is {least:,} {budget.unit}, {budget.limit:,} allowed")
    if faults:
        rule = "no design of the space fits: a budget can be met by some design"
        raise InfeasibleError(rule, " | ".join(faults), "raise it, choose another device, or add smaller schemes")
