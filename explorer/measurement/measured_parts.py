"""A network's quality on every part of the data, as a stage of its own."""

from collections.abc import Mapping, Sequence

import numpy as np

from explorer.data.dataset import Dataset
from explorer.data.quality import Quality
from explorer.measurement.quality_meter import QualityMeter
from explorer.system.progress import Stage

__all__ = ["measured_parts"]


def measured_parts(
    meter: QualityMeter,
    weights: Mapping[str, np.ndarray],
    dataset: Dataset,
    title: str,
    progress: bool | None = None,
    parts: Sequence[str] = (),
) -> dict[str, Quality]:
    """The quality by part.

    Args:
        meter: measures on these data.
        weights: as of `QualityMeter.measure`.
        dataset: the data.
        title: of the stage.
        progress: whether the stage is shown, as of `explorer.system.progress.Stage`.
        parts: of the data; all but the training part if not given.

    Raises:
        QualityError: as `QualityMeter.measure`.
    """
    parts = parts or [part for part in dataset.parts if part != "train"]
    with Stage(title, meter.images_run(weights, parts), "image", shown=progress) as bar:
        return {part: meter.measure(weights, part, on_batch=bar.update) for part in parts}
