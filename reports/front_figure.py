"""Drawing a front with matplotlib; what is drawn is in `reports.front_info`."""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from reports.axes import Axis
from reports.front_info import FrontInfo
from reports.labels import plain
from reports.notebook_figure import NotebookFigure
from reports.palette import BEST, FAINT, INK, MOVED, SOFT, method_style
from reports.panel import BASELINE, FITS, FRONT, TUNED, Line, Mark, Panel

__all__ = ["draw_axes", "draw_front"]

_LEGEND_MARK, _LETTERS_PER_INCH = 5, 16
"""Of the legend: the letters that a mark and its margin take, and those that fit into an inch."""


FITTED_LOOK: dict[str, Any] = {"color": SOFT, "linewidth": 1.1, "linestyle": (0, (4, 3))}


def draw_front(info: FrontInfo) -> Figure:
    """Draws the picture: 8 inches wide for one panel, 4.6 for each of up to three columns of pairs."""
    columns = min(len(info.panels), 3)
    rows = math.ceil(len(info.panels) / columns)
    size = (8.0, 5.8) if columns == 1 else (4.6 * columns, 4.2 * rows + 1.1)
    figure = NotebookFigure(figsize=size, layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, panel in zip(grid, info.panels, strict=False):
        _draw_panel(axes, panel)
    for axes in grid[len(info.panels) :]:
        axes.remove()
    figure.suptitle(plain(info.title), x=0.012, ha="left", fontsize=11, color=INK, fontweight="bold")
    entries = _legend(info)
    legend = figure.legend(
        handles=entries,
        loc="outside lower left",
        ncols=_legend_columns([str(entry.get_label()) for entry in entries], size[0]),
        frameon=False,
        fontsize=8,
        columnspacing=1.0,
        handletextpad=0.3,
        title="\n".join(info.notes) or None,
        title_fontsize=7,
        alignment="left",
    )
    legend.get_title().set_color(SOFT)
    return figure


def draw_axes(axes: Axes, x: Axis, y: Axis) -> None:
    """Gives axes from 0 to 1 the labels and ticks of what stands on them.

    Args:
        axes: to be drawn on.
        x: across.
        y: up.
    """
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.set_xlabel(x.label, fontsize=9, color=INK)
    axes.set_ylabel(y.label, fontsize=9, color=INK)
    axes.set_xticks([x.position(value) for value, _ in x.ticks], [text for _, text in x.ticks])
    axes.set_yticks([y.position(value) for value, _ in y.ticks], [text for _, text in y.ticks])
    axes.tick_params(colors=SOFT, labelsize=8, length=3)
    axes.grid(color="#eeeeee", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)


def _draw_panel(axes: Axes, panel: Panel) -> None:
    draw_axes(axes, panel.x, panel.y)
    for line in panel.lines:
        _draw_line(axes, line)
    if panel.best:
        axes.plot(*zip(*panel.best, strict=True), color=BEST, linewidth=1.6, zorder=2.5)
    if panel.fitted:
        axes.plot(*zip(*panel.fitted, strict=True), **FITTED_LOOK, zorder=2.4)
    if panel.steps:
        axes.plot(*zip(*panel.steps, strict=True), color=INK, linewidth=1.1, zorder=3)
    for before_x, before_y, x, y in panel.moves:
        look = {"arrowstyle": "-|>", "color": MOVED, "linewidth": 1.1, "shrinkA": 3, "shrinkB": 4, "mutation_scale": 8}
        axes.annotate("", (x, y), (before_x, before_y), arrowprops=look, zorder=4.5, annotation_clip=False)
    for _, alike in itertools.groupby(panel.marks, _mark_style):
        marks = list(alike)
        places = [mark.x for mark in marks], [mark.y for mark in marks]
        axes.plot(*places, linestyle="none", clip_on=False, **_mark_style(marks[0]))
    _draw_labels(axes, panel)


def _mark_style(mark: Mark) -> dict[str, Any]:
    style = method_style(mark.method)
    if mark.kind == FRONT:
        return {
            "marker": style.marker,
            "color": style.color,
            "markeredgecolor": INK,
            "markersize": 6.5,
            "markeredgewidth": 0.7,
            "zorder": 5,
        }
    if mark.kind == BASELINE:
        fill = "white" if not mark.feasible else "#8c8c8c"
        return {
            "marker": "h",
            "color": fill,
            "markeredgecolor": INK,
            "markersize": 8,
            "markeredgewidth": 0.8,
            "zorder": 4,
        }
    if mark.kind == TUNED:
        return {
            "marker": style.marker,
            "markerfacecolor": "white",
            "markeredgecolor": style.color,
            "markersize": 6.5,
            "markeredgewidth": 1.6,
            "zorder": 5.5,
        }
    if mark.kind == FITS:
        return {"marker": ".", "color": "#8f8f8f", "markersize": 4, "markeredgewidth": 0, "zorder": 2}
    return {
        "marker": "o",
        "markerfacecolor": "none",
        "markeredgecolor": "#b5b5b5",
        "markersize": 3.2,
        "markeredgewidth": 0.5,
        "zorder": 1,
    }


def _draw_line(axes: Axes, line: Line) -> None:
    draw = axes.axvline if line.axis == "x" else axes.axhline
    draw(
        line.at,
        color=INK if line.kind == "budget" else SOFT,
        linewidth=1.2,
        linestyle="--" if line.kind == "budget" else ":",
        zorder=2,
    )
    if line.kind == "budget":
        (axes.axvspan if line.axis == "x" else axes.axhspan)(line.at, 1, color="#f4f4f4", zorder=0)
    place = (
        (line.at, 0.98 if line.high else 0.02, 3, 0, 90, "left", "top" if line.high else "bottom")
        if line.axis == "x"
        else (0.01, line.at, 0, 3, 0, "left", "bottom")
    )
    x, y, right, up, turn, across, along = place
    axes.annotate(
        *(line.label, (x, y), (right, up)),
        textcoords="offset points",
        rotation=turn,
        ha=across,
        va=along,
        fontsize=8,
        color=INK,
        zorder=6,
    )


def _draw_labels(axes: Axes, panel: Panel) -> None:
    """Labels on the sides that the panel says, under the marks; a white box keeps them readable."""
    for mark in panel.marks:
        if not mark.label:
            continue
        left = mark.side.endswith("left")
        lift = {"above": 9, "below": -14, "high": 28}.get(mark.side.partition("-")[0], -3)
        axes.annotate(
            mark.label,
            (mark.x, mark.y),
            (-8 if left else 8, lift),
            textcoords="offset points",
            ha="right" if left else "left",
            fontsize=7 if mark.kind == BASELINE else 8,
            color=INK,
            zorder=3.5,
            bbox={"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.8},
        )


def _legend(info: FrontInfo) -> list[Line2D]:
    entries = [(Mark(FRONT, 0, 0, "", method, True, "", ()), f"front: mostly {method}") for method in info.methods]
    own = {TUNED: info.methods[0]} if info.methods else {}
    entries += [
        (Mark(kind, 0, 0, "", own.get(kind, ""), feasible, "", ()), text) for kind, feasible, text in info.others
    ]
    marks = [Line2D([], [], linestyle="none", label=text, **_mark_style(mark)) for mark, text in entries]
    lines: list[tuple[str, dict[str, Any]]] = [
        (info.fitted, {"color": SOFT, "linewidth": 1.1, "linestyle": (0, (4, 3))})
    ]
    lines += [(info.best, {"color": BEST, "linewidth": 1.6})]
    return marks + [Line2D([], [], label=text, **look) for text, look in lines if text]


def _legend_columns(texts: Sequence[str], inches: float) -> int:
    """As many columns as fit side by side, at most seven; the first ones take one entry more where they are unequal."""
    for columns in range(min(7, len(texts)), 1, -1):
        longest = [max(map(len, column)) for column in np.array_split(np.array(texts, dtype=object), columns)]
        if sum(longest) + _LEGEND_MARK * len(longest) <= inches * _LETTERS_PER_INCH:
            return columns
    return 1
