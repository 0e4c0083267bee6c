"""TuningRecipe: how a design is fine-tuned. It needs no torch."""

import math
from dataclasses import dataclass, replace

from explorer.system.errors import ConfigError, TrainingError

__all__ = ["TuningRecipe", "no_data"]


def no_data() -> ConfigError:
    """The error of fine-tuning without data."""
    return ConfigError("a design is fine-tuned on data", "a search without data", "search again with --data")


@dataclass(frozen=True)
class TuningRecipe:
    """How to fine-tune: AdamW without weight decay under a one-cycle learning rate.

    Args:
        epochs: passes over the training part, at most; 0 trains nothing.
        patience: passes without a better validation result after which it ends earlier; the low rates at the schedule's
            end, where results are best, are not reached then. None: never.
        batch_size: images per step.
        shift_pixels: every training image is moved by up to so many pixels each way.
        shift_columns: the same of columns alone, where they are no place as rows are: 0 for the coefficients of a
            spectrogram. None: as many as of rows.
        peak_learning_rate: top of the schedule, as a share of each tensor's root mean square at the start (of 1 for a
            tensor of zeros): scales, coefficients and proxies differ in size by orders of magnitude.
        distillation: weight of the distance to the float network's answers; that of the labels is what is left of 1,
            nothing where there are none.
        temperature: T, by which both networks' logits are divided in that distance.
        threads: of torch; sums are rounded in another order under another number.
        mixing: share of the images of a batch each of which is a mix of two, at a random weight; no label is right for
            it, and the float network's answers to it are all that is learned (Zhang et al., mixup, ICLR 2018, without
            its labels). It needs `distillation`.
        averaging: after each step the average moves by 1 - averaging towards the parameters, and is what is measured
            and kept (Polyak & Juditsky, SIAM J. Control Optim. 30(4), 1992); 0 keeps the parameters themselves.
        freeze_below: a layer's codes and selections are frozen once at most this share of them changed within an epoch;
            its scales, palettes, values of 32 bits and bias train on, as do normalizations. 0 freezes none.
        sequential: whether training begins with layers that are fitted once more, each to what those before it leave
            it (`explorer.measurement.sequential_fits`), where the search fits layers to data.
        round_activations: also while training and validating (`explorer.finetuning.rounded_activations`).

    Raises:
        TrainingError: a value is out of range.
    """

    epochs: int = 40
    patience: int | None = None
    batch_size: int = 64
    shift_pixels: int = 1
    shift_columns: int | None = None
    peak_learning_rate: float = 0.02
    distillation: float = 0.5
    temperature: float = 2.0
    threads: int = 1
    mixing: float = 0.0
    averaging: float = 0.0
    freeze_below: float = 0.0
    sequential: bool = True
    round_activations: bool = False

    def for_data(self, is_labelled: bool) -> "TuningRecipe":
        """The same for data with labels or without: there the float network's answers are all that is learned from."""
        return self if is_labelled else replace(self, distillation=1.0)

    def __post_init__(self) -> None:
        lowest = {"epochs": 0, "patience": 1, "batch_size": 2, "shift_pixels": 0, "shift_columns": 0, "threads": 1}
        for name, least in lowest.items():
            value = getattr(self, name)
            if value is not None and value < least:
                raise TrainingError(f"{name} is at least {least}", value, "raise it")
        for name in ("peak_learning_rate", "temperature"):
            if not 0 < getattr(self, name) < math.inf:
                raise TrainingError(f"{name} is above 0", getattr(self, name), "raise it")
        for name in ("distillation", "mixing"):
            if not 0 <= getattr(self, name) <= 1:
                raise TrainingError(f"{name} is a share of 1", getattr(self, name), "give 0 to 1")
        for name in ("averaging", "freeze_below"):
            if not 0 <= getattr(self, name) < 1:
                raise TrainingError(f"{name} is at least 0 and below 1", getattr(self, name), "give for example 0.01")
        if self.mixing and not self.distillation:
            rule = "mixed images are learned by distillation"
            raise TrainingError(rule, self.distillation, "raise it, or set mixing to 0")
