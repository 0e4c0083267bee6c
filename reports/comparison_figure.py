"""The picture of several runs: their fronts in one pair of axes; what it shows first, then how it is drawn."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from reports.axes import Axis, make_axis
from reports.comparison import Comparison
from reports.front import losses, non_dominated
from reports.front_figure import draw_axes
from reports.labels import plain
from reports.named_figure import find_figure
from reports.notebook_figure import NotebookFigure
from reports.palette import INK, METHOD_STYLES, OTHER_STYLE
from reports.records import Objective
from reports.run_record import RunRecord

__all__ = ["ComparisonInfo", "RunCurve", "comparison_info", "draw_comparison", "run_curve"]

_STYLES = (*METHOD_STYLES.values(), OTHER_STYLE)


@dataclass(frozen=True)
class RunCurve:
    """The front of one run: its name, its designs as places on the axes, and the staircase through them."""

    name: str
    marks: tuple[tuple[float, float], ...]
    steps: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class ComparisonInfo:
    """The whole picture."""

    title: str
    x: Axis
    y: Axis
    curves: tuple[RunCurve, ...]


def comparison_info(comparison: Comparison, x: str | None = None, y: str | None = None) -> ComparisonInfo:
    """What the picture of a comparison shows.

    Args:
        comparison: of runs.
        x: the figure across, by the name of an objective or a column; the size that is compared by default.
        y: the figure up; the quality that is compared by default.

    Raises:
        ReportError: the designs of a run have no such figure.
    """
    runs = list(comparison.runs.values())
    across = comparison.size if x is None else _shared_figure(runs, x)
    up = comparison.quality if y is None else _shared_figure(runs, y)
    fronts = {name: _front(run, (across, up)) for name, run in comparison.runs.items()}
    horizontal, vertical = (
        make_axis(goal.column, [value for front in fronts.values() for value in front[goal.column]], (), goal.direction)
        for goal in (across, up)
    )
    curves = tuple(run_curve(name, front, horizontal, vertical) for name, front in fronts.items())
    title = f"{runs[0].info.network.name}: {len(runs)} runs, the designs of each that fit and that none dominates"
    return ComparisonInfo(title, horizontal, vertical, curves)


def _shared_figure(runs: Sequence[RunRecord], name: str) -> Objective:
    """The figure of that name, which the designs of every run have."""
    return [find_figure(run, name) for run in runs][-1]


def _front(run: RunRecord, goals: Sequence[Objective]) -> pd.DataFrame:
    """The measured designs that fit and that none dominates in these figures, from the smallest on."""
    fitting = run.trials[(run.trials["state"] == "measured") & run.trials["feasible"].astype(bool)]
    points = losses(fitting, goals)
    chosen = non_dominated(points, distinct=True)
    return fitting[chosen].iloc[np.argsort(points[chosen][:, 0], kind="stable")]


def run_curve(name: str, front: pd.DataFrame, x: Axis, y: Axis) -> RunCurve:
    """What a picture shows of a front.

    Args:
        name: of the run.
        front: its designs in the order of the figure across.
        x: the axis across, of a column of the front.
        y: the axis up, likewise.
    """
    marks = [
        (x.position(float(across)), y.position(float(up)))
        for across, up in zip(front[x.column], front[y.column], strict=True)
    ]
    steps: list[tuple[float, float]] = []
    for mark in marks:
        steps += ([(mark[0], steps[-1][1])] if steps else []) + [mark]
    return RunCurve(name, tuple(marks), tuple(steps))


def draw_comparison(info: ComparisonInfo) -> Figure:
    """Draws the picture, 8 inches wide."""
    figure = NotebookFigure(figsize=(8.0, 5.4), layout="constrained")
    axes = figure.subplots()
    draw_axes(axes, info.x, info.y)
    for place, curve in enumerate(info.curves):
        style = _STYLES[place % len(_STYLES)]
        label = f"{curve.name}: {len(curve.marks)} design{'' if len(curve.marks) == 1 else 's'}"
        if curve.steps:
            axes.plot(*zip(*curve.steps, strict=True), color=style.color, linewidth=1.2, zorder=2 + place)
        axes.plot(
            *(zip(*curve.marks, strict=True) if curve.marks else ([], [])),
            linestyle="none",
            marker=style.marker,
            color=style.color,
            markeredgecolor=INK,
            markeredgewidth=0.7,
            label=plain(label),
            clip_on=False,
            zorder=3 + place,
        )
    figure.suptitle(plain(info.title), x=0.012, ha="left", fontsize=11, color=INK, fontweight="bold")
    figure.legend(loc="outside lower left", ncols=min(len(info.curves), 3), frameon=False, fontsize=8)
    return figure
