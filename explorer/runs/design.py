"""A design of a run folder, as it would be deployed: its network with compressed weights, and its fitted layers."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

import numpy as np
import torch
from torch import nn

from costmodels import NetworkCost, network_cost
from explorer.config.given import NOTHING_GIVEN, Given
from explorer.config.search import SearchConfig
from explorer.data import Dataset
from explorer.finetuning.tuned_file import read_tuned
from explorer.forms.fitted_layer import FittedLayer
from explorer.measurement.activation_ranges import ActivationRanges
from explorer.measurement.batch_statistics import put_biases, put_statistics
from explorer.measurement.quality_meter import QualityMeter
from explorer.measurement.rounded_biases import with_bias_bits
from explorer.networks.trace import Example, TracedNetwork, trace
from explorer.runs.reopen import reopen
from explorer.system.errors import NetworkError
from reports.records import DesignRecord

__all__ = ["RunDesign", "open_design", "with_weights"]


@dataclass(frozen=True, eq=False)
class RunDesign:
    """A design of a run folder.

    Args:
        design: the id.
        config: of the search.
        example: an input of the network.
        network: the original module with reconstructed weights and, where the design has any of its own, batch
            statistics and biases; in evaluation mode.
        traced: the same, traced.
        layers: by name, in fitted form.
        tuned: whether they were fine-tuned.
        ranges: of rounded activations; of none where there are no data to calibrate them on.
        cost: counted with what the layers use.
        dataset: of the search; None without data.
        recorded: what designs/ID.json holds.
    """

    design: str
    config: SearchConfig
    example: Example
    network: nn.Module
    traced: TracedNetwork
    layers: Mapping[str, FittedLayer]
    tuned: bool
    ranges: ActivationRanges
    cost: NetworkCost
    dataset: Dataset | None
    recorded: DesignRecord

    @property
    def executions(self) -> dict[str, str]:
        """Layer name -> the kernel's execution that its cost is of."""
        return {layer.name: layer.executions[layer.execution].method or layer.execution for layer in self.cost.layers}


def open_design(folder: Path, design: str, given: Given = NOTHING_GIVEN) -> RunDesign:
    """A design of a run folder, reconstructed as the search measured it; fine-tuned where its state is kept there.

    Network, weights and data are those of the search, by the same names and paths, seen from this folder.

    Args:
        folder: of the run.
        design: of its front.
        given: objects in the place of names.

    Raises:
        ReportError, ConfigError: as `explorer.runs.reopen.reopen`.
        NetworkError: a weight is no parameter of the module.
        FilterfrontError: something that the search named cannot be used.
    """
    opened = reopen(folder, design, given)
    recorded, config, loaded = opened.run.designs[design], opened.config, opened.workload.loaded
    traced, dataset, chosen = opened.workload.traced, opened.workload.dataset, opened.design(design)
    bits, meter = opened.evaluator.bits_of(chosen), opened.evaluator.meter_of(chosen)
    tuned = read_tuned(folder, design, loaded.module, traced)
    layers = tuned.layers if tuned else opened.evaluator.fitted_layers(chosen)
    network = with_weights(tuned.network if tuned else loaded.module, traced, layers)
    if tuned is None:
        kept = recorded.batch_statistics
        put_statistics(network, {name: torch.tensor(values) for name, values in kept.items()})
        put_biases(network, {name: torch.tensor(values) for name, values in recorded.biases.items()})
    reconstructed = with_bias_bits(trace(network, loaded.example_input, traced.spec.name), config.bias_bits)
    # As the search measured it, a design that is not tuned rounds to the ranges of the float network.
    measuring = QualityMeter(reconstructed, dataset, bits) if tuned and dataset else meter
    ranges = measuring.ranges if measuring else ActivationRanges(32, {})
    usages = {name: layer.usage for name, layer in layers.items()}
    return RunDesign(
        design=design,
        config=config,
        example=loaded.example_input,
        network=network,
        traced=reconstructed,
        layers=layers,
        tuned=tuned is not None,
        ranges=ranges,
        cost=network_cost(traced.spec, chosen.schemes, bits, usages, recorded.sram_limit_bytes),
        dataset=dataset,
        recorded=recorded,
    )


def with_weights(module: nn.Module, traced: TracedNetwork, layers: Mapping[str, FittedLayer]) -> nn.Module:
    """A copy of the module with reconstructed weights.

    Raises:
        NetworkError: a weight is no parameter of the module.
    """
    result = copy.deepcopy(module)
    for layer in traced.spec.layers:
        try:
            parameter = attrgetter(layer.weight)(result)
        except AttributeError as error:
            rule = "the weight of a layer is a parameter of the module"
            raise NetworkError(rule, layer.weight, "store it under a name of its own") from error
        with torch.no_grad():
            weights = np.ascontiguousarray(layers[layer.name].weights)
            parameter.copy_(torch.from_numpy(weights.copy()).reshape(parameter.shape))
    return result.eval()
