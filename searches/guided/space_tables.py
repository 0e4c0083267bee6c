"""The tables of a design space: layers are the variables, candidates their choices."""

from collections.abc import Mapping, Sequence

import numpy as np

from searches.candidates import Candidates, CandidateTable
from searches.constraints import Budget
from searches.errors import SearchError
from searches.guided.problem_tables import ProblemTables, Variable
from searches.objectives import Objective
from searches.space import LayerSpace, Space

__all__ = ["tables_of_space"]

PEAKS = ("sram_bytes",)


def tables_of_space(
    space: Space,
    candidates: Candidates,
    objectives: Sequence[Objective],
    budgets: Sequence[Budget],
    errors: Mapping[str, np.ndarray],
) -> ProblemTables:
    """The tables of a space.

    Parts that layers share are left out of the sums, so figures of designs that need one are more than the tables says.

    Args:
        space: the designs.
        candidates: the tables of all candidates of the space, in its order.
        objectives, budgets: of the search. Figures that the tables lack are measured.
        errors: by layer, see `Variable`.

    Raises:
        SearchError: a budget is on a figure that is measured, or as `ProblemTables`.
    """
    known = {"storage_bytes", *candidates.layers[0].columns}
    for budget in budgets:
        if budget.column not in known:
            raise SearchError("the guided sampler takes budgets on counted figures", budget.name, "use nsga2 or tpe")
    columns = tuple(item.column if item.column in known else None for item in objectives)
    caps = {budget.column: float(budget.limit) for budget in budgets}
    names = tuple(dict.fromkeys(name for name in (*columns, *caps) if name is not None))
    variables = [
        _part(layer, table, names, errors[layer.name])
        for layer, table in zip(space.layers, candidates.layers, strict=True)
    ]
    if candidates.idle_bytes and "sram_bytes" in names:
        idle = {name: np.zeros(1) for name in names if name not in PEAKS}
        peak = {"sram_bytes": np.array([candidates.idle_bytes])}
        variables.append(Variable("between layers", [{}], idle, np.ones((1, variables[0].logs.shape[1])), peak))
    best = next((item.best for item, column in zip(objectives, columns, strict=True) if column is None), None)
    return ProblemTables(tuple(variables), columns, caps, best)


def _part(layer: LayerSpace, table: CandidateTable, names: Sequence[str], errors: np.ndarray) -> Variable:
    def column(name: str) -> np.ndarray:
        if name == "storage_bytes":
            return np.asarray(table.columns["storage_bits"] / 8)
        return table.columns[name].astype(np.float64)

    return Variable(
        layer.name,
        [
            {f"{layer.name}.{axis}": value for axis, value in levels.items()}
            for levels in layer.candidate_levels.values()
        ],
        {name: column(name) for name in names if name not in PEAKS},
        errors,
        {name: column(name) for name in names if name in PEAKS},
        [scheme.name for scheme in table.schemes],
    )
