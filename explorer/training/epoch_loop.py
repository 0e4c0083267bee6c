"""EpochLoop: passes over training images that take a step of an optimizer on every batch.

Source: I. Loshchilov and F. Hutter, Decoupled Weight Decay Regularization, ICLR 2019 (AdamW); L. N. Smith and N. Topin,
Super-Convergence, SPIE 11006, 2019 (the one-cycle learning rate).
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor

from explorer.data import Split
from explorer.system.errors import TrainingError
from explorer.training.augmentation import shifted

__all__ = ["EpochLoop", "ParameterGroup", "batches_of"]


@dataclass(frozen=True, eq=False)
class ParameterGroup:
    """Parameters that are trained at one rate.

    Args:
        parameters: what the optimizer changes.
        peak_learning_rate: top of their one-cycle schedule.
    """

    parameters: Iterable[Tensor]
    peak_learning_rate: float


@final
class EpochLoop:
    """Passes over training images in random order, each image shifted at random: AdamW under a one-cycle learning rate.

    All that is random comes from torch's global random state on the CPU: the order of the images first, then the shifts
    batch by batch.

    Args:
        split: what is learned from.
        epochs: how many passes the schedule is made for; 0 where none follows.
        batch_size: images of a step.
        shift_pixels: see `explorer.training.augmentation.shifted`.
        groups: what is trained.
        loss: from images (N, ...) and labels (N,), None where the split has none, both on the split's device, to their
            mean loss.
        weight_decay: AdamW's.
        after_step: called after every step of the optimizer.
        skips_single: see `batches_of`.
        shift_columns: as `shift_pixels`, of columns alone.
    """

    def __init__(
        self,
        split: Split,
        *,
        epochs: int,
        batch_size: int,
        shift_pixels: int,
        groups: Iterable[ParameterGroup],
        loss: Callable[[Any, Tensor | None], Tensor],
        weight_decay: float = 0,
        after_step: Callable[[], None] = lambda: None,
        skips_single: bool = False,
        shift_columns: int | None = None,
    ) -> None:
        self._split, self._batch_size, self._shifts = split, batch_size, (shift_pixels, shift_columns)
        self._loss, self._after_step, self._skips_single = loss, after_step, skips_single
        groups = list(groups)
        rates = [group.peak_learning_rate for group in groups]
        trained = [{"params": list(group.parameters), "lr": group.peak_learning_rate} for group in groups]
        self._optimizer = torch.optim.AdamW(trained, weight_decay=weight_decay)
        steps = max(1, epochs) * len(batches_of(len(split), batch_size, skips_single))
        self._schedule = torch.optim.lr_scheduler.OneCycleLR(self._optimizer, rates, total_steps=steps)

    def learn(self, epoch: int, on_batch: Callable[[int], object]) -> float:
        """One pass.

        Args:
            epoch: its number, from 1, for the message of an error.
            on_batch: called with the number of images of every batch that is done.

        Returns:
            The mean loss of the images.

        Raises:
            TrainingError: it is not finite.
        """
        total, images = 0.0, 0
        for chosen in batches_of(len(self._split), self._batch_size, self._skips_single, shuffled=True):
            batch = self._split.of(chosen)
            loss = self._loss(shifted(batch.inputs, *self._shifts), batch.labels)
            self._optimizer.zero_grad()
            loss.backward()
            self._optimizer.step()
            self._schedule.step()
            self._after_step()
            total += loss.item() * len(batch)
            images += len(batch)
            on_batch(len(batch))
        mean = total / images
        if not math.isfinite(mean):
            raise TrainingError(f"the loss is finite in epoch {epoch}", mean, "lower the peak learning rate")
        return mean

    def state(self) -> dict[str, Any]:
        """What the next pass depends on besides the parameters and the random state."""
        return {"optimizer": self._optimizer.state_dict(), "schedule": self._schedule.state_dict()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Goes back to a `state`, which may hold more.

        Raises:
            KeyError, RuntimeError, TypeError, ValueError: it is none.
        """
        self._optimizer.load_state_dict(state["optimizer"])
        self._schedule.load_state_dict(state["schedule"])


def batches_of(count: int, batch_size: int, skips_single: bool = False, shuffled: bool = False) -> list[Tensor]:
    """Indices of images by batch.

    Args:
        count: of the images, at least one.
        batch_size: images of a batch; the last one may have fewer.
        skips_single: whether a last batch of one image, of which there is no variance, is left out.
        shuffled: in a random order, from torch's global random state.
    """
    order = torch.randperm(count) if shuffled else torch.arange(count)
    batches = list(order.split(batch_size))
    return batches[:-1] if skips_single and len(batches[-1]) == 1 and len(batches) > 1 else batches
