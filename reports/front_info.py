"""What the picture of a front shows: one source for matplotlib's drawing and for the page's."""

import itertools
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from reports.axes import Axis, make_axis
from reports.columns import column
from reports.front import knee, losses
from reports.headline import QUALITIES
from reports.labels import place_labels
from reports.run import Run
from reports.run_info import Objective
from reports.text import format_cell, format_limit

__all__ = ["FrontInfo", "Line", "Mark", "Panel", "front_info"]

FRONT, FITS, BROKEN, BASELINE = "front", "fits", "broken", "baseline"
MOST_OBJECTIVES = 4
"""Pairs of more objectives than these would not be readable."""


@dataclass(frozen=True)
class Mark:
    """One design in a panel.

    Args:
        kind: ``front``, ``fits``, ``broken`` (a budget) or ``baseline``. x, y: places on the axes, 0 to 1.
        design: its id. method: the scheme that holds most of its weights. feasible: whether it keeps every budget.
        label: text beside it, or "". tip: lines of detail. side: where the label stands.
    """

    kind: str
    x: float
    y: float
    design: str
    method: str
    feasible: bool
    label: str
    tip: tuple[str, ...]
    side: str = "right"


@dataclass(frozen=True)
class Line:
    """A line across a panel: ``kind`` is ``budget`` or ``float``, ``axis`` ``x`` or ``y``, ``at`` its place there."""

    kind: str
    axis: str
    at: float
    label: str


@dataclass(frozen=True)
class Panel:
    """A pair of axes with its marks; ``steps`` is the front's staircase as places, empty with three objectives."""

    x: Axis
    y: Axis
    marks: tuple[Mark, ...]
    lines: tuple[Line, ...]
    steps: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class FrontInfo:
    """The whole picture: panels, the methods on the front (for the legend) and notes in words."""

    title: str
    panels: tuple[Panel, ...]
    methods: tuple[str, ...]
    notes: tuple[str, ...]


def front_info(run: Run) -> FrontInfo:
    """What the picture of a run's front shows.

    One objective is drawn over the trials, two against each other, three or four in pairs.
    """
    objectives = run.facts.objectives[:MOST_OBJECTIVES]
    pairs = [_oriented(*pair) for pair in itertools.combinations(objectives, 2)]
    panels = [_panel(run, across, up) for across, up in pairs] or [_history(run, objectives[0])]
    counts = Counter(run.front["main_method"])
    facts, size = run.facts, len(run.front)
    device = f" on {facts.device['name']}" if facts.device and "name" in facts.device else ""
    return FrontInfo(
        title=f"{facts.network.name}{device}: {size} design{'' if size == 1 else 's'} on the front",
        panels=tuple(panels),
        methods=tuple(method for method, _ in counts.most_common()),
        notes=_notes(run, panels),
    )


def _oriented(first: Objective, second: Objective) -> tuple[Objective, Objective]:
    """(across, up): the quality goes up."""
    return (second, first) if first.column in QUALITIES and second.column not in QUALITIES else (first, second)


def _groups(run: Run) -> list[tuple[str, pd.DataFrame]]:
    """Tables by kind of mark, in drawing order; a measured design is drawn once."""
    measured = run.trials[run.trials["state"] == "measured"]
    measured = measured[~measured["design"].isin(run.front["design"])]
    feasible = measured["feasible"].astype(bool)
    front = run.front.assign(feasible=True, violated="")
    return [(BROKEN, measured[~feasible]), (FITS, measured[feasible]), (BASELINE, run.baselines), (FRONT, front)]


