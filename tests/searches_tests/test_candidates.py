"""Designs evaluated from tables have the figures of `network_cost`; efficient candidates are those none dominates."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodels import ConvShape, LayerSpec, LayerUsage, NetworkSpec, Operation, TensorSpec, layer_cost, network_cost
from costmodels.fixed_costs import fixed_figures
from costmodels.flash import layer_flash_bytes
from costmodels.layer_spec import LayerCall
from costmodels.operation import ConstantSpec
from costmodels.schemes import Dense, LinearRepresentation, Pruned, SparseBasis, StackedBinary
from searches.candidate_tables import candidate_tables
from searches.candidates import Candidates, CandidateTable
from searches.errors import SearchError
from searches.figures import ENERGY, LATENCY, TABULATED_FIGURES
from searches.table_columns import COLUMNS
from searches.tabulated import tabulated_figures

WIDTHS = st.sampled_from([1, 3, 8, 32])
COUNTS = st.integers(1, 9)


@st.composite
def layers(draw, name):
    """A layer and candidates of all kinds that it can take, some with codebooks that other layers share."""
    groups = draw(st.sampled_from([1, 1, 2]))
    inputs, outputs = (groups * draw(st.integers(1, 4)) for _ in range(2))
    kernel = draw(st.sampled_from([(1, 1), (3, 3), (1, 3)]))
    padding = (kernel[0] // 2, kernel[1] // 2)
    shape = ConvShape(outputs, inputs, kernel, draw(st.sampled_from([(1, 1), (5, 4)])), padding=padding, groups=groups)
    channels = st.sampled_from([s for s in range(1, shape.group_inputs + 1) if shape.group_inputs % s == 0])
    kinds = [
        st.builds(Dense, WIDTHS, st.sampled_from(["filter", "layer", "none"])),
        st.builds(Pruned, st.floats(0.01, 1), WIDTHS, st.sampled_from(["bitmap", "index"])),
        st.builds(StackedBinary, channels, COUNTS, st.sampled_from(["none", "filter", "segment"])),
        st.builds(SparseBasis, channels, COUNTS, WIDTHS, st.floats(0.01, 1), WIDTHS),
    ]
    if shape.kernel_area > 1:
        codebooks = st.sampled_from(["network", "network", "layer"])
        kinds += [st.builds(LinearRepresentation, st.integers(1, 3), WIDTHS, st.sampled_from([1, 3]), codebooks)] * 2
    flags = [draw(st.booleans()) for _ in range(2)]
    layer = LayerSpec(name, shape, bias=flags[0], normalization=flags[1], calls=draw(st.integers(1, 2)))
    if draw(st.booleans()):  # it runs at another size too
        other = LayerCall(replace(shape, input_size=(7, 3)), draw(st.integers(1, 2)), "another bias")
        layer = replace(
            layer, bias=True, variants=(LayerCall(shape, layer.calls, "b" * flags[0], "n" * flags[1]), other)
        )
    return layer, draw(st.lists(st.one_of(kinds), min_size=1, max_size=5))


@st.composite
def problems(draw):
    """A network of one to four layers, the last of which may never run, with a step that has no compressed form; and
    candidates."""
    drawn = [draw(layers(f"layer{index}")) for index in range(draw(st.integers(1, 4)))]
    specs = tuple(layer for layer, _ in drawn)
    tensors = [TensorSpec("t0", specs[0].shape.input_elements)]
    steps = []
    for index, layer in enumerate(specs[: max(1, len(specs) - draw(st.integers(0, 1)))]):
        tensors.append(TensorSpec(f"t{index + 1}", layer.shape.output_elements))
        steps.append(Operation(layer.name, "conv2d", (f"t{index}",), f"t{index + 1}", "counted", layer=layer.name))
    last = tensors[-1].name
    tensors.append(TensorSpec("end", draw(st.integers(1, 500))))
    constants = tuple(ConstantSpec(f"c{index}", draw(st.integers(1, 9)), is_weight=index == 0) for index in range(2))
    weights = draw(st.sampled_from([(), ("c0",)]))
    steps.append(Operation("end", "bmm", (last,), "end", "fixed", "no form", macs=77, weights=weights))
    network = NetworkSpec("drawn", specs, tuple(tensors), tuple(steps), ("t0",), ("end",), constants)
    return network, {layer.name: own for layer, own in drawn}


def usage_of(name, scheme):
    """Counts that depend on the layer and the scheme alone."""
    return LayerUsage(*(len(f"{name}{scheme}") % prime for prime in (5, 7, 11, 13)))


class Clock:
    """A nanosecond for each bit operation and each byte of scratch, so that a time tells the execution."""

    origin = "made up"
    watts = 0.5

    def key(self):
        return "clock"

    def of_cost(self, cost):
        return 1e-9 * (cost.bit_ops + cost.scratch_bytes)


@settings(max_examples=50, deadline=None)
@given(problems(), st.booleans(), st.sampled_from([None, 200]), st.data())
def test_times_are_sums_over_the_layers_in_their_executions(problem, fitted, limit, data):
    network, schemes = problem
    usage = usage_of if fitted else None
    tables = candidate_tables(network, schemes, 8, usage, limit, latency=Clock())
    choices = [data.draw(st.integers(0, len(own) - 1)) for own in schemes.values()]
    design = tables.design(choices).schemes
    usages = {name: usage_of(name, scheme) for name, scheme in design.items()} if fitted else None
    layers = network_cost(network, design, 8, usages, limit).layers
    expected = 1e3 * sum(Clock().of_cost(layer) for layer in layers)
    found = tabulated_figures(tables, np.array([choices]), [LATENCY, ENERGY])
    assert found[LATENCY][0] == pytest.approx(expected, rel=1e-12)
    assert found[ENERGY][0] == pytest.approx(expected * 1e-3 * 0.5 * 1e6, rel=1e-12)  # ms at half a watt, in uJ


@settings(max_examples=150, deadline=None)
@given(problems(), st.sampled_from([1, 8, 32]), st.booleans(), st.sampled_from([None, 0, 200, 2000]), st.data())
def test_figures_are_those_of_the_network(problem, activation_bits, fitted, limit, data):
    network, schemes = problem
    tables = candidate_tables(network, schemes, activation_bits, usage_of if fitted else None, limit)
    designs = np.array(
        [[data.draw(st.integers(0, len(own) - 1)) for own in schemes.values()] for _ in range(3)],
        dtype=data.draw(st.sampled_from([np.uint8, np.uint16, np.int32, np.int64, np.uint64])),
    )
    figures = tabulated_figures(tables, designs)
    assert tuple(figures) == TABULATED_FIGURES
    for index, choices in enumerate(designs):
        design = tables.design(choices).schemes
        usages = {name: usage_of(name, scheme) for name, scheme in design.items()} if fitted else None
        cost = network_cost(network, design, activation_bits, usages, limit)
        assert {name: int(column[index]) for name, column in figures.items()} == {
            name: getattr(cost, name) for name in TABULATED_FIGURES
        }


@settings(max_examples=50, deadline=None)
@given(problems())
def test_columns_are_those_of_the_layer(problem):
    network, schemes = problem
    fixed = fixed_figures(network, 8)  # in the first layer's
    for layer, table in zip(network.layers, candidate_tables(network, schemes).layers, strict=True):
        costs = [layer_cost(layer.shape, scheme, 8, layer=layer) for scheme in table.schemes]
        for name in ("storage_bits", "macs", "additions", "multiplications", "bit_ops", "traffic_bytes"):
            more = fixed.get(name, 0) if layer is network.layers[0] else 0
            assert table.columns[name].dtype == np.int64
            assert table.columns[name].tolist() == [getattr(cost, name) + more for cost in costs], name


@settings(max_examples=50, deadline=None)
@given(problems(), st.booleans(), st.data())
def test_flash_of_layers_shared_parts_and_constants_is_that_of_the_network(problem, fitted, data):
    """Columns of many candidates, one candidate after another, and the whole network: the same bytes."""
    network, schemes = problem
    usage = usage_of if fitted else None
    counted = candidate_tables(network, schemes, usage_of=usage)
    constants = sum(-(-constant.stored_bits // 8) for constant in network.constants)
    choices = [data.draw(st.integers(0, len(own) - 1)) for own in schemes.values()]
    shared, total = {}, constants
    for layer, table, choice in zip(network.layers, counted.layers, choices, strict=True):
        costs = [
            layer_cost(layer.shape, scheme, 8, usage_of(layer.name, scheme) if fitted else None, layer)
            for scheme in table.schemes
        ]
        more = constants if layer is network.layers[0] else 0
        own = [layer_flash_bytes(layer, cost.scheme, cost.storage) for cost in costs]
        assert table.columns["flash_bytes"].tolist() == [flash + more for flash in own]
        total += own[choice]
        shared |= costs[choice].shared
    design = counted.design(choices).schemes
    usages = {name: usage_of(name, scheme) for name, scheme in design.items()} if fitted else None
    assert network_cost(network, design, 8, usages).flash_bytes == total + sum(-(-b // 8) for b in shared.values())


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 3)] * 2, st.frozensets(st.sampled_from("ab"), max_size=1)), min_size=1))
def test_efficient_candidates_are_those_that_none_dominates(rows):
    columns = {"a": np.array([row[0] for row in rows]), "b": np.array([row[1] for row in rows])}
    table = CandidateTable("layer", (Dense(),) * len(rows), columns, tuple(row[2] for row in rows))

    def beats(one, other):
        return rows[one][0] <= rows[other][0] and rows[one][1] <= rows[other][1] and rows[one][2] <= rows[other][2]

    def is_out(index):
        return any(beats(other, index) and (not beats(index, other) or other < index) for other in range(len(rows)))

    assert table.efficient.tolist() == [not is_out(index) for index in range(len(rows))]
    kept = table.taking(np.flatnonzero(table.efficient))
    assert kept.efficient.all()
    assert len(kept.schemes) == len(kept.shared) == table.efficient.sum()


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(-1e3, 1e300, allow_subnormal=False), min_size=4, max_size=4))
def test_sums_of_proxies_hang_on_no_order(network, values):
    schemes = {layer.name: [Dense()] for layer in network.layers}
    errors = {layer.name: [value] for layer, value in zip(network.layers, values, strict=True)}
    tables = candidate_tables(network, schemes, proxies={"error": errors})
    kept = [float(table.columns["error"][0]) for table in tables.layers]
    total = tabulated_figures(tables, np.zeros((1, 4), np.uint16), ["error"])["error"][0]
    assert total == sum(kept) == sum(kept[::-1]) == sum(sorted(kept))
    scale = sum(abs(value) for value in values)
    assert all(abs(one - other) <= scale * 2**-51 for one, other in zip(kept, values, strict=True))


def test_many_designs_and_more_figures_than_lanes(network):
    """More designs than one chunk; a fifth figure goes into a second block."""
    schemes = {layer.name: [Dense(2), Dense(8)] for layer in network.layers}
    errors = {layer.name: [1.0, 0.25] for layer in network.layers}
    tables = candidate_tables(network, schemes, proxies={"error": errors})
    designs = np.random.default_rng(0).integers(0, 2, (10_000, 4), dtype=np.uint16)
    figures = tabulated_figures(tables, designs)
    assert tuple(figures) == (*TABULATED_FIGURES, "error")
    # weights of stem, depthwise, mix, head: 72, 36, 48, 12; scales of 15 filters
    weights = np.array([72, 36, 48, 12])
    bits = np.where(designs == 0, 2, 8)
    np.testing.assert_array_equal(figures["storage_bytes"], -(-(bits @ weights + 15 * 32) // 8))
    np.testing.assert_array_equal(figures["bit_ops"], (36 * bits * [72, 36, 96, 12 / 36]).sum(axis=1) * 8)
    np.testing.assert_array_equal(figures["error"], np.where(designs == 0, 1.0, 0.25).sum(axis=1))
    assert set(COLUMNS) <= set(tables.layers[0].columns)


def with_column(table, name, value):
    return replace(table, columns={**table.columns, name: np.full(len(table.schemes), value)})


def test_faults_are_named(network):
    schemes = {layer.name: [Dense()] for layer in network.layers}
    with pytest.raises(SearchError, match="none for head; every layer has a candidate; add one"):
        candidate_tables(network, {**schemes, "head": []})
    errors = {layer.name: [0.5] for layer in network.layers}
    for wrong in ([0.5, 1], [float("nan")], [float("inf")], []):
        with pytest.raises(SearchError, match="error is one finite number for each candidate of mix"):
            candidate_tables(network, schemes, proxies={"error": {**errors, "mix": wrong}})
    tables = candidate_tables(network, schemes)
    with pytest.raises(SearchError, match="got latency; a figure has a known name"):
        tabulated_figures(tables, np.zeros((1, 4), int), ["latency"])
    with pytest.raises(SearchError, match=r"greater ones; sums of bit_ops are below 2\^53"):
        tabulated_figures(Candidates((with_column(tables.layers[0], "bit_ops", 2**53),), {}), np.zeros((1, 1), int))
    keys = [f"codebook {number}" for number in range(64)]
    table = replace(tables.layers[0], shared=(frozenset(keys),))
    with pytest.raises(SearchError, match="got 64; candidates share at most 63 parts; offer fewer codebooks"):
        tabulated_figures(Candidates((table,), dict.fromkeys(keys, 8)), np.zeros((1, 1), int))
    del keys[63]
    table = replace(tables.layers[0], shared=(frozenset(keys),))
    figures = tabulated_figures(Candidates((table,), dict.fromkeys(keys, 8)), np.zeros((1, 1), int), ["flash_bytes"])
    assert figures["flash_bytes"][0] == table.columns["flash_bytes"][0] + 63
    for wrong in (np.zeros((1, 3), int), np.zeros(4, int), np.zeros((1, 4))):
        with pytest.raises(SearchError, match=r"designs are integers of shape \(designs, layers\)"):
            tabulated_figures(tables, wrong)
    for index in (1, -1):
        with pytest.raises(SearchError, match=rf"^\[0, 0, {index}, 0\] in design 1; .*; stay below \[1, 1, 1, 1\]"):
            tabulated_figures(tables, np.array([[0, 0, 0, 0], [0, 0, index, 0]]))
