"""From a search's outcome to the RunRecord that the reports write."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from explorer.measurement.layer_fits import LayerFit
from explorer.runs.describe_design import describe_design
from explorer.runs.describe_run import describe_run
from explorer.runs.no_design_fits import no_design_fits
from explorer.search.run import Outcome
from explorer.system.progress import staged
from reports.columns import BASELINE_COLUMNS, FRONT_COLUMNS, LAYER_COLUMNS, TRAINED_COLUMNS, TRIAL_COLUMNS
from reports.front import losses, non_dominated
from reports.run_record import RunRecord
from reports.trained_designs import deployable
from searches.baselines import uniform_designs
from searches.constraints import exceeded
from searches.design import Design
from searches.figures import HELD_OUT
from searches.study import TrialRecord

__all__ = ["make_run"]


def make_run(outcome: Outcome, command: str) -> RunRecord:
    """Everything that the report needs; the front's designs are measured on the test part here.

    Raises:
        InfeasibleError: no measured design meets all budgets; the message says by how much the nearest one misses.
    """
    trials = pd.DataFrame([_trial_row(outcome, trial) for trial in outcome.result.trials])
    trained = pd.DataFrame(_training_rows(outcome))
    measured = deployable(trials, trained, outcome.problem.objectives)
    measured = measured[measured["feasible"].astype(bool)] if len(measured) else measured
    if measured.empty and not outcome.result.interrupted:
        raise no_design_fits(outcome)
    front = _front(outcome, measured)
    designs = _records(outcome, front)
    fits = _trained_layers(outcome, front)
    described, layers = {}, []
    for name, record in staged(designs.items(), "describing the front", len(designs), "design"):
        layers += outcome.evaluator.layer_rows(name, record.design, fits.get(name))
        described[name] = describe_design(outcome, record, fits.get(name))
    problem = outcome.problem
    wanted = [*(item.column for item in problem.objectives), *(budget.column for budget in problem.budgets)]
    return RunRecord(
        info=describe_run(outcome, trials, command),
        trials=_ordered(trials, (*TRIAL_COLUMNS, *wanted)),
        front=_ordered(front, (*FRONT_COLUMNS, *wanted)),
        layers=_ordered(pd.DataFrame(layers), LAYER_COLUMNS),
        baselines=_ordered(pd.DataFrame(_baseline_rows(outcome)), (*BASELINE_COLUMNS, *wanted)),
        designs=described,
        exact=outcome.gap.exact,
        gaps=outcome.gap.designs,
        trained=_ordered(trained, (*TRAINED_COLUMNS, *wanted)),
    )


def _records(outcome: Outcome, front: pd.DataFrame) -> dict[str, TrialRecord]:
    """The designs of the front, each as its best training left it, or as fitted."""
    records: dict[tuple[str, int | None], TrialRecord] = {
        (name, None): record for name, record in outcome.result.measured().items()
    }
    for epochs, trials in outcome.result.trained.items():
        records |= {(trial.design_id, epochs): trial for trial in trials if trial.state == "measured"}
    return {name: records[name, epochs] for name, epochs in _epochs(front)}


def _epochs(front: pd.DataFrame) -> list[tuple[str, int | None]]:
    """Each design with the epochs of its best training; None of one as fitted."""
    if "epochs" not in front.columns:
        return [(name, None) for name in front["design"]]
    pairs = zip(front["design"], front["epochs"], strict=True)
    return [(name, None if pd.isna(epochs) else int(epochs)) for name, epochs in pairs]


def _trained_layers(outcome: Outcome, front: pd.DataFrame) -> dict[str, Mapping[str, LayerFit]]:
    """The layers of the front's trained designs, by design and name."""
    trainer, records = outcome.trainer, outcome.result.measured()
    if trainer is None:
        return {}
    return trainer.fits((records[name].design, epochs) for name, epochs in _epochs(front) if epochs is not None)


def _ordered(table: pd.DataFrame, columns: tuple[str, ...]) -> pd.DataFrame:
    """The table with these columns first; those without data are left out, a table without rows has them all."""
    if table.empty:
        return pd.DataFrame(columns=list(dict.fromkeys(columns)))
    first = [name for name in dict.fromkeys(columns) if name in table.columns]
    return table[[*first, *(name for name in table.columns if name not in first)]]


