"""Layers of an ONNX file as modules of torch, under names that its reader knows."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["Layers", "layer_name", "registered"]

Handler = Callable[[Any, Any], Any]
"""From onnx2fx's builder and a node to the node of the graph that computes it."""


def registered(layers: "Layers") -> Mapping[str, Handler]:
    """What takes the place of onnx2fx's own handlers, by operation, for one file.

    Args:
        layers: gets what is made.
    """
    return {
        "Conv": layers.convolution,
        "ConvTranspose": layers.transposed_convolution,
        "Gemm": layers.gemm,
        "MatMul": layers.matmul,
        "BatchNormalization": layers.normalization,
        "Reshape": lambda builder, node: _called(builder, node, _reshaped, _attributes(node).get("allowzero", 0)),
        "Expand": lambda builder, node: _called(builder, node, _expanded),
    }


@dataclass
class Layers:
    """The layers of one file.

    A node whose weights are computed, or whose attributes have no counterpart in a module, stays a function.

    Args:
        own: onnx2fx's handler of an operation.
        modules: by name, as they are made.
        keys: name of a module in onnx2fx's graph -> its own.
    """

    own: Callable[[Any, Any], Handler]
    modules: dict[str, nn.Module] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    _parameters: dict[str, nn.Parameter] = field(default_factory=dict)

    def convolution(self, builder: Any, node: Any) -> Any:
        """``Conv`` of stored weights; unequal zeros around it are a step of their own."""
        weight, bias = (self._stored(builder, node, place) for place in (1, 2))
        attributes, shape = _attributes(node), builder.value_info_map.get(node.input[0], (None,))[0]
        kind = None if weight is None else _CONVOLUTIONS.get(weight.ndim - 2)
        pads = _pads(attributes, weight, shape) if weight is not None else None
        if weight is None or kind is None or pads is None or (len(node.input) > 2 and node.input[2] and bias is None):
            return self.own(builder, node)(builder, node)
        places, groups = weight.ndim - 2, int(attributes.get("group", 1))
        before, after = pads[:places], pads[places:]
        inputs = builder.get_value(node.input[0])
        if before != after:
            around = [size for pair in reversed(list(zip(before, after, strict=True))) for size in pair]
            inputs = builder.call_function(functional.pad, args=(inputs, around))
        layer = kind(
            in_channels=weight.shape[1] * groups,
            out_channels=weight.shape[0],
            kernel_size=tuple(weight.shape[2:]),
            stride=_sizes(attributes, "strides", places),
            padding=before if before == after else 0,
            dilation=_sizes(attributes, "dilations", places),
            groups=groups,
            bias=bias is not None,
        )
        return self._call(builder, node, layer, inputs, weight, bias)

    def transposed_convolution(self, builder: Any, node: Any) -> Any:
        """``ConvTranspose`` of stored weights; what is cut off at the end alone is a step of its own."""
        weight, bias = (self._stored(builder, node, place) for place in (1, 2))
        has_bias, attributes = len(node.input) > 2 and bool(node.input[2]), _attributes(node)
        kind = None if weight is None else _TRANSPOSED.get(weight.ndim - 2)
        if weight is None or kind is None or (has_bias and bias is None) or attributes.get("output_shape"):
            return self.own(builder, node)(builder, node)
        places, groups = weight.ndim - 2, int(attributes.get("group", 1))
        strides, dilations = (_sizes(attributes, name, places) for name in ("strides", "dilations"))
        cut = _cuts(attributes, weight.shape[2:], strides, dilations)
        added = [int(size) for size in attributes.get("output_padding") or [0] * places]
        # More than is cut off at the beginning is cut off at the end, or less: it is added there.
        ends = [more + before - after for more, before, after in zip(added, *cut, strict=True)]
        if min(cut[0]) < 0 or any(end >= max(pair) for end, *pair in zip(ends, strides, dilations, strict=True)):
            return self.own(builder, node)(builder, node)
        layer = kind(
            in_channels=weight.shape[0],
            out_channels=weight.shape[1] * groups,
            kernel_size=tuple(weight.shape[2:]),
            stride=strides,
            padding=cut[0],
            output_padding=tuple(max(end, 0) for end in ends),
            dilation=dilations,
            groups=groups,
            bias=bias is not None,
        )
        made = self._call(builder, node, layer, builder.get_value(node.input[0]), weight, bias)
        return made if min(ends) >= 0 else builder.call_function(_without_ends, args=(made, ends))

    def gemm(self, builder: Any, node: Any) -> Any:
        """``Gemm`` of stored weights and no factors but 1."""
        weight, bias, attributes = self._stored(builder, node, 1), self._stored(builder, node, 2), _attributes(node)
        has_bias = len(node.input) > 2 and bool(node.input[2])
        is_plain = attributes.get("alpha", 1.0) == attributes.get("beta", 1.0) == 1.0 and not attributes.get("transA")
        if weight is None or weight.ndim != 2 or not is_plain or (has_bias and bias is None):
            return self.own(builder, node)(builder, node)
        is_turned = bool(attributes.get("transB"))
        outputs, inputs = weight.shape if is_turned else weight.shape[::-1]
        if bias is not None and bias.numel() not in (1, outputs):
            return self.own(builder, node)(builder, node)
        layer = nn.Linear(inputs, outputs, bias=bias is not None)
        values = weight if is_turned else weight.T
        flat = None if bias is None else bias.reshape(-1).expand(outputs)
        return self._call(builder, node, layer, builder.get_value(node.input[0]), values, flat, is_shared=is_turned)

    def matmul(self, builder: Any, node: Any) -> Any:
        """``MatMul`` by a stored matrix."""
        weight = self._stored(builder, node, 1)
        if weight is None or weight.ndim != 2:
            return self.own(builder, node)(builder, node)
        layer = nn.Linear(weight.shape[0], weight.shape[1], bias=False)
        return self._call(builder, node, layer, builder.get_value(node.input[0]), weight.T, None, is_shared=False)

    def normalization(self, builder: Any, node: Any) -> Any:
        """``BatchNormalization`` with stored statistics, of an input whose dimensions are known."""
        stored = [part for place in range(1, 5) if (part := self._stored(builder, node, place)) is not None]
        shape, attributes = builder.value_info_map.get(node.input[0], (None,))[0], _attributes(node)
        kind = None if shape is None else _NORMALIZATIONS.get(len(shape))
        if kind is None or len(stored) < 4 or attributes.get("training_mode"):
            return self.own(builder, node)(builder, node)
        scale, shift, mean, variance = stored
        layer = kind(len(scale), eps=float(attributes.get("epsilon", 1e-5)))
        layer.running_mean, layer.running_var = mean.clone(), variance.clone()
        return self._call(builder, node, layer, builder.get_value(node.input[0]), scale, shift)

    def _call(
        self,
        builder: Any,
        node: Any,
        layer: nn.Module,
        inputs: Any,
        weight: Tensor,
        bias: Tensor | None,
        is_shared: bool = True,
    ) -> Any:
        """A call of a new layer; weights that several nodes read are stored once."""
        with torch.no_grad():
            own = nn.Parameter(weight.float().contiguous().clone())
            layer.weight = self._parameters.setdefault(node.input[1], own) if is_shared else own
            if bias is not None:
                layer.bias = nn.Parameter(bias.float().contiguous().clone())
        name = layer_name(node, node.input[1], self.modules)
        self.modules[name] = layer
        key = builder.register_submodule(f"layer_{len(self.modules)}", layer)
        self.keys[key] = name
        return builder.call_module(key, args=(inputs,))

    def _stored(self, builder: Any, node: Any, place: int) -> Tensor | None:
        """An input of a node that the file stores as numbers; None for any other."""
        name = node.input[place] if len(node.input) > place else ""
        found: Tensor | None = builder.initializer_map.get(name)
        return found if found is not None and found.is_floating_point() else None


