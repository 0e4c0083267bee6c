"""Building candidate tables: counts of every candidate of every layer, and proxies that come from outside.

Proxies (a squared error for each fitted layer, say) are rounded to multiples of a power of two so coarse that their
sums are exact in float64: a sum is then the same in any order of the layers, and which of two designs is better never
depends on rounding. The step is at most 2^-51 of the greatest sum.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from costmodels import LayerCost, LayerSpec, NetworkSpec, Scheme, layer_cost, layer_cost_columns
from costmodels.flash import channel_bits, flash_bytes, layer_flash_bytes
from costmodels.latency import LatencySource
from costmodels.memory import live_steps
from costmodels.network_costs import within_scratch
from costmodels.units import bytes_of_bits
from searches.bounds import UsageOf
from searches.candidates import Candidates, CandidateTable
from searches.errors import SearchError
from searches.figures import ENERGY, FLASH, LATENCY, SRAM
from searches.fixed_part import add_fixed_part
from searches.table_columns import COLUMNS

__all__ = ["candidate_tables"]

Proxies = Mapping[str, Mapping[str, Sequence[float]]]
"""By the proxy's name and the layer's, one value for each candidate."""


def candidate_tables(
    network: NetworkSpec,
    schemes: Mapping[str, Sequence[Scheme]],
    activation_bits: int = 8,
    usage_of: UsageOf | None = None,
    sram_limit_bytes: int | None = None,
    proxies: Proxies | None = None,
    latency: LatencySource | None = None,
) -> Candidates:
    """The tables of a network.

    Args:
        network: the network.
        schemes: the candidates of every layer, by its name.
        activation_bits: of every activation tensor.
        usage_of: gives the counts of fitted layers; without it the schemes' parameters are counted.
        sram_limit_bytes: where given, a layer runs in the execution that `network_cost` chooses under it.
        proxies: by their own name and the layer's, one value for each candidate.
        latency: what gives times; with it the tables have a proxy more, `searches.figures.LATENCY`, and where what is
            drawn meanwhile is known, `searches.figures.ENERGY`.

    Returns:
        A table for each layer, in the network's order.

    Raises:
        CostModelError: a candidate is impossible for its layer, or has no time.
        SearchError: a layer has no candidate, or a proxy has another number of values or one that is not finite.
    """
    steps = live_steps(network, activation_bits)
    counter = _Counter(activation_bits, usage_of, sram_limit_bytes, latency)
    counted = {}
    for layer in network.layers:
        own = tuple(schemes.get(layer.name, ()))
        if not own:
            raise SearchError("every layer has a candidate", f"none for {layer.name}", "add one, dense for example")
        live = max((step.bytes for step in steps if step.layer == layer.name), default=None)
        counted[layer.name] = counter.columns(layer, own, live)
    for layer in network.layers[:1]:
        add_fixed_part(counted[layer.name], network, activation_bits)
    given = dict(proxies or {})
    if latency is not None:
        given[LATENCY] = {name: columns[LATENCY].tolist() for name, columns in counted.items()}
        if latency.watts is not None:
            microjoules = 1e3 * latency.watts  # of a millisecond
            given[ENERGY] = {name: (microjoules * columns[LATENCY]).tolist() for name, columns in counted.items()}
    rounded = {name: _exactly_summable(network, schemes, name, values) for name, values in given.items()}
    tables, shared_bits = [], dict[str, int]()
    for layer in network.layers:
        own = tuple(schemes[layer.name])
        shared = [scheme.shared_storage(layer.shape) for scheme in own]
        for parts in shared:
            shared_bits.update(parts)
        columns = {name: counted[layer.name][name] for name in COLUMNS}
        columns |= {name: values[layer.name] for name, values in rounded.items()}
        tables.append(CandidateTable(layer.name, own, columns, tuple(frozenset(parts) for parts in shared)))
    idle = max((step.bytes for step in steps if step.layer is None), default=0)
    return Candidates(tuple(tables), shared_bits, idle)


@dataclass(frozen=True)
class _Counter:
    """Counts candidates: all of a kind together from their parameters, or each with what its fitted layer uses."""

    activation_bits: int
    usage_of: UsageOf | None
    sram_limit_bytes: int | None
    latency: LatencySource | None

    def columns(self, layer: LayerSpec, schemes: Sequence[Scheme], live_bytes: int | None) -> dict[str, np.ndarray]:
        """The columns of a layer's candidates.

        Args:
            layer: the layer.
            schemes: its candidates.
            live_bytes: of the tensors that are live while it runs; None if it never runs.
        """
        room = None if self.sram_limit_bytes is None else self.sram_limit_bytes - (live_bytes or 0)
        if self.usage_of is None and room is None and self.latency is None and not layer.variants:
            columns = self._from_parameters(layer, schemes)
        else:
            columns = self._one_by_one(layer, schemes, room)
        scratch = columns["scratch_bytes"]
        return {**columns, SRAM: np.zeros_like(scratch) if live_bytes is None else scratch + live_bytes}

    def _from_parameters(self, layer: LayerSpec, schemes: Sequence[Scheme]) -> dict[str, np.ndarray]:
        """The columns counted from the schemes' parameters, candidates of one kind together."""
        columns = layer_cost_columns(layer.shape, schemes, self.activation_bits)
        for name in ("macs", "additions", "multiplications", "bit_ops", "decoded"):
            columns[name] = columns[name] * layer.calls
        channels = np.array([channel_bits(layer, scheme) for scheme in schemes], dtype=np.int64)
        flash = np.zeros(len(schemes), dtype=np.int64)
        families: dict[tuple[object, ...], list[int]] = {}
        for index, scheme in enumerate(schemes):
            families.setdefault(scheme.column_key(), []).append(index)
        for members in families.values():
            column = type(schemes[members[0]]).stack([schemes[index] for index in members])
            flash[members] = flash_bytes((*column.storage(layer.shape).values(), *channels[members].T))
        shared = np.array([sum(scheme.shared_storage(layer.shape).values()) for scheme in schemes], dtype=np.int64)
        weights = bytes_of_bits(columns["storage_bits"] + shared)
        counts = (layer.shape.input_elements, layer.shape.output_elements)
        activations = sum(bytes_of_bits(count * self.activation_bits) for count in counts)
        return {**columns, FLASH: flash, "traffic_bytes": layer.calls * (activations + weights)}

    def _one_by_one(self, layer: LayerSpec, schemes: Sequence[Scheme], room: int | None) -> dict[str, np.ndarray]:
        """The columns counted one candidate after another: from fitted layers, with the executions that a limit on
        scratch leaves, or with the times of those."""
        costs = [self._cost(layer, scheme, room) for scheme in schemes]
        counted = (name for name in COLUMNS if name not in (SRAM, FLASH))
        columns = {name: np.array([getattr(cost, name) for cost in costs], np.int64) for name in counted}
        flash = [layer_flash_bytes(layer, cost.scheme, cost.storage) for cost in costs]
        times = [1e3 * self.latency.of_cost(cost) if self.latency else 0.0 for cost in costs]
        return {**columns, FLASH: np.array(flash, np.int64), LATENCY: np.array(times)}

    def _cost(self, layer: LayerSpec, scheme: Scheme, room: int | None) -> LayerCost:
        usage = self.usage_of(layer.name, scheme) if self.usage_of else None
        cost = layer_cost(layer.shape, scheme, self.activation_bits, usage, layer)
        return cost if room is None else within_scratch(cost, room)


def _exactly_summable(
    network: NetworkSpec, schemes: Mapping[str, Sequence[Scheme]], name: str, values: Mapping[str, Sequence[float]]
) -> dict[str, np.ndarray]:
    """A proxy in multiples of the power of two under which every sum over layers is exact.

    Raises:
        SearchError: a layer has another number of values than candidates, or one that is not finite.
    """
    parts = {layer.name: np.asarray(values.get(layer.name, ()), dtype=np.float64) for layer in network.layers}
    for layer, part in parts.items():
        if part.shape != (len(schemes.get(layer, ())),) or not np.isfinite(part).all():
            rule = f"{name} is one finite number for each candidate of {layer}"
            raise SearchError(rule, f"{part.size} values", "give as many finite numbers as the layer has candidates")
    greatest = sum(float(np.abs(part).max()) for part in parts.values())
    step = np.frexp(greatest)[1] - 52
    return {layer: np.ldexp(np.rint(np.ldexp(part, -step)), step) for layer, part in parts.items()}