def _trial_row(outcome: Outcome, trial: TrialRecord) -> dict[str, Any]:
    over = exceeded(outcome.problem.budgets, trial.figures) if trial.figures else []
    return {
        "trial": trial.number,
        "design": trial.design_id,
        "state": trial.state,
        "feasible": bool(trial.figures) and not over,
        "violated": ";".join(over),
        "reason": trial.reason,
        "seconds": trial.seconds,
        **trial.figures,
        **dict.fromkeys(_held_out(outcome).values(), float("nan")),
    }


def _held_out(outcome: Outcome) -> dict[str, str]:
    """The figures that are measured on the test part too, with the names that they have there: the accuracy where there
    are labels, and objectives."""
    dataset = outcome.workload.dataset
    wanted = {item.column for item in outcome.problem.objectives}
    wanted |= {"accuracy"} if dataset is not None and dataset.is_labelled else set()
    return {name: there for name, there in HELD_OUT.items() if name in wanted}


def _tested(outcome: Outcome, design: Design) -> dict[str, float]:
    """The figures of a design on the test part, by their names there; not numbers where there is no such part."""
    names, dataset = _held_out(outcome), outcome.workload.dataset
    if not names or dataset is None or dataset.test is None:
        return dict.fromkeys(names.values(), float("nan"))
    found = outcome.evaluator.quality(design, "test").figures()
    return {there: found[name] for name, there in names.items()}


def _training_rows(outcome: Outcome) -> list[dict[str, Any]]:
    """One row for each training of a design, the shortest first."""
    return [
        {**_trial_row(outcome, trial), "epochs": epochs, **_noted(outcome, trial)}
        for epochs, trials in outcome.result.trained.items()
        for trial in trials
        if trial.state != "repeated"
    ]


def _noted(outcome: Outcome, trial: TrialRecord) -> dict[str, Any]:
    """The figures on the test part that a training noted."""
    return {there: trial.figures[there] for there in _held_out(outcome).values() if there in trial.figures}


def _front(outcome: Outcome, measured: pd.DataFrame) -> pd.DataFrame:
    """The feasible designs that none dominates, in the order of the first objective, measured on the test part too."""
    columns = [
        name for name in measured.columns if name not in ("trial", "state", "feasible", "violated", "reason", "seconds")
    ]
    if measured.empty:
        return pd.DataFrame(columns=columns or list(FRONT_COLUMNS))
    front = measured[non_dominated(losses(measured, outcome.problem.objectives), distinct=True)][columns]
    first = outcome.problem.objectives[0]
    front = front.sort_values([first.column, "design"], ascending=[first.direction == "minimize", True])
    records = outcome.result.measured()
    rows = front.to_dict("records")
    tested = [
        row if row.get("epochs", np.nan) >= 0 else _tested(outcome, records[str(row["design"])].design)
        for row in staged(rows, "measuring the front on the test part", len(rows), "design")
    ]
    front = front.assign(**{there: [row[there] for row in tested] for there in _held_out(outcome).values()})
    return front.reset_index(drop=True)


def _baseline_rows(outcome: Outcome) -> list[dict[str, Any]]:
    designs = uniform_designs(outcome.workload.traced.spec, outcome.problem.space)
    rows = []
    measured = outcome.baselines
    title = "measuring uniform quantization on the test part"
    for name, figures in staged(measured.items(), title, len(measured), "design"):
        over = exceeded(outcome.problem.budgets, figures)
        design = designs[name]
        bits = next(iter(design.schemes.values())).parameters()["weight_bits"]
        facts = {"name": name, "weight_bits": bits, "feasible": not over, "violated": ";".join(over)}
        facts |= {"activation_bits": outcome.config.activation_bits} if outcome.problem.space.activation_bits else {}
        is_tested = set(_held_out(outcome).values()) <= figures.keys()
        tested = {} if is_tested else _tested(outcome, design)
        rows.append({**facts, "design": design.id, **figures, **tested})
    return rows
