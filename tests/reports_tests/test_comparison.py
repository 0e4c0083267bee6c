"""Runs side by side: the table by visible arithmetic, the picture, and what cannot be compared."""

from dataclasses import replace

import numpy as np
import pytest

from reports.columns import TEXT
from reports.comparison import compare_runs
from reports.comparison_figure import comparison_info, draw_comparison
from reports.errors import ReportError
from reports.front import front_hypervolume
from reports.notebook import notebook_table
from reports.what_if import run_within
from searches.constraints import Budget

KIB = 1024


def with_info(run, **parts):
    """The run with other parts of run.json."""
    return replace(run, info=run.info.changed(**parts))


@pytest.fixture(scope="module")
def small(run):
    """The same designs under half the flash."""
    return run_within(run, [Budget("flash", "flash_bytes", 56 * KIB, "bytes", "--flash")], None)


@pytest.fixture(scope="module")
def compared(run, small):
    return compare_runs({"whole": run, "small": small})


def fitting(run):
    return run.trials[(run.trials["state"] == "measured") & run.trials["feasible"]]


def test_the_table_has_a_row_for_each_run(run, small, compared):
    table = compared.table().set_index("run")
    assert list(table.index) == ["whole", "small"]
    assert list(table["designs_that_fit"]) == [340, len(fitting(small))]
    assert list(table["designs_on_front"]) == [len(run.front), len(small.front)]
    assert table.loc["whole", "budgets"] == "flash 112.0 KiB; sram 64.00 KiB"
    for name, one in (("whole", run), ("small", small)):
        assert table.loc[name, "best_accuracy"] == fitting(one)["accuracy"].max()
        best = fitting(one).set_index("design").loc[table.loc[name, "best_design"]]
        assert best["accuracy"] == table.loc[name, "best_accuracy"]
        assert best["storage_bytes"] == table.loc[name, "best_storage_bytes"]


def test_the_smallest_at_no_loss_is_no_worse_than_the_float_network(run):
    whole = with_info(run, float={**run.info.to_json()["float"], "accuracy": 0.9})
    table = compare_runs({"a": whole, "b": run}).table().set_index("run")
    good = fitting(run)[fitting(run)["accuracy"] >= 0.9]
    assert table.loc["a", "no_loss_storage_bytes"] == good["storage_bytes"].min()
    assert table.loc["b", "no_loss_design"] == ""  # the float network reaches 0.9822, no design that fits does
    assert np.isnan(float(table.loc["b", "no_loss_storage_bytes"]))


def test_hypervolumes_are_from_one_reference_point(run, small, compared):
    assert compared.reference == {"storage_bytes": run.info.float_network.storage_bytes, "accuracy": 0.0}
    table = compared.table().set_index("run")
    figures = compared.size, compared.quality
    for name, one in (("whole", run), ("small", small)):
        expected = front_hypervolume(fitting(one), figures, list(compared.reference.values()))
        assert table.loc[name, "hypervolume"] == expected
    assert table.loc["whole", "hypervolume_share"] == 1.0  # all designs of the other are among its own
    assert 0 < table.loc["small", "hypervolume_share"] < 1


def test_the_picture_has_a_curve_for_each_run(run, small, compared):
    info = comparison_info(compared)
    assert (info.x.column, info.y.column) == ("storage_bytes", "accuracy")
    assert [curve.name for curve in info.curves] == ["whole", "small"]
    assert [len(curve.marks) for curve in info.curves] == [len(run.front), len(small.front)]
    assert all(0 <= place <= 1 for curve in info.curves for mark in curve.marks for place in mark)
    figure = draw_comparison(info)
    assert [text.get_text().partition(":")[0] for text in figure.legends[0].get_texts()] == ["whole", "small"]
    assert figure._repr_png_().startswith(b"\x89PNG")
    other = comparison_info(compared, "flash", "loss")
    assert (other.x.column, other.y.column) == ("flash_bytes", "loss")
    with pytest.raises(ReportError, match=r"got flsh; .* did you mean flash"):
        comparison_info(compared, "flsh")


def test_runs_of_other_networks_or_data_are_refused_with_all_that_differs(run, make_run):
    other = with_info(run, network={**run.info.to_json()["network"], "digest": "sha256:1111"})
    with pytest.raises(ReportError, match=r"networks differ: a of synthetic-cnn \(digest sha256:00ff\), b of"):
        compare_runs({"a": run, "b": other})
    both = with_info(other, data={**run.info.to_json()["data"], "digest": "abc"})
    with pytest.raises(ReportError, match=r"networks differ: .*; data differ: a of synthetic"):
        compare_runs({"a": run, "b": both})
    with pytest.raises(ReportError, match=r"data differ: a of synthetic .*, b of no data"):
        compare_runs({"a": run, "b": make_run(("distortion", "storage"), data=False)})
    with pytest.raises(ReportError, match="got 1; two runs or more are compared"):
        compare_runs({"a": run})


def test_what_differs_and_keeps_nobody_from_comparing_is_said(run):
    network = {**run.info.to_json()["network"], "weights_digest": "another"}
    notes = compare_runs({"a": run, "b": with_info(run, network=network)}).notes
    assert notes == ("The runs started from different weights of the network.",)


def test_objectives_that_the_runs_do_not_share_are_replaced_by_figures_that_all_have(run, make_run):
    compared = compare_runs({"a": make_run(("accuracy", "storage", "bit-ops")), "b": run})
    assert (compared.quality.column, compared.size.column) == ("accuracy", "storage_bytes")
    compared = compare_runs({name: make_run(("storage",), data=False) for name in "ab"})
    assert (compared.quality.column, compared.size.column) == ("distortion", "storage_bytes")


def test_the_table_of_a_notebook_escapes_and_aligns(compared):
    rows = compared.table().to_dict("records")
    columns = compared.columns()
    assert [about.name for about in columns] == list(rows[0])
    rows[0]["run"] = "<b>&"
    page = notebook_table("<title>", columns, rows, ["a < b"])
    assert "<b>&lt;title&gt;</b>" in page
    assert "&lt;b&gt;&amp;" in page
    assert "a &lt; b" in page
    assert page.count("<tr>") == 1 + len(rows)
    assert page.count('text-align: left">') == sum(about.kind == TEXT for about in columns) * (1 + len(rows))
