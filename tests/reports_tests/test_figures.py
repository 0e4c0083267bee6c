"""The pictures: what is in them, and that they draw."""

import dataclasses
import io
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread

from costmodels.schemes import SCHEMES
from reports.errors import ReportError
from reports.figures import picture_files
from reports.front_figure import _legend_columns, draw_front
from reports.front_info import front_info
from reports.layers_figure import draw_layers
from reports.layers_info import default_design, layers_info
from reports.palette import COMPONENT_STYLES, METHOD_STYLES, OTHER_STYLE, lightness, method_style
from reports.panel import BASELINE, BROKEN, FITS, FRONT, Panel
from reports.run_record import RunRecord

MakeRun = Callable[..., RunRecord]


def kinds(panel: Panel, kind: str) -> list[str]:
    return [mark.design for mark in panel.marks if mark.kind == kind]


def test_every_front_design_is_drawn_once_and_on_top(run: RunRecord) -> None:
    (panel,) = front_info(run).panels
    assert kinds(panel, FRONT) == run.front["design"].tolist()
    assert {mark.kind for mark in panel.marks[-len(run.front) :]} == {FRONT}


def test_measured_designs_are_drawn_by_whether_they_fit(run: RunRecord) -> None:
    (panel,) = front_info(run).panels
    trials = run.trials.set_index("design")
    assert all(trials.loc[kinds(panel, FITS), "feasible"])
    assert not any(trials.loc[kinds(panel, BROKEN), "feasible"])
    assert not set(kinds(panel, FITS)) & set(run.front["design"])


def test_what_is_not_drawn_is_said(run: RunRecord) -> None:
    trials = run.trials.copy()
    measured = trials.index[(trials["state"] == "measured") & ~trials["design"].isin(run.front["design"])]
    trials.loc[measured[:3], "storage_bytes"] *= 10_000
    info = front_info(replace(run, trials=trials))
    drawn = sum(mark.kind != BASELINE for mark in info.panels[0].marks)
    assert (trials["state"] == "measured").sum() - drawn == 3
    assert "3 measured designs lie outside the view." in info.notes


def test_storage_lies_across_and_accuracy_goes_up_whatever_comes_first(make_run: MakeRun) -> None:
    for objectives in (("accuracy", "storage"), ("storage", "accuracy")):
        (panel,) = front_info(make_run(objectives)).panels
        assert (panel.x.column, panel.y.column) == ("storage_bytes", "accuracy")


def test_steps_are_a_staircase_through_the_front(run: RunRecord) -> None:
    (panel,) = front_info(run).panels
    corners = np.array(panel.steps)
    assert len(corners) == 2 * len(run.front) - 1
    assert (np.diff(corners, axis=0) >= 0).all()  # more bytes, more accuracy
    assert (np.diff(corners, axis=0) == 0).any(axis=1).all()  # one coordinate at a time


def test_a_budget_on_an_axis_is_a_line_and_elsewhere_a_note(make_run: MakeRun) -> None:
    flash, storage = (front_info(make_run(("accuracy", name))) for name in ("flash", "storage"))
    (line,) = [line for line in flash.panels[0].lines if line.kind == "budget"]
    assert line.label == "flash budget 112.0 KiB"
    assert line.at == pytest.approx(flash.panels[0].x.position(112 * 1024))
    assert "Budgets outside the axes: sram 64.00 KiB." in flash.notes[0]
    assert not any(line.kind == "budget" for line in storage.panels[0].lines)
    assert "flash 112.0 KiB, sram 64.00 KiB" in storage.notes[0]


def test_a_budget_far_beyond_the_front_is_a_note(make_run: MakeRun) -> None:
    run = make_run(("accuracy", "flash"))
    info = run.info.changed(budgets=[dataclasses.replace(run.info.budgets[0], limit=8 * 1024 * 1024)])
    picture = front_info(dataclasses.replace(run, info=info))
    assert not any(line.kind == "budget" for line in picture.panels[0].lines)
    assert picture.notes[0].startswith("Budgets outside the axes: flash 8.00 MiB.")


