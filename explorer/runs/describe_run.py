"""The record of a search: what it was asked for, under what, and what became of it."""

import math
import platform
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version

import pandas as pd

from costmodels.conventions import CONVENTIONS
from costmodels.latency import LatencyModel, left_out
from costmodels.references import REFERENCES, Reference
from explorer.config.trust import seals
from explorer.data import PARTS
from explorer.data.quality import Quality
from explorer.deployment.device_code.program_time import ProgramTime
from explorer.search.run import Outcome
from reports.records import (
    Counts,
    Data,
    FloatNetwork,
    Latency,
    Network,
    Objective,
    RunInfo,
    Space,
    Training,
    TrainingEpoch,
    UnknownOperation,
)
from searches.figures import HELD_OUT, METRIC
from searches.samplers import SAMPLER_REFERENCES

__all__ = ["BACKGROUND", "describe_run"]

LIBRARIES = ("torch", "numpy", "optuna", "pandas", "matplotlib", "scikit-learn")
BACKGROUND = ("akiba2019optuna", "duchi2008efficient")
"""What every search stands on: Optuna, and the projection that fits the sparse basis."""


def describe_run(outcome: Outcome, trials: pd.DataFrame, command: str) -> RunInfo:
    """The record of a search, but for the hypervolume of its front.

    Args:
        outcome: of the search.
        trials: one row for every trial.
        command: as it was typed.
    """
    config, problem = outcome.config, outcome.problem
    return RunInfo(
        filterfront=version("filterfront"),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        command=command,
        configuration=config.to_json(),
        versions={"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}},
        seed=config.seed,
        conventions=CONVENTIONS,
        references=_references(outcome),
        network=_network(outcome),
        data=_data(outcome),
        device=outcome.device,
        needs=outcome.needs,
        activation_bits=config.activation_bits,
        activation_widths=config.activation_widths,
        objectives=tuple(
            Objective(
                name=item.name,
                column=item.column,
                direction=item.direction,
                unit=str(config.metric) if item.column == METRIC else item.unit,
            )
            for item in problem.objectives
        ),
        budgets=tuple(problem.budgets),
        space=Space(designs=str(problem.space.size), parameters=len(problem.space.parameters())),
        counts=_counts(trials),
        latency=_latency(outcome),
        seconds={name: round(value, 3) for name, value in outcome.seconds.items()},
        gap=outcome.gap.facts,
        training=_training(outcome),
        float=_float(outcome),
        study=outcome.result.study,
        seals=seals(config.named()),
        status="interrupted" if outcome.result.interrupted else "done",
    )


def _references(outcome: Outcome) -> tuple[Reference, ...]:
    """The works that the schemes, the sampler and every search stand on, in the order of their list."""
    schemes = {scheme.reference for layer in outcome.problem.space.layers for scheme in layer.candidates}
    cited = {*schemes, *BACKGROUND, *SAMPLER_REFERENCES[outcome.config.chosen_sampler]}
    cited |= {"jamieson2016non"} if outcome.config.has_rungs else set()
    return tuple(reference for key, reference in REFERENCES.items() if key in cited)


def _network(outcome: Outcome) -> Network:
    network, workload = outcome.workload.traced.spec, outcome.workload
    return Network(
        name=network.name,
        digest=network.digest(),
        layers=len(network.layers),
        weights=network.weights,
        dense_macs=network.dense_macs,
        weights_origin=workload.weights_origin,
        weights_digest=workload.weights_digest,
        unknown_operations=tuple(
            UnknownOperation(name=step.name, kind=step.kind, reason=step.reason) for step in network.unknown
        ),
        kept_dense=tuple(outcome.kept),
        notes=tuple(workload.traced.notes),
    )


def _counts(trials: pd.DataFrame) -> Counts:
    if not len(trials):
        return Counts(trials=0, measured=0, repeated=0, failed=0, feasible=0)
    states = trials["state"].value_counts()
    measured, repeated, failed = (int(states.get(state, 0)) for state in ("measured", "repeated", "failed"))
    feasible = int(((trials["state"] == "measured") & trials["feasible"]).sum())
    return Counts(trials=len(trials), measured=measured, repeated=repeated, failed=failed, feasible=feasible)


def _latency(outcome: Outcome) -> Latency | None:
    """Where the designs' times come from, and which operations have none; nothing where designs are not timed."""
    source = outcome.evaluator.latency
    if source is None:
        return None
    machine = dict(source.machine) if isinstance(source, LatencyModel) else None
    others = () if isinstance(source, ProgramTime) else left_out(outcome.workload.traced.spec)
    return Latency(origin=source.origin, machine=machine, left_out=tuple(others), watts=source.watts)


def _data(outcome: Outcome) -> Data | None:
    dataset = outcome.workload.dataset
    if dataset is None:
        return None
    return Data(
        name=dataset.name,
        origin=dataset.origin,
        digest=dataset.digest,
        **{part: len(dataset.parts[part]) if part in dataset.parts else 0 for part in PARTS},
        validation_available=outcome.workload.validation_available,
        batch_statistics_images=outcome.evaluator.meter.statistics_images if outcome.evaluator.meter else 0,
        notes=(*dataset.notes, *_metric_notes(outcome)),
        calibration_images=outcome.evaluator.calibration.images if outcome.evaluator.calibration else 0,
        labels=dataset.is_labelled,
    )


def _metric_notes(outcome: Outcome) -> tuple[str, ...]:
    """What is said of the user's metric."""
    metric = outcome.evaluator.meter.metric if outcome.evaluator.meter else None
    if metric is None:
        return ()
    better = "more" if metric.direction == "maximize" else "less"
    return (f"The metric is {metric.name}, of all outputs for a part of the data at once; {better} is better",)


def _training(outcome: Outcome) -> Training | None:
    record = outcome.workload.training
    if record is None:
        return None
    return Training(
        seconds=record.seconds,
        from_cache=record.from_cache,
        epochs=record.recipe.epochs,
        validation_accuracy=record.validation_accuracy,
        test_accuracy=record.test_accuracy,
        device=record.device,
        curve=tuple(TrainingEpoch(**asdict(epoch)) for epoch in record.curve),
    )


def _float(outcome: Outcome) -> FloatNetwork:
    """The uncompressed network: its size, and with data what its answers are worth with the activations rounded as
    asked."""
    own, again = (_figures(found) for found in (outcome.float_quality, outcome.float_reestimated))
    return FloatNetwork(storage_bytes=4 * outcome.workload.traced.spec.weights, **own, reestimated=again)


def _figures(quality: Mapping[str, Quality]) -> dict[str, float]:
    """The figures of the validation and the test part by column, those that are finite."""
    validation, test = (quality[part].figures() if part in quality else {} for part in ("validation", "test"))
    found = {**validation, **{there: test[name] for name, there in HELD_OUT.items() if name in test}}
    return {name: value for name, value in found.items() if math.isfinite(value)}
