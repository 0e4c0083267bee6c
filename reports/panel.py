"""Panel: one pair of axes of a front's picture, with every design, line and label in it."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from reports.axes import Axis, make_axis
from reports.best_front_lines import best_steps, best_values, find_pair, found_steps
from reports.columns import column
from reports.front import losses
from reports.labels import place_labels
from reports.recommendation import recommended
from reports.records import Objective, PairGap
from reports.run_record import RunRecord
from reports.text import format_cell, format_limit
from reports.trained_designs import fitted_front
from reports.tuned_designs import tuned_places

__all__ = [
    "BASELINE",
    "BROKEN",
    "BYTE_BITS",
    "FITS",
    "FRONT",
    "NEAR",
    "TUNED",
    "Line",
    "Mark",
    "Panel",
    "history_panel",
    "measured_groups",
    "pair_panel",
]

FRONT, FITS, BROKEN, BASELINE, TUNED = "front", "fits", "broken", "baseline", "tuned"

BYTE_BITS = 8
"""Baselines up to the width that every toolchain offers are shown wherever they lie near the front."""

UPRIGHT_LETTER = 0.016
"""Share of a panel's height: a letter of a label that stands upright."""

NEAR = 4.0
"""A budget above this many times the front's largest value is left off the axis: it would squeeze the front."""


@dataclass(frozen=True)
class Mark:
    """One design in a panel.

    Args:
        kind: ``front``, ``fits``, ``broken`` (a budget), ``baseline`` or ``tuned``.
        x: place on the horizontal axis, 0 to 1.
        y: place on the vertical axis, 0 to 1.
        design: its id.
        method: the scheme that holds most of its weights.
        feasible: whether it keeps every budget.
        label: text next to it, or "".
        tip: lines of detail.
        side: where the label stands.
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
    """A line across a panel.

    Args:
        kind: ``budget`` or ``float``.
        name: the budget's, or "".
        axis: ``x`` or ``y``.
        at: its place there, 0 to 1.
        label: text next to it.
        high: whether the label of an upright line stands at its high end, where that covers less than at the low one.
    """

    kind: str
    name: str
    axis: str
    at: float
    label: str
    high: bool = False


@dataclass(frozen=True)
class Panel:
    """A pair of axes with its marks.

    Args:
        x: the horizontal axis.
        y: the vertical axis.
        marks: in drawing order.
        lines: budgets and the float network.
        steps: the front's staircase as places, empty with three objectives.
        best: the staircase of the best front, which may run beyond the axes.
        best_origin: ``proven`` or ``bounded``.
        moves: of each fine-tuned design in sight its places before and after, (x, y, x, y).
        fitted: the staircase of the designs as fitted, where the front is of trained ones.
    """

    x: Axis
    y: Axis
    marks: tuple[Mark, ...]
    lines: tuple[Line, ...]
    steps: tuple[tuple[float, float], ...]
    best: tuple[tuple[float, float], ...] = ()
    best_origin: str = ""
    moves: tuple[tuple[float, float, float, float], ...] = ()
    fitted: tuple[tuple[float, float], ...] = ()


def measured_groups(run: RunRecord) -> list[tuple[str, pd.DataFrame]]:
    """Tables by kind of mark, in drawing order; a measured design is drawn once, and once more where it was trained."""
    measured = run.trials[run.trials["state"] == "measured"]
    numbers = dict(zip(measured["design"], measured["trial"], strict=True))
    if run.trained.empty:
        measured = measured[~measured["design"].isin(run.front["design"])]
    feasible = measured["feasible"].astype(bool)
    front = run.front.assign(feasible=True, violated="", trial=run.front["design"].map(numbers))
    return [(BROKEN, measured[~feasible]), (FITS, measured[feasible]), (BASELINE, run.baselines), (FRONT, front)]


def pair_panel(run: RunRecord, across: Objective, up: Objective) -> Panel:
    """Two objectives against each other: measured designs, baselines, front; its staircase where there are but two."""
    groups = measured_groups(run)
    pair = find_pair(run, across.column, up.column)
    reached = _best_values(run, pair)
    whole = {name: run.info.float_network.as_designs(name) for name in (across.column, up.column)}
    axes = []
    for objective in (across, up):
        core = [value for kind, table in groups if kind == FRONT for value in table[objective.column]]
        reach = NEAR * max(core, default=math.inf)
        limits = [budget.limit for budget in run.info.budgets if budget.column == objective.column]
        known = (
            run.baselines.loc[run.baselines["weight_bits"] <= BYTE_BITS, objective.column] if len(run.baselines) else ()
        )
        core += [value for value in (*limits, *known) if value <= reach]
        core += reached.get(objective.column, [])
        if objective is up and whole[up.column] is not None:
            core.append(whole[up.column])
        if {across.column, up.column} <= set(run.tuned.columns):
            core += [value for name in (f"{objective.column}_before", objective.column) for value in run.tuned[name]]
        rest = [value for kind, table in groups if kind != FRONT for value in table[objective.column]]
        axes.append(make_axis(objective.column, core, rest, objective.direction))
    x, y = axes
    marks = [mark for kind, table in groups for mark in _marks(run, kind, table, x, y)]
    moves, ends = _moves(run, x, y)
    marks += ends
    lines = tuple(_clear(line, marks) for line in _lines(run, x, y))
    best = best_steps(run, pair, x, y)
    origin = pair.origin if pair is not None else ""
    if not {across.column, up.column} <= {objective.column for objective in run.info.objectives}:
        return Panel(x, y, tuple(marks), lines, found_steps(run, pair, x, y), best, origin, moves)
    if len(run.info.objectives) > 2:
        return Panel(x, y, tuple(marks), lines, (), best, origin, moves)
    steps = _steps(run.front, x, y, (across, up))
    fitted = _steps(fitted_front(run), x, y, (across, up))
    marks = _placed(_labelled(run, marks, across, up), lines, steps, best, moves)
    return Panel(x, y, tuple(marks), lines, steps, best, origin, moves, fitted)


def _best_values(run: RunRecord, pair: PairGap | None) -> dict[str, list[float]]:
    """What of the best front an axis must show: its values over the range of the front's designs."""
    if pair is None or not len(run.front):
        return {}
    best = best_values(run, pair)
    first, own = best[pair.first], run.front[pair.first].to_numpy(float)
    in_range = (first >= own.min()) & (first <= own.max())
    return {name: [values[in_range].min(), values[in_range].max()] for name, values in best.items() if in_range.any()}


