"""What to say where every budget can be met alone, but no measured design meets all."""

from collections import Counter
from collections.abc import Iterator
from functools import partial

from costmodels import network_cost
from explorer.config.budgets import DeviceRoom
from explorer.runs.measured_ways import MeasuredWays
from explorer.search.run import Outcome
from searches.constraints import Budgets
from searches.errors import InfeasibleError
from searches.figures import COST_FIGURES, SRAM, TABULATED_FIGURES
from searches.infeasibility import find_infeasible_subset
from searches.study import Figures

__all__ = ["no_design_fits"]


def no_design_fits(outcome: Outcome) -> InfeasibleError:
    """What to say where every budget can be met alone, but no measured design met all; where the space is fitted,
    whether any design can. What is assumed of the device is named, with what would do for a design that was measured.
    """
    budgets, tables = outcome.problem.budgets, outcome.gap.candidates
    if tables is not None:
        subset = find_infeasible_subset(tables, budgets)
        if subset is not None:
            rule = f"no design of the space meets these budgets at once: {subset}"
            return _with_ways(outcome, rule, "raise one of these budgets, or add smaller schemes")
    records = outcome.result.measured().values()
    if not records:
        return _none_measured(outcome)
    least = [
        f"{budget.name} allows {budget.shown(budget.limit)} {budget.unit}, the least of {len(records)} measured "
        f"designs is {budget.shown(min(record.figures[budget.column] for record in records))}"
        for budget in budgets
    ]
    rule = f"no measured design meets all budgets at once, though each alone can be met: {' | '.join(least)}"
    if tables is not None and all(budget.column in TABULATED_FIGURES for budget in budgets):
        return _with_ways(outcome, rule, "run more trials: designs of the space do meet them all")
    return _with_ways(outcome, rule, "run more trials, or raise a budget")


def _none_measured(outcome: Outcome) -> InfeasibleError:
    """What to say where every trial failed."""
    reasons = Counter(trial.reason for trial in outcome.result.trials)
    reason, count = reasons.most_common(1)[0] if reasons else ("there was none", 0)
    rule = f"no trial of {len(outcome.result.trials)} measured its design: {reason} ({count} times)"
    return InfeasibleError(rule, remedy="mend what is named, and add --resume with more trials")


def _with_ways(outcome: Outcome, rule: str, remedy: str) -> InfeasibleError:
    config, device = outcome.config, outcome.device
    room = DeviceRoom(device, outcome.needs, config.reserve_flash, config.reserve_ram) if device else None
    figures = [record.figures for record in outcome.result.measured().values()]
    # A program takes a byte for every activation, however few bits it has.
    narrowed = None if room is not None and room.is_known(SRAM) else partial(_narrowed, outcome)
    known = MeasuredWays(figures, outcome.problem.budgets, room, narrowed)
    facts, ways = list(known.facts()), list(known.ways())
    rule = f"{rule} ({'; '.join(facts)})" if facts else rule
    return InfeasibleError(
        rule, remedy=f"{remedy}. Of these would do for a measured design: {'; '.join(ways)}" if ways else remedy
    )


def _narrowed(outcome: Outcome, bits: int) -> Iterator[Figures]:
    """The figures of the measured designs with activations of fewer bits, as far as they are counted."""
    evaluator, sram = outcome.evaluator, Budgets(outcome.problem.budgets).sram_bytes
    for record in outcome.result.measured().values():
        if bits >= evaluator.bits_of(record.design):
            continue
        usages = {name: fit.usage for name, fit in evaluator.fits(record.design).items()}
        cost = network_cost(evaluator.traced.spec, record.design.schemes, bits, usages, sram)
        yield {**record.figures, **{name: getattr(cost, name) for name in COST_FIGURES}}
