"""The facts of a report compare what was measured in the same way, and never call less than a baseline the best."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from reports.comparison import compare_runs
from reports.key_facts import KeyFact, cautions, key_facts, warnings
from reports.records import FloatNetwork
from reports.run_record import RunRecord
from reports.tables import baselines_table


def with_float(run: RunRecord, **figures: Any) -> RunRecord:
    info = run.info.model_copy(update={"float_network": FloatNetwork(storage_bytes=4096, **figures)})
    return dataclasses.replace(run, info=info)


def fact(run: RunRecord, title: str) -> KeyFact:
    return next(found for found in key_facts(run) if found.title == title)


def test_a_design_is_compared_with_the_float_network_measured_as_it_was(run: RunRecord) -> None:
    best = run.front["accuracy"].max()
    known = with_float(run, accuracy=best - 0.27, reestimated={"accuracy": best + 0.01, "loss": 0.1})
    said = fact(known, "Best accuracy within budget").detail
    alike, own = f"{100 * (best + 0.01):.2f}%", f"{100 * (best - 0.27):.2f}%"
    assert f"The float network: {alike} with batch statistics re-estimated in the same way (-1.00 points)" in said
    assert f", {own} with its own" in said
    assert "+27" not in said


def test_a_baseline_is_said_both_ways(run: RunRecord) -> None:
    baselines = run.baselines.assign(accuracy_own_statistics=run.baselines["accuracy"] - 0.25)
    both = dataclasses.replace(run, baselines=baselines)
    best = baselines.loc[baselines["feasible"], "accuracy"].max()
    said = fact(both, "Compared with uniform").detail
    reestimated, own = f"{100 * best:.2f}%", f"{100 * (best - 0.25):.2f}%"
    assert f"reaches {reestimated} with batch statistics re-estimated ({own} with those of the float network)" in said
    assert "Accuracy, float statistics" in baselines_table(both)
    assert "Accuracy, float statistics" not in baselines_table(run)


def test_where_designs_keep_the_own_statistics_there_is_one_figure(run: RunRecord) -> None:
    best = run.front["accuracy"].max()
    said = fact(with_float(run, accuracy=best), "Best accuracy within budget").detail
    assert f"The float network: {100 * best:.2f}% (no difference)" in said
    assert "with its own" not in said


def test_a_smallest_design_at_no_loss_is_one_against_the_float_network_measured_alike(run: RunRecord) -> None:
    best = run.trials["accuracy"].max()
    runs = {name: with_float(run, accuracy=0.0, reestimated={"accuracy": best + 0.01}) for name in "ab"}
    assert compare_runs(runs).table()["no_loss_design"].tolist() == ["", ""]


@pytest.mark.parametrize("objective", ["accuracy", "distortion"])
def test_the_best_within_budget_is_never_worse_than_a_baseline_that_fits(
    make_run: Callable[..., RunRecord], objective: str
) -> None:
    run = make_run((objective, "storage"))
    sign = 1 if objective == "accuracy" else -1
    best = run.front[objective].max() if sign == 1 else run.front[objective].min()
    better = run.baselines.copy()
    fitting = better.index[better["feasible"]][0]
    better.loc[fitting, objective] = best + sign * 0.001
    found = fact(dataclasses.replace(run, baselines=better), f"Best {objective} within budget")
    assert found.detail.startswith(f"Uniform quantization, {better.loc[fitting, 'name']}, ")
    assert "The best design found, " in found.detail
    worse = run.baselines.assign(feasible=False)
    plain = fact(dataclasses.replace(run, baselines=worse), f"Best {objective} within budget")
    assert plain.detail.startswith("Design ")


@pytest.mark.parametrize(
    ("factor", "said"), [(1.5, "50.0% higher"), (3e6, "3,000,000 times as high"), (12.0, "12 times as high")]
)
def test_no_percentages_of_millions(make_run: Callable[..., RunRecord], factor: float, said: str) -> None:
    run = make_run(("distortion", "storage"))
    best = run.front["distortion"].min()
    baselines = run.baselines.assign(distortion=best / factor, feasible=True)
    assert fact(dataclasses.replace(run, baselines=baselines), "Compared with uniform").value == said


def test_notes_on_the_data_are_warnings(run: RunRecord) -> None:
    assert run.info.data is not None
    data = run.info.data.model_copy(update={"notes": ("Channels with one value over all training inputs: 1",)})
    noted = dataclasses.replace(run, info=run.info.model_copy(update={"data": data}))
    assert "Channels with one value over all training inputs: 1." in warnings(noted)


def test_notes_on_the_network_put_the_answer_in_doubt(run: RunRecord) -> None:
    network = run.info.network.model_copy(update={"notes": ("the outputs look like probabilities",)})
    noted = dataclasses.replace(run, info=run.info.model_copy(update={"network": network}))
    assert cautions(noted) == (*cautions(run), "The outputs look like probabilities.")
