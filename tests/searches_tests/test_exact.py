"""Fronts against brute force over every design of small spaces."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodels.schemes import Dense, LinearRepresentation
from searches import branches, knapsack
from searches.candidate_tables import candidate_tables
from searches.candidates import Candidates, CandidateTable
from searches.dominance import lower_front
from searches.errors import InfeasibleError, SearchError
from searches.exact import exact_front
from searches.table_columns import COLUMNS
from searches.tabulated import tabulated_figures

KEYS = {"small codebook": 5, "codebook": 17, "large codebook": 90}


@st.composite
def spaces(draw, most_layers=4, most_candidates=4, proxy=st.floats(0, 1)):
    """Tables of drawn integers, many of them equal, and of a proxy on the grid that `candidate_tables` makes."""
    layers, errors = [], []
    for number in range(draw(st.integers(1, most_layers))):
        count = draw(st.integers(1, most_candidates))

        def integers(most, count=count):
            return np.array(draw(st.lists(st.integers(0, most), min_size=count, max_size=count)), np.int64)

        columns = {name: integers(12) for name in COLUMNS}
        columns["storage_bits"] = integers(40)
        columns["bit_ops"] = integers(10**12)
        errors.append(np.ldexp(np.rint(np.ldexp([draw(proxy) for _ in range(count)], 40)), -40))
        shared = [draw(st.frozensets(st.sampled_from(sorted(KEYS)), max_size=1)) for _ in range(count)]
        layers.append(
            CandidateTable(f"layer{number}", (Dense(),) * count, {**columns, "error": errors[-1]}, (*shared,))
        )
    keys = frozenset().union(*(needs for layer in layers for needs in layer.shared))
    return Candidates(tuple(layers), {key: KEYS[key] for key in sorted(keys)}, draw(st.integers(0, 8)))


def all_designs(candidates):
    return np.array(list(itertools.product(*(range(len(table.schemes)) for table in candidates.layers))))


def brute_force(candidates, objectives, caps):
    """The pairs of values of every design within the caps that no other such design betters, ascending."""
    figures = tabulated_figures(candidates, all_designs(candidates))
    fits = np.all([figures[name] <= cap for name, cap in caps.items()], axis=0) if caps else slice(None)
    pairs = sorted(set(zip(*(figures[name][fits].tolist() for name in objectives), strict=True)))
    return [
        pair
        for pair in pairs
        if not any(other != pair and other[0] <= pair[0] and other[1] <= pair[1] for other in pairs)
    ]


PAIRS = [
    ("storage_bytes", "error"),
    ("error", "flash_bytes"),
    ("flash_bytes", "storage_bytes"),
    ("bit_ops", "error"),
    ("macs", "storage_bytes"),
    ("sram_bytes", "error"),
    ("storage_bytes", "sram_bytes"),
]


@settings(max_examples=300, deadline=None)
@given(spaces(), st.sampled_from(PAIRS), st.data())
def test_front_is_that_of_brute_force(candidates, objectives, data):
    names = data.draw(st.sets(st.sampled_from([*objectives, "sram_bytes", "additions", "flash_bytes", "error"])))
    figures = tabulated_figures(candidates, all_designs(candidates))
    caps = {name: data.draw(st.sampled_from(sorted({*figures[name].tolist(), 9}))) for name in sorted(names)}
    expected = brute_force(candidates, objectives, caps)
    if not expected:
        with pytest.raises(InfeasibleError, match="; a design meets all caps"):
            exact_front(candidates, objectives, caps)
        return
    front = exact_front(candidates, objectives, caps)
    assert list(zip(*(front.figures[name].tolist() for name in objectives), strict=True)) == expected
    reached = tabulated_figures(candidates, front.designs)
    for name in objectives:
        np.testing.assert_array_equal(reached[name], front.figures[name])
        assert front.figures[name].dtype == reached[name].dtype
    for name, cap in caps.items():
        assert (reached[name] <= cap).all()


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_merging_a_layer_gives_the_front_of_all_sums(data):
    """Sizes beyond one window and one buffer; few values, so that many sums are equal."""
    generator = np.random.default_rng(data.draw(st.integers(0, 10**6)))
    most = data.draw(st.sampled_from([10, 10**3, 10**9]))

    def drawn(count):
        x, y = generator.integers(0, most, (2, count)).astype(float)
        keep = lower_front(x, y)
        return x[keep], y[keep]

    x, y = drawn(data.draw(st.integers(1, 2000)))
    line = np.arange(float(data.draw(st.integers(1, 1500))))
    for front_x, front_y in ((x, y), (line, line[::-1] * 3)):
        own_x, own_y = drawn(data.draw(st.integers(1, 60)))
        sums_x, sums_y = (np.add.outer(*pair).ravel() for pair in ((front_x, own_x), (front_y, own_y)))
        x_limit, y_limit = (data.draw(st.sampled_from([np.inf, *np.quantile(s, [0.3, 0.7])])) for s in (sums_x, sums_y))
        fits = (sums_x <= x_limit) & (sums_y <= y_limit)
        keep = lower_front(sums_x[fits], sums_y[fits])
        out_x, out_y, source, own = knapsack.merge_layer(front_x, front_y, own_x, own_y, x_limit, y_limit, 10**6)
        np.testing.assert_array_equal(out_x, sums_x[fits][keep])
        np.testing.assert_array_equal(out_y, sums_y[fits][keep])
        np.testing.assert_array_equal(front_x[source] + own_x[own], out_x)
        np.testing.assert_array_equal(front_y[source] + own_y[own], out_y)


def test_a_hull_that_cannot_better_a_front_is_not_searched(monkeypatch):
    """Two layers: a bits and an error of (0, 1) or (10, 0). The codebook adds 100 bits and candidates no better."""
    columns = {name: np.zeros(3, np.int64) for name in COLUMNS}
    columns |= {"storage_bits": np.array([0, 10, 0]), "error": np.array([1.0, 0.0, 0.5])}
    table = CandidateTable("layer", (Dense(),) * 3, columns, (frozenset(), frozenset(), frozenset({"codebook"})))
    solved = []
    monkeypatch.setattr(
        branches, "_front_of_sums", lambda *given, sums=branches._front_of_sums: solved.append(given[1]) or sums(*given)
    )
    front = exact_front(Candidates((table, table), {"codebook": 800}), ("storage_bytes", "error"))
    assert np.array_equal(solved, [(0, 0)])
    # 0, 10, 20 bits are 0, 2, 3 bytes
    assert front.figures["storage_bytes"].tolist() == [0, 2, 3]
    assert front.figures["error"].tolist() == [2.0, 1.0, 0.0]
    assert front.designs.tolist() == [[0, 0], [0, 1], [1, 1]] or front.designs.tolist() == [[0, 0], [1, 0], [1, 1]]
    solved.clear()
    exact_front(Candidates((table, table), {"codebook": 2}), ("storage_bytes", "error"))
    assert np.array_equal(solved, [(0, 0), (2, 0)])


def test_a_network_codebook_is_stored_where_it_pays(network):
    """Of a real network: every layer of 3x3 or 3x1 kernels may take the templates that the network stores once."""
    shared = LinearRepresentation(2, 4, 8, "network")
    schemes = {
        layer.name: [Dense(2), Dense(8), *([shared] if layer.shape.kernel_area > 1 else [])] for layer in network.layers
    }
    errors = {name: [1.0, 0.1, 0.6][: len(own)] for name, own in schemes.items()}
    candidates = candidate_tables(network, schemes, proxies={"error": errors})
    assert len(candidates.shared_bits) == 2
    for objectives in (("flash_bytes", "error"), ("storage_bytes", "error")):
        front = exact_front(candidates, objectives)
        expected = brute_force(candidates, objectives, {})
        assert list(zip(*(values.tolist() for values in front.figures.values()), strict=True)) == expected


def test_infeasible_caps_are_named_with_the_least(network):
    candidates = candidate_tables(network, {layer.name: [Dense(8), Dense(4)] for layer in network.layers})
    # weights of stem, depthwise, mix, head: 72 + 36 + 48 + 12 of 4 bits, scales of 15 filters, 4 bytes each
    with pytest.raises(InfeasibleError) as caught:
        exact_front(candidates, ("storage_bytes", "bit_ops"), {"storage_bytes": 143})
    message = "storage_bytes <= 143, the least is 144; a design meets all caps; raise a cap, or add smaller schemes"
    assert str(caught.value) == message
    # MAC: 36 places for 72 + 36 + 2 x 48 weights, one for 12; of 4 by 8 bits
    with pytest.raises(InfeasibleError, match=r"<= 144, the least is 144 \| bit_ops <= 1, the least is 235,392;"):
        exact_front(candidates, ("storage_bytes", "macs"), {"storage_bytes": 144, "bit_ops": 1})
    with pytest.raises(InfeasibleError, match="sram_bytes <= 431, the least is 432"):
        exact_front(candidates, ("storage_bytes", "bit_ops"), {"storage_bytes": 143, "sram_bytes": 431})
    exact_front(candidates, ("storage_bytes", "bit_ops"), {"storage_bytes": 144, "sram_bytes": 432})


def test_faults_are_named(network):
    schemes = {layer.name: [Dense(8), Dense(4)] for layer in network.layers}
    candidates = candidate_tables(network, schemes)
    for wrong in (("macs", "macs"), ("macs", "latency")):
        with pytest.raises(SearchError, match=f"{wrong[0]}, {wrong[1]}; objectives are two known figures"):
            exact_front(candidates, wrong)
    with pytest.raises(SearchError, match="got latency; a cap is on a known figure; choose of storage_bytes"):
        exact_front(candidates, ("storage_bytes", "bit_ops"), {"latency": 5})
    with pytest.raises(SearchError, match="sram_bytes <= nan; a cap is a number"):
        exact_front(candidates, ("storage_bytes", "bit_ops"), {"sram_bytes": float("nan")})
    with_errors = candidate_tables(network, schemes, proxies={"error": {name: [0.0, 1.0] for name in schemes}})
    with pytest.raises(SearchError, match="more on the way; a front has at most 3 points; lower the caps"):
        exact_front(with_errors, ("storage_bytes", "error"), most_points=3)
    with pytest.raises(SearchError, match="more on the way; a front has at most 3 points"):
        exact_front(with_errors, ("storage_bytes", "error"), {"bit_ops": 10**6}, most_points=3)
    columns = {**candidates.layers[0].columns, "error": np.array([1e-30, 1.0])}
    table = CandidateTable("layer", candidates.layers[0].schemes, columns, candidates.layers[0].shared)
    with pytest.raises(SearchError, match="sums that are not; sums of error are exact in float64; build the"):
        exact_front(Candidates((table,), {}), ("storage_bytes", "error"))
