"""Linear representation: the templates under a and the box sums under b, reconstructed, mixed after or added before."""

import numpy as np
import torch

from costmodels.kernels.phases import Expansion, Layer, Phase, Tensors, added
from costmodels.schemes.base import ACCUMULATOR_BITS, FLOAT_BITS

__all__ = ["add_then_convolve", "convolve_then_add", "direct"]


def direct(layer: Layer) -> Expansion:
    """a times the template of each kernel, plus its b; then one convolution."""
    shape, scheme, ratio = layer.shape, layer.scheme, _ratio(layer)
    a, chosen = layer.tensor("a")[:, :, None], _templates(layer)[_index(layer)]
    phases = []
    if ratio is not None:
        phases.append(Phase(lambda image, b: (image, b * ratio), FLOAT_BITS, ACCUMULATOR_BITS))
    phases.append(
        Phase(lambda image, *b: (image, a * chosen, *b), scheme.coefficient_bits, scheme.template_bits),
    )
    if scheme.offset:
        shift = Phase(lambda image, kernels, b: (image, kernels + b[:, :, None]), FLOAT_BITS, ACCUMULATOR_BITS)
        phases.append(shift)
    phases.append(
        Phase(
            lambda image, kernels: (
                layer.convolve(layer.pad(image), kernels.reshape(shape.weight_shape), shape.groups),
            ),
            FLOAT_BITS,
            layer.activation_bits,
        )
    )
    return Expansion([_with_offset(layer), *phases], _unit(layer))


