"""Quality: what a network's answers to images are worth, by their labels or beside the float network's."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Self

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils import _pytree as pytree

from explorer.data.dataset import Split
from explorer.data.metric import Metric

__all__ = ["Quality", "class_scores", "count_correct"]

LEAST_CLASSES = 2


@dataclass(frozen=True)
class Quality:
    """Answers on one part of the data. A figure is None where nothing gives it: labels, or others to compare with.

    Args:
        loss: mean cross-entropy in nats; NaN or infinite where logits or weights are not finite.
        accuracy: share of 1 of the images whose largest logit is at their label; logits that are not finite are wrong.
        samples: number of images.
        divergence: mean Kullback-Leibler divergence of the answers from other ones, in nats; NaN where the answers are
            not finite.
        agreement: share of 1 of the images whose largest logit is where that of the other answers is; logits that are
            not finite agree with none.
        metric: what a metric of the user's says of the outputs.
    """

    loss: float | None
    accuracy: float | None
    samples: int
    divergence: float | None = None
    agreement: float | None = None
    metric: float | None = None

    @classmethod
    def of(
        cls,
        answer: Callable[[Any], Any],
        split: Split,
        batch_size: int,
        on_batch: Callable[[int], object] = lambda images: None,
        others: Tensor | None = None,
        metric: Metric | None = None,
    ) -> Self:
        """The quality of a network's answers; sums are in float64.

        Args:
            answer: from images (N, ...), on the split's device, to logits (N, classes or more), the first of several
                outputs.
            split: images, at least one.
            batch_size: images that are answered at once; the last batch may have fewer.
            on_batch: called with the number of images of every batch that is done.
            others: logits (N, classes or more) to compare the answers with.
            metric: a judge of the outputs for all images at once, beside the split's targets or labels.

        Raises:
            QualityError: the metric cannot be measured.
        """
        sums, done, count, kept = _Sums(), 0, len(split), []
        for inputs in split.inputs.split(batch_size):
            made, images = answer(inputs), slice(done, done + len(inputs))
            logits = made if split.labels is not None and isinstance(made, Tensor) else class_scores(made)
            if logits is not None:
                sums.add(
                    logits.double(),
                    None if split.labels is None else split.labels[images],
                    None if others is None else others[images],
                )
            if metric is not None:
                kept.append(made)
            done += len(inputs)
            on_batch(len(inputs))
        loss, accuracy = (None, None) if split.labels is None else (sums.loss / count, sums.correct / count)
        divergence, agreement = (None, None) if others is None else (sums.divergence / count, sums.agreeing / count)
        judged = None if metric is None else metric.of(_together(kept), split.judged_by)
        return cls(loss, accuracy, count, divergence, agreement, judged)

    @classmethod
    def undefined(cls, split: Split, compared: bool, judged: bool = False) -> Self:
        """That of a network whose weights are not finite.

        Args:
            split: images.
            compared: whether there are other answers to compare with.
            judged: whether there is a metric.
        """
        loss, accuracy = (None, None) if split.labels is None else (math.nan, 0.0)
        divergence, agreement = (math.nan, 0.0) if compared else (None, None)
        return cls(loss, accuracy, len(split), divergence, agreement, math.nan if judged else None)

    def figures(self) -> dict[str, float]:
        """What is known, by the names of `searches.figures`."""
        return {name: value for name, value in asdict(self).items() if name != "samples" and value is not None}


@dataclass
class _Sums:
    """Sums over the images that were answered."""

    loss: float = 0.0
    correct: int = 0
    divergence: float = 0.0
    agreeing: int = 0

    def add(self, logits: Tensor, labels: Tensor | None, others: Tensor | None) -> None:
        """Adds a batch: logits (N, classes), labels (N,) and other logits (N, classes)."""
        if labels is not None:
            labels = labels.to(logits.device)
            self.loss += float(functional.cross_entropy(logits, labels, reduction="sum"))
            self.correct += count_correct(logits, labels)
        if others is not None:
            others = others.to(logits)
            self.divergence += _divergence(others, logits)
            self.agreeing += count_correct(logits, others.argmax(1))


def _together(kept: list[Any]) -> Any:
    """The outputs of all batches as those of one, on the CPU; what has no batch dimension is that of the last one."""
    leaves, structures = zip(*(pytree.tree_flatten(made) for made in kept), strict=True)
    joined = [
        torch.cat([part.detach().cpu() for part in parts])
        if all(isinstance(part, Tensor) and part.ndim for part in parts)
        else parts[-1]
        for parts in zip(*leaves, strict=True)
    ]
    return pytree.tree_unflatten(joined, structures[0])


def class_scores(outputs: Any) -> Tensor | None:
    """What a classifier answers: the first output, where it has a score for each of two classes or more.

    Args:
        outputs: of a network: a tensor (N, ...), or several in any structure.

    Returns:
        (N, classes); None for an output of another shape.

    >>> [None if (found := class_scores(torch.zeros(shape))) is None else tuple(found.shape)
    ...     for shape in ((5, 3), (5, 1), (5, 3, 8, 8))]
    [(5, 3), None, None]
    """
    leaves = [leaf for leaf in pytree.tree_leaves(outputs) if isinstance(leaf, Tensor)]
    first = leaves[0] if leaves else None
    is_scores = first is not None and first.ndim == 2 and first.shape[1] >= LEAST_CLASSES and first.is_floating_point()
    return first if is_scores else None


def _divergence(others: Tensor, logits: Tensor) -> float:
    """The sum over images of KL(p || q), p the probabilities of the other logits (N, classes)."""
    pair = logits.log_softmax(1), others.log_softmax(1)
    return float(functional.kl_div(*pair, reduction="sum", log_target=True))


def count_correct(logits: Tensor, labels: Tensor) -> int:
    """How many of the (N, classes) logits are largest at their label (N,); a row with NaN or infinity is wrong."""
    return int(((logits.argmax(1) == labels) & torch.isfinite(logits).all(1)).sum())
