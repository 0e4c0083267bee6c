"""Which candidates of a design space are fitted, and fitting all of them, which the distance to the best needs.

Of a small space that is every candidate, of a large one those that parts of its layers leave
(`explorer.search.worth_fitting`).
"""

from collections.abc import Iterable, Mapping, Sequence

from costmodels import Scheme
from explorer.measurement.design_evaluator import DesignEvaluator
from explorer.search.candidate_tables import fitted_candidate_tables
from explorer.search.worth_fitting import worth_fitting
from explorer.system.interrupts import StopRequest
from explorer.system.progress import Stage, said_beside_bars
from searches.candidates import Candidates
from searches.constraints import Budget
from searches.design import Design
from searches.objectives import Objective
from searches.space import Space

__all__ = ["fit_space", "is_fitted_unasked", "schemes_to_fit", "why_not_unasked"]

WHOLE_WEIGHTS = 100_000_000
"""Weights of every layer times its candidates up to which all are fitted: one or two minutes on two cores."""

MOST_WEIGHTS = 20_000_000_000
"""The same, up to which a search does it unasked: VGG-16 has 14 thousand million."""

TOGETHER = 64
"""Candidates fitted between two looks at whether the user wants to stop."""


def is_fitted_unasked(space: Space) -> bool:
    """Whether fitting the candidates of a space costs so little that a search does it unasked."""
    return _weights_to_fit(space) <= MOST_WEIGHTS


def why_not_unasked(space: Space) -> str:
    """What keeps a search from fitting the candidates of a space unasked; empty where nothing does."""
    if is_fitted_unasked(space):
        return ""
    most, weights = f"{MOST_WEIGHTS / 1e6:,.0f} million", f"{_weights_to_fit(space) / 1e6:,.0f} million"
    return f"fitting the whole space is {weights} weights to fit, {most} are fitted unasked"


def _weights_to_fit(space: Space) -> int:
    """The weights of every layer times its candidates, over all layers."""
    return sum(layer.shape.weights * len(layer.candidates) for layer in space.layers)


def schemes_to_fit(
    space: Space, evaluator: DesignEvaluator, objectives: Sequence[Objective], budgets: Iterable[Budget]
) -> Mapping[str, tuple[Scheme, ...]]:
    """The candidates of each layer that are worth a fit, with a progress bar where that is a question. What was found
    once is known to the evaluator.

    Args:
        space: the candidates.
        evaluator: fits.
        objectives: of the search.
        budgets: of the search.
    """
    if _weights_to_fit(space) <= WHOLE_WEIGHTS:
        return {layer.name: layer.candidates for layer in space.layers}
    if evaluator.worth_fitting is None:
        evaluator.worth_fitting = worth_fitting(space, evaluator, objectives, tuple(budgets))
    return evaluator.worth_fitting


def fit_space(
    space: Space,
    evaluator: DesignEvaluator,
    objectives: Sequence[Objective] = (),
    budgets: Iterable[Budget] = (),
    designs: Iterable[Design] = (),
) -> Candidates | None:
    """The candidate tables of a space, with a progress bar; None if the user stops it.

    Args:
        space: whose candidates are fitted.
        evaluator: fits them.
        objectives: of the search.
        budgets: of the search.
        designs: whose candidates are in the tables whether they are worth a fit or not.

    Raises:
        SearchError: a layer is left without a candidate of finite distortion.
    """
    chosen = {name: dict.fromkeys(own) for name, own in schemes_to_fit(space, evaluator, objectives, budgets).items()}
    for design in designs:
        for name, scheme in design.schemes.items():
            chosen[name].setdefault(scheme)
    keys = [(name, scheme) for name, own in chosen.items() for scheme in own]
    bar = Stage("fitting the whole space", len(keys), "candidate")
    with bar, StopRequest(lambda line: said_beside_bars("stopping without the gap")) as request:
        for start in range(0, len(keys), TOGETHER):
            if request.asked:
                return None
            batch = keys[start : start + TOGETHER]
            evaluator.prepare(batch, keep_weights=False)
            bar.update(len(batch))
    return fitted_candidate_tables(evaluator, {name: tuple(own) for name, own in chosen.items()})