def _marks(run: RunRecord, kind: str, table: pd.DataFrame, x: Axis, y: Axis) -> list[Mark]:
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


def _moves(run: RunRecord, x: Axis, y: Axis) -> tuple[tuple[tuple[float, float, float, float], ...], list[Mark]]:
    """Where fine-tuning has moved designs, and a mark at each end."""
    moves, marks = [], []
    for row, (*before, first, second) in tuned_places(run, x.column, y.column):
        move = x.position(before[0]), y.position(before[1]), x.position(first), y.position(second)
        if all(0 <= at <= 1 for at in move):
            wanted = _TUNED_TIP if pd.notna(row["accuracy"]) else (*_TUNED_TIP_WITHOUT_LABELS, *_TUNED_TIP)
            known = [name for name in wanted if pd.notna(row.get(name))]
            names = [f"{column(name).title} {format_cell(row[name], name)}" for name in known]
            tip = f"{row['design']}, fine-tuned: mostly {row['main_method']}", *names
            moves.append(move)
            marks.append(Mark(TUNED, *move[2:], str(row["design"]), row["main_method"], True, "", tip))
    return tuple(moves), marks


_TUNED_TIP = ("accuracy_before", "accuracy", "test_accuracy_before", "test_accuracy", "storage_bytes", "flash_bytes")
_TUNED_TIP_WITHOUT_LABELS = ("agreement_before", "agreement", "test_agreement_before", "test_agreement")


def _tip(run: RunRecord, kind: str, row: dict[Any, Any]) -> tuple[str, ...]:
    first = (
        f"Uniform quantization: {row['name']}" if kind == BASELINE else f"{row['design']}: mostly {row['main_method']}"
    )
    names = [objective.column for objective in run.info.objectives] + [budget.column for budget in run.info.budgets]
    if kind == FRONT:
        names += ["compression_ratio", *run.held_out]
    lines = [f"{column(name).title} {format_cell(row[name], name)}" for name in dict.fromkeys(names)]
    broken = f"Breaks: {row['violated']}" if not row["feasible"] else ""
    return (first, *lines, *([broken] if broken else []))


