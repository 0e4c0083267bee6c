"""Fine-tuning designs of a run folder: the state, the curve and the figures before and after are kept there."""

import logging
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from costmodels import NetworkCost, network_cost
from costmodels.conventions import FLOAT_BITS
from explorer.data import Dataset
from explorer.data.quality import Quality
from explorer.finetuning.fine_tune import FineTuned, fine_tune
from explorer.finetuning.rounded_activations import RoundedActivations
from explorer.finetuning.tuned_file import tuned_path, write_tuned
from explorer.measurement.design_evaluator import DesignEvaluator
from explorer.measurement.quality_meter import QualityMeter
from explorer.search.workload import Workload
from explorer.system.errors import LayerError
from explorer.training.checkpoint import Checkpoint
from explorer.training.train import training_device
from explorer.training.tuning_recipe import TuningRecipe, no_data
from reports.atomic_write import write_files
from reports.columns import TUNED_COLUMNS, TUNED_FIGURES, TUNED_MORE
from reports.csv_tables import rows_csv
from reports.errors import ReportError
from reports.json_files import finite, json_bytes, read_json
from searches.design import Design, methods_of
from searches.figures import COST_FIGURES, HELD_OUT

__all__ = ["TRAINED", "tune_design", "write_tuned_table"]

_LOG = logging.getLogger(__name__)

TRAINED = "trained"
"""How a layer came about, where others are fitted."""

FINE_BITS = 8
"""Activations of so many bits need no training of their own."""


def tune_design(
    folder: Path,
    name: str,
    design: Design,
    workload: Workload,
    evaluator: DesignEvaluator,
    recipe: TuningRecipe,
    progress: bool | None = None,
) -> dict[str, Any]:
    """Fine-tunes a design of a run folder, and adds it to the folder's ``tuned`` and tuned.csv.

    One that has been fine-tuned so before is read. One that was stopped goes on after its last finished epoch.

    Args:
        folder: of the run.
        name: the design's id.
        design: its schemes.
        workload: of the search.
        evaluator: of the search.
        recipe: how it is trained; whether activations are rounded in training is decided here.
        progress: whether a bar is shown; only in a terminal if None.

    Returns:
        What tuned/ID.json holds: figures before and after, the curve, and all that the result depends on.

    Raises:
        ConfigError: the search had no data.
        FilterfrontError: see `fine_tune`.
        ReportError: the folder cannot be written.
    """
    dataset, meter, example = workload.dataset, evaluator.meter_of(design), workload.loaded.example_input
    if dataset is None or meter is None:
        raise no_data()
    is_coarse = evaluator.bits_of(design) < FINE_BITS
    recipe = replace(recipe, round_activations=is_coarse and _can_round(workload, meter, dataset))
    recipe = recipe.for_data(dataset.is_labelled)
    path = tuned_path(folder, name)
    key = _key(design, workload, evaluator, recipe)
    kept = _read(path.with_suffix(".json"))
    if kept is not None and kept["key"] == key and path.is_file():
        return kept
    checkpoint = Checkpoint(path.with_suffix(".checkpoint.pt"))
    fitted = evaluator.fitted_layers(design)
    tuned = fine_tune(
        *(workload.loaded.module, example, fitted, dataset, evaluator.bits_of(design), recipe, evaluator.seed),
        checkpoint=checkpoint,
        progress=progress,
        statistics_images=meter.statistics_images,
        calibration=evaluator.calibration,
        bias_bits=evaluator.bias_bits,
        metric=meter.metric,
        compares=meter.compares,
        meter=meter,
    )
    facts: dict[str, Any] = finite({"design": name, "key": key, **_facts(tuned, design, evaluator)})
    write_tuned(folder, name, tuned.network, tuned.layers)
    write_files(folder, {f"tuned/{name}.json": json_bytes(facts, f"tuned/{name}.json")})
    write_tuned_table(folder)
    checkpoint.remove()
    return facts


def _can_round(workload: Workload, meter: QualityMeter, dataset: Dataset) -> bool:
    """Whether activations can be rounded in training as they are in measuring; what stands against it is said."""
    try:
        RoundedActivations.of(meter, workload.loaded.module, dataset)
    except LayerError as error:
        _LOG.warning("activations are not rounded in training: %s", error)
        return False
    return True


