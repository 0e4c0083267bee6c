"""TunedRecord: what tuned/ID.json holds, a fine-tuned design before and after."""

import math
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator

from reports.records.record import FileRecord, Record

__all__ = ["TunedEpoch", "TunedFigures", "TunedKey", "TunedLayer", "TunedQuality", "TunedRecord"]


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


Measured = Annotated[float | None, BeforeValidator(_finite)]
"""A measurement; None where there is none, or where it was not finite."""


class TunedFigures(Record):
    """Figures of a design at a point of its fine-tuning: costs counted, the rest measured."""

    storage_bytes: int
    flash_bytes: int
    sram_bytes: int
    macs: int
    additions: int
    multiplications: int
    bit_ops: int
    traffic_bytes: int
    compression_ratio: Measured
    distortion: Measured
    loss: Measured
    accuracy: Measured
    test_accuracy: Measured
    agreement: Measured = None
    test_agreement: Measured = None
    divergence: Measured = None
    metric: Measured = None
    test_metric: Measured = None


class TunedKey(Record):
    """All that the result of fine-tuning depends on.

    Args:
        schemes: in text, by layer.
        weights: SHA-256 of the float weights.
        data: SHA-256 of the data.
        activation_bits: of the design.
        batch_statistics_images: on which batch statistics are re-estimated.
        recipe: how it is trained (`explorer.training.tuning_recipe.TuningRecipe`).
        seed: of fits and training.
        device: ``cpu`` or ``cuda``.
        torch: its version.
    """

    schemes: dict[str, str]
    weights: str
    data: str
    activation_bits: int
    batch_statistics_images: int
    recipe: dict[str, bool | int | float]
    seed: int
    device: str
    torch: str


class TunedQuality(Record):
    """Mean cross-entropy in nats and accuracy on so many images, and the answers beside the float network's."""

    loss: Measured
    accuracy: Measured
    samples: int
    divergence: Measured = None
    agreement: Measured = None
    metric: Measured = None


class TunedEpoch(Record):
    """One epoch.

    Args:
        epoch: its number, from 1.
        loss: mean of the loss that is trained.
        validation_loss: mean cross-entropy in nats.
        validation_accuracy: share of 1.
        validation_agreement: with the float network's answers, where there are no labels.
        validation_divergence: from them, likewise.
        validation_error: of outputs that are no class scores, relative to the float network's.
        validation_metric: the user's own, where a search fine-tunes with one.
    """

    epoch: int
    loss: Measured
    validation_loss: Measured
    validation_accuracy: Measured
    validation_agreement: Measured = None
    validation_divergence: Measured = None
    validation_error: Measured = None
    validation_metric: Measured = None


class TunedLayer(Record):
    """What a layer uses of what it could use, as fitted and as tuned, its distortion after, and how it came about: as
    `LayerRecord.fit`."""

    usage_before: dict[str, int]
    usage: dict[str, int]
    distortion: Measured
    fit: str = "trained"


class TunedRecord(FileRecord):
    """A fine-tuned design.

    Args:
        schema_version: the number of this form, ``schema`` in the file.
        design: its id.
        key: all that the result depends on.
        before: figures with the fitted layers, batch statistics re-estimated.
        after: figures with the tuned layers.
        own_statistics: quality before, by part of the data, with the batch statistics of the float network.
        main_method: the scheme that holds most of its weights.
        epochs: that were trained.
        best_epoch: the one that was kept; 0 for the fitted design.
        seconds: wall-clock time.
        curve: epoch by epoch.
        layers: by name.
    """

    remedy: ClassVar[str] = "fine-tune the design again"

    design: str
    key: TunedKey
    before: TunedFigures
    after: TunedFigures
    own_statistics: dict[str, TunedQuality]
    main_method: str
    epochs: int
    best_epoch: int
    seconds: float
    curve: tuple[TunedEpoch, ...]
    layers: dict[str, TunedLayer]