def _labelled(run: RunRecord, marks: list[Mark], across: Objective, up: Objective) -> list[Mark]:
    """Names the ends of the front and the design that is recommended, whose name stays where they meet."""
    points = losses(run.front, (across, up))
    first = recommended(run)
    if first is None:
        return marks
    before = ", before fine-tuning" if first.design in set(run.tuned["design"]) else ""
    names = {
        int(np.argmin(points[:, 1])): "best",
        int(np.argmin(points[:, 0])): "smallest" if column(across.column).unit == "bytes" else "least",
        run.front["design"].tolist().index(first.design): f"recommended{before}",
    }
    labels = {}
    for row, name in reversed(names.items()):
        values = [format_cell(run.front[goal.column].iloc[row], goal.column) for goal in (across, up)]
        labels[str(run.front["design"].iloc[row])] = f"{name}: {', '.join(values)}"
    return [replace(mark, label=labels.get(mark.design, "")) if mark.kind == FRONT else mark for mark in marks]


def _placed(
    marks: list[Mark],
    lines: Sequence[Line],
    steps: Sequence[tuple[float, float]],
    best: Sequence[tuple[float, float]],
    moves: Sequence[tuple[float, float, float, float]],
) -> list[Mark]:
    """Gives the front's labels the side where they cover least."""
    share = [place / 60 for place in range(61)]
    points = [(mark.x, mark.y, 4.0 if mark.kind == FRONT else 1.0) for mark in marks]
    points += [(mark.x + at, mark.y, 4.0) for mark in marks if mark.kind == BASELINE for at in (0.0, 0.02)]
    points += [(x + at * (right - x), y + at * (above - y), 1.0) for x, y, right, above in moves for at in share]
    points += [(line.at, at, 0.3) if line.axis == "x" else (at, line.at, 0.3) for line in lines for at in share]
    for (x, y), (right, above) in itertools.pairwise(steps):
        points += [(x + at * (right - x), y + at * (above - y), 1.0) for at in share[::4]]
    points += [(x, y, 0.1) for x, y in best]
    labelled = [mark for mark in marks if mark.kind == FRONT and mark.label]
    sides = place_labels([(mark.x, mark.y, mark.label) for mark in labelled], points)
    chosen = {mark.design: side for mark, side in zip(labelled, sides, strict=True)}
    return [replace(mark, side=chosen.get(mark.design, mark.side)) if mark.kind == FRONT else mark for mark in marks]


def _lines(run: RunRecord, x: Axis, y: Axis) -> tuple[Line, ...]:
    lines = []
    for name, axis in (("x", x), ("y", y)):
        for budget in run.info.budgets:
            if budget.column == axis.column:
                text = f"{budget.name} budget {format_limit(budget)}"
                lines.append(Line("budget", budget.name, name, axis.position(budget.limit), text))
        value = run.info.float_network.as_designs(axis.column)
        if value is not None:
            text = f"float network {format_cell(value, axis.column)}"
            lines.append(Line("float", "", name, axis.position(value), text))
    return tuple(line for line in lines if 0 <= line.at <= 1)


def _clear(line: Line, marks: Sequence[Mark]) -> Line:
    """The line with its label at the end where it covers fewer marks."""
    length = 0.02 + UPRIGHT_LETTER * len(line.label)
    close = [mark.y for mark in marks if line.axis == "x" and -0.01 <= mark.x - line.at <= 0.03]
    low, high = sum(y <= length for y in close), sum(y >= 1 - length for y in close)
    return replace(line, high=high < low)


def _steps(
    front: pd.DataFrame, x: Axis, y: Axis, objectives: tuple[Objective, Objective]
) -> tuple[tuple[float, float], ...]:
    """The staircase of what is reachable: from each design on, its value holds until the next better one."""
    ordered = front.iloc[np.argsort(losses(front, objectives)[:, 0], kind="stable")]
    steps: list[tuple[float, float]] = []
    for first, second in zip(ordered[x.column], ordered[y.column], strict=True):
        place = x.position(float(first)), y.position(float(second))
        steps += ([(place[0], steps[-1][1])] if steps else []) + [place]
    return tuple(steps)


def history_panel(run: RunRecord, objective: Objective) -> Panel:
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


def _history_axis(run: RunRecord, trials: pd.DataFrame, objective: Objective) -> Axis:
    """The axis that shows the better half of the feasible trials and the float network."""
    values = trials.loc[trials["feasible"].astype(bool), objective.column].astype(float)
    middle = values.median()
    core = values[values >= middle] if objective.direction == "maximize" else values[values <= middle]
    whole = run.info.float_network.as_designs(objective.column)
    return make_axis(objective.column, [*core, *([] if whole is None else [whole])], values, objective.direction)
