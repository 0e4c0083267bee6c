"""Tables and facts in text."""

import dataclasses
from collections.abc import Callable

import pytest

from reports.columns import TABLES, column
from reports.key_facts import key_facts, warnings
from reports.run_record import RunRecord
from reports.tables import baselines_table, front_table, text_table
from reports.text import format_cell, format_limit, format_value
from searches.constraints import Budget


def test_a_small_table_as_it_is_printed() -> None:
    rows = [
        {"design": "a", "storage_bytes": 2048, "accuracy": 0.5},
        {"design": "long", "storage_bytes": 3, "accuracy": 1.0},
    ]
    assert text_table([column("design"), column("storage_bytes"), column("accuracy")], rows).splitlines() == [
        "Design   Storage  Accuracy",
        "         counted  measured",
        "--------------------------",
        "a       2.00 KiB    50.00%",
        "long         3 B   100.00%",
    ]


def test_a_table_keeps_the_columns_that_fit() -> None:
    rows = [{"design": "a", "storage_bytes": 2048, "accuracy": 0.5}]
    columns = [column("design"), column("storage_bytes"), column("accuracy")]
    # 6 letters of "Design", 2 between, 8 of "2.00 KiB" and of "Accuracy"
    assert text_table(columns, rows, 6 + 2 + 8 + 2 + 8) == text_table(columns, rows)
    assert text_table(columns, rows, 6 + 2 + 8 + 2 + 7, ("accuracy",)).splitlines() == [
        "Design  Accuracy",
        "        measured",
        "----------------",
        "a         50.00%",
        "(1 column more in a wider terminal)",
    ]
    assert text_table(columns, rows, 1).splitlines()[0] == "Design"


def test_a_long_text_is_broken_into_lines_and_leaves_room_for_the_others() -> None:
    rows = [{"layer": "conv", "scheme": f"{'word ' * 8}end", "storage_bits": 24}, *[{"layer": "b", "scheme": "c"}] * 0]
    columns = [column("layer"), column("scheme"), column("storage_bits")]
    whole = text_table(columns, rows)
    assert len(whole.splitlines()[-1]) == 5 + 2 + 8 * 5 + 3 + 2 + 7  # Layer, 43 letters of the scheme, 24 bits
    assert text_table(columns, rows, 59, wrapped="scheme") == whole
    # 58 leave a letter less for the scheme: 42 letters hold eight words of "word" with blanks between, 8 x 5 - 1
    assert text_table(columns, rows, 58, wrapped="scheme").splitlines()[3:] == [
        f"conv   {('word ' * 8).rstrip()}  24 bits",
        "       end",
    ]
    # with less than 30 for the scheme the last column goes
    assert text_table(columns, rows, 5 + 2 + 30, wrapped="scheme").splitlines()[0] == "Layer  Scheme"


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "bytes", "–"),
        (float("nan"), "share", "–"),
        (float("inf"), "dB", "∞"),
        (0.9754, "share", "97.54%"),
        (12.345, "ratio", "12.35x"),
        (250.4, "ratio", "250x"),
        (1536, "bytes", "1.50 KiB"),
        (4_000_000, "count", "4.00 M"),
        (0.012346, "", "0.01235"),
    ],
)
def test_values_by_unit(value: float | None, unit: str, text: str) -> None:
    assert format_value(value, unit) == text


def test_flags_and_texts_stay_words() -> None:
    assert (format_cell(True, "feasible"), format_cell(False, "feasible")) == ("yes", "no")
    assert format_cell("dense", "main_method") == "dense"
    assert format_limit(Budget(name="bit-ops", column="bit_ops", limit=2e9, unit="bit-ops")) == "2.00 G bit-ops"
    assert format_limit(Budget(name="latency", column="latency_ms", limit=20, unit="ms")) == "20 ms"


def test_every_column_of_the_tables_is_described_with_its_origin_or_is_a_name() -> None:
    for name in {name for names in TABLES.values() for name in names}:
        about = column(name)
        assert about.kind != "own"
        assert about.origin or about.kind in ("text", "flag") or name in ("trial", "weight_bits")


def test_the_front_is_printed_best_first_and_says_what_it_leaves_out(run: RunRecord) -> None:
    lines = front_table(run).splitlines()[3:]
    order = run.front.sort_values("accuracy", ascending=False)["design"].tolist()
    assert [line.split()[0] for line in lines] == order
    short = front_table(run, limit=5).splitlines()[3:]
    assert [short[0].split()[0], short[4].split()[0]] == [order[0], order[-1]]
    assert short[5] == f"({len(order) - 5} more in front.csv)"


def test_baselines_say_what_they_break(run: RunRecord) -> None:
    (line,) = [line for line in baselines_table(run).splitlines() if line.startswith("dense 8 bits")]
    assert line.split()[3:5] == ["no", "flash"]


def facts(run: RunRecord) -> dict[str, tuple[str, str]]:
    return {fact.title: (fact.value, fact.detail) for fact in key_facts(run)}


def test_the_best_design_is_compared_with_float_and_uniform_quantization(run: RunRecord) -> None:
    best = run.front.loc[run.front["accuracy"].idxmax()]
    value, detail = facts(run)["Best accuracy within budget"]
    assert value == f"{100 * best['accuracy']:.2f}%"
    assert f"{100 * best['test_accuracy']:.2f}% on the test part" in detail
    assert f"({100 * (best['accuracy'] - 0.9822):+.2f} points)" in detail
    value, detail = facts(run)["Compared with uniform"]
    assert value == f"{100 * (best['accuracy'] - 0.976):+.2f} points"  # 8 bits reach more but break the flash budget
    assert detail.startswith("dense 6 bits")


def test_the_smallest_design_as_good_as_uniform_is_found(run: RunRecord) -> None:
    equal = run.front[run.front["accuracy"] >= 0.976]
    uniform = run.baselines.set_index("weight_bits").loc[6, "storage_bytes"]
    value, detail = facts(run)["Smaller at no loss"]
    assert value == f"{uniform / equal['storage_bytes'].min():.2f}x"
    assert detail.startswith(equal.loc[equal["storage_bytes"].idxmin(), "design"])


def test_no_uniform_width_that_fits_is_said(run: RunRecord) -> None:
    none = dataclasses.replace(run, baselines=run.baselines.assign(feasible=False))
    assert facts(none)["Uniform quantization"] == (
        "does not fit",
        "No width of uniform quantization keeps every budget.",
    )


def test_distortion_is_compared_in_per_cent(make_run: Callable[..., RunRecord]) -> None:
    run = make_run(("distortion", "storage"), data=False)
    best = run.front["distortion"].min()
    other = run.baselines.loc[run.baselines["weight_bits"] == 6, "distortion"].item()
    assert facts(run)["Compared with uniform"][0] == f"{100 * (1 - best / other):.1f}% lower"


def test_where_nothing_fits_the_least_of_every_budget_is_said(run: RunRecord) -> None:
    empty = dataclasses.replace(run, front=run.front[:0])
    least = int(run.trials["flash_bytes"].min())
    assert facts(empty)["Least flash measured"] == (f"{least / 1024:.2f} KiB", "The budget is 112.0 KiB.")


def test_warnings_name_what_is_not_counted_and_what_failed(run: RunRecord) -> None:
    lines = warnings(dataclasses.replace(run, info=run.info.changed(status="interrupted")))
    assert lines[0] == "The search was interrupted after 500 trials; everything finished is here."
    assert "Operation roll_1 (aten.roll) is not counted: no rule for it." in lines
    assert "9 of 500 trials failed; trials.csv lists them." in lines
