"""From a search's outcome to the Run that the reports write."""

import platform
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import pandas as pd

from costmodels.conventions import CONVENTIONS
from costmodels.latency import LatencyModel, left_out
from costmodels.references import REFERENCES
from explorer.data import PARTS
from explorer.search.run import Outcome
from reports.columns import BASELINE_COLUMNS, FRONT_COLUMNS, LAYER_COLUMNS, TRIAL_COLUMNS
from reports.front import losses, non_dominated
from reports.run import Run
from searches.baselines import uniform_designs
from searches.constraints import exceeded
from searches.errors import InfeasibleError
from searches.figures import TABULATED_FIGURES
from searches.infeasibility import find_infeasible_subset
from searches.samplers import SAMPLER_REFERENCES
from searches.study import TrialRecord

__all__ = ["make_run"]

LIBRARIES = ("torch", "numpy", "optuna", "pandas", "matplotlib", "scikit-learn")
BACKGROUND = ("akiba2019optuna", "duchi2008efficient")
"""What every search stands on: Optuna, and the projection that fits the sparse basis."""


def make_run(outcome: Outcome, command: str) -> Run:
    """Everything that the report needs; the front's designs are measured on the test part here.

    Raises:
        InfeasibleError: no measured design meets all budgets; the message says by how much the nearest one misses.
    """
    trials = pd.DataFrame([_trial_row(outcome, trial) for trial in outcome.result.trials])
    measured = trials[(trials["state"] == "measured") & trials["feasible"]] if len(trials) else trials
    if measured.empty and not outcome.result.interrupted:
        raise _none_fits(outcome)
    records = outcome.result.measured()
    front = _front(outcome, measured)
    designs = {name: records[name] for name in front["design"]}
    layers = [row for name, record in designs.items() for row in outcome.evaluator.layer_rows(name, record.design)]
    return Run(
        info=_info(outcome, trials, command),
        trials=_ordered(trials, TRIAL_COLUMNS),
        front=_ordered(front, FRONT_COLUMNS),
        layers=_ordered(pd.DataFrame(layers), LAYER_COLUMNS),
        baselines=_ordered(pd.DataFrame(_baseline_rows(outcome)), BASELINE_COLUMNS),
        designs={name: _design_file(outcome, record) for name, record in designs.items()},
        exact=outcome.gap.exact,
        gaps=outcome.gap.designs,
    )


def _ordered(table: pd.DataFrame, columns: tuple[str, ...]) -> pd.DataFrame:
    """The table with the columns of its kind first; those without data are left out, those without rows made."""
    if table.empty:
        return pd.DataFrame(columns=list(columns))
    first = [name for name in columns if name in table.columns]
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
        **({"test_accuracy": float("nan")} if outcome.workload.dataset else {}),
    }


def _front(outcome: Outcome, measured: pd.DataFrame) -> pd.DataFrame:
    """The feasible designs that none dominates, in the order of the first objective, with their test accuracy."""
    columns = [
        name for name in measured.columns if name not in ("trial", "state", "feasible", "violated", "reason", "seconds")
    ]
    if measured.empty:
        return pd.DataFrame(columns=columns or list(FRONT_COLUMNS))
    front = measured[non_dominated(losses(measured, outcome.problem.objectives), distinct=True)][columns]
    first = outcome.problem.objectives[0]
    front = front.sort_values([first.column, "design"], ascending=[first.direction == "minimize", True])
    dataset, records = outcome.workload.dataset, outcome.result.measured()
    if dataset is not None and dataset.test is not None:
        tested = [outcome.evaluator.quality(records[name].design, "test").accuracy for name in front["design"]]
        front = front.assign(test_accuracy=tested)
    return front.reset_index(drop=True)


def _baseline_rows(outcome: Outcome) -> list[dict[str, Any]]:
    designs = uniform_designs(outcome.workload.traced.spec)
    rows = []
    for name, figures in outcome.baselines.items():
        over = exceeded(outcome.problem.budgets, figures)
        design = designs[name]
        tested = {}
        if outcome.workload.dataset is not None:
            has_test = outcome.workload.dataset.test is not None
            accuracy = outcome.evaluator.quality(design, "test").accuracy if has_test else float("nan")
            tested = {"test_accuracy": accuracy}
        bits = next(iter(design.schemes.values())).parameters()["weight_bits"]
        facts = {"name": name, "weight_bits": bits, "feasible": not over, "violated": ";".join(over)}
        facts |= {"activation_bits": outcome.config.activation_bits} if outcome.problem.space.activation_bits else {}
        rows.append({**facts, "design": design.id, **figures, **tested})
    return rows


