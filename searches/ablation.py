"""What each form saves: the complete front without its candidates, compared with the one that has them all.

From candidate tables alone: no design is measured for it. A form that no point of the front uses saves nothing, and
needs no second front: all of these designs are there without it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from searches.candidates import Candidates
from searches.errors import InfeasibleError
from searches.exact import ExactFront
from searches.pairs import PairFront, pair_front

__all__ = ["FormSaving", "form_savings", "forms_of", "place_at", "without_form"]

ROUNDING = 1e-9
"""The share by which a figure that is a sum may lie above a level and still be at it."""


@dataclass(frozen=True)
class FormSaving:
    """What a form is worth in one figure at no more of a second one.

    Args:
        form: its name.
        layers: that take it in the least design with all forms, at the level asked for.
        least: of the first figure at that level without the form; None where no design without it gets there.
        most_share: the greatest saving at any level that a design without the form reaches, as a share of the least
            without it.
        most_at: that level; None where nothing is saved at any.
        out_of_reach: points of the front whose second figure no design without the form gets down to.
        left_out: caps that the front without the form does not keep.
    """

    form: str
    layers: tuple[str, ...]
    least: float | None
    most_share: float = 0.0
    most_at: float | None = None
    out_of_reach: int = 0
    left_out: tuple[str, ...] = ()


def form_savings(
    candidates: Candidates,
    best: PairFront,
    caps: Mapping[str, float],
    level: float,
    staged: Callable[[Sequence[str]], Iterable[str]] = iter,
) -> tuple[FormSaving, ...]:
    """What every form of the tables saves, in their order.

    Args:
        candidates: the tables of the space.
        best: the front of two figures under the caps, with all forms.
        caps: greatest values allowed.
        level: of the second figure; a design of the front has no more of it.
        staged: goes over the forms of the front one by one, to say how far it is.

    Raises:
        SearchError: as `searches.exact.exact_front`.
    """
    place = place_at(best.front, level)
    used = _forms_by_point(candidates, best.front)
    savings = {}
    for form in staged([form for form, points in used.items() if points.any()]):
        rest = without_form(candidates, form)
        names = tuple(best.front.figures)
        try:
            other = pair_front(rest, (names[0], names[1]), caps) if rest is not None else None
        except InfeasibleError:
            other = None
        savings[form] = _saving(form, _layers(candidates, best.front, place, form), best.front, other, level)
    first = next(iter(best.front.figures.values()))
    unused = {form: FormSaving(form, (), float(first[place])) for form in used if form not in savings}
    return tuple((savings | unused)[form] for form in used)


def forms_of(candidates: Candidates) -> tuple[str, ...]:
    """The names of the forms that some layer may take, in the order of the tables."""
    return tuple(dict.fromkeys(scheme.name for table in candidates.layers for scheme in table.schemes))


def without_form(candidates: Candidates, form: str) -> Candidates | None:
    """The tables without a form; layers that may take nothing else keep it. None where that is so of all that have it.

    Args:
        candidates: the tables.
        form: its name.
    """
    layers, changed = [], False
    for table in candidates.layers:
        keep = np.flatnonzero([scheme.name != form for scheme in table.schemes])
        changed |= 0 < len(keep) < len(table.schemes)
        layers.append(table.taking(keep) if len(keep) else table)
    needed = {key for table in layers for shared in table.shared for key in shared}
    shared_bits = {key: bits for key, bits in candidates.shared_bits.items() if key in needed}
    return Candidates(tuple(layers), shared_bits, candidates.idle_bytes) if changed else None


def place_at(front: ExactFront, level: float) -> int | None:
    """The first point whose second figure is at most the level: the least of the first figure. None without one.

    A design's own figure is summed in another order than the tables', so they may differ in their last bits.
    """
    _, second = front.figures.values()
    places = np.flatnonzero(second <= level * (1 + ROUNDING))
    return int(places[0]) if len(places) else None


def _forms_by_point(candidates: Candidates, front: ExactFront) -> dict[str, np.ndarray]:
    """Which points of the front use each form: booleans of shape (points,)."""
    used = {form: np.zeros(len(front.designs), dtype=bool) for form in forms_of(candidates)}
    for column, table in zip(front.designs.T, candidates.layers, strict=True):
        if len({scheme.name for scheme in table.schemes}) == 1:
            continue  # a layer that has no choice of forms
        for form in used:
            used[form] |= np.array([scheme.name == form for scheme in table.schemes])[column]
    return used


def _layers(candidates: Candidates, front: ExactFront, place: int | None, form: str) -> tuple[str, ...]:
    """The layers that take a form in the design of a point."""
    if place is None:
        return ()
    pairs = zip(candidates.layers, front.designs[place], strict=True)
    return tuple(table.layer for table, choice in pairs if table.schemes[int(choice)].name == form)


def _saving(form: str, layers: tuple[str, ...], front: ExactFront, other: PairFront | None, level: float) -> FormSaving:
    """Two fronts compared; the second is None where there is no design without the form."""
    if other is None:
        return FormSaving(form, layers, None, out_of_reach=len(front.designs))
    first, second = (values.astype(np.float64) for values in front.figures.values())
    other_first, other_second = (values.astype(np.float64) for values in other.front.figures.values())
    # Both fronts are steps, so the share saved is greatest at a level where one of them has a point.
    levels = np.union1d(second[second >= other_second[-1]], other_second)
    without, least = (_least_at(levels, *front) for front in ((other_first, other_second), (first, second)))
    shares = np.divide(without - least, without, out=np.zeros(len(without)), where=without > 0)
    most = int(shares.argmax())
    is_saved = shares[most] > 0
    at_level = place_at(other.front, level)
    return FormSaving(
        form=form,
        layers=layers,
        least=None if at_level is None else float(other_first[at_level]),
        most_share=float(shares[most]) if is_saved else 0.0,
        most_at=float(levels[most]) if is_saved else None,
        out_of_reach=int((second < other_second[-1]).sum()),
        left_out=other.left_out,
    )


def _least_at(levels: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The first figure of the first point of a front at or below each level; the second figure descends."""
    return np.asarray(first[np.searchsorted(-second, -levels, side="left")])
