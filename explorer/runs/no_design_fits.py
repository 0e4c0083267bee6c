"""What to say where every budget can be met alone, but no measured design meets all."""

from explorer.search.run import Outcome
from searches.errors import InfeasibleError
from searches.figures import TABULATED_FIGURES
from searches.infeasibility import find_infeasible_subset

__all__ = ["no_design_fits"]


def no_design_fits(outcome: Outcome) -> InfeasibleError:
    """What to say where every budget can be met alone, but no measured design met all; where the space is fitted,
    whether any design can."""
    budgets, tables = outcome.problem.budgets, outcome.gap.candidates
    if tables is not None:
        subset = find_infeasible_subset(tables, budgets)
        if subset is not None:
            rule = f"no design of the space meets these budgets at once: {subset}"
            return InfeasibleError(rule, remedy="raise one of these budgets, or add smaller schemes")
    records = outcome.result.measured().values()
    least = [
        f"{budget.name} allows {budget.shown(budget.limit)} {budget.unit}, the least of {len(records)} measured "
        f"designs is {budget.shown(min(record.figures[budget.column] for record in records))}"
        for budget in budgets
    ]
    rule = f"no measured design meets all budgets at once, though each alone can be met: {' | '.join(least)}"
    if tables is not None and all(budget.column in TABULATED_FIGURES for budget in budgets):
        return InfeasibleError(rule, remedy="run more trials: designs of the space do meet them all")
    return InfeasibleError(rule, remedy="run more trials, or raise a budget")
