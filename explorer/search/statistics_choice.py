"""Whether a search re-estimates batch statistics, where the user leaves that to it."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from explorer.config.search import SearchConfig
from explorer.data.quality import Quality
from explorer.measurement.measured_parts import measured_parts
from explorer.measurement.quality_meter import QualityMeter
from explorer.search.workload import Workload

__all__ = ["choose_statistics"]

LEAST_KEPT = 0.9
"""Share of its right answers that the float network keeps under re-estimated statistics, where designs get such ones.
What it loses there has nothing to do with compression: the images are too few, or too much alike."""


def choose_statistics(
    config: SearchConfig, workload: Workload, quality: QualityMeter | None
) -> tuple[SearchConfig, Workload, QualityMeter | None]:
    """The configuration with its choice made, and the workload and the meter by that choice.

    Designs have batch statistics of their own unless the float network answers far worse with such ones; the data's
    notes say so then.

    Args:
        config: of a search; a choice that it has stays.
        workload: network and data.
        quality: measures with re-estimated statistics unless the configuration forbids it; None without data.
    """
    if config.batch_statistics is not None or quality is None or not quality.reestimates:
        return config.model_copy(update={"batch_statistics": config.batch_statistics is not False}), workload, quality
    own, reestimated = (_right(_measured(quality, weights, workload)) for weights in ({}, workload.traced.weights))
    helps = own is None or reestimated is None or reestimated[0] >= LEAST_KEPT * own[0]
    config = config.model_copy(update={"batch_statistics": helps})
    if helps or workload.dataset is None or own is None or reestimated is None:
        return config, workload, quality
    note = (
        f"Batch statistics are the float network's own: re-estimated on {quality.statistics_images:,} training images, "
        f"as --batch-statistics does, they leave that network an {own[1]} of {reestimated[0]:.2%} ({own[0]:.2%} with "
        "its own), as such images are too few or too much alike"
    )
    dataset = replace(workload.dataset, notes=(*workload.dataset.notes, note))
    return config, replace(workload, dataset=dataset), quality.with_own_statistics()


def _measured(meter: QualityMeter, weights: Mapping[str, np.ndarray], workload: Workload) -> Quality:
    """The quality on the validation part."""
    dataset, title = workload.dataset, "measuring the float network under either batch statistics"
    assert dataset is not None  # noqa: S101
    return measured_parts(meter, weights, dataset, title, parts=("validation",))["validation"]


def _right(quality: Quality) -> tuple[float, str] | None:
    """The share of right answers, or of those that the float network gives, and what it is called; None of others."""
    if quality.accuracy is not None:
        return quality.accuracy, "accuracy"
    return None if quality.agreement is None else (quality.agreement, "agreement")