def test_a_perfect_design_of_the_front_is_drawn(run: RunRecord) -> None:
    best = run.front["accuracy"].idxmax()
    front = run.front.assign(accuracy=run.front["accuracy"].where(run.front.index != best, 1.0))
    (panel,) = front_info(dataclasses.replace(run, front=front)).panels
    assert kinds(panel, FRONT) == run.front["design"].tolist()
    assert max(mark.y for mark in panel.marks if mark.kind == FRONT) == 1.0


def test_the_float_network_is_a_line(run: RunRecord) -> None:
    lines = front_info(run).panels[0].lines
    assert [line.label for line in lines if line.kind == "float"] == ["float network 98.22%"]


def test_ends_and_the_recommended_design_are_named(run: RunRecord) -> None:
    (panel,) = front_info(run).panels
    labels = {mark.label.split(":")[0]: mark for mark in panel.marks if mark.kind == FRONT and mark.label}
    assert labels.keys() == {"best", "smallest", "recommended"}
    front = run.front.set_index("design")
    assert labels["best"].design == front["accuracy"].idxmax()
    assert labels["smallest"].design == front["storage_bytes"].idxmin()
    assert labels["recommended"].design == default_design(run)


def test_baselines_are_labelled_with_their_bits(run: RunRecord) -> None:
    (panel,) = front_info(run).panels
    marks = {mark.design: mark for mark in panel.marks if mark.kind == BASELINE}
    assert (marks["u06"].label, marks["u06"].feasible) == ("6", True)
    assert (marks["u08"].label, marks["u08"].feasible) == ("8", False)
    assert "Breaks: flash" in marks["u08"].tip


def test_three_objectives_are_drawn_in_pairs_and_one_over_the_trials(make_run: MakeRun) -> None:
    pairs = front_info(make_run(("accuracy", "storage", "bit-ops"))).panels
    assert [(panel.x.column, panel.y.column) for panel in pairs] == [
        ("storage_bytes", "accuracy"),
        ("bit_ops", "accuracy"),
        ("storage_bytes", "bit_ops"),
    ]
    assert all(panel.steps == () for panel in pairs)
    (history,) = front_info(make_run(("accuracy",))).panels
    assert (history.x.column, history.y.column) == ("trial", "accuracy")
    assert list(history.steps) == sorted(history.steps)


def test_an_empty_front_is_drawn_with_what_was_measured(run: RunRecord) -> None:
    empty = dataclasses.replace(run, front=run.front[:0], layers=run.layers[:0], designs={})
    info = front_info(empty)
    assert info.panels[0].steps == ()
    assert kinds(info.panels[0], BROKEN)
    assert set(picture_files(empty)) == {"front.png", "front.svg"}


def test_without_data_the_picture_says_so(make_run: MakeRun) -> None:
    info = front_info(make_run(("distortion", "storage"), data=False))
    assert any(note.startswith("No data were given: accuracy is unknown") for note in info.notes)


def test_layers_add_up(run: RunRecord) -> None:
    design = default_design(run)
    assert design is not None
    info = layers_info(run, design)
    rows = run.layers[run.layers["design"] == design]
    assert [bar.layer for bar in info.bars] == rows["layer"].tolist()
    assert [sum(bits for _, bits in bar.parts) for bar in info.bars] == rows["storage_bits"].tolist()
    first = rows.iloc[0]
    assert info.bars[0].ratio == 32 * first["weights"] / first["storage_bits"]
    assert set(info.components) == {part for bar in info.bars for part, _ in bar.parts}


def test_layers_of_a_design_that_is_not_on_the_front_are_refused(run: RunRecord) -> None:
    with pytest.raises(ReportError, match=r"got nobody; layers are shown of a front design; choose one of front\.csv"):
        layers_info(run, "nobody")


