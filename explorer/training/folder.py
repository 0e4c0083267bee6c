"""What a training leaves in a folder: its weights, its record and its learning curve."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import nn

from explorer.data import Dataset
from explorer.training.train import TrainingRecord
from reports.atomic_write import write_files
from reports.csv_tables import rows_csv
from reports.curve_figure import CurveInfo, draw_curve
from reports.figures import FRONT_DPI, figure_bytes
from reports.json_files import json_bytes

__all__ = ["training_facts", "write_training"]


def training_facts(network: str, dataset: Dataset, record: TrainingRecord) -> dict[str, Any]:
    """Plain data about a training: what was trained on what, how, and what it reached; shares of 1 and seconds."""
    sizes = {part: len(split) for part, split in dataset.parts.items()}
    data = {"name": dataset.name, "origin": dataset.origin, "digest": dataset.digest, "classes": dataset.classes}
    return {"network": network, "data": data | sizes, **asdict(record)}


def write_training(folder: Path, network: str, module: nn.Module, dataset: Dataset, record: TrainingRecord) -> None:
    """Writes weights.safetensors, training.json, curve.csv, curve.png and curve.svg.

    Raises:
        ReportError: the folder cannot be written.
    """
    reached = record.validation_accuracy if record.test_accuracy is None else record.test_accuracy
    part = "validation" if record.test_accuracy is None else "test"
    title = f"{network} on {dataset.name}: {reached:.2%} of the {part} part"
    losses, accuracies = zip(*((epoch.loss, epoch.validation_accuracy) for epoch in record.curve), strict=True)
    figure = draw_curve(CurveInfo(title, losses, accuracies, record.test_accuracy))
    state = {name: tensor.contiguous() for name, tensor in module.state_dict().items()}
    files = {
        "weights.safetensors": save(state, {"trained": f"{network} on {dataset.name}"}),
        "curve.csv": rows_csv(_curve_rows(record), ("epoch", "training_loss", "validation_accuracy"), "curve.csv"),
        **{f"curve.{kind}": figure_bytes(figure, kind, FRONT_DPI) for kind in ("png", "svg")},
        "training.json": json_bytes(training_facts(network, dataset, record), "training.json"),
    }
    write_files(folder, files)


def _curve_rows(record: TrainingRecord) -> list[dict[str, Any]]:
    return [
        {"epoch": number, "training_loss": epoch.loss, "validation_accuracy": epoch.validation_accuracy}
        for number, epoch in enumerate(record.curve, 1)
    ]
