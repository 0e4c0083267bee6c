"""How far a search's designs are from the best possible: every candidate of the space fitted, the best fronts computed,
the designs found placed beside them."""

import itertools
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from explorer.config.search import SearchConfig
from explorer.measurement.design_evaluator import DesignEvaluator
from explorer.search.candidate_tables import DISTORTION, space_tables
from explorer.system.interrupts import StopRequest
from reports.front import non_dominated
from reports.gap import GAP_TABLES, epsilon_indicator, gap_rows, pair_name, volume_facts
from reports.headline import QUALITIES
from reports.run import reference_value
from searches.candidates import Candidates
from searches.constraints import exceeded
from searches.errors import SearchError
from searches.evaluation import FIGURES, evaluate
from searches.joint import least_within
from searches.milp import epsilon_pareto_set
from searches.pairs import pair_front
from searches.space import Space
from searches.study import Problem, SearchResult, TrialRecord

__all__ = ["MOST_WEIGHTS", "GapResult", "fitted_tables", "is_fitted_unasked", "measure_gap"]

MOST_WEIGHTS = 100_000_000
"""Weights that are fitted unasked: those of every layer times its candidates. One or two minutes on two cores."""

TOGETHER = 64
"""Candidates fitted between two looks at whether the user wants to stop."""


@dataclass(frozen=True, eq=False)
class GapResult:
    """The gap of a search.

    Args:
        facts: for run.json, see `reports.run_info.Gap`.
        exact, designs: the tables of `reports.gap.GAP_TABLES`.
        candidates: the tables of the space, None where it was not fitted.
        stopped: whether the user ended it early.
    """

    facts: dict[str, Any]
    exact: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(GAP_TABLES["exact"])))
    designs: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(GAP_TABLES["gaps"])))
    candidates: Candidates | None = None
    stopped: bool = False


def is_fitted_unasked(space: Space) -> bool:
    """Whether fitting every candidate of a space costs so little that a search does it unasked."""
    return _weights_to_fit(space) <= MOST_WEIGHTS


def _weights_to_fit(space: Space) -> int:
    return sum(layer.shape.weights * len(layer.candidates) for layer in space.layers)


def measure_gap(config: SearchConfig, problem: Problem, evaluator: DesignEvaluator, result: SearchResult) -> GapResult:
    """The gap of a search's designs, or the reason why there is none."""
    if result.interrupted:
        return GapResult({"reason": "the search was interrupted; --resume goes on"})
    if config.gap is False:
        return GapResult({"reason": "--no-gap was given"})
    if problem.space.activation_bits:
        return GapResult({"reason": "several widths of activations were searched, and its tables are of one"})
    if config.gap is None and not is_fitted_unasked(problem.space):
        most, weights = f"{MOST_WEIGHTS / 1e6:.0f} million", f"{_weights_to_fit(problem.space) / 1e6:,.0f} million"
        reason = f"fitting the whole space is {weights} weights to fit, {most} are fitted unasked"
        return GapResult({"reason": f"{reason}; --gap with --resume computes it"})
    try:
        tables = fitted_tables(problem.space, evaluator)
        if tables is None:
            return GapResult({"reason": "it was interrupted; --resume goes on"}, stopped=True)
        return _beside(problem, config.gap_eps, tables, result, 4 * evaluator.traced.spec.weights)
    except SearchError as error:
        return GapResult({"reason": str(error)})


def fitted_tables(space: Space, evaluator: DesignEvaluator) -> Candidates | None:
    """The tables of the whole space; None if stopped."""
    keys = [(layer.name, scheme) for layer in space.layers for scheme in layer.candidates]
    bar = tqdm(total=len(keys), desc="fitting the whole space", unit="layer", disable=None)
    with bar, StopRequest(lambda line: tqdm.write("stopping without the gap", file=sys.stderr)) as request:
        for start in range(0, len(keys), TOGETHER):
            if request.asked:
                return None
            batch = keys[start : start + TOGETHER]
            evaluator.prepare(batch, keep_weights=False)
            bar.update(len(batch))
    return space_tables(evaluator, {layer.name: layer.candidates for layer in space.layers})


