"""Tuner: a compressed network in training, epoch by epoch.

Sources: G. Hinton, O. Vinyals and J. Dean, Distilling the Knowledge in a Neural Network, arXiv 1503.02531 (the loss);
P. Izmailov et al., Averaging Weights Leads to Wider Optima, UAI 2018, section 3.2 (batch statistics computed anew for
changed weights); N. Shazeer and M. Stern, Adafactor, ICML 2018, section 8 (learning rates relative to a tensor's size).
"""

import copy
import hashlib
import math
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import update_bn

from explorer.data import Dataset, Split, evenly
from explorer.errors import TrainingError
from explorer.finetuning.activations import RoundedActivations
from explorer.finetuning.recipe import TuningRecipe
from explorer.forms.compress import after_step
from explorer.system.memory_layout import channels_last, takes_channels_last
from explorer.training.augmentation import shifted
from explorer.training.learner import count_correct

__all__ = ["Tuner", "TuningEpoch"]

_BATCH = 256
_STATISTICS_IMAGES = 4096


@dataclass(frozen=True)
class TuningEpoch:
    """What an epoch gave.

    Args:
        loss: mean of the loss that is trained.
        validation_loss: mean cross-entropy in nats.
        validation_accuracy: share of 1.
    """

    loss: float
    validation_loss: float
    validation_accuracy: float

    @property
    def rank(self) -> tuple[float, float]:
        """The greater, the better: accuracy first, then the loss."""
        return self.validation_accuracy, -self.validation_loss


