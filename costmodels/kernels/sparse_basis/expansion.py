"""Sparse basis: filters or maps mixed by sparse coefficients."""

import torch

from costmodels.kernels.loops.sparse_rows import sparse_rows
from costmodels.kernels.phases import Expansion, Layer, Phase, Tensors, pair_maps
from costmodels.schemes.base import ACCUMULATOR_BITS, FLOAT_BITS

__all__ = ["direct", "shared_maps"]

Entries = list[tuple[int, int, int, float]]
"""(row of A, group, basis filter, coefficient) of every coefficient that is not zero; row i*S + j is segment j of i."""


def direct(layer: Layer) -> Expansion:
    """The coefficients scaled, the filters reconstructed as matrix products with the basis, and convolved."""
    shape, scheme, scaled = layer.shape, layer.scheme, _has_filter_scales(layer)
    entries, basis = _entries(layer), layer.tensor("basis").flatten(2)
    rows = range(shape.weights // (scheme.segment_channels * shape.kernel_area))
    members = [[place for place, (row, *_) in enumerate(entries) if row == own] for own in rows]
    groups = [own * shape.groups // len(rows) for own in rows]
    items = torch.tensor([item for *_, item, _ in entries], dtype=torch.int64)
    coefficients = torch.tensor([value for *_, value in entries], dtype=torch.float64)

    def scale(image: torch.Tensor) -> Tensors:
        own = torch.tensor([group for _, group, *_ in entries], dtype=torch.int64)
        return image, coefficients * layer.scales[own, items]

    def rebuild(image: torch.Tensor, factors: torch.Tensor = coefficients) -> Tensors:
        parts = [
            factors[places][None] @ basis[group][items[places]] for places, group in zip(members, groups, strict=True)
        ]
        return image, torch.cat(parts).reshape(shape.weight_shape)

    def convolve(image: torch.Tensor, weights: torch.Tensor) -> Tensors:
        return (layer.convolve(layer.pad(image), weights, shape.groups),)

    factor_bits = FLOAT_BITS if scaled else scheme.coefficient_bits
    phases = [Phase(rebuild, scheme.basis_bits, factor_bits), Phase(convolve, FLOAT_BITS, layer.activation_bits)]
    if scaled:
        phases.insert(0, Phase(scale, FLOAT_BITS, ACCUMULATOR_BITS))
    return Expansion(phases, _bank_scales(layer))


def shared_maps(layer: Layer) -> Expansion:
    """The maps with a coefficient, scaled, then each filter a matrix product of its coefficients and its maps."""
    shape, scheme, scaled = layer.shape, layer.scheme, _has_filter_scales(layer)
    entries, segments = _entries(layer), shape.group_inputs // scheme.segment_channels
    wanted = [(group, row % segments, item) for row, group, item, _ in entries]
    pairs = sorted(set(wanted))
    mixing: list[tuple[list[int], list[float]]] = [([], []) for _ in range(shape.out_channels)]
    for (row, *_, value), pair in zip(entries, wanted, strict=True):
        mixing[row // segments][0].append(pairs.index(pair))
        mixing[row // segments][1].append(value)

    def transform(image: torch.Tensor) -> Tensors:
        return (pair_maps(layer, image, pairs, layer.tensor("basis")),)

    def scale(maps: torch.Tensor) -> Tensors:
        groups, _, items = torch.tensor(pairs, dtype=torch.int64).reshape(-1, 3).unbind(1)
        return (maps * layer.scales[groups, items][:, None, None],)

    def mix(maps: torch.Tensor) -> Tensors:
        flat = maps.flatten(1)
        rows = [torch.tensor([values], dtype=torch.float64) @ flat[places] for places, values in mixing]
        return (layer.output(rows),)

    phases = [
        Phase(transform, scheme.basis_bits, layer.activation_bits),
        Phase(mix, scheme.coefficient_bits, ACCUMULATOR_BITS),
    ]
    if scaled:
        phases.insert(1, Phase(scale, FLOAT_BITS, ACCUMULATOR_BITS))
    return Expansion(phases, _bank_scales(layer))


def _entries(layer: Layer) -> Entries:
    rows = sparse_rows(layer.arrays, "coefficients")
    return [
        (row, row * layer.shape.groups // len(rows), item, value)
        for row, values in enumerate(rows)
        for item, value in values
    ]


def _has_filter_scales(layer: Layer) -> bool:
    """Whether each basis filter has a scale of its own."""
    return layer.has_scales and layer.scheme.basis_scale == "filter"


def _bank_scales(layer: Layer) -> torch.Tensor | None:
    """(n,), where each bank has one scale."""
    if not layer.has_scales or _has_filter_scales(layer):
        return None
    return layer.scales[:, 0].repeat_interleave(layer.shape.group_outputs)
