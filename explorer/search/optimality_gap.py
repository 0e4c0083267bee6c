"""How far a search's designs are from the best possible: every candidate of the space fitted, the best fronts computed,
the designs found compared with them."""

import itertools
import math
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from explorer.config.search import SearchConfig
from explorer.measurement.design_evaluator import DesignEvaluator
from explorer.search.fitted_space import fit_space, why_not_unasked
from explorer.search.form_ablation import make_ablation, recommended
from explorer.system.interrupts import StopRequest
from explorer.system.progress import staged
from reports.best_front import GAP_TABLES, epsilon_indicator, gap_rows, hypervolume_ratio, pair_name
from reports.front import non_dominated
from reports.records import EpsilonGap, OptimalityGap, PairGap, SingleGap
from reports.reference_point import reference_value
from searches.candidates import Candidates
from searches.constraints import exceeded
from searches.epsilon_pareto import epsilon_pareto_set
from searches.errors import SearchError
from searches.figures import DISTORTION, NOISE, QUALITY_FIGURES, TABULATED_FIGURES
from searches.infeasibility import least_within
from searches.pairs import pair_front
from searches.problem import Problem, SearchResult, TrialRecord
from searches.tabulated import tabulated_figures

__all__ = ["GapResult", "measure_gap"]


@dataclass(frozen=True, eq=False)
class GapResult:
    """The gap of a search.

    Args:
        facts: for run.json.
        exact: the table of the best fronts, with the columns of `reports.best_front.GAP_TABLES`.
        designs: the table of the designs compared with them, likewise.
        candidates: the tables of the space, None where it was not fitted.
        stopped: whether the user ended it early.
    """

    facts: OptimalityGap
    exact: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(GAP_TABLES["exact"])))
    designs: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(GAP_TABLES["gaps"])))
    candidates: Candidates | None = None
    stopped: bool = False


@dataclass(frozen=True)
class _Goals:
    """What the designs are compared in.

    Args:
        figures: those of the objectives that tables give, and in the place of accuracy and loss output noise, or
            distortion where no layer's noise is known.
        proxy: output noise or distortion.
        stands_for: the objective in whose place the proxy is, or "".
        skipped: objectives of which nothing is known.
    """

    figures: tuple[str, ...]
    proxy: str
    stands_for: str
    skipped: tuple[str, ...]


def measure_gap(
    config: SearchConfig,
    problem: Problem,
    evaluator: DesignEvaluator,
    result: SearchResult,
    request: StopRequest | None = None,
) -> GapResult:
    """The gap of a search's designs, or the reason why there is none.

    Args:
        config: of the search.
        problem: what was searched.
        evaluator: fits the candidates that are not fitted yet.
        result: what was found.
        request: of the user, to stop.
    """
    reason = _reason_for_none(config, problem, result)
    if reason:
        return GapResult(OptimalityGap(reason=reason))
    try:
        designs = [record.design for record in result.measured().values()]
        tables = fit_space(problem.space, evaluator, problem.objectives, problem.budgets, designs)
        if tables is None:
            return GapResult(OptimalityGap(reason="it was interrupted; --resume goes on"), stopped=True)
        with request.at_once() if request else nullcontext():
            return _compared(problem, config.gap_eps, tables, result, evaluator)
    except KeyboardInterrupt:
        return GapResult(OptimalityGap(reason="it was interrupted; --resume goes on"), stopped=True)
    except SearchError as error:
        return GapResult(OptimalityGap(reason=str(error)))


def _reason_for_none(config: SearchConfig, problem: Problem, result: SearchResult) -> str:
    """Why the space is not fitted; empty if it is."""
    if result.interrupted:
        return "the search was interrupted; --resume goes on"
    if config.gap is False:
        return "--no-gap was given"
    if problem.space.activation_bits:
        return "several widths of activations were searched, and its tables are of one"
    if config.gap is None and (reason := why_not_unasked(problem.space)):
        return f"{reason}; --gap with --resume computes it"
    return ""


