"""Tuner: a compressed network in training, epoch by epoch.

Sources: G. Hinton, O. Vinyals and J. Dean, Distilling the Knowledge in a Neural Network, arXiv 1503.02531 (the loss);
P. Izmailov et al., Averaging Weights Leads to Wider Optima, UAI 2018, section 3.2 (batch statistics re-estimated for
changed weights); N. Shazeer and M. Stern, Adafactor, ICML 2018, section 8 (learning rates relative to a tensor's size).
"""

import copy
import hashlib
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import update_bn

from explorer.data import Dataset, Metric, Quality, class_scores, evenly
from explorer.finetuning.distances import distance, relative_error
from explorer.finetuning.freezing import Freezing
from explorer.finetuning.moving_average import MovingAverage
from explorer.finetuning.rounded_activations import RoundedActivations
from explorer.finetuning.tuning_epoch import TuningEpoch
from explorer.forms.compress import after_step
from explorer.system.inputs import Batch, called
from explorer.system.memory_layout import channels_last, takes_channels_last
from explorer.training.augmentation import mixed
from explorer.training.epoch_loop import EpochLoop, ParameterGroup, batches_of
from explorer.training.tuning_recipe import TuningRecipe

__all__ = ["Tuner"]

_BATCH = 256
_STATISTICS_IMAGES = 4096
_NO_LABEL = -100