class Tuner:
    """A compressed network in training, and the best state that it has been in.

    Every random choice of an epoch follows from the seed and the epoch's number, so that a `state` needs no random
    state, and a tuner that is restored goes on bit for bit, with the same number of threads.

    Args:
        network: from `explorer.forms.compress.compress`, with the batch statistics that its weights begin with; it is
            trained in place.
        teacher: the float network, in evaluation mode.
        dataset: its training part is learned from, its validation part chooses.
        rounding: rounds activations while the network is trained and validated; none where None. Learned scales are
            trained along.
    """

    def __init__(
        self,
        network: nn.Module,
        teacher: nn.Module,
        dataset: Dataset,
        recipe: TuningRecipe,
        seed: int = 0,
        rounding: RoundedActivations | None = None,
    ) -> None:
        self.network, self.dataset, self.recipe, self.seed = network, dataset, recipe, seed
        self._rounding = rounding
        self._trained = nn.ModuleDict({"network": network} | ({"rounding": rounding} if rounding else {}))
        self._device = next(network.parameters()).device
        self._trained.to(self._device)
        self._teacher = copy.deepcopy(teacher).to(self._device).eval()
        self._is_channels_last = takes_channels_last(self._teacher, dataset.train.inputs[:1].to(self._device))
        tensors = [tensor for tensor in self._trained.parameters() if tensor.requires_grad]
        rates = [recipe.peak_learning_rate * _size(tensor) for tensor in tensors]
        groups = [{"params": [tensor], "lr": rate} for tensor, rate in zip(tensors, rates, strict=True)]
        self._optimizer = torch.optim.AdamW(groups, weight_decay=0)
        steps = recipe.epochs * len(self._parts_of(len(dataset.train)))
        self._schedule = torch.optim.lr_scheduler.OneCycleLR(self._optimizer, rates, total_steps=steps)
        self.curve: list[TuningEpoch] = []
        self.start = self._measured(math.nan)
        self._best = self.start
        self._best_state = _copied(self._trained.state_dict())

    @property
    def best(self) -> TuningEpoch:
        """The best result on the validation part, that of the start included."""
        return self._best

    @property
    def finished(self) -> bool:
        """Whether all epochs are done, or as many as patience allows without a better one."""
        ranks = [epoch.rank for epoch in (self.start, *self.curve)]
        since_best = len(ranks) - 1 - ranks.index(max(ranks))
        return len(self.curve) >= self.recipe.epochs or since_best >= self.recipe.patience

    def learn_epoch(self, on_batch: Callable[[int], object] = lambda images: None) -> TuningEpoch:
        """One pass over the training part, batch statistics computed anew, and the validation result.

        Args:
            on_batch: called with the number of images of every batch that is done.

        Raises:
            TrainingError: the loss is no longer finite.
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(_epoch_seed(self.seed, len(self.curve)))
            loss = self._learn(on_batch)
            if not math.isfinite(loss):
                epoch = len(self.curve) + 1
                raise TrainingError(f"the loss is finite in epoch {epoch}", loss, "lower the peak learning rate")
            self._renew_statistics()
        result = self._measured(loss)
        self.curve.append(result)
        if result.rank > self._best.rank:
            self._best, self._best_state = result, _copied(self._trained.state_dict())
        return result

    def take_best(self) -> nn.Module:
        """The network, put back to its best state, on the CPU and in evaluation mode."""
        self._trained.load_state_dict(self._best_state)
        return self.network.cpu().eval()

    def state(self) -> dict[str, Any]:
        """Everything that the next epoch depends on, as tensors, numbers and text."""
        return {
            "trained": _copied(self._trained.state_dict()),
            "best": self._best_state,
            "optimizer": self._optimizer.state_dict(),
            "schedule": self._schedule.state_dict(),
            "curve": [asdict(epoch) for epoch in self.curve],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Goes back to a `state` of the same fine-tuning.

        Raises:
            KeyError, RuntimeError, TypeError, ValueError: it is none; the tuner is in no usable state then.
        """
        self._trained.load_state_dict(state["trained"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._schedule.load_state_dict(state["schedule"])
        self.curve = [TuningEpoch(**epoch) for epoch in state["curve"]]
        self._best = max((self.start, *self.curve), key=lambda epoch: epoch.rank)
        self._best_state = dict(state["best"])

    def _learn(self, on_batch: Callable[[int], object]) -> float:
        """All steps of an epoch; the mean loss."""
        split, total, images = self.dataset.train, 0.0, 0
        self.network.train()
        for chosen in self._parts_of(len(split), shuffled=True):
            inputs = self._on_device(shifted(split.inputs[chosen], self.recipe.shift_pixels))
            labels = split.labels[chosen].to(self._device)
            with self._rounded():
                loss = self._loss(self.network(inputs), inputs, labels)
            self._optimizer.zero_grad()
            loss.backward()
            self._optimizer.step()
            self._schedule.step()
            after_step(self.network)
            total += loss.item() * len(labels)
            images += len(labels)
            on_batch(len(labels))
        return total / images

    def _loss(self, logits: Tensor, inputs: Tensor, labels: Tensor) -> Tensor:
        """(1 - d) * cross-entropy + d * T^2 * KL(teacher || student), both at temperature T (Hinton et al., 2)."""
        share, temperature = self.recipe.distillation, self.recipe.temperature
        loss = (1 - share) * functional.cross_entropy(logits, labels)
        if share == 0:
            return loss
        with torch.no_grad():
            wanted = functional.log_softmax(self._teacher(inputs) / temperature, 1)
        answers = functional.log_softmax(logits / temperature, 1)
        distance = functional.kl_div(answers, wanted, reduction="batchmean", log_target=True)
        return loss + share * temperature**2 * distance

    def _renew_statistics(self) -> None:
        """Means and variances of all batch normalizations, over up to `_STATISTICS_IMAGES` training images as they are,
        evenly spaced."""
        images = evenly(self.dataset.train.inputs, _STATISTICS_IMAGES)
        parts = self._parts_of(len(images))
        with self._rounded():
            update_bn((self._on_device(images[chosen]) for chosen in parts), self.network, self._device)

    def _measured(self, loss: float) -> TuningEpoch:
        """The validation result of the network as it is."""
        split = self.dataset.validation
        self.network.eval()
        with self._rounded():
            validation_loss, accuracy = self._loss_and_accuracy(split)
        return TuningEpoch(loss, validation_loss, accuracy)

    def _loss_and_accuracy(self, split: Split) -> tuple[float, float]:
        loss, correct = 0.0, 0
        with torch.no_grad():
            for inputs, given in zip(split.inputs.split(_BATCH), split.labels.split(_BATCH), strict=True):
                labels = given.to(self._device)
                logits = self.network(self._on_device(inputs)).double()
                loss += float(functional.cross_entropy(logits, labels, reduction="sum"))
                correct += count_correct(logits, labels)
        return loss / len(split), correct / len(split)

    def _on_device(self, images: Tensor) -> Tensor:
        return (channels_last(images) if self._is_channels_last else images).to(self._device)

    def _rounded(self) -> Any:
        return self._rounding.attached(self.network) if self._rounding else nullcontext()

    def _parts_of(self, count: int, shuffled: bool = False) -> list[Tensor]:
        """Indices by batch; a single last image, of which there is no variance, is left out."""
        order = torch.randperm(count) if shuffled else torch.arange(count)
        parts = list(order.split(self.recipe.batch_size))
        return parts[:-1] if len(parts[-1]) == 1 and len(parts) > 1 else parts


def _size(tensor: Tensor) -> float:
    """The root mean square of a tensor, or 1 where it is zero."""
    return float(tensor.detach().double().square().mean().sqrt()) or 1.0 if tensor.numel() else 1.0


def _epoch_seed(seed: int, epoch: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed} {epoch}".encode()).digest()[:8], "big") >> 1


def _copied(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in state.items()}
