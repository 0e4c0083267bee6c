"""What-if: the measured designs of a run under other budgets, against plain loops over the trials."""

import numpy as np
import pytest

from costmodels import load_device
from reports.front import losses, non_dominated
from reports.front_figure import draw_front
from reports.front_info import front_info
from reports.named_figure import find_figure, known_figures
from reports.what_if import run_within
from searches.constraints import Budget

KIB = 1024


def flash(limit):
    return Budget("flash", "flash_bytes", limit, "bytes", "--flash")


def by_hand(run, limits):
    """The designs that keep all limits and that none of these dominates, by comparing every pair."""
    rows = [
        row
        for row in run.trials.to_dict("records")
        if row["state"] == "measured" and all(row[name] <= limit for name, limit in limits.items())
    ]
    return {
        row["design"]
        for row in rows
        if not any(
            other["accuracy"] >= row["accuracy"]
            and other["storage_bytes"] <= row["storage_bytes"]
            and (other["accuracy"], other["storage_bytes"]) != (row["accuracy"], row["storage_bytes"])
            for other in rows
        )
    }


@pytest.mark.parametrize("limit", [20 * KIB, 64 * KIB, 112 * KIB, 1000 * KIB])
def test_the_front_is_what_the_trials_say_under_the_other_budget(run, limit):
    found = run_within(run, [flash(limit)], None)
    assert set(found.front["design"]) == by_hand(run, {"flash_bytes": limit})
    assert (found.front["flash_bytes"] <= limit).all()
    assert found.front["accuracy"].is_monotonic_decreasing
    assert non_dominated(losses(found.front, found.info.objectives)).all()


def test_the_budgets_of_the_search_give_its_own_front(run):
    found = run_within(run, run.info.budgets, run.info.device)
    assert list(found.front.columns) == list(run.front.columns)
    own = run.front.sort_values(["accuracy", "design"], ascending=[False, True]).reset_index(drop=True)
    assert found.front.equals(own)
    assert (found.trials["feasible"] == run.trials["feasible"]).all()
    assert (found.trials["violated"] == run.trials["violated"]).all()
    assert (found.baselines["feasible"] == run.baselines["feasible"]).all()


def test_a_looser_budget_brings_designs_that_the_search_left_out(run):
    found = run_within(run, [flash(1000 * KIB)], None)
    new = ~found.front["design"].isin(run.front["design"])
    assert new.any()
    assert found.front["test_accuracy"].isna()[new].all()  # measured for the search's own front alone
    assert found.info.counts.feasible > (run.trials["feasible"]).sum()
    assert set(found.designs) == set(found.front["design"]) & set(run.designs)


def test_the_run_itself_stays_as_it_is(run):
    before = run.trials.copy(), run.front.copy(), run.info.to_json()
    run_within(run, [flash(20 * KIB)], load_device("nrf52832"))
    assert run.trials.equals(before[0])
    assert run.front.equals(before[1])
    assert run.info.to_json() == before[2]


def test_a_budget_that_nothing_meets_leaves_an_empty_front_that_is_drawn(run):
    found = run_within(run, [flash(1)], None)
    assert len(found.front) == 0
    assert list(found.front.columns) == list(run.front.columns)
    assert "0 designs" in front_info(found).title
    draw_front(front_info(found))


def test_designs_without_figures_fit_no_budget_and_break_none(run):
    found = run_within(run, [flash(1)], None)
    failed = found.trials[found.trials["state"] == "failed"]
    assert len(failed)
    assert not failed["feasible"].any()
    assert (failed["violated"] == "").all()


def test_figures_are_found_by_the_names_of_objectives_and_of_columns(run):
    assert find_figure(run, "flash") == find_figure(run, "flash_bytes")
    assert find_figure(run, "bit-ops").column == "bit_ops"
    large = {name for name in known_figures(run) if find_figure(run, name).direction == "maximize"}
    assert large == {"accuracy", "test_accuracy", "compression_ratio"}
    assert "main_method" not in known_figures(run)
    assert np.isfinite(run.front[list(known_figures(run))].to_numpy(float)).all()
