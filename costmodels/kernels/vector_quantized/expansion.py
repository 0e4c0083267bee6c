"""Vector-quantized weights in torch: whole filters, or each segment under the codewords that are taken there."""

import numpy as np
import torch

from costmodels.kernels.phases import Expansion, Layer, Phase, Tensors, added, convolution
from costmodels.schemes.base import ACCUMULATOR_BITS, FLOAT_BITS

__all__ = ["direct", "shared_maps"]


def direct(layer: Layer) -> Expansion:
    """One codeword a vector and one convolution; with two, their sum first."""
    shape, scheme = layer.shape, layer.scheme
    words = [book[index].reshape(shape.weight_shape) for book, index in zip(*_books(layer), strict=True)]
    if scheme.codebooks == 1:
        return convolution(layer, words[0], scheme.value_bits)
    first, second, ratio = *words, _ratio(layer)
    phases = [Phase(lambda image: (image, second), FLOAT_BITS, scheme.value_bits)]
    if ratio is not None:
        phases.append(Phase(lambda image, more: (image, more * ratio), FLOAT_BITS, scheme.value_bits))
    phases.append(Phase(lambda image, more: (image, first + more), FLOAT_BITS, ACCUMULATOR_BITS))
    phases.append(
        Phase(
            lambda image, weights: (layer.convolve(layer.pad(image), weights, shape.groups),),
            FLOAT_BITS,
            layer.activation_bits,
        )
    )
    return Expansion(phases, _unit(layer))


def shared_maps(layer: Layer) -> Expansion:
    """The maps of each segment, and for each filter the sum of those that it takes; of two codebooks both sums."""
    shape, scheme, ratio = layer.shape, layer.scheme, _ratio(layer)
    books, index = _books(layer)
    size, outputs = scheme.channels(shape), shape.group_outputs

    def transform(image: torch.Tensor) -> Tensors:
        padded, taken = layer.pad(image), []
        for book, chosen in zip(books, index, strict=True):
            for group in range(shape.groups):
                own, channels = chosen[group * outputs : (group + 1) * outputs], layer.group(padded, group)
                columns = []
                for j in range(own.shape[1]):
                    words, places = own[:, j].unique(return_inverse=True)
                    kernels = book[words].reshape(-1, size, *shape.kernel)
                    columns.append(layer.convolve(channels[j * size : (j + 1) * size], kernels)[places])
                taken.append(torch.stack(columns, 1))
        return (torch.cat(taken).reshape(scheme.codebooks, shape.out_channels, -1, *shape.output_size),)

    def merge(maps: torch.Tensor) -> Tensors:
        if ratio is not None:
            return tuple(added(own.unbind(1)) for own in maps)
        return (added([column for own in maps for column in own.unbind(1)]),)

    phases = [
        Phase(transform, scheme.value_bits, layer.activation_bits),
        Phase(merge, FLOAT_BITS, ACCUMULATOR_BITS),
    ]
    if ratio is not None:
        phases.append(Phase(lambda first, second: (first, second * ratio), FLOAT_BITS, ACCUMULATOR_BITS))
        phases.append(Phase(lambda first, second: (first + second,), FLOAT_BITS, ACCUMULATOR_BITS))
    return Expansion(phases, _unit(layer))


def _books(layer: Layer) -> tuple[torch.Tensor, torch.Tensor]:
    """(M, K, v) codewords, and (M, n, S) which."""
    scheme = layer.scheme
    words = layer.tensor("codebook", scheme.codebooks, scheme.codewords, -1)
    return words, torch.from_numpy(layer.arrays["index"].astype(np.int64))


def _ratio(layer: Layer) -> torch.Tensor | None:
    """The scale of the second codebook over that of the first; the samples' scales are not zero."""
    return layer.scales[1] / layer.scales[0] if layer.has_scales and layer.scheme.codebooks == 2 else None


def _unit(layer: Layer) -> torch.Tensor | None:
    """The scale of the first codebook for every filter."""
    return layer.scales[0].expand(layer.shape.out_channels) if layer.has_scales else None
