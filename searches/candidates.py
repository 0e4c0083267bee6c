"""Candidate tables: what every scheme that a layer may take adds to every figure of the network, as arrays.

Nearly all figures of a network are sums over its layers; the SRAM peak is a maximum; a codebook that layers share is
counted once. So whole designs are evaluated from the tables alone, millions a second, and to the same integers that
`costmodels.network_cost` gives.

Proxies (a squared error for each fitted layer, say) come from outside. They are rounded to multiples of a power of two
so coarse that their sums are exact in float64: a sum is then the same in any order of the layers, and which of two
designs is better never hangs on rounding. The step is at most 2^-51 of the greatest sum.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from costmodels import LayerSpec, NetworkSpec, Scheme, layer_cost, layer_cost_columns
from costmodels.latency import LatencySource
from costmodels.memory import live_steps
from costmodels.network_costs import channel_bits, within_scratch
from costmodels.units import bytes_of_bits
from searches.bounds import UsageOf
from searches.design import Design
from searches.errors import SearchError
from searches.objectives import LATENCY

__all__ = ["COSTS", "EXACT_FLOAT", "CandidateTable", "Candidates", "candidate_tables", "dominated"]

COSTS = (
    "storage_bits",
    "flash_bytes",
    "macs",
    "additions",
    "multiplications",
    "bit_ops",
    "traffic_bytes",
    "scratch_bytes",
    "sram_bytes",
)
"""The counted columns of every table."""

EXACT_FLOAT = 1 << 53
"""Whole numbers up to this one are float64 values, and so are their sums."""


@dataclass(frozen=True, eq=False)
class CandidateTable:
    """The candidates of one layer.

    Args:
        layer: its name.
        schemes: the candidates.
        columns: by name, one value a candidate, shape (candidates,): the costs (`COSTS`, int64), then the proxies
            (float64). ``flash_bytes`` has the layer's bias and normalization in it, every component padded to whole
            bytes; ``sram_bytes`` is the peak while the layer runs, 0 for a layer that never runs.
        shared: for each candidate the keys of what the network stores once for it (its codebook); no column but
            ``traffic_bytes`` counts it.
    """

    layer: str
    schemes: tuple[Scheme, ...]
    columns: Mapping[str, np.ndarray]
    shared: tuple[frozenset[str], ...]

    @cached_property
    def efficient(self) -> np.ndarray:
        """Which candidates no other one dominates in all columns, shape (candidates,)."""
        return self.efficient_in(tuple(self.columns))

    def efficient_in(self, names: Sequence[str]) -> np.ndarray:
        """Which candidates no other one dominates in these columns; of equal ones the first.

        One that needs a shared part dominates only those that need it too. A design on a front of these figures never
        needs another candidate.
        """
        values = np.stack([self.columns[name].astype(np.float64) for name in names], axis=1)
        keys = sorted(frozenset[str]().union(*self.shared))
        needs = np.array([[key in shared for key in keys] for shared in self.shared], dtype=np.float64)
        return ~dominated(np.concatenate([values, needs.reshape(len(self.schemes), len(keys))], axis=1))

    def taking(self, keep: np.ndarray) -> "CandidateTable":
        """The table of the candidates at these indices alone."""
        return CandidateTable(
            layer=self.layer,
            schemes=tuple(self.schemes[index] for index in keep),
            columns={name: column[keep] for name, column in self.columns.items()},
            shared=tuple(self.shared[index] for index in keep),
        )


@dataclass(frozen=True, eq=False)
class Candidates:
    """The candidates of a network.

    Args:
        layers: a table for each layer, in the network's order.
        shared_bits: what each shared part takes, by key.
        idle_bytes: the most bytes live at a step that runs no layer; no design's SRAM peak is less.
    """

    layers: tuple[CandidateTable, ...]
    shared_bits: Mapping[str, int]
    idle_bytes: int = 0

    @property
    def proxies(self) -> tuple[str, ...]:
        """Names of the proxies."""
        return tuple(name for name in self.layers[0].columns if name not in COSTS)

    def design(self, choices: Iterable[int]) -> Design:
        """The design of one candidate's index for each layer."""
        return Design({table.layer: table.schemes[int(i)] for table, i in zip(self.layers, choices, strict=True)})


def dominated(values: np.ndarray) -> np.ndarray:
    """Which rows another row is no worse than in every column, shape (rows,); of equal rows all but the first."""
    no_worse = np.ones((len(values), len(values)), dtype=bool)
    for column in values.T:
        no_worse &= column[:, None] <= column[None, :]
    earlier = np.arange(len(values))[:, None] < np.arange(len(values))[None, :]
    beats: np.ndarray = no_worse & (~no_worse.T | earlier)
    return np.asarray(beats.any(axis=0))


