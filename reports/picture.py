"""What the page's picture is drawn from: every measured design with all its figures, so that axes can be switched."""

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from reports.best_front_lines import FINEST, best_values
from reports.columns import column
from reports.front_info import oriented
from reports.named_figure import direction_of, known_figures
from reports.panel import BASELINE, BYTE_BITS, NEAR, TUNED, measured_groups
from reports.run_record import RunRecord
from reports.text import format_limit
from searches.figures import QUALITY_FIGURES

__all__ = ["Picture", "PictureFigure", "PicturePoint", "picture"]

TRIAL = "trial"
_NO_AXES = ("trial", "activation_bits")


@dataclass(frozen=True)
class PictureFigure:
    """A figure that an axis can show.

    Args:
        name: its column.
        title: for people.
        unit: as `reports.columns.Column` has it.
        direction: ``minimize``, ``maximize``, or "" for the number of a trial.
        up: whether it stands on the vertical axis: a quality, and not a cost.
    """

    name: str
    title: str
    unit: str
    direction: str
    up: bool


@dataclass(frozen=True)
class PicturePoint:
    """A design.

    Args:
        kind: as of `reports.panel.Mark`.
        design: its id.
        method: the scheme that holds most of its weights.
        feasible: whether it keeps every budget.
        name: of a baseline its own, else "".
        bits: of a baseline's weights, else 0.
        broken: the budgets that it breaks, in text.
        values: by figure, in their order; None where one is not known.
        before: of a fine-tuned design, where it was.
    """

    kind: str
    design: str
    method: str
    feasible: bool
    name: str
    bits: int
    broken: str
    values: tuple[float | None, ...]
    before: tuple[float | None, ...] = ()


@dataclass(frozen=True)
class Picture:
    """The whole picture.

    Args:
        x: the column across at first.
        y: the one up at first.
        figures: that axes can show.
        told: the columns that a mark's detail names.
        points: in drawing order.
        budgets: (column, limit, text).
        whole: of the float network, measured as designs are, by column.
        trained: whether the front is of trained designs; the other designs are as fitted.
        best: of each pair of columns with a best front: (first, second, whether it is proven, places on it).
        near: how many times the front's largest value an axis reaches at most to show a budget or a baseline.
        byte_bits: up to these weight bits a baseline widens an axis.
    """

    x: str
    y: str
    figures: tuple[PictureFigure, ...]
    told: tuple[str, ...]
    points: tuple[PicturePoint, ...]
    budgets: tuple[tuple[str, float, str], ...]
    whole: dict[str, float]
    trained: bool
    best: tuple[tuple[str, str, bool, tuple[tuple[float, float], ...]], ...]
    near: float = NEAR
    byte_bits: int = BYTE_BITS

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def picture(run: RunRecord) -> Picture:
    """The picture of a run: its first two objectives at first, the quality up; one objective over the trials."""
    figures = _figures(run)
    names = [figure.name for figure in figures]
    goals = run.info.objectives
    across, up = oriented(*goals[:2]) if len(goals) > 1 else (None, goals[0])
    told = [goal.column for goal in goals] + [budget.column for budget in run.info.budgets]
    told += ["compression_ratio", *run.held_out]
    whole = {name: run.info.float_network.as_designs(name) for name in names}
    return Picture(
        x=across.column if across is not None else TRIAL,
        y=up.column,
        figures=figures,
        told=tuple(name for name in dict.fromkeys(told) if name in names),
        points=tuple(_points(run, names)),
        budgets=tuple(
            (budget.column, float(budget.limit), f"{budget.name} budget {format_limit(budget)}")
            for budget in run.info.budgets
        ),
        whole={name: value for name, value in whole.items() if value is not None},
        trained=len(run.trained) > 0,
        best=tuple(_best(run)),
    )


def _figures(run: RunRecord) -> tuple[PictureFigure, ...]:
    """The trial's number, the costs and the qualities; what is searched for stands first among its like."""
    own = [goal.column for goal in run.info.objectives]
    names = dict.fromkeys([*own, *(name for name in known_figures(run) if name not in _NO_AXES)])
    known = {goal.column: goal.direction for goal in run.info.objectives}
    trial = PictureFigure(TRIAL, column(TRIAL).title, "", "", up=False)
    others = (
        PictureFigure(
            name, column(name).title, column(name).unit, known.get(name, direction_of(name)), _is_up(run, name)
        )
        for name in names
    )
    return (trial, *others)


def _is_up(run: RunRecord, name: str) -> bool:
    """Whether a figure is a quality; a single objective stands up whatever it is."""
    return name in QUALITY_FIGURES or [goal.column for goal in run.info.objectives] == [name]


def _points(run: RunRecord, names: list[str]) -> Iterable[PicturePoint]:
    """Marks in drawing order: what is not on the front, baselines, the front, fine-tuned designs."""
    for kind, table in measured_groups(run):
        for row in table.to_dict("records"):
            yield _point(kind, row, names)
    for row in run.tuned.to_dict("records") if run.trained.empty else ():
        yield _point(TUNED, {**row, "feasible": True, "violated": ""}, names)


def _point(kind: str, row: dict[Any, Any], names: list[str]) -> PicturePoint:
    return PicturePoint(
        kind=kind,
        design=str(row["design"]),
        method=str(row["main_method"]),
        feasible=bool(row["feasible"]),
        name=str(row["name"]) if kind == BASELINE else "",
        bits=int(row["weight_bits"]) if kind == BASELINE else 0,
        broken=str(row["violated"]) if isinstance(row["violated"], str) else "",
        values=tuple(_number(row.get(name)) for name in names),
        before=tuple(_number(row.get(f"{name}_before")) for name in names) if kind == TUNED else (),
    )


def _number(value: Any) -> float | None:
    """A value as JSON can hold it: None for what is unknown or not finite, an integer where it is one."""
    if value is None or pd.isna(value) or not math.isfinite(value):
        return None
    return int(value) if float(value).is_integer() else float(value)


def _best(run: RunRecord) -> Iterable[tuple[str, str, bool, tuple[tuple[float, float], ...]]]:
    """The best front of each pair, without the places that no picture could tell apart."""
    for pair in run.info.gap.pairs if run.info.gap and len(run.front) else ():
        values = best_values(run, pair)
        places = np.column_stack([values[pair.first], values[pair.second]])
        places = places[np.isfinite(places).all(axis=1)]
        if len(places):
            kept = [(float(first), float(second)) for first, second in places[_apart(places)]]
            yield pair.first, pair.second, pair.origin == "proven", tuple(kept)


def _apart(places: np.ndarray) -> list[int]:
    """Places (p, 2) that are some way from the last one kept, on scales of the logarithm where all are positive."""
    scaled = np.column_stack([np.log(part) if (part > 0).all() else part for part in places.T])
    spans = np.ptp(scaled, axis=0)
    scaled = (scaled - scaled.min(axis=0)) / np.where(spans > 0, spans, 1.0)
    kept = [0]
    for at in range(1, len(scaled)):
        if np.abs(scaled[at] - scaled[kept[-1]]).max() >= FINEST / 2:
            kept.append(at)
    return kept
