"""What each form saves, for the report: the fronts of the tables with and without its candidates, at the quality of the
recommended design."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from explorer.system.progress import staged
from reports.front import losses, non_dominated
from reports.recommendation import recommend
from reports.records import Ablation, FormSaving
from searches.ablation import form_savings, place_at
from searches.candidates import Candidates
from searches.figures import DISTORTION, FLASH, NOISE, STORAGE
from searches.objectives import Objective
from searches.pairs import PairFront
from searches.problem import Figures, TrialRecord

__all__ = ["make_ablation", "recommended"]

BYTES, QUALITIES = (FLASH, STORAGE), (NOISE, DISTORTION)


def make_ablation(
    tables: Candidates,
    best: Mapping[tuple[str, str], PairFront],
    caps: Mapping[str, float],
    design: str,
    figures: Figures,
) -> Ablation | None:
    """What each form saves of flash, or else of storage, at no more output noise, or else distortion.

    Args:
        tables: of the space.
        best: the front of every pair of figures.
        caps: the budgets, by figure.
        design: the recommended one.
        figures: of it.

    Returns:
        None where no pair is of bytes and a quality.

    Raises:
        SearchError: as `searches.exact.exact_front`.
    """
    pair = next(((size, kept) for size in BYTES for kept in QUALITIES if (size, kept) in best), None)
    if pair is None:
        return None
    value = float(figures[pair[1]])
    place = place_at(best[pair].front, value)
    first = best[pair].front.figures[pair[0]]
    least = None if place is None else first[place].item()

    def each(forms: Sequence[str]) -> Iterable[str]:
        return staged(forms, "fronts without a form", len(forms), "form")

    found = []
    for saving in form_savings(tables, best[pair], caps, value, each):
        is_bound = bool(best[pair].left_out or saving.left_out)
        without = None if saving.least is None else type(least or 0)(saving.least)
        found.append(
            FormSaving(
                form=saving.form,
                layers=saving.layers,
                without=without,
                saved=None if without is None or least is None else without - least,
                most_share=saving.most_share,
                most_at=saving.most_at,
                out_of_reach=saving.out_of_reach,
                origin="bounded" if is_bound else "proven",
            )
        )
    found.sort(key=lambda saving: (-np.inf if saving.saved is None else -saving.saved, -saving.most_share))
    return Ablation(
        first=pair[0],
        second=pair[1],
        design=design,
        level=value,
        least=least,
        points=len(first),
        forms=tuple(found),
    )


def recommended(found: Sequence[TrialRecord], objectives: Sequence[Objective], images: int) -> int:
    """The place of the design that a report recommends.

    Args:
        found: measured designs, one at least with all objectives known.
        objectives: of the search.
        images: labelled images that accuracy was measured on; 0 without data.
    """
    table = pd.DataFrame([record.figures for record in found]).assign(design=range(len(found)))
    front = table[non_dominated(losses(table, objectives))]
    chosen = recommend(front, objectives, images)
    return int(chosen.design) if chosen is not None else 0
