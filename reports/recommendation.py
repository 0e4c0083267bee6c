"""Recommendation: which design of a front a reader is told to take first, by a rule that is said.

Where answers were counted on images, right or wrong, or equal to the float network's or not, it is the
one-standard-error rule: of the designs that the sample cannot tell from the best, the least costly. Elsewhere it is the
knee.

Source of the rule: Breiman, Friedman, Olshen & Stone, "Classification and Regression Trees", 1984, section 3.4.3.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from reports.columns import column
from reports.front import Direction, knee, losses
from reports.proportion import standard_error_below
from reports.run_record import RunRecord
from reports.text import format_cell, in_words
from reports.tuned_designs import front_as_tuned
from searches.figures import AGREEMENT, QUALITY_FIGURES

__all__ = ["Recommendation", "recommend", "recommended"]

ACCURACY = "accuracy"
SHARES = (ACCURACY, AGREEMENT)
"""Figures that are counts over images."""


@dataclass(frozen=True)
class Recommendation:
    """A design of a front, and the rule that chose it.

    Args:
        design: its id.
        rule: in words, with the figures that it was applied to.
        tolerance: how far below the best share the rule goes; None where it is another rule.
    """

    design: str
    rule: str
    tolerance: float | None = None


def recommended(run: RunRecord) -> Recommendation | None:
    """The design of a run that a reader is told to take first, fine-tuned where it was; None where none fits."""
    images = run.info.data.validation if run.info.data is not None else 0
    return recommend(front_as_tuned(run), run.info.objectives, images)


def recommend(front: pd.DataFrame, objectives: Sequence[Direction], images: int = 0) -> Recommendation | None:
    """The design of a front to take first.

    Args:
        front: a row for each design, with the column ``design`` and those of the objectives.
        objectives: of the search, at least one.
        images: that the columns ``accuracy`` and ``agreement`` were counted on; 0 where there are none.

    Returns:
        Of the designs whose accuracy, or agreement where that is the objective, is within one standard error of the
        best, the one of the least cost, which is the first objective that is no quality; without such images the knee
        of the first two objectives, of a single objective the best. None where the front has no finite row.
    """
    costs = [goal for goal in objectives if goal.column not in QUALITY_FIGURES]
    name = next((goal.column for goal in objectives if goal.column in SHARES), ACCURACY)
    if images and costs and name in front and np.isfinite(front[name].to_numpy(float)).any():
        return _least_near_best(front, costs[0], name, images)
    place = knee(losses(front, objectives[:2]))
    if place is None:
        return None
    return Recommendation(str(front["design"].iloc[place]), _knee_rule(front, objectives, place))


def _least_near_best(front: pd.DataFrame, cost: Direction, name: str, images: int) -> Recommendation:
    """By the one-standard-error rule; of designs that cost the same, the one of the greater share."""
    shares = front[name].to_numpy(float)
    best = float(np.nanmax(shares))
    tolerance = standard_error_below(best, images)
    near = shares >= best - tolerance
    order = np.lexsort((-shares[near], losses(front, [cost])[near, 0]))
    design = str(front["design"].to_numpy()[near][order[0]])
    points = f"within one standard error ({100 * tolerance:.2f} points on {images:,} images) of the best"
    if near.sum() == 1:
        others = "none of the others" if len(front) > 1 else "no other design"
        first = "The most accurate" if name == ACCURACY else f"The greatest {in_words(name)}"
        rule = f"{first} on the front; {others} comes {points}."
    else:
        rule = (
            f"{_best_word(cost)} {in_words(cost.column)} of the {int(near.sum())} of {len(front)} designs on the front "
            f"whose {in_words(name)} is {points}, {format_cell(best, name)}."
        )
    return Recommendation(design, rule, tolerance)


def _knee_rule(front: pd.DataFrame, objectives: Sequence[Direction], place: int) -> str:
    if len(objectives) == 1:
        return f"{_best_word(objectives[0])} {in_words(objectives[0].column)} of the designs that fit."
    first, second = objectives[:2]
    values = " and ".join(
        f"{in_words(goal.column)} {format_cell(front[goal.column].iloc[place], column(goal.column))}"
        for goal in (first, second)
    )
    return (
        f"The knee of the front, {values}: the least sum of {in_words(first.column)} and {in_words(second.column)}, "
        f"each scaled to its range on the front. No count of images says which loss can be borne."
    )


def _best_word(goal: Direction) -> str:
    return "The most" if goal.direction == "maximize" else "The least"