@pytest.mark.parametrize("objectives", [("accuracy",), ("accuracy", "flash"), ("accuracy", "storage", "bit-ops")])
def test_pictures_draw_and_leave_no_state(make_run: MakeRun, objectives: tuple[str, ...]) -> None:
    figure = draw_front(front_info(make_run(objectives, layers=2, trials=80)))
    figure.canvas.draw()
    assert len(figure.axes) == max(1, len(objectives) * (len(objectives) - 1) // 2)


def test_exact_layers_have_no_noise_to_draw(make_run: MakeRun) -> None:
    run = make_run(layers=2, trials=80)
    run = dataclasses.replace(run, layers=run.layers.assign(sqnr_db=np.inf))
    figure = draw_layers(layers_info(run, run.front["design"].iloc[0]))
    assert [text.get_text() for text in figure.axes[1].texts] == ["exact", "exact"]


def test_picture_files_repeat_to_the_byte_and_are_wide_enough(make_run: MakeRun) -> None:
    run = make_run(layers=3, trials=60)
    files = picture_files(run)
    assert set(files) == {"front.png", "front.svg", "layers.png", "layers.svg"}
    assert files == picture_files(run)
    assert imread(io.BytesIO(files["front.png"])).shape[1] == 8 * 200


def distances(colors: list[str]) -> list[float]:
    values = sorted(map(lightness, colors))
    return [float(step) for step in np.diff(values)]


def test_methods_differ_in_marker_and_in_lightness() -> None:
    styles = [*METHOD_STYLES.values(), OTHER_STYLE]
    assert len({style.marker for style in styles}) == len({style.path for style in styles}) == len(styles)
    assert min(distances([style.color for style in styles])) > 7


def test_every_form_has_a_style_of_its_own() -> None:
    assert set(METHOD_STYLES) == set(SCHEMES)


def test_components_differ_in_hatch_and_in_lightness() -> None:
    styles = list(COMPONENT_STYLES.values())
    assert len({style.hatch for style in styles}) == len(styles)
    assert min(distances([style.color for style in styles])) > 7


def test_lightness_by_hand() -> None:
    assert lightness("#ffffff") == pytest.approx(100)
    assert lightness("#777777") == pytest.approx(50, abs=0.5)  # the middle grey of sRGB
    assert method_style("unheard of") is OTHER_STYLE


def test_trials_that_repeat_are_not_drawn_again(run: RunRecord) -> None:
    again = run.trials.iloc[[5]].assign(state="repeated", trial=len(run.trials))
    twice = dataclasses.replace(run, trials=pd.concat([run.trials, again], ignore_index=True))
    assert front_info(twice).panels == front_info(run).panels


def test_the_legend_has_as_many_columns_as_fit_side_by_side():
    """A mark takes 5 letters, an inch 16: three columns of 20 take 3 * 25 = 75 of 80, with four 4 * 25 = 100."""
    assert _legend_columns(["x" * 20] * 12, 5.0) == 3
    assert _legend_columns(["x" * 3] * 12, 5.0) == 7
    assert _legend_columns(["x" * 100, "x"], 5.0) == 1
    # Six entries in five columns are two and four times one, the last of which is long: 23 + 27 + 12 + 19 + 40 letters.
    unequal = ["x" * length for length in (23, 20, 27, 12, 19, 40)]
    assert _legend_columns(unequal, 8.0) == 3


def test_names_are_text_and_no_formulas(make_run: Callable[..., RunRecord]) -> None:
    """What is between two dollar signs would be parsed, and what is no formula would end the picture."""
    names = ["$x^{2$", r"a$\frac$b", "$", "100% $5"]
    run = make_run(layers=4, names=names)
    named = replace(run, info=run.info.changed(network={**run.info.network.to_json(), "name": "$x^{2$"}))
    assert all(len(content) > 1000 for content in picture_files(named, None).values())