def _compared(
    problem: Problem, eps: float, tables: Candidates, result: SearchResult, evaluator: DesignEvaluator
) -> GapResult:
    """The designs found, compared with the best fronts of every pair and what is known of three figures or one."""
    measured, float_bytes = tuple(result.measured().values()), 4 * evaluator.traced.spec.weights
    found = [
        record
        for record in measured
        if not exceeded(problem.budgets, record.figures) and math.isfinite(record.figures[DISTORTION])
    ]
    if not found:
        return GapResult(OptimalityGap(reason="no measured design keeps every budget"), candidates=tables)
    # A study of an earlier version may lack a proxy.
    known = (*TABULATED_FIGURES, *(name for name in tables.proxies if all(name in one.figures for one in found)))
    goals = _goals(problem, known)
    caps = {budget.column: budget.limit for budget in problem.budgets}
    figures = tabulated_figures(tables, _choices(tables, found), goals.figures)
    pairs, exact, designs, fronts = [], [], [], {}
    wanted = _pairs(goals.figures)
    for first, second in staged(wanted, "proving the best fronts", len(wanted), "pair"):
        best = fronts[first, second] = pair_front(tables, (first, second), caps)
        own, front = (_points(values, (first, second)) for values in (figures, best.front.figures))
        reference = {
            name: reference_value(name, "minimize", [record.figures[name] for record in measured], float_bytes)
            for name in (first, second)
        }
        pairs.append(
            PairGap(
                first=first,
                second=second,
                stands_for=goals.stands_for if goals.proxy in (first, second) else "",
                origin="bounded" if best.left_out else "proven",
                left_out=tuple(best.left_out),
                points=len(front),
                **hypervolume_ratio(own[non_dominated(own, distinct=True)], front, reference),
            )
        )
        name = pair_name(first, second)
        exact.append(pd.DataFrame({"pair": name, "first": front[:, 0], "second": front[:, 1]}))
        designs.append(gap_rows(name, [record.design_id for record in found], own, front))
    within = {name: cap for name, cap in caps.items() if name in known}
    left_out = [name for name in caps if name not in known]
    near, single = _beyond_pairs(tables, goals.figures, eps, within, figures, tuple(left_out))
    images = evaluator.meter.validation_images if evaluator.meter else 0
    place = recommended(found, problem.objectives, images)
    facts = OptimalityGap(
        candidates=sum(len(table.schemes) for table in tables.layers),
        not_worth_fitting=_not_worth_fitting(problem, evaluator, tables),
        skipped=goals.skipped,
        pairs=tuple(pairs),
        near=near,
        single=single,
        ablation=make_ablation(tables, fronts, caps, found[place].design_id, found[place].figures),
    )
    if not pairs:
        return GapResult(facts, candidates=tables)
    return GapResult(facts, pd.concat(exact, ignore_index=True), pd.concat(designs, ignore_index=True), tables)


def _not_worth_fitting(problem: Problem, evaluator: DesignEvaluator, tables: Candidates) -> int:
    """How many candidates of the space were left out by fits of parts of the layers."""
    if evaluator.worth_fitting is None:
        return 0
    fitted = {table.layer: set(table.schemes) for table in tables.layers}
    return sum(len(set(layer.candidates) - fitted[layer.name]) for layer in problem.space.layers)


def _goals(problem: Problem, known: Sequence[str]) -> _Goals:
    """What is compared, where these figures are known of every design of the space."""
    proxy = NOISE if NOISE in known else DISTORTION
    unknown = [item for item in problem.objectives if item.column not in known]
    replaced = [item.name for item in unknown if item.column in QUALITY_FIGURES]
    columns = [proxy if item.name in replaced else item.column for item in problem.objectives]
    wanted = tuple(dict.fromkeys(name for name in columns if name in known)) or (proxy,)
    has_own = any(item.column == proxy for item in problem.objectives)
    stands_for = "" if has_own or not replaced else replaced[0]
    return _Goals(wanted, proxy, stands_for, tuple(item.name for item in unknown if item.name not in replaced))


def _pairs(columns: Sequence[str]) -> list[tuple[str, str]]:
    """Every two of the figures, the quality second."""
    pairs = itertools.combinations(columns, 2)
    return [(two, one) if one in QUALITY_FIGURES and two not in QUALITY_FIGURES else (one, two) for one, two in pairs]


def _choices(tables: Candidates, found: Sequence[TrialRecord]) -> np.ndarray:
    """The index of each design's candidates, integers of shape (designs, layers)."""
    places = [{scheme: index for index, scheme in enumerate(table.schemes)} for table in tables.layers]
    rows = [
        [place[record.design.schemes[table.layer]] for place, table in zip(places, tables.layers, strict=True)]
        for record in found
    ]
    return np.array(rows, dtype=np.int64).reshape(len(found), len(tables.layers))


def _points(figures: Mapping[str, np.ndarray], names: Sequence[str]) -> np.ndarray:
    """Figures as points, float64 of shape (designs, names)."""
    return np.stack([figures[name].astype(np.float64) for name in names], axis=1)


def _beyond_pairs(
    tables: Candidates,
    wanted: tuple[str, ...],
    eps: float,
    caps: Mapping[str, float],
    figures: Mapping[str, np.ndarray],
    left_out: tuple[str, ...],
) -> tuple[EpsilonGap | None, SingleGap | None]:
    """What is known of three or more figures at once, or of a single one: `EpsilonGap`, `SingleGap`."""
    if len(wanted) == 1:
        bound, is_exact = least_within(tables, wanted[0], caps) or (0.0, False)
        single = SingleGap(
            column=wanted[0],
            found=float(figures[wanted[0]].min()),
            bound=float(bound),
            origin="proven" if is_exact and not left_out else "bounded",
            left_out=left_out,
        )
        return None, single
    if len(wanted) == 2:
        return None, None
    best = epsilon_pareto_set(tables, wanted, 1 + eps, caps)
    factor = epsilon_indicator(_points(figures, wanted), _points(best.figures, wanted))
    least, most = (factor, factor * (1 + eps)) if math.isfinite(factor) else (None, None)
    near = EpsilonGap(columns=wanted, eps=eps, designs=len(best.designs), least=least, most=most, left_out=left_out)
    return near, None
