"""Stacked filters: a bank convolved with each segment, and one map for each segment of a filter."""

import numpy as np
import torch

from costmodels.kernels.phases import Expansion, Layer, Phase, Tensors, added, pair_maps
from costmodels.schemes.base import ACCUMULATOR_BITS, FLOAT_BITS

__all__ = ["direct", "shared_maps"]


def direct(layer: Layer) -> Expansion:
    """The filters read from the bank and convolved; with a scale a segment, each segment by itself."""
    shape, scheme = layer.shape, layer.scheme
    selection = torch.from_numpy(layer.arrays["selection"].astype(np.int64))
    bank = layer.tensor("bank")
    groups = torch.arange(shape.out_channels) // shape.group_outputs
    chosen, segments = bank[groups[:, None], selection], selection.shape[1]
    if scheme.scale != "segment":
        whole = chosen.reshape(shape.weight_shape)
        phases = [
            Phase(
                lambda image: (layer.convolve(layer.pad(image), whole, shape.groups),),
                scheme.filter_bits,
                layer.activation_bits,
            )
        ]
        return Expansion([*phases, *_filter_scales(layer)])
    parts = chosen.reshape(shape.groups, shape.group_outputs, segments, *bank.shape[2:]).transpose(1, 2).flatten(0, 2)

    def apart(image: torch.Tensor) -> Tensors:
        sums = layer.convolve(layer.pad(image), parts, shape.groups * segments)
        sums = sums.reshape(shape.groups, segments, shape.group_outputs, *shape.output_size).transpose(1, 2)
        return (sums.flatten(0, 1),)

    return Expansion([Phase(apart, scheme.filter_bits, layer.activation_bits), *_merging(layer)])


def shared_maps(layer: Layer) -> Expansion:
    """The maps that are selected, then the sum of one map for each segment."""
    shape, selection = layer.shape, layer.arrays["selection"].tolist()
    wanted = [
        (i // shape.group_outputs, j, choice) for i, choices in enumerate(selection) for j, choice in enumerate(choices)
    ]
    pairs = sorted(set(wanted))
    places = torch.tensor([pairs.index(pair) for pair in wanted])

    def run(image: torch.Tensor) -> Tensors:
        maps = pair_maps(layer, image, pairs, layer.tensor("bank"))
        return (maps[places].reshape(shape.out_channels, -1, *shape.output_size),)

    return Expansion([Phase(run, layer.scheme.filter_bits, layer.activation_bits), *_merging(layer)])


def _merging(layer: Layer) -> list[Phase]:
    """(n, S, H', W') to (n, H', W'): scaled a segment, added up, scaled a filter."""
    phases = []
    if layer.scheme.scale == "segment":
        alpha = layer.scales[:, :, None, None]
        phases.append(Phase(lambda maps: (maps * alpha,), FLOAT_BITS, ACCUMULATOR_BITS))
    phases.append(Phase(lambda maps: (added(maps.unbind(1)),), FLOAT_BITS, ACCUMULATOR_BITS))
    return phases + _filter_scales(layer)


def _filter_scales(layer: Layer) -> list[Phase]:
    if layer.scheme.scale != "filter":
        return []
    alpha = layer.scales[:, None, None]
    return [Phase(lambda sums: (sums * alpha,), FLOAT_BITS, ACCUMULATOR_BITS)]