def _panel(run: Run, across: Objective, up: Objective) -> Panel:
    groups = _groups(run)
    whole = {name: getattr(run.facts.float_network, name, None) for name in (across.column, up.column)}
    axes = []
    for objective in (across, up):
        core = [value for kind, table in groups if kind == FRONT for value in table[objective.column]]
        core += [budget.limit for budget in run.facts.budgets if budget.column == objective.column]
        if objective is up and whole[up.column] is not None:
            core.append(whole[up.column])
        rest = [value for kind, table in groups if kind != FRONT for value in table[objective.column]]
        axes.append(make_axis(objective.column, core, rest, objective.direction))
    x, y = axes
    marks = [mark for kind, table in groups for mark in _marks(run, kind, table, x, y)]
    lines = _lines(run, x, y)
    if len(run.facts.objectives) > 2:
        return Panel(x, y, tuple(marks), lines, ())
    steps = _steps(run, x, y, (across, up))
    marks = _placed(_labelled(run, marks, across, up), lines, steps)
    return Panel(x, y, tuple(marks), lines, steps)


def _marks(run: Run, kind: str, table: pd.DataFrame, x: Axis, y: Axis) -> list[Mark]:
    marks = []
    for row in table.to_dict("records"):
        place = x.position(float(row[x.column])), y.position(float(row[y.column]))
        if all(0 <= at <= 1 for at in place):
            label = f"{row['weight_bits']:.0f}" if kind == BASELINE else ""
            design = str(row["design"])
            marks.append(
                Mark(kind, *place, design, row["main_method"], bool(row["feasible"]), label, _tip(run, kind, row))
            )
    return marks


def _tip(run: Run, kind: str, row: dict[Any, Any]) -> tuple[str, ...]:
    first = (
        f"Uniform quantization: {row['name']}" if kind == BASELINE else f"{row['design']}: mostly {row['main_method']}"
    )
    names = [objective.column for objective in run.facts.objectives] + [budget.column for budget in run.facts.budgets]
    if kind == FRONT:
        names += ["compression_ratio", *(["test_accuracy"] if run.has_data else [])]
    lines = [f"{column(name).title} {format_cell(row[name], name)}" for name in dict.fromkeys(names)]
    broken = f"Breaks: {row['violated']}" if not row["feasible"] else ""
    return (first, *lines, *([broken] if broken else []))


def _labelled(run: Run, marks: list[Mark], across: Objective, up: Objective) -> list[Mark]:
    """Names the ends and the knee of the front; where they meet, the earlier name stays."""
    points = losses(run.front, (across, up))
    bend = knee(points)
    if bend is None:
        return marks
    names = {
        int(np.argmin(points[:, 1])): "best",
        int(np.argmin(points[:, 0])): "smallest" if column(across.column).unit == "bytes" else "least",
        bend: "knee",
    }
    labels = {}
    for row, name in reversed(names.items()):
        values = [format_cell(run.front[goal.column].iloc[row], goal.column) for goal in (across, up)]
        labels[str(run.front["design"].iloc[row])] = f"{name}: {', '.join(values)}"
    return [replace(mark, label=labels.get(mark.design, "")) if mark.kind == FRONT else mark for mark in marks]


def _placed(marks: list[Mark], lines: Sequence[Line], steps: Sequence[tuple[float, float]]) -> list[Mark]:
    """Gives the front's labels the side where they cover least."""
    share = [place / 60 for place in range(61)]
    points = [(mark.x, mark.y, 4.0 if mark.kind == FRONT else 1.0) for mark in marks]
    points += [(mark.x + at, mark.y, 4.0) for mark in marks if mark.kind == BASELINE for at in (0.0, 0.02)]
    points += [(line.at, at, 0.3) if line.axis == "x" else (at, line.at, 0.3) for line in lines for at in share]
    for (x, y), (right, above) in itertools.pairwise(steps):
        points += [(x + at * (right - x), y + at * (above - y), 1.0) for at in share[::4]]
    labelled = [mark for mark in marks if mark.kind == FRONT and mark.label]
    sides = place_labels([(mark.x, mark.y, mark.label) for mark in labelled], points)
    chosen = {mark.design: side for mark, side in zip(labelled, sides, strict=True)}
    return [replace(mark, side=chosen.get(mark.design, mark.side)) if mark.kind == FRONT else mark for mark in marks]