def _design_file(outcome: Outcome, record: TrialRecord) -> dict[str, Any]:
    """designs/<id>.json: all that is needed to cost, fit and run the design again."""
    fits = outcome.evaluator.fits(record.design)
    meter = outcome.evaluator.meter_of(record.design)
    ranges = meter.ranges.by_tensor if meter else {}
    cost = outcome.evaluator.cost(record.design)
    return {
        "design": record.design_id,
        "network": outcome.workload.traced.spec.to_json(),
        "weights_digest": outcome.workload.weights_digest,
        "activation_bits": outcome.evaluator.bits_of(record.design),
        "sram_limit_bytes": outcome.evaluator.sram_limit_bytes,
        "fit_seed": outcome.config.seed,
        "activation_ranges": {name: [found.low, found.high] for name, found in ranges.items()},
        "batch_statistics": {
            name: tensor.tolist() for name, tensor in outcome.evaluator.statistics(record.design).items()
        },
        "layers": {
            layer.name: {
                "scheme": str(layer.scheme),
                "execution": layer.execution,
                "usage": {key: value for key, value in vars(fits[layer.name].usage).items() if value is not None},
                "distortion": fits[layer.name].distortion,
            }
            for layer in cost.layers
        },
        "figures": dict(record.figures),
    }


def _none_fits(outcome: Outcome) -> InfeasibleError:
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


def _info(outcome: Outcome, trials: pd.DataFrame, command: str) -> dict[str, Any]:
    config, network = outcome.config, outcome.workload.traced.spec
    states = trials["state"].value_counts().to_dict() if len(trials) else {}
    schemes = {scheme.reference for layer in outcome.problem.space.layers for scheme in layer.candidates}
    cited = {*schemes, *BACKGROUND, *SAMPLER_REFERENCES[config.chosen_sampler]}
    feasible = int(((trials["state"] == "measured") & trials["feasible"]).sum()) if len(trials) else 0
    return {
        "filterfront": version("filterfront"),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command,
        "configuration": config.to_json(),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}},
        "seed": config.seed,
        "conventions": [{"key": item.key, "statement": item.statement} for item in CONVENTIONS],
        "references": [vars(REFERENCES[key]) for key in REFERENCES if key in cited],
        "network": {
            "name": network.name,
            "digest": network.digest(),
            "layers": len(network.layers),
            "weights": network.weights,
            "dense_macs": network.dense_macs,
            "weights_origin": outcome.workload.weights_origin,
            "weights_digest": outcome.workload.weights_digest,
            "unknown_operations": [
                {"name": step.name, "kind": step.kind, "reason": step.reason} for step in network.unknown
            ],
            "kept_dense": list(outcome.kept),
            "notes": list(outcome.workload.traced.notes),
        },
        "data": _data(outcome),
        "device": outcome.device.to_json() if outcome.device else None,
        "activation_bits": config.activation_bits,
        "activation_widths": list(config.activation_widths),
        "objectives": [
            {key: getattr(item, key) for key in ("name", "column", "direction", "unit")}
            for item in outcome.problem.objectives
        ],
        "budgets": [budget.to_json() for budget in outcome.problem.budgets],
        "space": {"designs": str(outcome.problem.space.size), "parameters": len(outcome.problem.space.parameters())},
        "counts": {
            "trials": len(trials),
            **{state: states.get(state, 0) for state in ("measured", "repeated", "failed")},
            "feasible": feasible,
        },
        "latency": _latency(outcome),
        "seconds": {name: round(value, 3) for name, value in outcome.seconds.items()},
        "gap": dict(outcome.gap.facts),
        "training": _training(outcome),
        "float": _float(outcome),
        "status": "interrupted" if outcome.result.interrupted else "done",
    }


def _latency(outcome: Outcome) -> dict[str, Any] | None:
    """Where the designs' times come from, and which operations have none; nothing where designs are not timed."""
    source = outcome.evaluator.latency
    if source is None:
        return None
    machine = dict(source.machine) if isinstance(source, LatencyModel) else None
    return {"origin": source.origin, "machine": machine, "left_out": list(left_out(outcome.workload.traced.spec))}


def _data(outcome: Outcome) -> dict[str, Any] | None:
    dataset = outcome.workload.dataset
    if dataset is None:
        return None
    sizes = {part: len(dataset.parts[part]) if part in dataset.parts else 0 for part in PARTS}
    available = outcome.workload.validation_available
    facts = {"name": dataset.name, "origin": dataset.origin, "digest": dataset.digest}
    reestimated = outcome.evaluator.meter.statistics_images if outcome.evaluator.meter else 0
    return {**facts, **sizes, "validation_available": available, "batch_statistics_images": reestimated}


def _training(outcome: Outcome) -> Mapping[str, Any] | None:
    record = outcome.workload.training
    if record is None:
        return None
    return {
        "seconds": record.seconds,
        "from_cache": record.from_cache,
        "epochs": record.recipe.epochs,
        "validation_accuracy": record.validation_accuracy,
        "test_accuracy": record.test_accuracy,
        "device": record.device,
        "curve": [asdict(epoch) for epoch in record.curve],
    }


def _float(outcome: Outcome) -> dict[str, Any]:
    """The uncompressed network: its size, and with data its loss and accuracy with the activations rounded as asked."""
    validation, test = (outcome.float_quality.get(part) for part in ("validation", "test"))
    return {
        "storage_bytes": 4 * outcome.workload.traced.spec.weights,
        "accuracy": validation.accuracy if validation else None,
        "loss": validation.loss if validation else None,
        "test_accuracy": test.accuracy if test else None,
    }
