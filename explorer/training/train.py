"""Training a classifier from scratch, in one go or over several runs of a program.

Legend: N images of a batch, C channels, H x W pixels.
"""

import logging
from dataclasses import dataclass

import torch
from torch import nn

from explorer.data import Dataset, check_network
from explorer.system.inputs import parts_of
from explorer.system.threads import torch_threads
from explorer.training.checkpoint import Checkpoint
from explorer.training.learner import EpochRecord, Learner
from explorer.training.recipe import Recipe, default_recipe
from explorer.training.run_epochs import run_epochs

__all__ = ["TrainingRecord", "initialise", "train", "training_device"]

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingRecord:
    """What a training took and reached. Accuracies are shares of 1; the test part is looked at once, at the end.

    Args:
        recipe: how it was trained.
        seed: of the initial weights, the order of the images and their shifts.
        seconds: wall-clock time of all epochs, also where the weights came from the cache.
        train_accuracy: of the images that were learned from, as they are.
        validation_accuracy: of the validation part.
        test_accuracy: of the test part; None where there is none.
        curve: of every epoch.
        from_cache: the weights were read, not trained.
        device: ``cpu`` or ``cuda``.
    """

    recipe: Recipe
    seed: int
    seconds: float
    train_accuracy: float
    validation_accuracy: float
    test_accuracy: float | None
    curve: tuple[EpochRecord, ...]
    from_cache: bool = False
    device: str = "cpu"


def training_device() -> str:
    """Where networks are trained: on ``cuda`` where there is such a device, else on the ``cpu``."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def train(
    module: nn.Module,
    dataset: Dataset,
    recipe: Recipe | None = None,
    seed: int = 0,
    progress: bool | None = None,
    checkpoint: Checkpoint | None = None,
) -> TrainingRecord:
    """Train ``module`` from scratch in place and leave it in evaluation mode with the weights of the last epoch.

    Every submodule with ``reset_parameters`` starts again under ``seed``: the result depends on the architecture, data,
    recipe and seed alone, bit for bit on one machine's CPU, however often the training was interrupted. The global
    random state is left as it was.

    Args:
        module: maps (N, C, H, W) float32 to logits (N, classes); it lies on the CPU before and after.
        dataset: only its training part is learned from.
        recipe: that of `default_recipe` where None.
        seed: of the initial weights, the order of the images and their shifts.
        progress: show a progress bar on stderr; None shows it on a terminal only.
        checkpoint: where the state is kept after every epoch and taken up from; it belongs to this one training.

    Raises:
        DataError: the network does not fit the data, or they have no labels.
        TrainingError: the loss is no longer finite.
    """
    recipe = recipe or default_recipe(parts_of(dataset.train.inputs)[0].shape[1:])
    device = training_device()
    module.eval()
    dataset.check_labelled("a network is trained on labelled data", "give data with labels")
    with torch.inference_mode():
        check_network(module, dataset)
    with torch.random.fork_rng(devices=[]), torch_threads(recipe.threads):
        try:
            learner = _begin(module, dataset, recipe, seed, device, checkpoint)
            _learn(learner, progress, checkpoint)
            parts = {part: learner.accuracy(split) for part, split in dataset.parts.items()}
        finally:
            module.to("cpu").to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    return TrainingRecord(
        recipe,
        seed,
        learner.seconds,
        train_accuracy=parts["train"],
        validation_accuracy=parts["validation"],
        test_accuracy=parts.get("test"),
        curve=tuple(learner.curve),
        device=device,
    )


def initialise(module: nn.Module, seed: int) -> None:
    """Start every submodule with ``reset_parameters`` again, from torch's global random state seeded with ``seed``."""
    torch.manual_seed(seed)
    for part in module.modules():
        if callable(reset := getattr(part, "reset_parameters", None)):
            reset()


def _begin(
    module: nn.Module, dataset: Dataset, recipe: Recipe, seed: int, device: str, checkpoint: Checkpoint | None
) -> Learner:
    """A learner at the start, or where the checkpoint left it."""
    initialise(module, seed)
    learner = Learner(module.to(device), dataset, recipe)
    state = checkpoint.load() if checkpoint else None
    if checkpoint is None or state is None:
        return learner
    try:
        learner.restore(state)
    except (KeyError, RuntimeError, TypeError, ValueError) as error:
        _LOG.warning("%s is of no use, the training begins again: %s", checkpoint.path, error)
        initialise(module, seed)
        return Learner(module, dataset, recipe)
    return learner


def _learn(learner: Learner, progress: bool | None, checkpoint: Checkpoint | None) -> None:
    """The epochs that are missing; the state is kept after each."""

    def save() -> None:
        if checkpoint is not None:
            checkpoint.save(learner.state())

    title = f"training on {learner.dataset.name}"
    run_epochs(learner, title, learner.recipe.epochs, len(learner.dataset.train), progress, save)
