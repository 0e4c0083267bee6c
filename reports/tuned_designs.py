"""Fine-tuned designs before and after: their table, and which designs are worth it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from reports.columns import TUNED_MORE, Column, column
from reports.front import hypervolume, losses
from reports.reference_point import reference_value
from reports.run_record import RunRecord
from searches.figures import AGREEMENT, DIVERGENCE, METRIC

__all__ = ["chosen_to_tune", "front_as_tuned", "tuned_columns", "tuned_places", "tuned_word"]

_QUALITY = ("accuracy", "test_accuracy", "loss", *TUNED_MORE)
COMPARED = {AGREEMENT, "test_agreement", DIVERGENCE}
_SHOWN = (*_QUALITY, "storage_bytes", "flash_bytes", "bit_ops", "distortion")


def tuned_word(epochs: float) -> str:
    """What was done to a design: ``fine-tuned`` or, in no epochs, ``fitted in sequence``."""
    return "fine-tuned" if epochs > 0 else "fitted in sequence"


def tuned_columns(tuned: pd.DataFrame) -> tuple[Column, ...]:
    """The columns that tables of fine-tuned designs show: each figure before and after, but for what none of them has.

    Agreement and divergence are left out beside an accuracy or a metric.

    Args:
        tuned: one row for each design.
    """
    known = [name for name in _QUALITY if name in tuned.columns and tuned[name].notna().any()]
    left_out = set(_QUALITY) - set(known) | (COMPARED if {"accuracy", METRIC} & set(known) else set())
    pairs = [name for figure in _SHOWN if figure not in left_out for name in (f"{figure}_before", figure)]
    return tuple(column(name) for name in ("design", *pairs, "epochs", "best_epoch", "main_method"))


def front_as_tuned(run: RunRecord) -> pd.DataFrame:
    """The front with the figures of fine-tuned designs in the place of those before: what an export writes.

    Args:
        run: the run.
    """
    front, tuned = run.front.set_index("design"), run.tuned.set_index("design")
    places = [name for name in tuned.index if name in front.index]
    for name in [name for name in front.columns if f"{name}_before" in tuned.columns and places]:
        known = tuned.loc[places, name].dropna()
        front[name] = front[name].astype(float)
        front.loc[known.index, name] = known.astype(float)
    return front.reset_index()[list(run.front.columns)]


def tuned_places(
    run: RunRecord, across: str, up: str
) -> list[tuple[dict[str, Any], tuple[float, float, float, float]]]:
    """Each fine-tuned design with its values before and after, (x, y, x, y), in two columns.

    There is none in a run whose front is of trained designs: all of them are.

    Args:
        run: the run.
        across: column of x; nothing where fine-tuned designs do not have both columns.
        up: column of y.
    """
    names = f"{across}_before", f"{up}_before", across, up
    if not set(names) <= set(run.tuned.columns) or len(run.trained):
        return []
    rows = run.tuned.to_dict("records")
    return [(row, tuple(float(row[name]) for name in names)) for row in rows]  # type: ignore[misc]


def chosen_to_tune(run: RunRecord, count: int) -> list[str]:
    """Up to so many designs of the front, those first with which the front would lose most hypervolume.

    They are chosen of the designs that have lost accuracy against the float network: the others have none to win back.
    The hypervolume is that of up to three objectives, against the references of run.json.
    """
    goals = run.info.objectives[:3]
    whole = run.info.float_network
    known = [
        reference_value(goal.column, goal.direction, run.trials[goal.column], whole.storage_bytes) for goal in goals
    ]
    bound = losses(pd.DataFrame([known], columns=[goal.column for goal in goals]), goals)[0]
    shares = _shares(losses(run.front, goals), bound)
    alike = whole.as_designs("accuracy")
    lost = (run.front["accuracy"] < alike).to_numpy() if alike is not None else np.ones(len(shares))
    order = [place for place in np.argsort(-shares, kind="stable") if lost[place]]
    return [str(run.front["design"].iloc[place]) for place in order[:count]]


def _shares(points: np.ndarray, bound: Sequence[float] | np.ndarray) -> np.ndarray:
    """The hypervolume that each point alone dominates."""
    total = hypervolume(points, bound)
    return np.array([total - hypervolume(np.delete(points, place, axis=0), bound) for place in range(len(points))])
