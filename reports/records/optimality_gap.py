"""The distance of the designs found to the best possible, and what each form saves, as run.json holds it."""

from typing import Literal

from reports.records.record import Number, Record

__all__ = ["Ablation", "EpsilonGap", "FormSaving", "OptimalityGap", "PairGap", "SingleGap"]

Origin = Literal["proven", "bounded"]


class PairGap(Record):
    """What was found of two figures compared with the best possible.

    Args:
        first: a column, to be small.
        second: likewise.
        stands_for: the objective in whose place ``second`` is, or "".
        origin: ``proven``: the best front is complete and reached; ``bounded``: it is a bound, without the budgets in
            ``left_out``.
        left_out: budgets that the best front does not keep.
        points: of the best front.
        reference: the reference point of both hypervolumes, by column.
        found: hypervolume of the designs found, in the product of the figures' units.
        best: likewise, of the best front.
        ratio: found over best; None where the best one's is 0.
    """

    first: str
    second: str
    stands_for: str
    origin: Origin
    left_out: tuple[str, ...]
    points: int
    reference: dict[str, Number]
    found: float
    best: float
    ratio: float | None


class EpsilonGap(Record):
    """Three or more figures: each design of the space has a found one at most ``most`` times as large in all of them.

    Args:
        columns: the figures.
        eps: asked for.
        designs: of an epsilon-Pareto set: they are within the factor 1 + eps of all others.
        least: the epsilon indicator of the designs found against these; None where no factor covers them.
        most: least times 1 + eps.
        left_out: budgets that these designs do not keep.
    """

    columns: tuple[str, ...]
    eps: float
    designs: int
    least: float | None
    most: float | None
    left_out: tuple[str, ...]


class SingleGap(Record):
    """One figure: the least found, and what no design of the space is below.

    Args:
        column: the figure.
        found: the least of the designs found.
        bound: no design of the space has less.
        origin: ``proven`` where a design reaches the bound.
        left_out: budgets that the bound does not keep.
    """

    column: str
    found: float
    bound: float
    origin: Origin
    left_out: tuple[str, ...]


class FormSaving(Record):
    """What a form saves, over the best design without it.

    Args:
        form: its name.
        layers: that take it in the least design.
        without: the least of the first figure without the form; None where no design without it gets to the level.
        saved: how much less it is with the form; None where nothing without it gets there.
        most_share: the greatest saving at any level that a design without the form reaches, as a share of the least
            without it.
        most_at: that level of the second figure; None where nothing is saved at any.
        out_of_reach: points of the front whose second figure no design without the form gets down to.
        origin: ``proven``: both fronts are complete; ``bounded``: one of them is a bound.
    """

    form: str
    layers: tuple[str, ...]
    without: Number | None
    saved: Number | None
    most_share: float
    most_at: float | None
    out_of_reach: int
    origin: Origin


class Ablation(Record):
    """What each form saves of one figure at no more of another, from the tables of all candidates.

    Args:
        first: the figure that is saved.
        second: the figure that is kept.
        design: whose second figure is the level: the recommended one.
        level: of the second figure.
        least: of the first figure that a design of the space with no more of the second has; None with no such design.
        points: of the best front with all forms.
        forms: each form of the space, the one that saves most first.
    """

    first: str
    second: str
    design: str
    level: float
    least: Number | None
    points: int
    forms: tuple[FormSaving, ...]


class OptimalityGap(Record):
    """The distance to the best possible.

    Args:
        reason: why there is none; "" where it was computed.
        candidates: that were fitted for it, over all layers.
        not_worth_fitting: candidates that were left out, as a fit of a part of the layer was far worse than another's.
        skipped: objectives of which nothing is known.
        pairs: of every two figures.
        near: of three or more figures at once.
        single: of a figure alone.
        ablation: what each form saves; None where no pair is of bytes and a quality.
    """

    reason: str = ""
    candidates: int = 0
    not_worth_fitting: int = 0
    skipped: tuple[str, ...] = ()
    pairs: tuple[PairGap, ...] = ()
    near: EpsilonGap | None = None
    single: SingleGap | None = None
    ablation: Ablation | None = None
