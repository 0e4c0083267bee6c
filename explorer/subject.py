"""The subject of a search: the network with its weights, and the data that it is measured on."""

import hashlib
from dataclasses import dataclass

import numpy as np

from explorer.config import SearchConfig
from explorer.data import Dataset, load_data
from explorer.networks.load import LoadedNetwork, load_network
from explorer.networks.trace import TracedNetwork, trace
from explorer.trained_cache import trained
from explorer.training import TrainingRecord

__all__ = ["Subject", "load_subject", "open_network"]


@dataclass(frozen=True)
class Subject:
    """A traced network, its weights' origin in words and digest, its data, and its training where it was trained
    here."""

    traced: TracedNetwork
    weights_origin: str
    weights_digest: str
    dataset: Dataset | None
    training: TrainingRecord | None


def open_network(config: SearchConfig) -> tuple[LoadedNetwork, TracedNetwork]:
    """The network that the configuration names, before any training.

    Raises:
        FilterfrontError: the network or its weights cannot be used.
    """
    loaded = load_network(config.network, config.weights)
    return loaded, trace(loaded.module, loaded.example_input, loaded.name)


def load_subject(config: SearchConfig, loaded: LoadedNetwork, traced: TracedNetwork) -> Subject:
    """The network of `open_network` with its data; the demo network is trained from scratch on first use.

    Raises:
        FilterfrontError: the data cannot be used, or the training fails.
    """
    dataset = load_data(config.data_name) if config.data_name else None
    origin, training = loaded.weights_origin, None
    if config.is_demo_network and dataset is not None:
        training = trained(loaded.name, loaded.module, dataset, seed=config.seed)
        origin = f"trained here from scratch on {dataset.name} (seed {config.seed}, {training.recipe.epochs} epochs)"
        traced = trace(loaded.module, loaded.example_input, loaded.name)
    return Subject(traced, origin, _digest(traced), dataset, training)


def _digest(traced: TracedNetwork) -> str:
    """SHA-256 over all weights, layer by layer."""
    digest = hashlib.sha256()
    for name, weights in traced.weights.items():
        digest.update(f"{name} {weights.shape} {weights.dtype}\n".encode())
        digest.update(np.ascontiguousarray(weights).tobytes())
    return digest.hexdigest()
