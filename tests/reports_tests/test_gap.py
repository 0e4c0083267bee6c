"""The arithmetic of gaps on small fronts made by hand, and on drawn ones."""

import dataclasses
import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.best_front import epsilon_indicator, gap_rows, hypervolume_ratio, least_at, pair_name
from reports.errors import ReportError
from reports.front_info import best_front_infos, front_info
from reports.key_facts import key_facts, warnings
from reports.page import page_html
from reports.records import RunInfo
from reports.render import render
from reports.run_folder import read_run, write_run
from reports.run_record import RunRecord
from reports.summary import ALL, Detail, summary
from reports.what_if import room_for_search, run_within

BEST = [[1, 8], [3, 4], [6, 1]]
POINTS = st.lists(st.tuples(st.integers(1, 12), st.integers(1, 12)), min_size=1, max_size=8)


def test_the_least_at_a_limit_is_that_of_the_last_point_within_it() -> None:
    first, second = zip(*BEST, strict=True)
    assert least_at([0, 1, 2, 3, 5, 6, 99], first, second).tolist() == [np.inf, 8, 8, 4, 4, 1, 1]


def test_gaps_of_points_from_a_front() -> None:
    """(4, 8): at no more than 4 of the first, (3, 4) has 4 of the second, half of 8; at no more than 8 of the second,
    (1, 8) has 1 of the first, three quarters less than 4. (6, 1) is on the front."""
    rows = gap_rows("a+b", ["d1", "d2"], [[4, 8], [6, 1]], BEST)
    assert rows.to_dict("list") == {
        "pair": ["a+b"] * 2,
        "design": ["d1", "d2"],
        "first": [4, 6],
        "second": [8, 1],
        "least_first": [1, 6],
        "least_second": [4, 1],
        "gap_first": [0.75, 0],
        "gap_second": [0.5, 0],
    }


def test_a_value_of_zero_has_no_gap() -> None:
    rows = gap_rows("a+b", ["d"], [[5, 0]], [[2, 0]])
    assert rows[["gap_first", "gap_second"]].to_numpy().tolist() == [[1 - 2 / 5, 0]]


def test_the_ratio_of_two_hypervolumes() -> None:
    """Reference (10, 10). Best: 2 x (10-8) + 3 x (10-4) + 4 x (10-1) = 58. Found (3, 4): 7 x 6 = 42."""
    facts = hypervolume_ratio([[3, 4]], BEST, {"a": 10, "b": 10})
    assert facts == {"reference": {"a": 10, "b": 10}, "found": 42, "best": 58, "ratio": 42 / 58}
    assert hypervolume_ratio([[3, 4]], BEST, {"a": 1, "b": 1})["ratio"] is None


def test_the_factor_that_covers_a_front() -> None:
    """(1, 8) is covered by (2, 12) at a factor of 2; (6, 1) by (6, 3) at 3; (3, 4) by (6, 3) at 2."""
    assert epsilon_indicator([[2, 12], [6, 3]], BEST) == 3
    assert epsilon_indicator(BEST, BEST) == 1
    assert epsilon_indicator([[1, 1]], [[0, 1]]) == np.inf
    assert epsilon_indicator([[0, 2]], [[0, 1]]) == 2


@given(POINTS, POINTS)
def test_what_is_found_is_never_more_than_what_is_possible(found: list, others: list) -> None:
    """The best front is that of the designs found and others: each gap is real, and the ratio at most 1."""
    best = np.array(found + others, float)
    rows = gap_rows("a+b", [str(place) for place in range(len(found))], found, best)
    for row, (first, second) in zip(rows.to_dict("records"), found, strict=True):
        assert row["least_second"] == min(b for a, b in best if a <= first)
        assert row["least_first"] == min(a for a, b in best if b <= second)
        assert 0 <= row["gap_first"] < 1
        assert 0 <= row["gap_second"] < 1
    ratio = hypervolume_ratio(found, best, {"a": 13, "b": 13})["ratio"]
    assert 0 < ratio <= 1
    factor = epsilon_indicator(found, best)
    for point in best:
        assert any(all(own <= factor * value * (1 + 1e-12) for own, value in zip(f, point, strict=True)) for f in found)