def layer_name(node: Any, weight: str, taken: Mapping[str, object]) -> str:
    """The name of a layer: that of its weight without ``.weight``, else the node's as a path.

    Args:
        node: of the file.
        weight: the name of its stored weight.
        taken: names of other layers, none of which is a part of this one's path.
    """
    if weight.endswith(".weight"):
        path = weight.removesuffix(".weight").split(".")
    else:
        parts = [part for part in (node.name or node.output[0]).split("/") if part]
        if len(parts) > 1 and parts[-1].split("_")[0] == node.op_type:
            parts.pop()
        # Scopes of torch's exporter repeat their beginning: layer1, layer1.0, conv.
        kept = [part for part, after in zip(parts, [*parts[1:], ""], strict=True) if not after.startswith(f"{part}.")]
        path = [piece for part in kept for piece in part.split(".")]
    cleaned = [re.sub(r"[^A-Za-z0-9_]", "_", piece) for piece in path if piece]
    name = ".".join(cleaned) or node.op_type.lower()
    if not _is_free(name, taken):
        name = name.replace(".", "_")
    return next(found for found in (name, *(f"{name}_{count}" for count in range(2, 10**6))) if _is_free(found, taken))


def _is_free(name: str, taken: Iterable[str]) -> bool:
    """Whether neither name is on the path of the other."""
    return not any(f"{other}.".startswith(f"{name}.") or f"{name}.".startswith(f"{other}.") for other in taken)


