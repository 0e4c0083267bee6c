"""Irreducible infeasible subsets of budgets, against brute force over every design of small spaces."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodels import LayerUsage
from costmodels.schemes import Dense
from searches.candidate_tables import candidate_tables
from searches.candidates import Candidates, CandidateTable
from searches.constraints import Budget
from searches.errors import InfeasibleError
from searches.infeasibility import check_jointly_reachable, find_infeasible_subset, floor_tables, least_within
from searches.space import build_space
from searches.table_columns import COLUMNS
from searches.tabulated import tabulated_figures

NAMES = ("flash_bytes", "sram_bytes", "bit_ops", "storage_bytes")


def drawn(seed):
    """Up to 4 layers of up to 4 candidates with seeded integers; half of the spaces share codebooks."""
    generator = np.random.default_rng(seed)
    with_keys = generator.integers(2)
    layers = []
    for number in range(generator.integers(1, 5)):
        count = int(generator.integers(1, 5))
        columns = {name: generator.integers(0, 40, count) for name in COLUMNS}
        shared = tuple(frozenset(["book"] if with_keys and generator.integers(2) else []) for _ in range(count))
        layers.append(CandidateTable(f"layer{number}", (Dense(),) * count, columns, shared))
    keys = {"book": 37} if any(need for layer in layers for need in layer.shared) else {}
    return Candidates(tuple(layers), keys, int(generator.integers(0, 8)))


def every_design(candidates):
    spans = (range(len(table.schemes)) for table in candidates.layers)
    return tabulated_figures(candidates, np.array(list(itertools.product(*spans))))


def least_by_brute_force(figures, name, caps):
    fits = np.all(
        [np.ones(len(figures["macs"]), bool), *(figures[other] <= cap for other, cap in caps.items())], axis=0
    )
    return figures[name][fits].min() if fits.any() else None


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(NAMES), st.sets(st.sampled_from(NAMES)), st.data())
def test_the_least_under_caps_is_that_of_brute_force(seed, name, names, data):
    candidates = drawn(seed)
    figures = every_design(candidates)
    caps = {other: data.draw(st.sampled_from(sorted(set(figures[other].tolist())))) for other in sorted(names)}
    least = least_within(candidates, name, caps)
    expected = least_by_brute_force(figures, name, caps)
    assert (least and least[0]) == expected
    sums = {name, *caps} - {"sram_bytes"}
    if least is not None and len(sums) <= 2:
        assert least[1]  # exact arithmetic


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10**6), st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True), st.data())
def test_a_conflict_is_real_and_none_of_its_budgets_can_be_spared(seed, names, data):
    candidates = drawn(seed)
    figures = every_design(candidates)
    # each can be met alone: a limit is at least the least there is
    caps = {name: data.draw(st.sampled_from(sorted(set(figures[name].tolist())))) for name in names}
    budgets = [Budget(name, name, max(int(cap), 1), "bytes", "test") for name, cap in caps.items()]
    limits = {budget.column: budget.limit for budget in budgets}
    conflict = find_infeasible_subset(candidates, budgets)
    possible = least_by_brute_force(figures, names[0], limits) is not None
    assert (conflict is None) == possible
    if conflict is None:
        return
    for place, budget in enumerate(conflict.budgets):
        others = {other.column: other.limit for other in conflict.budgets if other is not budget}
        least = least_by_brute_force(figures, budget.column, others)
        assert conflict.within[place] == least > budget.limit
        assert conflict.alone[place] == figures[budget.column].min() <= budget.limit


EXCLUDING = (
    Budget("flash", "flash_bytes", 60, "bytes", ""),
    Budget("bit-ops", "bit_ops", 1599, "bit operations", ""),
)


def two_ways(network):
    """Every layer small and slow, or large and fast."""
    columns = {name: np.zeros(2, np.int64) for name in COLUMNS}
    columns |= {"flash_bytes": np.array([10, 30]), "bit_ops": np.array([500, 100]), "sram_bytes": np.array([7, 7])}
    table = CandidateTable("layer", (Dense(),) * 2, columns, (frozenset(),) * 2)
    return Candidates((table,) * len(network.layers), {})


def test_a_conflict_is_said_with_what_binds(network):
    """4 layers. Flash of 60: one layer at most is large, bit-ops 3 x 500 + 100 = 1600 at least. Bit-ops up to 1599: two
    layers are large, flash 2 x 30 + 2 x 10 = 80 at least. SRAM of 7 is met by all and has no part in it."""
    flash, work = (
        Budget("flash", "flash_bytes", 60, "bytes", ""),
        Budget("bit-ops", "bit_ops", 1599, "bit operations", ""),
    )
    sram, time = Budget("SRAM", "sram_bytes", 7, "bytes", ""), Budget("latency", "latency_ms", 1, "ms", "")
    conflict = find_infeasible_subset(two_ways(network), [sram, flash, time, work])
    assert conflict.budgets == (flash, work)
    assert (conflict.within, conflict.alone, conflict.arithmetic) == ((80, 1600), (40, 400), "exact")
    assert str(conflict) == (
        "flash allows 60 bytes, the least within the others is 80 (40 alone) | "
        "bit-ops allows 1,599 bit operations, the least within the others is 1,600 (400 alone)"
    )


def test_floors_of_layers_whose_counts_hang_on_no_fit_are_these_counts(network):
    space = build_space(network, {"dense": {"weight_bits": (1, 8)}})
    counted = candidate_tables(network, {layer.name: layer.candidates for layer in space.layers})
    for floor, table in zip(floor_tables(network, space, NAMES, 8).layers, counted.layers, strict=True):
        for name in ("flash_bytes", "sram_bytes", "bit_ops", "storage_bits"):
            np.testing.assert_array_equal(floor.columns[name], table.columns[name])
    # every layer of 1 bit is the least in all: 36 places for 204 weights and one for 12, of 8-bit activations
    work = Budget("work", "bit_ops", (36 * 204 + 12) * 8, "bit operations", "")
    flash = Budget("flash", "flash_bytes", int(least_within(counted, "flash_bytes", {})[0]), "bytes", "")
    check_jointly_reachable(network, space, [flash, work], 8)


@pytest.mark.parametrize("fewest", [True, False])
def test_floors_are_below_every_fit(network, fewest):
    """Fitted to keep nothing or all that the parameters allow, a layer has no less than its floor."""
    grid = {"pruned": {"density": (0.5,), "weight_bits": (2, 8)}, "sparse-basis": {"segments": (1,), "filters": (2,)}}
    space = build_space(network, {**grid, "dense": {"weight_bits": (2,)}})
    schemes = {layer.name: layer.candidates for layer in space.layers}
    usage = (lambda name, scheme: LayerUsage(0, 0, 0, 0)) if fewest else None
    fitted = candidate_tables(network, schemes, 8, usage)
    floors = floor_tables(network, space, NAMES, 8)
    for floor, table in zip(floors.layers, fitted.layers, strict=True):
        for name in ("flash_bytes", "sram_bytes", "bit_ops", "storage_bits"):
            assert (floor.columns[name] <= table.columns[name]).all()


def test_the_message_of_the_check_names_the_least(network, monkeypatch):
    """The floors are put in the place of a network's: what is refused is what they exclude."""
    space = build_space(network, {"dense": {"weight_bits": (8,)}})
    monkeypatch.setattr("searches.infeasibility.floor_tables", lambda *_: two_ways(network))
    with pytest.raises(InfeasibleError) as caught:
        check_jointly_reachable(network, space, EXCLUDING, 8)
    assert str(caught.value) == (
        "no design of the space meets these budgets at once, whatever its weights are: "
        "flash allows 60 bytes, the least within the others is 80 (40 alone) | "
        "bit-ops allows 1,599 bit operations, the least within the others is 1,600 (400 alone); "
        "raise one of these budgets, choose another device, or add smaller schemes"
    )
    assert caught.value.exit_code == 1