# Runs with a gap


def with_gap(run: RunRecord, origin: str = "proven", left_out: tuple[str, ...] = ()) -> RunRecord:
    """The synthetic run compared with a front of half the flash and a tenth less distortion: made up."""
    own = run.front[["flash_bytes", "distortion"]].sort_values("flash_bytes").to_numpy(float)
    own[:, 1] = np.minimum.accumulate(own[:, 1])
    best = own * [0.5, 0.9]
    name = pair_name("flash_bytes", "distortion")
    pair = {
        "first": "flash_bytes",
        "second": "distortion",
        "stands_for": "accuracy",
        "origin": origin,
        "left_out": list(left_out),
        "points": len(best),
        **hypervolume_ratio(own, best, {"flash_bytes": 300_000, "distortion": 1.0}),
    }
    near = {"columns": ["flash_bytes", "distortion", "bit_ops"], "eps": 0.2, "designs": 7, "least": 1.5, "most": 1.8}
    single = {"column": "distortion", "found": 0.25, "bound": 0.2, "origin": "bounded", "left_out": []}
    gap = {"candidates": 100, "pairs": [pair], "near": {**near, "left_out": []}, "single": single}
    values = run.front[["flash_bytes", "distortion"]].to_numpy(float)
    return dataclasses.replace(
        run,
        info=run.info.changed(gap=gap),
        exact=pd.DataFrame({"pair": name, "first": best[:, 0], "second": best[:, 1]}),
        gaps=gap_rows(name, list(run.front["design"]), values, best),
    )


def test_a_gap_comes_back_from_the_folder(tmp_path: Path, run: RunRecord) -> None:
    whole = with_gap(run)
    back = read_run(write_run(tmp_path / "run", whole))
    pd.testing.assert_frame_equal(back.exact, whole.exact, check_exact=True, check_dtype=False)
    pd.testing.assert_frame_equal(back.gaps, whole.gaps, check_exact=True, check_dtype=False)
    assert back.info.gap == whole.info.gap
    write_run(tmp_path / "run", run)
    assert not (tmp_path / "run" / "exact.csv").exists()
    assert read_run(tmp_path / "run").gaps.empty


def test_a_design_beyond_the_best_front_is_refused(tmp_path: Path, run: RunRecord) -> None:
    whole = with_gap(run)
    first = whole.gaps.assign(least_second=[2.0, *whole.gaps["least_second"][1:]])
    with pytest.raises(ReportError, match=f"got {first['design'][0]}; no design is beyond the best front"):
        write_run(tmp_path / "run", dataclasses.replace(whole, gaps=first))
    with pytest.raises(ReportError, match=r"missing exact.csv: flash_bytes\+distortion; a gap has its tables"):
        write_run(tmp_path / "run", dataclasses.replace(whole, exact=whole.exact[:0]))


def test_what_if_says_how_far_a_new_search_could_come(run: RunRecord) -> None:
    """Under budgets as tight as the run's own or tighter its proof holds: its designs that are left have the gaps that
    they had. Under looser ones nothing is known, and without a gap nothing is said."""
    whole, said = with_gap(run), "A search under these budgets may find better designs."
    (own,) = (budget for budget in run.info.budgets if budget.column == "flash_bytes")
    other = tuple(budget for budget in run.info.budgets if budget.column != "flash_bytes")
    for limit in (own.limit, own.limit / 2):
        tighter = run_within(whole, (*other, dataclasses.replace(own, limit=limit)), None)
        gaps = whole.gaps[whole.gaps["design"].isin(tighter.front["design"])]["gap_second"]
        spread = f"{100 * gaps.min():.2f}% to {100 * gaps.max():.2f}%, {100 * gaps.median():.2f}% in the middle"
        far = f"At no more flash, distortion of the {len(gaps)} designs on the front could be lower by {spread}."
        assert room_for_search(whole, tighter) == f"{said} {far}"
    for looser in ((*other, dataclasses.replace(own, limit=2 * own.limit)), other):
        found = run_within(whole, looser, None)
        assert room_for_search(whole, found).startswith(f"{said} How much better is not known")
        assert room_for_search(run, found) == said


