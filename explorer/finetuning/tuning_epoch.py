"""TuningEpoch: what an epoch of fine-tuning gave, and which of two is better."""

import math
from dataclasses import dataclass
from typing import Self

from explorer.data import Metric, Quality

__all__ = ["TuningEpoch"]


@dataclass(frozen=True)
class TuningEpoch:
    """What an epoch gave.

    Args:
        loss: mean of the loss that is trained; NaN of a state that no epoch led to.
        validation_loss: mean cross-entropy in nats; None without labels, as is the accuracy.
        validation_accuracy: share of 1.
        validation_agreement: with the float network's answers; None with labels, as is the divergence.
        validation_divergence: from them, in nats.
        validation_error: of outputs that are no class scores, relative to the float network's; None of others.
        validation_metric: the user's own; None without one.
    """

    loss: float
    validation_loss: float | None
    validation_accuracy: float | None
    validation_agreement: float | None = None
    validation_divergence: float | None = None
    validation_error: float | None = None
    validation_metric: float | None = None

    @classmethod
    def of(cls, quality: Quality, loss: float = math.nan, error: float | None = None) -> Self:
        """What a network's quality on the validation part says.

        Args:
            quality: of it.
            loss: that was trained.
            error: of outputs that are no class scores.
        """
        compared = quality.agreement, quality.divergence, error
        return cls(loss, quality.loss, quality.accuracy, *compared, quality.metric)

    def rank(self, metric: Metric | None) -> tuple[float, ...]:
        """The greater, the better: the metric first where there is one, then accuracy and loss; without labels
        agreement and divergence; of outputs that are no class scores the error.

        Args:
            metric: of the user's, which says whether more of it is better.
        """
        first: tuple[float, ...] = ()
        if metric is not None and self.validation_metric is not None:
            value = self.validation_metric if metric.direction == "maximize" else -self.validation_metric
            first = (-math.inf if math.isnan(value) else value,)
        if self.validation_accuracy is not None and self.validation_loss is not None:
            return (*first, self.validation_accuracy, -self.validation_loss)
        if self.validation_agreement is not None and self.validation_divergence is not None:
            return (*first, self.validation_agreement, -self.validation_divergence)
        return (*first, -(math.inf if self.validation_error is None else self.validation_error))

    @property
    def words(self) -> str:
        """What ranks it first, in a few words."""
        if self.validation_metric is not None:
            return f"metric {self.validation_metric:.4g}"
        if self.validation_accuracy is not None:
            return f"accuracy {self.validation_accuracy:.2%}"
        if self.validation_agreement is not None:
            return f"agreement {self.validation_agreement:.2%}"
        return f"relative error {self.validation_error:.4g}"
