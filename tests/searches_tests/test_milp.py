"""Mixed-integer linear programs against brute force over every design of small spaces."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodels.schemes import Dense
from searches.candidates import Candidates, CandidateTable
from searches.epsilon_pareto import epsilon_pareto_set
from searches.errors import InfeasibleError, SearchError
from searches.exact import exact_front
from searches.milp import best_design
from searches.table_columns import COLUMNS
from searches.tabulated import tabulated_figures

KEYS = {"small codebook": 5, "codebook": 170, "large codebook": 900}


def drawn_space(seed, fewest=1, most=4):
    """Tables of seeded integers of very different sizes; half of the spaces share codebooks."""
    generator = np.random.default_rng(seed)
    with_keys = generator.integers(2)
    layers = []
    for number in range(generator.integers(fewest, most + 1)):
        count = int(generator.integers(fewest, most + 1))
        columns = {name: generator.integers(0, generator.choice([3, 10**3, 10**10]), count) for name in COLUMNS}
        columns["error"] = np.ldexp(generator.integers(0, 2**30, count).astype(float), -30)
        keys = [generator.choice(sorted(KEYS)) if with_keys and generator.integers(2) else "" for _ in range(count)]
        shared = tuple(frozenset([str(key)] if key else []) for key in keys)
        layers.append(CandidateTable(f"layer{number}", (Dense(),) * count, columns, shared))
    used = frozenset().union(*(needs for layer in layers for needs in layer.shared))
    return Candidates(tuple(layers), {key: KEYS[key] for key in sorted(used)}, int(generator.integers(0, 5)))


def all_figures(candidates):
    spans = (range(len(table.schemes)) for table in candidates.layers)
    return tabulated_figures(candidates, np.array(list(itertools.product(*spans))))


def drawn_caps(data, figures, names):
    return {name: data.draw(st.sampled_from(sorted(set(figures[name].tolist())))) for name in sorted(names)}


CAPPED = st.sets(
    st.sampled_from(["flash_bytes", "storage_bytes", "bit_ops", "macs", "sram_bytes", "error"]), max_size=4
)


@settings(max_examples=120, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(["error", "storage_bytes", "flash_bytes", "bit_ops"]), CAPPED, st.data())
def test_the_best_design_is_that_of_brute_force(seed, objective, names, data):
    candidates = drawn_space(seed)
    figures = all_figures(candidates)
    caps = drawn_caps(data, figures, names)
    fits = np.all([np.ones_like(figures["macs"], bool), *(figures[name] <= cap for name, cap in caps.items())], axis=0)
    if not fits.any():
        with pytest.raises(InfeasibleError, match=r".*; a design meets all caps; raise a cap"):
            best_design(candidates, objective, caps)
        return
    best = best_design(candidates, objective, caps)
    least = figures[objective][fits].min()
    assert least <= best.value <= least * (1 + 1e-5)
    assert best.bound <= least * (1 + 1e-5) + 1e-12
    assert best.gap <= 1e-5
    reached = tabulated_figures(candidates, np.array([best.choices]))
    assert {name: values[0] for name, values in reached.items() if name in best.figures} == dict(best.figures)
    assert all(reached[name][0] <= cap for name, cap in caps.items())


SETS = [
    ("error", "flash_bytes"),
    ("flash_bytes", "error"),
    ("storage_bytes", "sram_bytes"),
    ("sram_bytes", "error", "flash_bytes"),
    ("error", "bit_ops", "storage_bytes"),
]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(SETS), st.sampled_from([1.001, 1.2, 2.0]), CAPPED, st.data())
def test_a_near_front_has_a_design_for_every_other(seed, objectives, factor, names, data):
    candidates = drawn_space(seed)
    figures = all_figures(candidates)
    caps = drawn_caps(data, figures, names)
    fits = np.all([np.ones_like(figures["macs"], bool), *(figures[name] <= cap for name, cap in caps.items())], axis=0)
    if not fits.any():
        with pytest.raises(InfeasibleError, match="a design meets all caps"):
            epsilon_pareto_set(candidates, objectives, factor, caps)
        return
    front = epsilon_pareto_set(candidates, objectives, factor, caps)
    assert tuple(front.figures) == objectives
    assert front.solved >= len(front.designs)
    reached = tabulated_figures(candidates, front.designs)
    assert all((reached[name] <= cap).all() for name, cap in caps.items())
    for name in objectives:
        np.testing.assert_array_equal(reached[name], front.figures[name])
    found = np.stack([front.figures[name] for name in objectives], axis=1).astype(float)
    for point in np.stack([figures[name][fits] for name in objectives], axis=1).astype(float):
        assert (found <= point * factor * (1 + 1e-5)).all(axis=1).any(), point


@pytest.mark.parametrize("seed", range(6))
def test_two_ways_to_the_optimum_agree(seed):
    """Spaces too large for brute force: the complete front against integer programs at caps along it."""
    candidates = drawn_space(seed, fewest=12, most=16)
    front = exact_front(candidates, ("flash_bytes", "error"))
    flash, errors = front.figures["flash_bytes"], front.figures["error"]
    assert len(flash) > 10
    for place in (0, len(flash) // 3, len(flash) // 2, len(flash) - 1):
        best = best_design(candidates, "error", {"flash_bytes": int(flash[place])})
        assert best.value == pytest.approx(errors[place], rel=1e-5)
        assert best.value >= errors[place]
    reached = tabulated_figures(candidates, front.designs, ("flash_bytes", "error"))
    np.testing.assert_array_equal(reached["flash_bytes"], flash)
    np.testing.assert_array_equal(reached["error"], errors)


def test_a_design_above_a_cap_within_the_solvers_tolerance_is_not_taken():
    """10^9 + 1 exceeds the cap by 10^-9 of it; the solver cannot tell, exact figures can."""
    columns = {name: np.zeros(3, np.int64) for name in COLUMNS}
    columns |= {"flash_bytes": np.array([10**9 + 1, 10**9, 5]), "error": np.array([0.0, 0.25, 1.0])}
    table = CandidateTable("layer", (Dense(),) * 3, columns, (frozenset(),) * 3)
    best = best_design(Candidates((table,), {}), "error", {"flash_bytes": 10**9})
    assert best.choices == (1,)
    assert (best.value, best.figures["flash_bytes"]) == (0.25, 10**9)


def test_faults_are_named():
    candidates = drawn_space(0)
    with pytest.raises(SearchError, match="got latency; a figure has a known name"):
        best_design(candidates, "error", {"latency": 5})
    with pytest.raises(SearchError, match="got sram_bytes; the objective is a sum over layers"):
        best_design(candidates, "sram_bytes")
    with pytest.raises(SearchError, match="macs <= nan; a cap is a number"):
        best_design(candidates, "error", {"macs": float("nan")})
    with pytest.raises(SearchError, match=r"got 1; a factor is at least 1\.0001; "):
        epsilon_pareto_set(candidates, ("error", "macs"), 1)
    with pytest.raises(SearchError, match="got 1; a front has at least two objectives"):
        epsilon_pareto_set(candidates, ("error",), 1.1)
    with pytest.raises(SearchError, match="error, error; an objective is given once"):
        epsilon_pareto_set(candidates, ("error", "error"), 1.1)
    columns = {**candidates.layers[0].columns, "error": candidates.layers[0].columns["error"] - 2}
    table = CandidateTable("layer0", candidates.layers[0].schemes, columns, candidates.layers[0].shared)
    with pytest.raises(SearchError, match="error of layer0; objectives are not negative"):
        epsilon_pareto_set(Candidates((table,), candidates.shared_bits), ("error", "macs"), 1.1)
