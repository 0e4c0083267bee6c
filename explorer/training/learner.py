"""Learner: a training that can stop after any epoch and go on in the same place.

Legend: N images of a batch, C channels, H x W pixels.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from explorer.data import Dataset, Split
from explorer.errors import TrainingError
from explorer.training.augmentation import shifted
from explorer.training.recipe import Recipe

__all__ = ["EpochRecord", "Learner", "accuracy", "count_correct"]

_BATCH = 256


@dataclass(frozen=True)
class EpochRecord:
    """One epoch.

    Args:
        loss: mean cross-entropy to the smoothed labels of the shifted training images.
        validation_accuracy: share of 1, after the epoch.
    """

    loss: float
    validation_accuracy: float


class Learner:
    """A module under training, its optimizer and schedule, and what its finished epochs gave.

    Every random choice comes from torch's global random state on the CPU, also for a module on a GPU.

    Args:
        module: on the device that it is trained on, its initial weights in place.
        dataset: its training part is learned from; it may lie on another device.
        recipe: how.
    """

    def __init__(self, module: nn.Module, dataset: Dataset, recipe: Recipe) -> None:
        self.module, self.dataset, self.recipe = module, dataset, recipe
        self.curve: list[EpochRecord] = []
        self.seconds = 0.0
        if recipe.channels_last:
            module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        steps = recipe.epochs * -(-len(dataset.train) // recipe.batch_size)
        rate = recipe.peak_learning_rate
        self._optimizer = torch.optim.AdamW(module.parameters(), lr=rate, weight_decay=recipe.weight_decay)
        self._schedule = torch.optim.lr_scheduler.OneCycleLR(self._optimizer, rate, total_steps=steps)

    def learn_epoch(self, on_batch: Callable[[int], object] = lambda images: None) -> EpochRecord:
        """One pass over the training part in random order, and the validation accuracy after it.

        Args:
            on_batch: called with the number of images of every batch that is done.

        Raises:
            TrainingError: the loss is no longer finite.
        """
        start = time.perf_counter()
        self.module.train()
        total = 0.0
        for inputs, labels in self._batches():
            logits = self.module(inputs)
            loss = functional.cross_entropy(logits, labels, label_smoothing=self.recipe.label_smoothing)
            self._optimizer.zero_grad()
            loss.backward()
            self._optimizer.step()
            self._schedule.step()
            total += loss.item() * len(labels)
            on_batch(len(labels))
        mean = total / len(self.dataset.train)
        if not math.isfinite(mean):
            epoch = len(self.curve) + 1
            raise TrainingError(f"the loss is finite in epoch {epoch}", mean, "lower the peak learning rate")
        self.curve.append(EpochRecord(mean, accuracy(self.module, self.dataset.validation)))
        self.seconds += time.perf_counter() - start
        return self.curve[-1]

    def state(self) -> dict[str, Any]:
        """Everything that the next epoch depends on, as tensors, numbers and text."""
        return {
            "module": self.module.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "schedule": self._schedule.state_dict(),
            "random": torch.get_rng_state(),
            "curve": [asdict(epoch) for epoch in self.curve],
            "seconds": self.seconds,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Goes back to a `state`, the global random state included.

        Raises:
            KeyError, RuntimeError, TypeError, ValueError: it is not the state of such a training; the learner is in no
                usable state then.
        """
        self.module.load_state_dict(state["module"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._schedule.load_state_dict(state["schedule"])
        self.curve = [EpochRecord(**epoch) for epoch in state["curve"]]
        self.seconds = float(state["seconds"])
        torch.set_rng_state(state["random"])

    def _batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        split, recipe = self.dataset.train, self.recipe
        device = next(self.module.parameters()).device
        for chosen in torch.randperm(len(split)).split(recipe.batch_size):
            inputs = split.inputs[chosen]
            inputs = shifted(inputs, recipe.shift_pixels)
            yield inputs.to(device), split.labels[chosen].to(device)


def accuracy(module: nn.Module, split: Split) -> float:
    """Share of 1 of the images that the module, left in evaluation mode, answers right."""
    module.eval()
    device = next(module.parameters()).device
    with torch.inference_mode():
        correct = sum(
            count_correct(module(inputs.to(device)), labels.to(device))
            for inputs, labels in zip(split.inputs.split(_BATCH), split.labels.split(_BATCH), strict=True)
        )
    return correct / len(split)


def count_correct(logits: Tensor, labels: Tensor) -> int:
    """How many of the (N, classes) logits are largest at their label (N,); a row with NaN or infinity is wrong."""
    return int(((logits.argmax(1) == labels) & torch.isfinite(logits).all(1)).sum())
