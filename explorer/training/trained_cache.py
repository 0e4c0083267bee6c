"""Trained weights kept by content: the same network, data, recipe and seed are trained once.

A file holds the state in safetensors form with the training's record and a digest of the state as metadata.
"""

import hashlib
import json
import logging
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from explorer.data import Dataset
from explorer.system.cache_folder import cache_folder
from explorer.system.inputs import parts_of
from explorer.training.checkpoint import Checkpoint
from explorer.training.learner import EpochRecord
from explorer.training.recipe import Recipe, default_recipe
from explorer.training.train import TrainingRecord, initialise, train, training_device
from reports.atomic_write import whole_file

__all__ = ["trained"]

_LOG = logging.getLogger(__name__)
_VERSION = 2
"""Raise it when the training loop changes in a way that the recipe does not show."""


def trained(
    name: str,
    module: nn.Module,
    dataset: Dataset,
    recipe: Recipe | None = None,
    seed: int = 0,
    progress: bool | None = None,
) -> TrainingRecord:
    """`train`, or the same weights read back from the cache folder; ``module`` is left in evaluation mode.

    The key is a digest of the module's structure (as it prints) and initial weights, the data, recipe, seed, device and
    torch's version. A cache file that is damaged is trained again and written again; a folder that cannot be
    written costs a warning only. A training that was stopped goes on after its last finished epoch.

    Args:
        name: begins the file's name.
        module: as in `train`.
        dataset: as in `train`.
        recipe: that of `default_recipe` where None.
        seed: as in `train`.
        progress: as in `train`.

    Raises:
        DataError, TrainingError: as `train`.
    """
    recipe = recipe or default_recipe(parts_of(dataset.train.inputs)[0].shape[1:])
    with torch.random.fork_rng(devices=[]):
        initialise(module, seed)
    safe_name = re.sub(r"[^A-Za-z0-9_.-]+", "-", name)
    path = cache_folder() / "trained" / f"{safe_name}-{_key(module, dataset, recipe, seed)}.safetensors"
    if path.exists():
        try:
            return _read(path, module)
        except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
            _LOG.warning("%s is damaged and is trained again: %s", path, error)
    checkpoint = Checkpoint(path.with_suffix(".checkpoint.pt"))
    record = train(module, dataset, recipe, seed, progress, checkpoint)
    try:
        _write(path, module, record)
        checkpoint.remove()
    except OSError as error:
        _LOG.warning("the trained weights are not cached: %s", error)
    return record


def _key(module: nn.Module, dataset: Dataset, recipe: Recipe, seed: int) -> str:
    facts = {
        "structure": repr(module),
        "weights": _digest(module.state_dict()),
        "data": dataset.digest,
        "recipe": asdict(recipe),
        "seed": seed,
        "device": training_device(),
        "torch": torch.__version__,
        "version": _VERSION,
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]


def _digest(state: Mapping[str, Tensor]) -> str:
    """SHA-256 of names, shapes and values."""
    digest = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _write(path: Path, module: nn.Module, record: TrainingRecord) -> None:
    """The state and its record in one file, under a temporary name until it is whole."""
    state = {name: tensor.clone().contiguous() for name, tensor in module.state_dict().items()}
    with whole_file(path, durable=False) as unfinished:
        save_file(state, unfinished, {"record": json.dumps(asdict(record)), "digest": _digest(state)})


def _read(path: Path, module: nn.Module) -> TrainingRecord:
    """Load the state into the module once all of it is seen to be whole; the record."""
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata() or {}
        state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (the file is no mapping)
    if _digest(state) != metadata.get("digest"):
        raise ValueError("its content does not have the digest that was written with it")
    record = _record(json.loads(metadata["record"]))
    module.load_state_dict(state)
    module.eval()
    return record


def _record(plain: dict[str, Any]) -> TrainingRecord:
    plain["recipe"] = Recipe(**plain["recipe"])
    plain["curve"] = tuple(EpochRecord(**epoch) for epoch in plain["curve"])
    return TrainingRecord(**{**plain, "from_cache": True})