class Tuner:
    """A compressed network in training, and the best state that it has been in.

    Without labels it learns the teacher's outputs and nothing else, whatever the recipe says of distillation, and is
    ranked by how far its outputs are from them.

    Every random choice of an epoch follows from the seed and the epoch's number, so that a `state` needs no random
    state, and a tuner that is restored goes on bit for bit, with the same number of threads.

    Args:
        network: from `explorer.forms.compress.compress`, with the batch statistics that its weights begin with; it is
            trained in place.
        teacher: the float network, in evaluation mode.
        dataset: its training part is learned from, its validation part chooses.
        recipe: how it is trained.
        seed: of every random choice.
        rounding: rounds activations while the network is trained and validated; none where None. Learned scales are
            trained along.
        metric: of the user's, which ranks states where there is one.
        classifies: whether the first output is class scores where it has the shape of such.
    """

    def __init__(
        self,
        network: nn.Module,
        teacher: nn.Module,
        dataset: Dataset,
        recipe: TuningRecipe,
        seed: int = 0,
        rounding: RoundedActivations | None = None,
        metric: Metric | None = None,
        classifies: bool = True,
    ) -> None:
        self.network, self.dataset, self.recipe, self.seed = network, dataset, recipe, seed
        self._rounding, self._metric, self._classifies = rounding, metric, classifies
        self._trained = nn.ModuleDict({"network": network} | ({"rounding": rounding} if rounding else {}))
        self._device = next(network.parameters()).device
        self._trained.to(self._device)
        self._teacher = copy.deepcopy(teacher).to(self._device).eval()
        self._is_channels_last = takes_channels_last(self._teacher, dataset.train.inputs[:1].to(self._device))
        tensors = [tensor for tensor in self._trained.parameters() if tensor.requires_grad]
        self._loop = EpochLoop(
            dataset.train,
            epochs=recipe.epochs,
            batch_size=recipe.batch_size,
            shift_pixels=recipe.shift_pixels,
            shift_columns=recipe.shift_columns,
            groups=[ParameterGroup([tensor], recipe.peak_learning_rate * _size(tensor)) for tensor in tensors],
            loss=self._batch_loss,
            after_step=self._after_step,
            skips_single=True,
        )
        self._average = MovingAverage(tensors, recipe.averaging) if recipe.averaging else None
        self.curve: list[TuningEpoch] = []
        self._stages = Freezing(network, recipe.freeze_below)
        self._scores: list[Tensor] = []
        self.start = self._measured(math.nan)
        self._best = self.start
        self._best_state = _copied(self._trained.state_dict())

    @property
    def best(self) -> TuningEpoch:
        """The best result on the validation part, that of the start included."""
        return self._best

    @property
    def status(self) -> str:
        """The best validation result, in words."""
        return f"best validation {self.best.words}"

    def rank(self, epoch: TuningEpoch) -> tuple[float, ...]:
        """See `TuningEpoch.rank`."""
        return epoch.rank(self._metric)

    @property
    def finished(self) -> bool:
        """Whether all epochs are done, or as many as patience allows without a better one."""
        ranks = [self.rank(epoch) for epoch in (self.start, *self.curve)]
        since_best = len(ranks) - 1 - ranks.index(max(ranks))
        is_stuck = self.recipe.patience is not None and since_best >= self.recipe.patience
        return is_stuck or len(self.curve) >= self.recipe.epochs

    def learn_epoch(self, on_batch: Callable[[int], object] = lambda images: None) -> TuningEpoch:
        """One pass over the training part, batch statistics re-estimated, and the validation result.

        Args:
            on_batch: called with the number of images of every batch that is done.

        Raises:
            TrainingError: the loss is no longer finite.
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(_epoch_seed(self.seed, len(self.curve)))
            self.network.train()
            loss = self._loop.learn(len(self.curve) + 1, on_batch)
            with self._averaged():
                self._reestimate_statistics()
                result = self._measured(loss)
                self._stages.end_epoch()
                self.curve.append(result)
                if self.rank(result) > self.rank(self._best):
                    self._best, self._best_state = result, _copied(self._trained.state_dict())
        return result

    @contextmanager
    def _averaged(self) -> Iterator[None]:
        """Within the block the parameters are the average, if there is one, brought to where the forms want them: an
        average of supports has more places than any of them."""
        with self._average.in_place() if self._average else nullcontext():
            if self._average:
                after_step(self.network)
            yield

    def _after_step(self) -> None:
        after_step(self.network)
        if self._average:
            self._average.update()

    def take_best(self) -> nn.Module:
        """The network, put back to its best state, on the CPU and in evaluation mode."""
        self._trained.load_state_dict(self._best_state)
        return self.network.cpu().eval()

    def state(self) -> dict[str, Any]:
        """Everything that the next epoch depends on, as tensors, numbers and text."""
        return {
            "trained": _copied(self._trained.state_dict()),
            "best": self._best_state,
            **({"average": self._average.state()} if self._average else {}),
            "integers": self._stages.state(),
            **self._loop.state(),
            "curve": [asdict(epoch) for epoch in self.curve],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Goes back to a `state` of the same fine-tuning.

        Args:
            state: from `state`.

        Raises:
            KeyError, RuntimeError, TypeError, ValueError: it is none; the tuner is in no usable state then.
        """
        self._trained.load_state_dict(state["trained"])
        self._loop.restore(state)
        if self._average:
            self._average.restore(state["average"])
        self._stages.restore(state["integers"])
        self.curve = [TuningEpoch(**epoch) for epoch in state["curve"]]
        self._best = max((self.start, *self.curve), key=self.rank)
        self._best_state = dict(state["best"])

    def _batch_loss(self, images: Batch, labels: Tensor | None) -> Tensor:
        """The loss of shifted training images (N, ...) and their labels (N,), some of them mixed."""
        images, is_pure = mixed(images, self.recipe.mixing)
        inputs = self._on_device(images)
        if labels is not None:
            labels = torch.where(is_pure, labels, _NO_LABEL).to(self._device)
        with self._rounded():
            return self._loss(called(self.network, inputs), inputs, labels)

    def _loss(self, outputs: Any, inputs: Batch, labels: Tensor | None) -> Tensor:
        """(1 - d) * cross-entropy, 0 for mixed images, + d * `distance` from the teacher; the distance alone without
        labels."""
        share = 1.0 if labels is None else self.recipe.distillation
        loss = 0.0 if labels is None else (1 - share) * _cross_entropy(outputs, labels)
        if isinstance(loss, Tensor) and share == 0:
            return loss
        with torch.no_grad():
            wanted = called(self._teacher, inputs)
        if not self._classifies:
            return loss + share * relative_error(outputs, wanted)
        return loss + share * distance(outputs, wanted, self.recipe.temperature)

    def _reestimate_statistics(self) -> None:
        """Means and variances of all batch normalizations, over up to `_STATISTICS_IMAGES` training images as they are,
        evenly spaced."""
        images = evenly(self.dataset.train.inputs, _STATISTICS_IMAGES)
        batches = batches_of(len(images), self.recipe.batch_size, skips_single=True)
        with self._rounded():
            whole = (self._on_device(images[chosen]) for chosen in batches)
            update_bn(whole, _OnBatches(self.network), self._device)

    def _measured(self, loss: float) -> TuningEpoch:
        """The validation result of the network as it is."""
        self.network.eval()
        split = self.dataset.validation
        with torch.no_grad():
            others = self._teacher_scores() if split.labels is None and self._classifies else None
            with self._rounded():
                found = Quality.of(
                    lambda images: called(self.network, self._on_device(images)),
                    split,
                    _BATCH,
                    others=others,
                    metric=self._metric,
                )
                is_scored = found.accuracy is not None or found.agreement is not None
                error = None if is_scored else self._error()
        return TuningEpoch.of(found, loss, error)

    def _teacher_scores(self) -> Tensor | None:
        """The teacher's class scores (N, classes) on the validation part, computed once; None of other outputs."""
        if not self._scores:
            images = self.dataset.validation.inputs.split(_BATCH)
            found = [class_scores(called(self._teacher, self._on_device(batch))) for batch in images]
            self._scores = [scores for scores in found if scores is not None]
        return torch.cat(self._scores) if self._scores else None

    def _error(self) -> float:
        """The relative error of the outputs on the validation part, the mean over images."""
        total, images = 0.0, self.dataset.validation.inputs
        for batch in map(self._on_device, images.split(_BATCH)):
            total += len(batch) * float(relative_error(called(self.network, batch), called(self._teacher, batch)))
        return total / len(images)

    def _on_device(self, images: Batch) -> Batch:
        return (channels_last(images) if self._is_channels_last else images).to(self._device)

    def _rounded(self) -> Any:
        return self._rounding.attached(self.network) if self._rounding else nullcontext()


class _OnBatches(nn.Module):
    """A network that takes a batch of all its inputs as one."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: Batch) -> Any:
        """What the network gives."""
        return called(self.network, batch)


def _cross_entropy(outputs: Tensor, labels: Tensor) -> Tensor:
    """The mean over the images (N,), 0 of one without a label."""
    if bool((labels != _NO_LABEL).all()):
        return functional.cross_entropy(outputs, labels)
    return functional.cross_entropy(outputs, labels, ignore_index=_NO_LABEL, reduction="sum") / len(labels)


def _size(tensor: Tensor) -> float:
    """The root mean square of a tensor, or 1 where it is zero."""
    return float(tensor.detach().double().square().mean().sqrt()) or 1.0 if tensor.numel() else 1.0


def _epoch_seed(seed: int, epoch: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed} {epoch}".encode()).digest()[:8], "big") >> 1


def _copied(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in state.items()}
