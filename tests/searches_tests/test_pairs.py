"""Fronts under further caps: complete where they can be, else a bound that says what it leaves out."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodels.schemes import Dense
from searches import pairs
from searches.candidates import Candidates, CandidateTable
from searches.errors import InfeasibleError
from searches.pairs import pair_front
from searches.table_columns import COLUMNS
from searches.tabulated import tabulated_figures


def drawn(seed: int, most: int = 12) -> Candidates:
    """Up to 4 layers of up to 4 candidates with seeded integers."""
    generator = np.random.default_rng(seed)
    layers = []
    for number in range(generator.integers(1, 5)):
        count = int(generator.integers(1, 5))
        columns = {name: generator.integers(0, most, count) for name in COLUMNS}
        columns["distortion"] = generator.integers(0, 64, count) / 64
        layers.append(CandidateTable(f"layer{number}", (Dense(),) * count, columns, (frozenset(),) * count))
    return Candidates(tuple(layers), {})


def every_design(candidates: Candidates) -> dict[str, np.ndarray]:
    spans = (range(len(table.schemes)) for table in candidates.layers)
    return tabulated_figures(candidates, np.array(list(itertools.product(*spans))))


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0, 3, 20_000]), st.data())
def test_no_design_is_better_and_a_complete_front_is_reached(seed: int, most: int, data: st.DataObject) -> None:
    candidates = drawn(seed)
    figures = every_design(candidates)
    names = data.draw(st.sets(st.sampled_from(["flash_bytes", "bit_ops", "macs", "sram_bytes"])))
    caps = {name: data.draw(st.sampled_from(sorted(set(figures[name].tolist())))) for name in sorted(names)}
    fits = np.all([np.ones(len(figures["macs"]), bool), *(figures[name] <= cap for name, cap in caps.items())], axis=0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pairs, "MOST_CAPPED", most)
        try:
            best = pair_front(candidates, ("flash_bytes", "distortion"), caps)
        except InfeasibleError:
            assert not fits.any()
            return
    first, second = best.front.figures.values()
    for flash, distortion in zip(figures["flash_bytes"][fits], figures["distortion"][fits], strict=True):
        assert second[first <= flash].min() <= distortion
    if best.left_out:
        assert set(best.left_out) <= {"bit_ops", "macs"} & set(caps)
    else:
        reached = set(zip(figures["flash_bytes"][fits].tolist(), figures["distortion"][fits].tolist(), strict=True))
        assert set(zip(first.tolist(), second.tolist(), strict=True)) <= reached


def test_a_cap_that_binds_is_left_out_where_the_front_would_be_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two layers: (flash, distortion, bit-ops) of (1, 0.5, 0) or (3, 0.25, 4). All 3-bit designs take 8 bit-ops."""
    columns = {name: np.zeros(2, np.int64) for name in COLUMNS}
    columns |= {"flash_bytes": np.array([1, 3]), "distortion": np.array([0.5, 0.25]), "bit_ops": np.array([0, 4])}
    table = CandidateTable("layer", (Dense(),) * 2, columns, (frozenset(),) * 2)
    candidates, objectives = Candidates((table, table), {}), ("flash_bytes", "distortion")
    exact = pair_front(candidates, objectives, {"bit_ops": 4})
    assert (exact.front.figures["flash_bytes"].tolist(), exact.left_out) == ([2, 4], ())
    assert pair_front(candidates, objectives, {"bit_ops": 8}).left_out == ()
    assert pair_front(candidates, objectives, {"latency_ms": 8}).left_out == ("latency_ms",)
    monkeypatch.setattr(pairs, "MOST_CAPPED", 1)
    bound = pair_front(candidates, objectives, {"bit_ops": 4})
    assert (bound.front.figures["flash_bytes"].tolist(), bound.left_out) == ([2, 4, 6], ("bit_ops",))
    # (2, 4, 6) need 0, 4, 8 bit-ops: a cap of 8 does not bind, and no front under it is formed
    assert pair_front(candidates, objectives, {"bit_ops": 8}).left_out == ()
