"""Training a small classifier from scratch.

Legend: N images of a batch, C channels, H x W pixels.
"""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from explorer.data import Dataset, Split, check_network
from explorer.errors import TrainingError

__all__ = ["EpochRecord", "Recipe", "TrainingRecord", "count_correct", "initialise", "train"]


@dataclass(frozen=True)
class Recipe:
    """How to train: AdamW under a one-cycle learning rate, on images shifted at random.

    Args:
        epochs: passes over the training part. batch_size: images per step; the last batch of an epoch may be smaller.
        peak_learning_rate: top of the one-cycle schedule. weight_decay: AdamW's.
        shift_pixels: every training image is moved by up to so many pixels each way, zeros filled in; 0 for none.
        label_smoothing: share of the target spread evenly over the classes, in the training loss only.
        threads: of torch while it trains; sums are rounded in another order under another number, so it is part of the
            recipe. A network this small gains little from a second one.

    Source: I. Loshchilov and F. Hutter, Decoupled Weight Decay Regularization, ICLR 2019; L. N. Smith and N. Topin,
    Super-Convergence, SPIE 11006, 2019. The values are ours, chosen by validation accuracy over several seeds.
    """

    epochs: int = 20
    batch_size: int = 64
    peak_learning_rate: float = 1e-2
    weight_decay: float = 1e-2
    shift_pixels: int = 1
    label_smoothing: float = 0.05
    threads: int = 1

    def __post_init__(self) -> None:
        for name, least in (("epochs", 1), ("batch_size", 1), ("shift_pixels", 0), ("threads", 1)):
            if getattr(self, name) < least:
                raise TrainingError(f"{name} is at least {least}", getattr(self, name), "raise it")


@dataclass(frozen=True)
class EpochRecord:
    """One epoch.

    Args:
        loss: mean cross-entropy to the smoothed labels of the shifted training images.
        validation_accuracy: share of 1, after the epoch.
    """

    loss: float
    validation_accuracy: float


@dataclass(frozen=True)
class TrainingRecord:
    """What a training took and reached. Accuracies are shares of 1; the test part is looked at once, at the end.

    Args:
        seconds: wall-clock time of the training, also where the weights came from the cache.
        test_accuracy: None where there is no test part.
        from_cache: the weights were read, not trained.
    """

    recipe: Recipe
    seed: int
    seconds: float
    train_accuracy: float
    validation_accuracy: float
    test_accuracy: float | None
    curve: tuple[EpochRecord, ...]
    from_cache: bool = False


def train(
    module: nn.Module, dataset: Dataset, recipe: Recipe | None = None, seed: int = 0, progress: bool | None = None
) -> TrainingRecord:
    """Train ``module`` from scratch in place and leave it in evaluation mode with the weights of the last epoch.

    Every submodule with ``reset_parameters`` starts again under ``seed``: the result depends on the architecture, data,
    recipe and seed alone, bit for bit on one machine. The global random state is left as it
    was.

    Args:
        module: maps (N, C, H, W) float32 to logits (N, classes).
        dataset: only its training part is learned from. recipe: the default `Recipe` where None.
        progress: show a progress bar on stderr; None shows it on a terminal only.

    Raises:
        DataError: the network does not fit the data.
        TrainingError: the loss is no longer finite.
    """
    recipe = recipe or Recipe()
    module.eval()
    with torch.inference_mode():
        check_network(module, dataset)
    with torch.random.fork_rng(devices=[]), _threads(recipe.threads):
        initialise(module, seed)
        start = time.perf_counter()
        curve = _learn(module, dataset, recipe, progress)
        seconds = time.perf_counter() - start
    return TrainingRecord(
        recipe,
        seed,
        seconds,
        train_accuracy=_accuracy(module, dataset.train),
        validation_accuracy=_accuracy(module, dataset.validation),
        test_accuracy=None if dataset.test is None else _accuracy(module, dataset.test),
        curve=curve,
    )


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Lets torch compute with so many threads, and with as many as before at the end."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def initialise(module: nn.Module, seed: int) -> None:
    """Start every submodule with ``reset_parameters`` again, from torch's global random state seeded with ``seed``."""
    torch.manual_seed(seed)
    for part in module.modules():
        if callable(reset := getattr(part, "reset_parameters", None)):
            reset()


def count_correct(logits: Tensor, labels: Tensor) -> int:
    """How many of the (N, classes) logits are largest at their label (N,); a row with NaN or infinity is wrong."""
    return int(((logits.argmax(1) == labels) & torch.isfinite(logits).all(1)).sum())


def _learn(module: nn.Module, dataset: Dataset, recipe: Recipe, progress: bool | None) -> tuple[EpochRecord, ...]:
    """All epochs; the module is left in evaluation mode."""
    steps = recipe.epochs * -(-len(dataset.train) // recipe.batch_size)
    optimizer = torch.optim.AdamW(module.parameters(), lr=recipe.peak_learning_rate, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.peak_learning_rate, total_steps=steps)
    curve = []
    hidden = None if progress is None else not progress
    with tqdm(range(recipe.epochs), desc=f"training on {dataset.name}", unit="epoch", disable=hidden) as bar:
        for epoch in bar:
            loss = _epoch(module, dataset.train, recipe, optimizer, schedule)
            if not math.isfinite(loss):
                raise TrainingError(f"the loss is finite in epoch {epoch + 1}", loss, "lower the peak learning rate")
            curve.append(EpochRecord(loss, _accuracy(module, dataset.validation)))
            bar.set_postfix_str(f"validation accuracy {curve[-1].validation_accuracy:.2%}")
    return tuple(curve)


def _epoch(
    module: nn.Module,
    split: Split,
    recipe: Recipe,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
) -> float:
    """One pass over the part in random order; the mean loss."""
    module.train()
    total = 0.0
    for inputs, labels in _batches(split, recipe):
        loss = functional.cross_entropy(module(inputs), labels, label_smoothing=recipe.label_smoothing)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        total += loss.item() * len(labels)
    return total / len(split)


def _batches(split: Split, recipe: Recipe) -> Iterator[tuple[Tensor, Tensor]]:
    for chosen in torch.randperm(len(split)).split(recipe.batch_size):
        inputs = split.inputs[chosen]
        yield _shifted(inputs, recipe.shift_pixels) if recipe.shift_pixels else inputs, split.labels[chosen]


def _shifted(images: Tensor, pixels: int) -> Tensor:
    """Images (N, C, H, W), each moved by its own random offset of up to ``pixels`` each way, zeros filled in."""
    count, _, height, width = images.shape
    padded = functional.pad(images, (pixels,) * 4)
    top, left = torch.randint(0, 2 * pixels + 1, (2, count, 1))
    rows = (top + torch.arange(height))[:, None, :, None]
    columns = (left + torch.arange(width))[:, None, None, :]
    image = torch.arange(count)[:, None, None, None]
    return padded[image, torch.arange(images.shape[1])[None, :, None, None], rows, columns]


def _accuracy(module: nn.Module, split: Split) -> float:
    module.eval()
    with torch.inference_mode():
        correct = sum(
            count_correct(module(inputs), labels)
            for inputs, labels in zip(split.inputs.split(256), split.labels.split(256), strict=True)
        )
    return correct / len(split)