_CONVOLUTIONS: Mapping[int, Any] = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
_TRANSPOSED: Mapping[int, Any] = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
_NORMALIZATIONS: Mapping[int, Any] = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}


def _attributes(node: Any) -> dict[str, Any]:
    """The attributes of a node by name."""
    from onnx import helper

    found = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    return {name: value.decode() if isinstance(value, bytes) else value for name, value in found.items()}


def _sizes(attributes: Mapping[str, Any], name: str, places: int) -> tuple[int, ...]:
    return tuple(int(size) for size in attributes.get(name) or [1] * places)


def _pads(attributes: Mapping[str, Any], weight: Tensor, shape: Sequence[int | None] | None) -> tuple[int, ...] | None:
    """Zeros before and after each dimension of a convolution's input, all before first; None where they depend on a
    size that is not known."""
    places, way = weight.ndim - 2, attributes.get("auto_pad", "NOTSET")
    if way in ("NOTSET", ""):
        return tuple(int(size) for size in attributes.get("pads") or [0] * 2 * places)
    if way == "VALID":
        return (0,) * 2 * places
    if shape is None or None in shape[2:]:
        return None
    before, after = [], []
    strides, dilations = (_sizes(attributes, name, places) for name in ("strides", "dilations"))
    for size, kernel, stride, dilation in zip(shape[2:], weight.shape[2:], strides, dilations, strict=True):
        total = max((-(-int(size or 0) // stride) - 1) * stride + (kernel - 1) * dilation + 1 - int(size or 0), 0)
        less, more = total // 2, total - total // 2
        before.append(less if way == "SAME_UPPER" else more)
        after.append(more if way == "SAME_UPPER" else less)
    return (*before, *after)


def _cuts(
    attributes: Mapping[str, Any], kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """What a transposed convolution cuts off of its outputs, before and after those of each dimension."""
    way, places = attributes.get("auto_pad", "NOTSET"), len(kernel)
    if way in ("NOTSET", "", "VALID"):
        pads = (
            [0] * 2 * places if way == "VALID" else [int(size) for size in attributes.get("pads") or [0] * 2 * places]
        )
        return tuple(pads[:places]), tuple(pads[places:])
    # As many outputs are left as inputs times the stride.
    totals = [dilation * (size - 1) + 1 - step for size, step, dilation in zip(kernel, strides, dilations, strict=True)]
    less, more = tuple(total // 2 for total in totals), tuple(total - total // 2 for total in totals)
    return (less, more) if way == "SAME_UPPER" else (more, less)


def _without_ends(values: Tensor, ends: Sequence[int]) -> Tensor:
    """Values (N, c, ...) less so many at the end of each dimension, given as numbers below 0."""
    return values[(..., *(slice(None, end if end < 0 else None) for end in ends))]


def _called(builder: Any, node: Any, function: Callable[..., Tensor], *more: Any) -> Any:
    """A function of a tensor and a shape, of which a later pass makes numbers."""
    return builder.call_function(function, args=(*(builder.get_value(name) for name in node.input), *more))


def _reshaped(values: Tensor, shape: Any, allow_zero: int) -> Tensor:
    """ONNX's ``Reshape``: a size of 0 is that of the input unless it is allowed, -1 is what is left."""
    sizes = list(shape.tolist() if isinstance(shape, Tensor) else shape)
    if not allow_zero:
        sizes = [values.shape[place] if is_zero(size) else size for place, size in enumerate(sizes)]
    return values.reshape(sizes)


def _expanded(values: Tensor, shape: Any) -> Tensor:
    """ONNX's ``Expand``: both shapes are extended to each other, where a size of 1 gives way."""
    sizes = list(shape.tolist() if isinstance(shape, Tensor) else shape)
    sizes = [1] * (values.ndim - len(sizes)) + sizes
    own = [1] * (len(sizes) - values.ndim) + list(values.shape)
    return values.expand(
        [mine if isinstance(size, int) and size == 1 else size for mine, size in zip(own, sizes, strict=True)]
    )


def is_zero(size: Any) -> bool:
    """Whether a size is the number 0, and no symbol."""
    return isinstance(size, int) and size == 0
