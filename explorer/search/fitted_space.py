"""Which candidates of a design space are fitted, and fitting all of them, which the distance to the best needs.

Of a small space that is every candidate. Of a large one a part of each layer is fitted first
(`explorer.measurement.layer_part`), and the candidates are left out to which another one is superior by far there: with
no figure of the search greater, and `MARGIN` times less error.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from costmodels import Dense, Scheme
from explorer.measurement.design_evaluator import DesignEvaluator
from explorer.search.candidate_tables import fitted_candidate_tables
from explorer.system.interrupts import StopRequest
from explorer.system.progress import Stage, said_beside_bars
from searches.candidate_tables import candidate_tables
from searches.candidates import Candidates
from searches.constraints import Budget
from searches.design import Design
from searches.objectives import Objective
from searches.promising import promising
from searches.space import LayerSpace, Space
from searches.table_columns import column_of

__all__ = ["fit_space", "is_fitted_unasked", "schemes_to_fit", "why_not_unasked"]

WHOLE_WEIGHTS = 100_000_000
"""Weights of every layer times its candidates up to which all are fitted: one or two minutes on two cores."""

MOST_WEIGHTS = 20_000_000_000
"""The same, up to which a search does it unasked: VGG-16 has 14 thousand million."""

MARGIN = 2.0
"""By how many times a candidate's error on the part of a layer has to be greater than that of another one for it to be
left out (`docs/explanation/search.md` has what that loses)."""

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
        figures = [*(item.column for item in objectives), *(budget.column for budget in budgets)]
        evaluator.worth_fitting = _worth_fitting(space, evaluator, figures)
    return evaluator.worth_fitting


def _worth_fitting(space: Space, evaluator: DesignEvaluator, figures: Sequence[str]) -> dict[str, tuple[Scheme, ...]]:
    """The candidates that a part of each layer leaves; dense ones all stay, which uniform designs are of."""
    schemes = {layer.name: layer.candidates for layer in space.layers}
    network, bits, limit = evaluator.traced.spec, evaluator.activation_bits, evaluator.sram_limit_bytes
    tables = candidate_tables(network, schemes, bits, None, limit, None, evaluator.latency).layers
    total = sum(len(own) for own in schemes.values())
    found = {}
    with Stage("finding candidates worth a fit", total, "candidate") as bar:
        for layer, table in zip(space.layers, tables, strict=True):
            wanted = dict.fromkeys(("storage_bits", "flash_bytes", *map(column_of, figures)))
            columns = [table.columns[name].astype(np.float64) for name in wanted if name in table.columns]
            found[layer.name] = _kept(layer, evaluator.part_errors(layer), np.stack(columns, axis=1))
            bar.update(len(layer.candidates))
    return found


def _kept(layer: LayerSpace, errors: np.ndarray | None, costs: np.ndarray) -> tuple[Scheme, ...]:
    if errors is None:
        return layer.candidates
    keep = promising(costs, errors, MARGIN)
    pairs = zip(layer.candidates, keep, strict=True)
    return tuple(scheme for scheme, is_kept in pairs if is_kept or isinstance(scheme, Dense))


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