def _lines(run: Run, x: Axis, y: Axis) -> tuple[Line, ...]:
    lines = []
    for name, axis in (("x", x), ("y", y)):
        for budget in run.facts.budgets:
            if budget.column == axis.column:
                lines.append(
                    Line("budget", name, axis.position(budget.limit), f"{budget.name} budget {format_limit(budget)}")
                )
        value = getattr(run.facts.float_network, axis.column, None)
        if value is not None:
            text = f"float network {format_cell(value, axis.column)}"
            lines.append(Line("float", name, axis.position(value), text))
    return tuple(line for line in lines if 0 <= line.at <= 1)


def _steps(run: Run, x: Axis, y: Axis, objectives: tuple[Objective, Objective]) -> tuple[tuple[float, float], ...]:
    """The staircase of what is reachable: from each design on, its value holds until the next better one."""
    ordered = run.front.iloc[np.argsort(losses(run.front, objectives)[:, 0], kind="stable")]
    steps: list[tuple[float, float]] = []
    for first, second in zip(ordered[x.column], ordered[y.column], strict=True):
        place = x.position(float(first)), y.position(float(second))
        steps += ([(place[0], steps[-1][1])] if steps else []) + [place]
    return tuple(steps)


def _history(run: Run, objective: Objective) -> Panel:
    """One objective: its value over the trials, and the best feasible value so far as the staircase."""
    trials = run.trials[run.trials["state"] == "measured"]
    x = make_axis("trial", run.trials["trial"])
    better = max if objective.direction == "maximize" else min
    y = _history_axis(run, trials, objective)
    marks, steps = [], []
    reached: float | None = None
    for row in trials.to_dict("records"):
        value = float(row[objective.column])
        if row["feasible"] and math.isfinite(value) and (reached is None or better(value, reached) != reached):
            steps += [(x.position(row["trial"]), y.position(reached))] if reached is not None else []
            steps.append((x.position(row["trial"]), y.position(value)))
            reached = value
        kind = FRONT if row["design"] in set(run.front["design"]) else FITS if row["feasible"] else BROKEN
        place = x.position(row["trial"]), y.position(value)
        if all(0 <= at <= 1 for at in place):
            tip = _tip(run, kind, row)
            marks.append(Mark(kind, *place, str(row["design"]), row["main_method"], bool(row["feasible"]), "", tip))
    return Panel(
        x, y, tuple(marks), _lines(run, x, y), tuple(step for step in steps if min(step) >= 0 and max(step) <= 1)
    )


def _history_axis(run: Run, trials: pd.DataFrame, objective: Objective) -> Axis:
    """The axis that shows the better half of the feasible trials and the float network."""
    values = trials.loc[trials["feasible"].astype(bool), objective.column].astype(float)
    middle = values.median()
    core = values[values >= middle] if objective.direction == "maximize" else values[values <= middle]
    whole = getattr(run.facts.float_network, objective.column, None)
    return make_axis(objective.column, [*core, *([] if whole is None else [whole])], values, objective.direction)


def _notes(run: Run, panels: list[Panel]) -> tuple[str, ...]:
    shown = {axis.column for panel in panels for axis in (panel.x, panel.y)}
    off_axis = [f"{budget.name} {format_limit(budget)}" for budget in run.facts.budgets if budget.column not in shown]
    measured = run.trials[run.trials["state"] == "measured"]
    drawn = min(sum(mark.kind != BASELINE for mark in panel.marks) for panel in panels)
    outside = len(set(measured["design"]) | set(run.front["design"])) - drawn
    notes = []
    if off_axis:
        notes.append(f"Budgets on other axes: {', '.join(off_axis)}. Hollow marks break a budget.")
    if outside > 0:
        notes.append(f"{outside} measured designs lie outside the view{' of a panel' if len(panels) > 1 else ''}.")
    if not run.has_data:
        notes.append(
            "No data were given: accuracy is unknown, distortion is the relative squared error of the weights."
        )
    return tuple(notes)
