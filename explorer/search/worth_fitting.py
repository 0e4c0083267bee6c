"""Which candidates of a large space are worth a fit, told by fits of parts of its layers.

A part of each layer is fitted under every candidate (`explorer.measurement.layer_part`), and those are left out to
which another one is superior by far there: with no figure of the search greater, and so many times less error. What the
whole of a layer makes of the errors of its part is nearly one factor for all candidates of a form, and one of another
form may have another; so candidates of one form are compared more finely. Of large layers, whose fits take seconds
each, a larger part is fitted then under those that are left, which tells more.
"""

from collections.abc import Sequence

import numpy as np

from costmodels import Dense, Scheme
from explorer.measurement.design_evaluator import DesignEvaluator
from explorer.system.progress import Stage
from searches.candidate_tables import candidate_tables
from searches.candidates import CandidateTable
from searches.constraints import Budget
from searches.figures import SRAM
from searches.objectives import Objective
from searches.promising import promising
from searches.space import LayerSpace, Space
from searches.table_columns import column_of

__all__ = ["MARGINS", "left_by_part", "worth_fitting"]

MARGINS = ((1.1, 2.0), (1.05, 1.5))
"""By how many times a candidate's error on a part, and on the larger one, has to be greater than that of another one of
its form, and of another form, for it to be left out (`docs/explanation/search.md` has what that loses)."""


def worth_fitting(
    space: Space, evaluator: DesignEvaluator, objectives: Sequence[Objective], budgets: Sequence[Budget]
) -> dict[str, tuple[Scheme, ...]]:
    """The candidates of each layer that its parts leave, with a progress bar; dense ones all stay, which uniform
    designs are of.

    Args:
        space: the candidates.
        evaluator: fits the parts.
        objectives: of the search.
        budgets: of the search.
    """
    schemes = {layer.name: layer.candidates for layer in space.layers}
    network, bits, limit = evaluator.traced.spec, evaluator.activation_bits, evaluator.sram_limit_bytes
    tables = candidate_tables(network, schemes, bits, None, limit, None, evaluator.latency).layers
    total = sum(len(own) for own in schemes.values())
    found = {}
    with Stage("finding candidates worth a fit", total, "candidate") as bar:
        for layer, table in zip(space.layers, tables, strict=True):
            costs = _costs(table, objectives, budgets)
            kept = layer.candidates
            for is_larger, margins in enumerate(MARGINS):
                errors = evaluator.part_errors(layer, kept, bool(is_larger))
                kept = left_by_part(layer, kept, errors, costs, margins)
            found[layer.name] = kept
            bar.update(len(layer.candidates))
    return found


def left_by_part(
    layer: LayerSpace,
    schemes: Sequence[Scheme],
    errors: np.ndarray | None,
    costs: np.ndarray,
    margins: tuple[float, float],
) -> tuple[Scheme, ...]:
    """Which of a layer's candidates are left, in their order.

    Args:
        layer: with its candidates.
        schemes: those that there are still.
        errors: of the part under each candidate of the layer, as `LayerFits.part_errors`; None where all are kept.
        costs: of each candidate of the layer, (candidates, costs).
        margins: see `MARGINS`.
    """
    if errors is None:
        return tuple(schemes)
    places = [place for place, scheme in enumerate(layer.candidates) if scheme in schemes]
    own, forms = [layer.candidates[place] for place in places], [layer.candidates[place].name for place in places]
    keep = promising(costs[places], errors[places], margins[1], forms, margins[0])
    return tuple(scheme for scheme, is_kept in zip(own, keep, strict=True) if is_kept or isinstance(scheme, Dense))


def _costs(table: CandidateTable, objectives: Sequence[Objective], budgets: Sequence[Budget]) -> np.ndarray:
    """What a candidate must not have more of than another one, (candidates, costs). SRAM is a maximum over the layers:
    where it is no objective, candidates within its budget are alike."""
    figures = [*(item.column for item in objectives), *(budget.column for budget in budgets)]
    wanted = dict.fromkeys(("storage_bits", "flash_bytes", *map(column_of, figures)))
    columns = {name: table.columns[name].astype(np.float64) for name in wanted if name in table.columns}
    limits = [budget.limit for budget in budgets if budget.column == SRAM]
    if limits and SRAM not in [item.column for item in objectives]:
        columns[SRAM] = np.maximum(columns[SRAM], min(limits))
    return np.stack(list(columns.values()), axis=1)
