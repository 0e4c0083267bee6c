"""The workload of a search: the network with its weights, and the data that it is measured on."""

import hashlib
from dataclasses import dataclass, replace

import numpy as np
import torch

from explorer.config.search import SearchConfig
from explorer.data import Dataset, Metric, answer_of_one, class_scores, load_data, load_metric, make_metric
from explorer.measurement.own_objective import OwnObjective, load_own_objective, make_own_objective
from explorer.measurement.rounded_biases import with_bias_bits
from explorer.networks.load import LoadedNetwork, load_network
from explorer.networks.outputs import probability_note
from explorer.networks.trace import TracedNetwork, read_again, trace
from explorer.system.inputs import called
from explorer.system.own_names import own_name, own_place
from explorer.training.train import TrainingRecord
from explorer.training.trained_cache import trained

__all__ = ["Workload", "load_workload", "open_data", "open_metric", "open_network", "open_own_objectives"]


@dataclass(frozen=True)
class Workload:
    """What is searched.

    Args:
        loaded: the network as a module.
        traced: the same, traced.
        weights_origin: in words.
        weights_digest: of its weights.
        dataset: None without data; its validation part holds the images that designs are measured on.
        validation_available: how many there were.
        training: of a network that was trained here.
    """

    loaded: LoadedNetwork
    traced: TracedNetwork
    weights_origin: str
    weights_digest: str
    dataset: Dataset | None
    validation_available: int
    training: TrainingRecord | None


def open_data(config: SearchConfig) -> Dataset | None:
    """The data that the configuration names, or was given; None without data.

    Raises:
        FilterfrontError: the data cannot be used.
    """
    if config.given.dataset is not None:
        return config.given.dataset
    config.check_given("data")
    return load_data(config.data_name, any_targets=config.wants_metric) if config.data_name else None


def open_metric(config: SearchConfig) -> Metric | None:
    """The user's metric that the configuration names, whose file is run, or was given; None without one.

    Raises:
        FilterfrontError: it cannot be loaded.
    """
    if config.given.metric is not None:
        return make_metric(config.given.metric, config.metric or "metric", config.metric_direction)
    config.check_given("metric")
    return load_metric(config.metric, config.metric_direction) if config.metric else None


def open_own_objectives(config: SearchConfig) -> tuple[OwnObjective, ...]:
    """The user's own objectives that the configuration names, whose files are run, or was given.

    Raises:
        FilterfrontError: one cannot be loaded.
    """
    if config.given.objective:
        pairs = zip(config.objective, config.given.objective, strict=True)
        return tuple(make_own_objective(function, own_name(text), own_place(text)) for text, function in pairs)
    config.check_given("objective")
    return tuple(load_own_objective(text) for text in config.objective)


def open_network(config: SearchConfig, dataset: Dataset | None) -> tuple[LoadedNetwork, TracedNetwork]:
    """The network that the configuration names or was given, before any training; one of the zoo has an output for each
    class.

    Raises:
        FilterfrontError: the network or its weights cannot be used.
    """
    loaded = config.given.network
    if loaded is None:
        config.check_given("network")
        loaded = load_network(config.network, config.weights, (dataset.classes or None) if dataset else None)
    return loaded, with_bias_bits(trace(loaded.module, loaded.example_input, loaded.name), config.bias_bits)


def load_workload(
    config: SearchConfig, loaded: LoadedNetwork, traced: TracedNetwork, dataset: Dataset | None
) -> Workload:
    """The network of `open_network` with its data; one that is to be trained here is, on first use.

    Raises:
        FilterfrontError: the data cannot be used, or the training fails.
    """
    origin, training = loaded.weights_origin, None
    dataset = None if dataset is None else dataset.in_order(traced.arguments)
    if dataset is not None:
        answer_of_one(lambda images: called(traced.graph, images), dataset, traced.fixed_batch or 1)
    if dataset is not None and dataset.is_labelled and config.wants_metric and not _classifies(config, traced, dataset):
        dataset = dataset.without_labels()
    if config.trains_here and dataset is not None:
        training = trained(loaded.name, loaded.module, dataset, seed=config.seed)
        origin = f"trained here from scratch on {dataset.name} (seed {config.seed}, {training.recipe.epochs} epochs)"
        traced = read_again(traced)
    if dataset is not None and (note := probability_note(traced, dataset.validation.inputs)):
        traced = replace(traced, notes=(*traced.notes, note))
    available = len(dataset.validation) if dataset else 0
    measured_on = dataset.with_validation(config.validation_images) if dataset else None
    return Workload(loaded, traced, origin, _digest(traced), measured_on, available, training)


def _classifies(config: SearchConfig, traced: TracedNetwork, dataset: Dataset) -> bool:
    """Whether labels are those of a classifier: of a search for a metric they may be what a regression is held to."""
    if {"accuracy", "loss"} & set(config.objective_names):
        return True
    with torch.inference_mode():
        made = answer_of_one(lambda images: called(traced.graph, images), dataset, traced.fixed_batch or 1)
        scores = class_scores(made)
    return scores is not None and scores.shape[1] >= dataset.classes


def _digest(traced: TracedNetwork) -> str:
    """SHA-256 over all weights, layer by layer."""
    digest = hashlib.sha256()
    for name, weights in traced.weights.items():
        digest.update(f"{name} {weights.shape} {weights.dtype}\n".encode())
        digest.update(np.ascontiguousarray(weights).tobytes())
    return digest.hexdigest()