def candidate_tables(
    network: NetworkSpec,
    schemes: Mapping[str, Sequence[Scheme]],
    activation_bits: int = 8,
    usage_of: UsageOf | None = None,
    sram_limit_bytes: int | None = None,
    proxies: Mapping[str, Mapping[str, Sequence[float]]] | None = None,
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
        latency: what gives times; with it the tables have a proxy more, `searches.objectives.LATENCY`.

    Raises:
        CostModelError: a candidate is impossible for its layer, or has no time.
        SearchError: a layer has no candidate, or a proxy has another number of values or one that is not finite.
    """
    steps = live_steps(network, activation_bits)
    counted = {}
    for layer in network.layers:
        live = max((step.bytes for step in steps if step.layer == layer.name), default=None)
        own = tuple(schemes.get(layer.name, ()))
        if not own:
            raise SearchError("every layer has a candidate", f"none for {layer.name}", "add one, dense for example")
        counted[layer.name] = _columns(layer, own, activation_bits, usage_of, live, sram_limit_bytes, latency)
    values = dict(proxies or {})
    if latency is not None:
        values[LATENCY] = {name: columns[LATENCY].tolist() for name, columns in counted.items()}
    given = {name: _on_grid(network, schemes, name, parts) for name, parts in values.items()}
    shared_bits: dict[str, int] = {}
    tables = []
    for layer in network.layers:
        own = tuple(schemes[layer.name])
        shared = [scheme.shared_storage(layer.shape) for scheme in own]
        for shares in shared:
            shared_bits.update(shares)
        columns = {
            **{name: counted[layer.name][name] for name in COSTS},
            **{name: part[layer.name] for name, part in given.items()},
        }
        tables.append(CandidateTable(layer.name, own, columns, tuple(frozenset(shares) for shares in shared)))
    idle = max((step.bytes for step in steps if step.layer is None), default=0)
    return Candidates(tuple(tables), shared_bits, idle)


def _columns(
    layer: LayerSpec,
    schemes: Sequence[Scheme],
    activation_bits: int,
    usage_of: UsageOf | None,
    live_bytes: int | None,
    sram_limit_bytes: int | None,
    latency: LatencySource | None,
) -> dict[str, np.ndarray]:
    """The columns of a layer's candidates, where so many bytes are live while it runs; None if it never runs."""
    room = None if sram_limit_bytes is None else sram_limit_bytes - (live_bytes or 0)
    if usage_of is None and room is None and latency is None:
        columns = _nominal(layer, schemes, activation_bits)
    else:
        columns = _counted(layer, schemes, activation_bits, usage_of, room, latency)
    scratch = columns["scratch_bytes"]
    return {**columns, "sram_bytes": np.zeros_like(scratch) if live_bytes is None else scratch + live_bytes}


def _nominal(layer: LayerSpec, schemes: Sequence[Scheme], activation_bits: int) -> dict[str, np.ndarray]:
    """The columns counted from the schemes' parameters, candidates of one kind together."""
    columns = layer_cost_columns(layer.shape, schemes, activation_bits)
    for name in ("macs", "additions", "multiplications", "bit_ops"):
        columns[name] = columns[name] * layer.calls
    flash = np.array([bytes_of_bits(sum(channel_bits(layer, scheme))) for scheme in schemes], dtype=np.int64)
    families: dict[tuple[object, ...], list[int]] = {}
    for index, scheme in enumerate(schemes):
        families.setdefault(scheme.column_key(), []).append(index)
    for members in families.values():
        column = type(schemes[members[0]]).stack([schemes[index] for index in members])
        for bits in column.storage(layer.shape).values():
            flash[members] += -(-bits // 8)
    shared = np.array([sum(scheme.shared_storage(layer.shape).values()) for scheme in schemes], dtype=np.int64)
    weights = -(-(columns["storage_bits"] + shared) // 8)
    counts = (layer.shape.input_elements, layer.shape.output_elements)
    activations = sum(bytes_of_bits(count * activation_bits) for count in counts)
    return {**columns, "flash_bytes": flash, "traffic_bytes": layer.calls * (activations + weights)}


def _counted(
    layer: LayerSpec,
    schemes: Sequence[Scheme],
    activation_bits: int,
    usage_of: UsageOf | None,
    room: int | None,
    latency: LatencySource | None,
) -> dict[str, np.ndarray]:
    """The columns counted one candidate after another: from fitted layers, with the executions that a limit on scratch
    leaves, or with the times of those."""
    rows, times = [], []
    for scheme in schemes:
        usage = usage_of(layer.name, scheme) if usage_of else None
        cost = layer_cost(layer.shape, scheme, activation_bits, usage, layer)
        cost = cost if room is None else within_scratch(cost, room)
        flash = bytes_of_bits(sum(channel_bits(layer, scheme))) + sum(
            bytes_of_bits(bits) for bits in cost.storage.values()
        )
        rows.append([flash if name == "flash_bytes" else getattr(cost, name) for name in COSTS[:-1]])
        times.append(1e3 * latency.of_cost(cost) if latency else 0.0)
    return {**dict(zip(COSTS[:-1], np.array(rows, dtype=np.int64).T, strict=True)), LATENCY: np.array(times)}


def _on_grid(
    network: NetworkSpec, schemes: Mapping[str, Sequence[Scheme]], name: str, values: Mapping[str, Sequence[float]]
) -> dict[str, np.ndarray]:
    """A proxy in multiples of the power of two under which every sum over layers is exact."""
    parts = {layer.name: np.asarray(values.get(layer.name, ()), dtype=np.float64) for layer in network.layers}
    for layer, part in parts.items():
        if part.shape != (len(schemes.get(layer, ())),) or not np.isfinite(part).all():
            rule = f"{name} is one finite number for each candidate of {layer}"
            raise SearchError(rule, f"{part.size} values", "give as many finite numbers as the layer has candidates")
    greatest = sum(float(np.abs(part).max()) for part in parts.values())
    step = np.frexp(greatest)[1] - 52
    return {layer: np.ldexp(np.rint(np.ldexp(part, -step)), step) for layer, part in parts.items()}