def _key(design: Design, workload: Workload, evaluator: DesignEvaluator, recipe: TuningRecipe) -> dict[str, Any]:
    """All that the result depends on."""
    assert workload.dataset is not None  # noqa: S101
    assert evaluator.meter is not None  # noqa: S101
    return {
        "schemes": {name: str(scheme) for name, scheme in design.schemes.items()},
        "weights": workload.weights_digest,
        "data": workload.dataset.digest,
        "activation_bits": evaluator.bits_of(design),
        "batch_statistics_images": evaluator.meter.statistics_images,
        **({"calibration": evaluator.calibration.digest} if evaluator.calibration else {}),
        **({"bias_bits": evaluator.bias_bits} if evaluator.bias_bits < FLOAT_BITS else {}),
        **({"metric": evaluator.meter.metric.digest} if evaluator.meter.metric else {}),
        "recipe": asdict(recipe),
        "seed": evaluator.seed,
        "device": training_device(),
        "torch": torch.__version__,
    }


def _facts(tuned: FineTuned, design: Design, evaluator: DesignEvaluator) -> dict[str, Any]:
    """What came out, as plain data."""
    spec = evaluator.traced.spec
    usages = {name: layer.usage for name, layer in tuned.layers.items()}
    cost = network_cost(spec, design.schemes, evaluator.bits_of(design), usages, evaluator.sram_limit_bytes)
    energy = evaluator.energy
    error = sum(layer.distortion * energy[name] for name, layer in tuned.layers.items() if layer.distortion)
    return {
        "before": _figures(evaluator.cost(design), evaluator.distortion(design), tuned.reestimated),
        "after": _figures(cost, error / (sum(energy.values()) or 1.0), tuned.after),
        "own_statistics": {part: asdict(quality) for part, quality in tuned.before.items()},
        "main_method": methods_of(spec, design.schemes)[0],
        "epochs": len(tuned.curve),
        "best_epoch": tuned.best_epoch,
        "seconds": tuned.seconds,
        "curve": [{"epoch": number, **asdict(epoch)} for number, epoch in enumerate(tuned.curve, 1)],
        "layers": {
            name: {
                "usage_before": evaluator.fits(design)[name].usage.to_json(),
                "usage": layer.usage.to_json(),
                "distortion": layer.distortion,
                "fit": TRAINED if tuned.best_epoch else tuned.kinds[name],
            }
            for name, layer in tuned.layers.items()
        },
    }


def _figures(cost: NetworkCost, distortion: float, measured: Mapping[str, Quality]) -> dict[str, Any]:
    figures: dict[str, Any] = {name: getattr(cost, name) for name in COST_FIGURES}
    validation, test = (measured[part].figures() if part in measured else {} for part in ("validation", "test"))
    found = {**validation, **{there: test.get(name) for name, there in HELD_OUT.items()}}
    quality = (name for name in (*TUNED_FIGURES, *TUNED_MORE) if name not in COST_FIGURES)
    return {**figures, **{name: found.get(name) for name in quality}, "distortion": distortion}


def _read(path: Path) -> dict[str, Any] | None:
    """A file of facts; None where there is none, or it is damaged."""
    try:
        facts = read_json(path)
    except ReportError:
        return None
    wanted = {"design", "key", "before", "after", "epochs", "best_epoch", "seconds", "main_method"}
    return facts if wanted <= facts.keys() else None


def write_tuned_table(folder: Path) -> None:
    """Writes tuned.csv, one row for each fine-tuned design whose file is in the folder.

    Raises:
        ReportError: the folder cannot be written.
    """
    rows, more = [], [name for figure in TUNED_MORE for name in (f"{figure}_before", figure)]
    for path in sorted((folder / "tuned").glob("*.json")):
        if (facts := _read(path)) is not None:
            before = {f"{name}_before": value for name, value in facts["before"].items()}
            rows.append({**dict.fromkeys(more), **before, **facts["after"], **facts})
    write_files(folder, {"tuned.csv": rows_csv(rows, (*TUNED_COLUMNS, *more), "tuned.csv")})
