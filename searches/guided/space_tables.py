"""The problem tables of a design space: layers are the variables, candidates their choices."""

from collections.abc import Mapping, Sequence

import numpy as np
from optuna.trial import FrozenTrial

from searches.candidates import Candidates, CandidateTable
from searches.constraints import Budget
from searches.errors import SearchError
from searches.figures import DIVERGENCE, SRAM, STORAGE
from searches.guided.problem_tables import ProblemTables
from searches.guided.variable import Variable
from searches.objectives import Objective
from searches.space import LayerSpace, Space
from searches.table_columns import column_of, units_of

__all__ = ["make_problem_tables"]


def make_problem_tables(
    space: Space,
    candidates: Candidates,
    objectives: Sequence[Objective],
    budgets: Sequence[Budget],
    proxies: Mapping[str, np.ndarray],
) -> ProblemTables:
    """The problem tables of a design space.

    Parts that layers share are left out of the sums, so figures of designs that need one are more than the tables say.

    Args:
        space: the designs.
        candidates: the tables of candidates of the space, layers in its order; no others are proposed.
        objectives: of the search. Figures that the candidate tables lack are measured.
        budgets: of the search.
        proxies: sensitivity proxies of the candidates in the tables by layer, see `Variable`.

    Raises:
        SearchError: a budget is on a figure that is measured, or as `ProblemTables`.
    """
    known = {STORAGE, *candidates.layers[0].columns}
    for budget in budgets:
        if budget.column not in known:
            raise SearchError("the guided sampler takes budgets on counted figures", budget.name, "use nsga2 or tpe")
    wanted = tuple(item.column if item.column in known else None for item in objectives)
    caps = {budget.column: float(budget.limit) for budget in budgets}
    names = tuple(dict.fromkeys(name for name in (*wanted, *caps) if name is not None))
    variables = [
        _variable(layer, table, names, proxies[layer.name])
        for layer, table in zip(space.layers, candidates.layers, strict=True)
    ]
    if candidates.idle_bytes and SRAM in names:
        variables.append(_between_layers(candidates.idle_bytes, names, variables[0].proxy_count))
    best = next((item.best for item, name in zip(objectives, wanted, strict=True) if name is None), None)
    return ProblemTables(tuple(variables), wanted, caps, best, _divergence, frozenset(space.parameters()))


def _divergence(trial: FrozenTrial) -> float | None:
    """That of the design that a trial measured, where it was measured on data."""
    divergence: float | None = trial.user_attrs.get("record", {}).get("figures", {}).get(DIVERGENCE)
    return divergence


def _variable(layer: LayerSpace, table: CandidateTable, names: Sequence[str], proxies: np.ndarray) -> Variable:
    figures = {name: table.columns[column_of(name)].astype(np.float64) / units_of(name) for name in names}
    return Variable(
        name=layer.name,
        choices=[
            {f"{layer.name}.{axis}": value for axis, value in layer.candidate_levels[scheme].items()}
            for scheme in table.schemes
        ],
        sums={name: values for name, values in figures.items() if name != SRAM},
        proxies=proxies,
        peaks={name: values for name, values in figures.items() if name == SRAM},
        kinds=[scheme.name for scheme in table.schemes],
    )


def _between_layers(idle_bytes: int, names: Sequence[str], proxy_count: int) -> Variable:
    """A variable of one choice: the least SRAM peak of all designs, which no layer is to blame for."""
    return Variable(
        name="between layers",
        choices=[{}],
        sums={name: np.zeros(1) for name in names if name != SRAM},
        proxies=np.ones((1, proxy_count)),
        peaks={SRAM: np.array([idle_bytes])},
    )
