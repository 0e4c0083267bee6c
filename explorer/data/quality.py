"""Quality: what a network's answers to labelled images are worth."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional

from explorer.data.dataset import Split

__all__ = ["Quality", "count_correct"]


@dataclass(frozen=True)
class Quality:
    """Answers on one part of the data.

    Args:
        loss: mean cross-entropy in nats; NaN or infinite where logits or weights are not finite.
        accuracy: share of 1 of the images whose largest logit is at their label; logits that are not finite are wrong.
        samples: number of images.
        divergence: mean Kullback-Leibler divergence of the answers from other ones, in nats; None where there are no
            others to compare with, NaN where the answers are not finite.
    """

    loss: float
    accuracy: float
    samples: int
    divergence: float | None = None

    @classmethod
    def of(
        cls,
        answer: Callable[[Tensor], Tensor],
        split: Split,
        batch_size: int,
        on_batch: Callable[[int], object] = lambda images: None,
        others: Tensor | None = None,
    ) -> Self:
        """The quality of a network's answers; sums are in float64.

        Args:
            answer: from images (N, ...), on the split's device, to logits (N, classes or more).
            split: labelled images, at least one.
            batch_size: images that are answered at once; the last batch may have fewer.
            on_batch: called with the number of images of every batch that is done.
            others: logits (N, classes or more) to compare the answers with.
        """
        loss, correct, divergence, done = 0.0, 0, 0.0, 0
        for inputs, given in zip(split.inputs.split(batch_size), split.labels.split(batch_size), strict=True):
            logits = answer(inputs).double()
            labels = given.to(logits.device)
            loss += float(functional.cross_entropy(logits, labels, reduction="sum"))
            correct += count_correct(logits, labels)
            if others is not None:
                divergence += _divergence(others[done : done + len(labels)].to(logits), logits)
            done += len(labels)
            on_batch(len(labels))
        compared = None if others is None else divergence / len(split)
        return cls(loss / len(split), correct / len(split), len(split), compared)


def _divergence(others: Tensor, logits: Tensor) -> float:
    """The sum over images of KL(p || q), p the probabilities of the other logits (N, classes)."""
    pair = logits.log_softmax(1), others.log_softmax(1)
    return float(functional.kl_div(*pair, reduction="sum", log_target=True))


def count_correct(logits: Tensor, labels: Tensor) -> int:
    """How many of the (N, classes) logits are largest at their label (N,); a row with NaN or infinity is wrong."""
    return int(((logits.argmax(1) == labels) & torch.isfinite(logits).all(1)).sum())
