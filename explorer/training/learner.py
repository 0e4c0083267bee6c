"""Learner: a training that can stop after any epoch and go on in the same place.

Legend: N images of a batch, C channels, H x W pixels.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from explorer.data import Dataset, Quality, Split
from explorer.system.inputs import Batch, called
from explorer.training.epoch_loop import EpochLoop, ParameterGroup
from explorer.training.recipe import Recipe

__all__ = ["EpochRecord", "Learner"]

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
        self._loop = EpochLoop(
            dataset.train,
            epochs=recipe.epochs,
            batch_size=recipe.batch_size,
            shift_pixels=recipe.shift_pixels,
            groups=[ParameterGroup(module.parameters(), recipe.peak_learning_rate)],
            loss=self._loss,
            weight_decay=recipe.weight_decay,
        )

    @property
    def finished(self) -> bool:
        """Whether all epochs are done."""
        return len(self.curve) >= self.recipe.epochs

    @property
    def status(self) -> str:
        """The validation accuracy after the last finished epoch, in words."""
        return f"validation accuracy {self.curve[-1].validation_accuracy:.2%}"

    def learn_epoch(self, on_batch: Callable[[int], object] = lambda images: None) -> EpochRecord:
        """One pass over the training part in random order, and the validation accuracy after it.

        Args:
            on_batch: called with the number of images of every batch that is done.

        Raises:
            TrainingError: the loss is no longer finite.
        """
        start = time.perf_counter()
        self.module.train()
        loss = self._loop.learn(len(self.curve) + 1, on_batch)
        self.curve.append(EpochRecord(loss, self.accuracy(self.dataset.validation)))
        self.seconds += time.perf_counter() - start
        return self.curve[-1]

    def accuracy(self, split: Split) -> float:
        """Share of 1 of the images that the module, left in evaluation mode, answers right."""
        self.module.eval()
        device = self._device
        with torch.inference_mode():
            found = Quality.of(lambda images: called(self.module, images.to(device)), split, _BATCH).accuracy
        assert found is not None  # noqa: S101  # data without labels are refused before
        return found

    def state(self) -> dict[str, Any]:
        """Everything that the next epoch depends on, as tensors, numbers and text."""
        return {
            "module": self.module.state_dict(),
            **self._loop.state(),
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
        self._loop.restore(state)
        self.curve = [EpochRecord(**epoch) for epoch in state["curve"]]
        self.seconds = float(state["seconds"])
        torch.set_rng_state(state["random"])

    @property
    def _device(self) -> torch.device:
        return next(self.module.parameters()).device

    def _loss(self, images: Batch, labels: Tensor | None) -> Tensor:
        """Cross-entropy to the smoothed labels."""
        device = self._device
        assert labels is not None  # noqa: S101  # as for the accuracy
        logits = called(self.module, images.to(device))
        return functional.cross_entropy(logits, labels.to(device), label_smoothing=self.recipe.label_smoothing)