def convolve_then_add(layer: Layer) -> Expansion:
    """Each channel convolved with the templates that its kernels use, and its box sum; then a mixing of each filter."""
    shape, scheme, ratio = layer.shape, layer.scheme, _ratio(layer)
    templates, index, a = _templates(layer), _index(layer), layer.tensor("a")

    def transform(image: torch.Tensor) -> Tensors:
        padded, rows = layer.pad(image), []
        blank = torch.zeros(1, shape.positions, dtype=torch.float64)
        for group, own, used in _by_group(layer):
            for j in range(shape.group_inputs):
                members = sorted({int(template) for template in index[own, j][used[:, j]]})
                channel = layer.group(padded, group)[j : j + 1]
                kernels = templates[members].reshape(-1, 1, *shape.kernel)
                maps = layer.convolve(channel, kernels).flatten(1) if members else blank[:0]
                places = [
                    members.index(template) if is_used else len(members)
                    for template, is_used in zip(index[own, j].tolist(), used[:, j].tolist(), strict=True)
                ]
                rows.append(torch.cat([maps, blank])[places])
        maps = torch.stack(rows).reshape(shape.groups, shape.group_inputs, shape.group_outputs, -1)
        return image, maps.transpose(1, 2).flatten(0, 1)

    def box(image: torch.Tensor, maps: torch.Tensor) -> Tensors:
        return maps, added(layer.windows(layer.pad(image)).unbind(1))

    def mix(maps: torch.Tensor, boxes: torch.Tensor | None = None) -> Tensors:
        rows = []
        for i in range(shape.out_channels):
            factors, values = a[i], maps[i]
            if boxes is not None:
                factors = torch.cat([factors, layer.tensor("b")[i]])
                values = torch.cat([values, layer.group(boxes, i // shape.group_outputs)])
            rows.append(factors[None] @ values)
        return (layer.output(rows),)

    phases = [Phase(transform, scheme.template_bits, layer.activation_bits)]
    if scheme.offset:
        phases.append(Phase(box, FLOAT_BITS, layer.activation_bits))
    else:
        phases.append(Phase(lambda image, maps: (maps,), FLOAT_BITS, layer.activation_bits))
    if ratio is not None:
        phases.append(Phase(lambda maps, boxes: (maps, boxes * ratio), FLOAT_BITS, ACCUMULATOR_BITS))
    phases.append(Phase(mix, scheme.coefficient_bits, ACCUMULATOR_BITS))
    return Expansion(phases, _unit(layer))


def add_then_convolve(layer: Layer) -> Expansion:
    """The channels of each template added up under a, and all under b; then one convolution of each sum."""
    shape, scheme, ratio = layer.shape, layer.scheme, _ratio(layer)
    templates, index, a = _templates(layer), _index(layer), layer.tensor("a")

    def add(image: torch.Tensor) -> Tensors:
        sums, boxes = [], []
        for i in range(shape.out_channels):
            channels = layer.group(image, i // shape.group_outputs).flatten(1)
            for template in sorted({int(item) for item in index[i]}):
                own = torch.nonzero(index[i] == template)[:, 0]
                sums.append(a[i, own][None] @ channels[own])
            if scheme.offset:
                boxes.append(layer.tensor("b")[i][None] @ channels)
        stacked = [torch.cat(rows).reshape(-1, *shape.input_size) for rows in (sums, boxes) if rows]
        return tuple(stacked)

    def convolve(sums: torch.Tensor, *boxes: torch.Tensor) -> Tensors:
        padded, place, rows = layer.pad(sums), 0, []
        for i in range(shape.out_channels):
            members = sorted({int(item) for item in index[i]})
            used = [template for template in members if bool((a[i][index[i] == template] != 0).any())]
            own = padded[[place + members.index(template) for template in used]]
            kernels = templates[used].reshape(1, -1, *shape.kernel)
            blank = torch.zeros(1, *shape.output_size, dtype=torch.float64)
            rows.append(layer.convolve(own, kernels) if used else blank)
            place += len(members)
        return torch.cat(rows), *boxes

    def box(output: torch.Tensor, boxes: torch.Tensor) -> Tensors:
        return output, added(layer.windows(layer.pad(boxes)).unbind(1)).reshape(output.shape)

    phases = [
        Phase(add, scheme.coefficient_bits, layer.activation_bits),
        Phase(convolve, scheme.template_bits, ACCUMULATOR_BITS),
    ]
    if scheme.offset:
        phases.append(Phase(box, FLOAT_BITS, ACCUMULATOR_BITS))
        if ratio is not None:
            phases.append(Phase(lambda output, boxes: (output, boxes * ratio), FLOAT_BITS, ACCUMULATOR_BITS))
        phases.append(Phase(lambda output, boxes: (output + boxes,), FLOAT_BITS, ACCUMULATOR_BITS))
    return Expansion(phases, _unit(layer))


def _with_offset(layer: Layer) -> Phase:
    """Brings b in, where there is one."""
    extra = (layer.tensor("b"),) if layer.scheme.offset else ()
    return Phase(lambda image: (image, *extra), FLOAT_BITS, ACCUMULATOR_BITS)


def _index(layer: Layer) -> torch.Tensor:
    return torch.from_numpy(layer.arrays["index"].astype(np.int64))


def _templates(layer: Layer) -> torch.Tensor:
    return layer.tensor("templates", layer.scheme.templates, layer.shape.kernel_area)


def _by_group(layer: Layer) -> list[tuple[int, slice, torch.Tensor]]:
    """(group, its filters, which of their kernels (n/g, c/g) use a template)."""
    size, uses = layer.shape.group_outputs, layer.tensor("a") != 0
    slices = [slice(group * size, (group + 1) * size) for group in range(layer.shape.groups)]
    return [(group, own, uses[own]) for group, own in enumerate(slices)]


def _ratio(layer: Layer) -> torch.Tensor | None:
    """The scale of b over that of a, where both are quantized; the samples' scales are not zero."""
    return layer.scales[1] / layer.scales[0] if layer.has_scales and layer.scheme.offset else None


def _unit(layer: Layer) -> torch.Tensor | None:
    """The scale of a for every filter."""
    return layer.scales[0].expand(layer.shape.out_channels) if layer.has_scales else None