def _beside(problem: Problem, eps: float, tables: Candidates, result: SearchResult, float_bytes: int) -> GapResult:
    """The designs found beside the best fronts of every pair, and beside what is known of three figures or of one."""
    measured = tuple(result.measured().values())
    found = [
        record
        for record in measured
        if not exceeded(problem.budgets, record.figures) and math.isfinite(record.figures[DISTORTION])
    ]
    if not found:
        return GapResult({"reason": "no measured design keeps every budget"}, candidates=tables)
    known = (*FIGURES, *tables.proxies)
    wanted, stands_for, skipped = _goals(problem, known)
    caps = {budget.column: budget.limit for budget in problem.budgets}
    figures = evaluate(tables, _choices(tables, found), wanted)
    facts: dict[str, Any] = {"candidates": sum(len(table.schemes) for table in tables.layers), "skipped": skipped}
    pairs, exact, designs = [], [], []
    for first, second in tqdm(_pairs(wanted), desc="proving the best fronts", unit="pair", disable=None):
        best = pair_front(tables, (first, second), caps)
        own, front = (_points(part, (first, second)) for part in (figures, best.front.figures))
        reference = {
            name: reference_value(name, "minimize", [record.figures[name] for record in measured], float_bytes)
            for name in (first, second)
        }
        pairs.append(
            {
                "first": first,
                "second": second,
                "stands_for": stands_for if DISTORTION in (first, second) else "",
                "origin": "bounded" if best.left_out else "proven",
                "left_out": list(best.left_out),
                "points": len(front),
                **volume_facts(own[non_dominated(own, distinct=True)], front, reference),
            }
        )
        name = pair_name(first, second)
        exact.append(pd.DataFrame({"pair": name, "first": front[:, 0], "second": front[:, 1]}))
        designs.append(gap_rows(name, [record.design_id for record in found], own, front))
    within = {name: cap for name, cap in caps.items() if name in known}
    left_out = [name for name in caps if name not in known]
    facts |= {"pairs": pairs, **_beyond_pairs(tables, wanted, eps, within, figures, left_out)}
    if not pairs:
        return GapResult(facts, candidates=tables)
    return GapResult(facts, pd.concat(exact, ignore_index=True), pd.concat(designs, ignore_index=True), tables)


def _goals(problem: Problem, known: Sequence[str]) -> tuple[tuple[str, ...], str, list[str]]:
    """(the objectives' columns, in which objective's place distortion is or "", objectives of which nothing is known).

    Distortion stands in the place of accuracy and loss.
    """
    replaced = [item.name for item in problem.objectives if item.column in QUALITIES and item.column not in known]
    columns = [DISTORTION if item.name in replaced else item.column for item in problem.objectives]
    skipped = [item.name for item in problem.objectives if item.column not in known and item.name not in replaced]
    wanted = tuple(dict.fromkeys(name for name in columns if name in known)) or (DISTORTION,)
    has_own = any(item.column == DISTORTION for item in problem.objectives)
    return wanted, "" if has_own or not replaced else replaced[0], skipped


def _pairs(columns: Sequence[str]) -> list[tuple[str, str]]:
    """Every two of the figures, the quality second."""
    pairs = itertools.combinations(columns, 2)
    return [(two, one) if one in QUALITIES and two not in QUALITIES else (one, two) for one, two in pairs]


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
    left_out: list[str],
) -> dict[str, Any]:
    """What is known of three or more figures at once, or of a single one: `NearGap`, `SingleGap` of the reports."""
    if len(wanted) == 1:
        bound, is_exact = least_within(tables, wanted[0], caps) or (0.0, False)
        origin = "proven" if is_exact and not left_out else "bounded"
        found = float(figures[wanted[0]].min())
        single = {"column": wanted[0], "found": found, "bound": float(bound), "origin": origin, "left_out": left_out}
        return {"single": single}
    if len(wanted) == 2:
        return {}
    near = epsilon_pareto_set(tables, wanted, 1 + eps, caps)
    factor = epsilon_indicator(_points(figures, wanted), _points(near.figures, wanted))
    least, most = (factor, factor * (1 + eps)) if math.isfinite(factor) else (None, None)
    count = len(near.designs)
    return {
        "near": {
            "columns": list(wanted),
            "eps": eps,
            "designs": count,
            "least": least,
            "most": most,
            "left_out": left_out,
        }
    }
