"""Which design is recommended, and what is said of it."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from costmodels.program_need import ProgramNeed
from reports.answer import answer, export_words
from reports.columns import TUNED_FIGURES
from reports.proportion import standard_error_below, wilson_interval
from reports.recommendation import recommend
from reports.records import FloatNetwork, Objective
from reports.run_record import RunRecord
from reports.tuned_designs import front_as_tuned

ACCURACY = Objective(name="accuracy", column="accuracy", direction="maximize")
FLASH = Objective(name="flash", column="flash_bytes", direction="minimize")
DISTORTION = Objective(name="distortion", column="distortion", direction="minimize")


def front(**columns: list[float]) -> pd.DataFrame:
    names = [chr(ord("a") + at) for at in range(len(next(iter(columns.values()))))]
    return pd.DataFrame({"design": names, **columns})


def test_wilson_interval_by_hand() -> None:
    # 80 of 100, 2 standard errors: (0.8 + 4/200) / 1.04 = 0.788462; 2/1.04 * sqrt(0.8*0.2/100 + 4/40000) = 0.079291
    low, high = wilson_interval(0.8, 100, 2.0)
    assert (low, high) == (pytest.approx(0.709171, abs=1e-6), pytest.approx(0.867752, abs=1e-6))
    assert wilson_interval(0.0, 10)[0] == 0.0
    assert wilson_interval(1.0, 10)[1] == pytest.approx(1.0, abs=1e-12)
    for share, count in ((0.5, 0), (1.5, 10), (math.nan, 10)):
        with pytest.raises(ValueError, match="a share of a sample is needed"):
            wilson_interval(share, count)


def test_the_least_costly_within_one_standard_error_of_the_best() -> None:
    # 90 of 100 right: one standard error below is 0.90 - 0.8659 = 0.0341
    assert standard_error_below(0.90, 100) == pytest.approx(0.0341, abs=1e-4)
    table = front(accuracy=[0.90, 0.88, 0.87, 0.86], flash_bytes=[900, 800, 700, 100])
    found = recommend(table, [ACCURACY, FLASH], 100)
    assert found is not None
    assert found.design == "c"  # 0.87 >= 0.866 > 0.86
    assert found.rule == (
        "The least flash of the 3 of 4 designs on the front whose accuracy is within one standard error (3.41 points "
        "on 100 images) of the best, 90.00%."
    )


def test_more_images_allow_less() -> None:
    table = front(accuracy=[0.90, 0.88, 0.87, 0.86], flash_bytes=[900, 800, 700, 100])
    chosen = {images: recommend(table, [ACCURACY, FLASH], images) for images in (20, 100, 100_000)}
    assert [found.design for found in chosen.values() if found] == ["d", "c", "a"]
    assert chosen[100_000] is not None
    assert chosen[100_000].rule.startswith("The most accurate on the front; none of the others comes within")


def test_of_designs_that_cost_the_same_the_most_accurate() -> None:
    table = front(accuracy=[0.88, 0.90, 0.89], flash_bytes=[700, 900, 700])
    found = recommend(table, [ACCURACY, FLASH], 100)
    assert found is not None
    assert found.design == "c"


def test_without_labels_the_knee_and_of_one_objective_the_best() -> None:
    # scaled to the front: (0 + 1, 0.1 + 0.25, 1 + 0); the second has the least sum
    table = front(distortion=[0.1, 0.2, 1.1], flash_bytes=[900, 300, 100])
    found = recommend(table, [DISTORTION, FLASH])
    assert found is not None
    assert (found.design, found.tolerance) == ("b", None)
    assert found.rule.startswith("The knee of the front, distortion 0.2 and flash 300 B: ")
    assert recommend(table.iloc[:0], [DISTORTION, FLASH]) is None
    single = recommend(table.iloc[2:], [FLASH])
    assert single is not None
    assert single.rule == "The least flash of the designs that fit."


def test_unknown_accuracies_are_passed_over() -> None:
    table = front(accuracy=[math.nan, 0.88, 0.87], flash_bytes=[1, 800, 700])
    found = recommend(table, [ACCURACY, FLASH], 100)
    assert found is not None
    assert found.design == "c"


def with_info(run: RunRecord, **changes: Any) -> RunRecord:
    return dataclasses.replace(run, info=run.info.model_copy(update=changes))


def points(run: RunRecord) -> dict[str, str]:
    found = answer(run, "runs/x")
    assert found is not None
    return {point.title: point.text for point in found.points}


def test_the_answer_compares_like_with_like_and_says_on_how_many_images(run: RunRecord) -> None:
    found = answer(run, "runs/x")
    assert found is not None
    row = run.front.set_index("design").loc[found.design]
    alike = row["accuracy"] + 0.01
    whole = FloatNetwork(storage_bytes=131_520 * 4, accuracy=0.5, test_accuracy=0.5, reestimated={"accuracy": alike})
    said = points(with_info(run, float_network=whole))
    assert said["Lost"].startswith(
        f"1.00 points against the float network measured in the same way ({100 * alike:.2f}%, batch statistics "
        "re-estimated); with its own statistics the float network has 50.00%."
    )
    low, high = wilson_interval(row["accuracy"], 300)
    own = f"300 validation images of synthetic: {100 * row['accuracy']:.2f}%"
    assert said["Measured on"].startswith(f"{own}, 95% interval {100 * low:.1f} to {100 * high:.1f}%; 497 test images")
    assert "1.00 points fewer than the float network" in answer(with_info(run, float_network=whole), "x").headline  # type: ignore[union-attr]


def test_the_answer_never_hides_a_smaller_baseline_that_is_as_good(run: RunRecord) -> None:
    found = answer(run, "runs/x")
    assert found is not None
    row = run.front.set_index("design").loc[found.design]
    other = run.baselines.copy()
    place = other.index[other["feasible"]][0]
    other.loc[place, ["accuracy", "flash_bytes"]] = [row["accuracy"], int(row["flash_bytes"]) - 1]
    said = points(dataclasses.replace(run, baselines=other))["Smaller"]
    assert f"{other.loc[place, 'name']}, needs" in said
    assert said.endswith("less than this design; more trials may find a smaller one.")
    none = points(dataclasses.replace(run, baselines=run.baselines.assign(accuracy=0.0)))["Smaller"]
    assert none.endswith("No width of uniform quantization reaches its accuracy.")


def test_the_answer_says_how_much_room_is_left(run: RunRecord) -> None:
    found = answer(run, "runs/x")
    assert found is not None
    need = int(run.front.set_index("design").loc[found.design, "flash_bytes"])
    room = found.rooms[0]
    limit = 112 * 1024
    assert room.share == need / limit
    assert room.left == f"{(limit - need) / 1024:.2f} KiB free, {100 * (limit - need) / limit:.0f}%"


def test_the_command_to_copy_is_of_the_shell(run: RunRecord) -> None:
    found = answer(run, "runs/it's here")
    assert found is not None
    assert found.export == f"""filterfront export 'runs/it'"'"'s here' --design {found.design}"""
    need = ProgramNeed("cortex-m4", 20_000, 3_000, 7_000, 100, 700)
    assert export_words(with_info(run, needs=(need,)), "x")[1] == " --c --target cortex-m4"


def test_without_data_the_answer_says_that_accuracy_is_unknown(make_run: Callable[..., RunRecord]) -> None:
    run = make_run(("distortion", "flash"), data=False)
    said = points(run)
    assert said["Lost"] == "Accuracy is unknown: no labelled images were given."
    assert said["Why this one"].startswith("The knee of the front, ")
    assert "Measured on" not in said
    assert answer(dataclasses.replace(run, front=run.front[:0]), "x") is None


def test_a_design_that_was_fine_tuned_counts_as_it_is_now(run: RunRecord) -> None:
    row = run.front.sort_values("flash_bytes").iloc[0]
    best = run.front["accuracy"].max()
    figures = {name: {"before": row.get(name), "after": row.get(name)} for name in TUNED_FIGURES}
    figures["accuracy"]["after"] = best
    columns = {f"{name}_before": pair["before"] for name, pair in figures.items()}
    columns |= {name: pair["after"] for name, pair in figures.items()}
    facts = {"design": row["design"], "main_method": row["main_method"], "epochs": 3, "best_epoch": 3, "seconds": 1.0}
    tuned = dataclasses.replace(run, tuned=pd.DataFrame([{**facts, **columns}]))
    assert front_as_tuned(tuned).set_index("design").loc[row["design"], "accuracy"] == best
    assert front_as_tuned(run).equals(run.front)
    found = answer(tuned, "x")
    assert found is not None
    assert found.design == row["design"]  # the least flash, as accurate as the best
    assert found.headline.startswith("synthetic-cnn, fine-tuned, fits stm32l432 in ")
    assert f"Accuracy {100 * row['accuracy']:.2f}% before, {100 * best:.2f}% after" in points(tuned)["Fine-tuned"]