def test_the_page_and_the_terminal_say_the_gap_and_what_it_is(run: RunRecord) -> None:
    whole = with_gap(run)
    facts = {fact.title: fact for fact in key_facts(whole)}
    fact = facts["Of the best distortion against flash"]
    assert fact.origin == "proven"
    assert fact.value == f"{100 * whole.info.gap.pairs[0].ratio:.2f}%"
    assert "reference point flash 293.0 KiB and distortion 1." in fact.detail
    assert "Accuracy is no sum over layers: nothing is proven of it; distortion stands in for it." in fact.detail
    assert facts["Distance in all objectives"].value == "within 1.80x"
    assert (
        "at most 1.8 times as large in each of flash, distortion, bit-ops" in facts["Distance in all objectives"].detail
    )
    assert facts["Distance to the least"].value == "at most 20.00% to gain"  # 0.25 found, none below 0.2
    text = page_html(whole)
    for part in ("Distance to the best possible", "best possible [proven]", "Least distortion, no more flash"):
        assert part in text
    assert text.count("<dt>proven</dt>") == text.count("<dt>bounded</dt>") == 1
    terminal = summary(whole, "x", Detail(ALL))
    assert "Distance to the best possible: distortion against flash" in terminal
    assert "proven" in terminal


def test_a_bound_is_called_one(run: RunRecord) -> None:
    whole = with_gap(run, "bounded", ("bit_ops", "latency_ms"))
    fact = next(fact for fact in key_facts(whole) if fact.title.startswith("Of the best"))
    assert fact.origin == "bounded"
    assert fact.value.startswith("at least ")
    assert "could be lower by at most " in fact.detail
    assert "The budgets of bit-ops and latency are left out of the bound" in fact.detail
    assert "bound on the best possible [bounded]" in page_html(whole)


def test_where_there_is_no_gap_the_reason_is_a_warning(run: RunRecord) -> None:
    without = dataclasses.replace(run, info=run.info.changed(gap={"reason": "<b>too large</b>"}))
    assert "The distance to the best possible was not computed: <b>too large</b>." in warnings(without)
    text = page_html(without)
    assert "&lt;b&gt;too large&lt;/b&gt;" in text
    assert "<b>" not in text
    assert 'id="gap"' not in text


def test_names_in_a_gap_are_escaped(run: RunRecord) -> None:
    """Columns and designs of a damaged or foreign run may be anything."""
    nasty = "<script>alert(1)</script>"
    info = with_gap(run).info.to_json()
    info["gap"]["pairs"][0] |= {"stands_for": nasty, "left_out": [nasty]}
    text = page_html(dataclasses.replace(with_gap(run), info=RunInfo.parse(info, "run.json")))
    assert nasty not in text
    assert "&lt;script&gt;" in text.lower()


def test_the_line_of_the_best_is_drawn_where_its_figures_are_the_axes(make_run: Callable[..., RunRecord]) -> None:
    stands_in = with_gap(make_run(layers=2))
    assert not front_info(stands_in).panels[0].best
    (info,) = best_front_infos(stands_in)
    assert (info.panels[0].x.column, info.panels[0].y.column) == ("flash_bytes", "distortion")
    assert info.best == "best possible [proven]"
    assert info.panels[0].best
    own = with_gap(make_run(("distortion", "flash"), layers=2))
    assert best_front_infos(own) == ()
    panel = front_info(own).panels[0]
    steps = panel.best
    # a staircase: each step goes right, then down
    for (x, y), (right, below) in itertools.pairwise(steps):
        assert (right == x) != (below == y)
        assert right >= x
        assert below <= y
    assert all(min(mark.x for mark in panel.marks) >= x for x, _ in steps[:1])


def test_pictures_of_gaps_are_written_and_go_when_there_is_none(
    tmp_path: Path, make_run: Callable[..., RunRecord]
) -> None:
    run = make_run(layers=2, trials=60)
    folder = write_run(tmp_path / "run", with_gap(run))
    render(folder)
    assert {path.name for path in folder.glob("gap*")} == {"gap.png", "gap.svg", "gaps.csv"}
    write_run(folder, run)
    render(folder)
    assert not list(folder.glob("gap*"))
