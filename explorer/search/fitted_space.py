"""Fitting every candidate of a design space, which the distance to the best possible needs."""

from explorer.measurement.design_evaluator import DesignEvaluator
from explorer.search.candidate_tables import fitted_candidate_tables
from explorer.system.interrupts import StopRequest
from explorer.system.progress import Stage, said_beside_bars
from searches.candidates import Candidates
from searches.space import Space

__all__ = ["fit_space", "is_fitted_unasked", "why_not_unasked"]

MOST_WEIGHTS = 100_000_000
"""Weights that are fitted unasked: those of every layer times its candidates. One or two minutes on two cores."""

TOGETHER = 64
"""Candidates fitted between two looks at whether the user wants to stop."""


def is_fitted_unasked(space: Space) -> bool:
    """Whether fitting every candidate of a space costs so little that a search does it unasked."""
    return _weights_to_fit(space) <= MOST_WEIGHTS


def why_not_unasked(space: Space) -> str:
    """What keeps a search from fitting every candidate of a space unasked; empty where nothing does."""
    if is_fitted_unasked(space):
        return ""
    most, weights = f"{MOST_WEIGHTS / 1e6:.0f} million", f"{_weights_to_fit(space) / 1e6:,.0f} million"
    return f"fitting the whole space is {weights} weights to fit, {most} are fitted unasked"


def _weights_to_fit(space: Space) -> int:
    """The weights of every layer times its candidates, over all layers."""
    return sum(layer.shape.weights * len(layer.candidates) for layer in space.layers)


def fit_space(space: Space, evaluator: DesignEvaluator) -> Candidates | None:
    """The candidate tables of the whole space, with a progress bar; None if the user stops it.

    Args:
        space: whose candidates are fitted.
        evaluator: fits them.

    Raises:
        SearchError: a layer is left without a candidate of finite distortion.
    """
    keys = [(layer.name, scheme) for layer in space.layers for scheme in layer.candidates]
    bar = Stage("fitting the whole space", len(keys), "candidate")
    with bar, StopRequest(lambda line: said_beside_bars("stopping without the gap")) as request:
        for start in range(0, len(keys), TOGETHER):
            if request.asked:
                return None
            batch = keys[start : start + TOGETHER]
            evaluator.prepare(batch, keep_weights=False)
            bar.update(len(batch))
    return fitted_candidate_tables(evaluator, {layer.name: layer.candidates for layer in space.layers})
