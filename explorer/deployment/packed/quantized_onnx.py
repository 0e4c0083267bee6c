"""Packed networks of dense layers as ONNX whose integers stand in the file: QDQ, which runtimes run in int8, and QONNX.

Both have the operations of the packed network's graph, normalizations folded. QDQ has a QuantizeLinear and a
DequantizeLinear for every rounded activation, weights as int8 with a scale for each channel, and a zero point in int8
where they have one, and biases as int32 in units of input times weight; activations have 8 bits. QONNX has a Quant for
each, of any width from 1 bit on.

References:
    QDQ: ONNX operators QuantizeLinear and DequantizeLinear, opset 18.
    QONNX: A. Pappalardo et al., QONNX: representing arbitrary-precision quantized neural networks, arXiv 2206.07527.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.fx import Graph, GraphModule

from costmodels.codes import code_levels, has_zero
from costmodels.kernels.packing import PackedLayer, unpack_layer
from explorer.deployment.packed.network import PackedNetwork
from explorer.deployment.packed.step import PackedStep
from explorer.measurement.activation_ranges import fake_quantize
from explorer.networks.onnx_file import exported_content
from explorer.system.errors import NetworkError

__all__ = ["qdq_content", "qonnx_content", "qonnx_runner"]

QDQ, QONNX = "QDQ", "QONNX"
BYTE_BITS = 8
LARGEST_BIAS = 2**31 - 1
LEAST_SCALE = float(np.finfo(np.float32).tiny) * 2**24
"""A filter of a smaller one is of zeros."""

DOMAIN = "qonnx.custom_op.general"


def qdq_content(network: PackedNetwork) -> bytes:
    """A packed network as the content of an ONNX file in QDQ form.

    Args:
        network: with activations of 8 bits and dense layers of 1 to 8.

    Raises:
        NetworkError: QDQ cannot say it; the message names the layer.
    """
    return _content(network, QDQ, _qdq_translations())


def qonnx_content(network: PackedNetwork) -> bytes:
    """A packed network as the content of an ONNX file with the operators of QONNX.

    Args:
        network: with rounded activations, and dense layers of 1 to 8 bits.

    Raises:
        NetworkError: QONNX cannot say it; the message names the layer.
    """
    return _content(network, QONNX, _qonnx_translations())


def _content(network: PackedNetwork, form: str, translations: Mapping[Any, Callable[..., Any]]) -> bytes:
    if (form == QDQ and network.activation_bits != BYTE_BITS) or network.activation_bits == 32:
        found = "floats" if network.activation_bits == 32 else f"{network.activation_bits} bits"
        rule = "QDQ has activations of 8 bits" if form == QDQ else "QONNX has rounded activations"
        raise NetworkError(rule, f"activations of {found}", "search with --activation-bits 8 and data")
    graph = _with_integers(network, form)
    batch = (network.batch or 1) if form == QONNX else network.batch  # whose tools take shapes that are known
    inputs = tuple(torch.zeros(batch or 1, *shape) for shape in network.inputs)
    return exported_content(graph, inputs, batch, translations)


def qonnx_runner(content: bytes) -> Callable[..., Any]:
    """What runs a file of `qonnx_content` in the package qonnx, image by image: from its inputs to its output, or to
    several.

    Args:
        content: of the file.
    """
    import onnx
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.core.onnx_exec import execute_onnx

    model = ModelWrapper(onnx.load_from_string(content))
    names = [found.name for found in model.graph.input]
    wanted = [found.name for found in model.graph.output]

    def run(*inputs: Tensor) -> Any:
        images = zip(*(tensor.numpy(force=True) for tensor in inputs), strict=True)
        found = [execute_onnx(model, {n: one[None] for n, one in zip(names, image, strict=True)}) for image in images]
        made = [torch.from_numpy(np.concatenate([values[name] for values in found])) for name in wanted]
        return made[0] if len(made) == 1 else tuple(made)

    return run


def _with_integers(network: PackedNetwork, form: str) -> GraphModule:
    """The packed network's graph with layers of codes in place of its steps, and marked roundings."""
    source = network.graph
    assert isinstance(source.graph, Graph)  # noqa: S101  of a file it is no GraphModule
    nodes = Graph()
    nodes.output(nodes.graph_copy(source.graph, {}))
    graph = GraphModule(source, nodes)
    for node in graph.graph.nodes:
        if node.op == "call_module" and isinstance(step := source.get_submodule(str(node.target)), PackedStep):
            layer = _IntegerLayer(step, network.layers[step.name], form)
            name = f"{node.target}_codes"
            graph.add_submodule(name, layer)
            node.target = name
        elif node.target is fake_quantize:
            node.target = torch.ops.filterfront.rounded.default
    graph.recompile()
    return graph.eval()


class _IntegerLayer(nn.Module):
    """A convolution or linear layer by the codes of its weights, a scale for each channel, and its bias.

    Args:
        step: of the packed network.
        packed: how its layer is stored.
        form: QDQ or QONNX.

    Raises:
        NetworkError: the form cannot say it.
    """

    def __init__(self, step: PackedStep, packed: PackedLayer, form: str) -> None:
        super().__init__()
        bits = getattr(packed.scheme, "weight_bits", 0)
        if packed.scheme.name != "dense" or not 1 <= bits <= BYTE_BITS:
            rule = f"{form} holds dense layers of 1 to {BYTE_BITS} bits"
            remedy = "export a dense design, as of search --schemes dense, or the packed file"
            raise NetworkError(rule, f"{step.name} as {packed.scheme.brief()}", remedy)
        if step.levels is None:
            raise NetworkError(f"{form} holds layers whose input is rounded", step.name, "give data to calibrate on")
        arrays = unpack_layer(packed)
        codes = arrays["weights"].astype(np.int64)
        stored = arrays.get("scales", np.ones(1))  # codes without scales are the weights
        scales = np.broadcast_to(stored.astype(np.float64).reshape(-1), len(codes)) * step.follows.factors
        self.linear, self.shape, self.bits = step.linear, step.shape, bits if form == QONNX else 0
        if step.linear:
            codes = codes.reshape(len(codes), -1)
        zeros = np.broadcast_to(arrays["zeros"].astype(np.int64), len(codes)) if "zeros" in arrays else None
        if form == QDQ:
            if zeros is not None:
                codes, zeros, scales = _turned(codes, zeros, scales)
            codes, scales = _positive(codes, scales, step.follows.shifts, step.levels.scale)
            units = scales * step.levels.scale
            self._keep(torch.from_numpy(codes.astype(np.int8)), scales)
            self._keep_zeros(None if zeros is None else zeros.astype(np.int8))
            self._keep_bias(step, units)
        elif zeros is not None:
            weights = (codes - _by_row(zeros, codes)) * _by_row(scales, codes)
            scales, zeros = _of_ranks(scales, zeros, bits)
            self._keep(torch.from_numpy(weights.astype(np.float32)), _by_row(scales, codes))
            self._keep_zeros(_by_row(zeros, codes).astype(np.float32))
            self._keep_shifts(step)
        else:
            scales = _by_row(scales, codes)
            steps = np.maximum(np.abs(scales), LEAST_SCALE)  # weights are divided by them
            self._keep(torch.from_numpy((codes * scales).astype(np.float32)), steps)
            self._keep_zeros(None)
            self._keep_shifts(step)

    def _keep_zeros(self, zeros: np.ndarray | None) -> None:
        self.register_buffer("zeros", None if zeros is None else torch.from_numpy(zeros))

    def _keep_shifts(self, step: PackedStep) -> None:
        self.register_buffer("bias", torch.from_numpy(step.follows.shifts.astype(np.float32)))
        self.bias_scales = None

    def _keep(self, codes: Tensor, scales: np.ndarray) -> None:
        self.register_buffer("codes", codes)
        self.register_buffer("scales", torch.from_numpy(scales.astype(np.float32)))

    def _keep_bias(self, step: PackedStep, units: np.ndarray) -> None:
        biases = np.rint(step.follows.shifts / units)
        if np.abs(biases).max(initial=0) > LARGEST_BIAS:
            raise NetworkError("biases fit 32 bits in units of input times weight", step.name, "export the packed file")
        self.register_buffer("bias", torch.from_numpy(biases.astype(np.int32)))
        self.register_buffer("bias_scales", torch.from_numpy(units.astype(np.float32)))

    def forward(self, inputs: Tensor) -> Tensor:
        """As the packed step; in QDQ biases are rounded to units."""
        if self.zeros is None:
            weights = torch.ops.filterfront.weights(self.codes, self.scales, self.bits)
        else:
            weights = torch.ops.filterfront.offset_weights(self.codes, self.scales, self.zeros, self.bits)
        bias: Any = self.bias
        if self.bias_scales is not None:
            bias = torch.ops.filterfront.weights(self.bias, self.bias_scales, 0)
        if self.linear:
            return nn.functional.linear(inputs, weights, bias)
        (top, bottom), (left, right) = self.shape.pads
        is_even = (top, left) == (bottom, right)
        if inputs.ndim == 3:
            padded = inputs if is_even else nn.functional.pad(inputs, (left, right))
            stride, dilation = self.shape.stride[1], self.shape.dilation[1]
            padding, groups = left if is_even else 0, self.shape.groups
            return nn.functional.conv1d(padded, weights[:, :, 0], bias, stride, padding, dilation, groups)
        padded = inputs if is_even else nn.functional.pad(inputs, (left, right, top, bottom))
        around = (top, left) if is_even else (0, 0)
        taken = self.shape.stride, around, self.shape.dilation, self.shape.groups
        return nn.functional.conv2d(padded, weights, bias, *taken)


def _by_row(values: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Values (n,) that broadcast with codes (n, ...)."""
    return values.reshape(-1, *[1] * (codes.ndim - 1))


def _turned(codes: np.ndarray, zeros: np.ndarray, scales: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Codes, zero points and scales of the same weights, the scales not negative: with -1 - q in the place of q and
    -1 - z in that of z the difference changes its sign, and both stay in 8 bits. A filter of zeros has the zero point
    that its codes get, 0."""
    signs = scales < 0
    turned = np.where(signs, -1 - zeros, zeros)
    is_zero = np.abs(scales) < LEAST_SCALE
    return np.where(_by_row(signs, codes), -1 - codes, codes), np.where(is_zero, 0, turned), np.abs(scales)


def _of_ranks(scales: np.ndarray, zeros: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """Scales and zero points with which the same weights are scale * (rank - zero point), the ranks from 0 to
    2^bits - 1; from the greatest level down where the scale is negative."""
    factor, lowest = 1 if has_zero(bits) else 2, int(code_levels(bits)[0])
    found = (zeros - lowest) / factor
    found = np.where(scales < 0, (1 << bits) - 1 - found, found)
    is_zero = np.abs(scales) < LEAST_SCALE
    return np.where(is_zero, 1.0, factor * np.abs(scales)), np.where(is_zero, 0.0, found)


def _positive(codes: np.ndarray, scales: np.ndarray, shifts: np.ndarray, unit: float) -> tuple[np.ndarray, np.ndarray]:
    """Codes and scales above 0 of the same weights; the one code that has no negative becomes its neighbour.

    A filter of zeros gets a scale in whose units its bias is exact enough.
    """
    signs = _by_row(np.where(scales < 0, -1, 1), codes)
    is_zero = np.abs(scales) < LEAST_SCALE
    codes = np.where(is_zero.reshape(signs.shape), 0, np.minimum(codes * signs, 127))
    found = np.where(is_zero, np.maximum(np.abs(shifts) / unit / 2**24, LEAST_SCALE), np.abs(scales))
    return codes, found


@torch.library.custom_op("filterfront::rounded", mutates_args=())
def _rounded(values: Tensor, scale: float, zero_point: int, bits: int) -> Tensor:
    return fake_quantize(values, scale, zero_point, bits)


@_rounded.register_fake
def _(values: Tensor, scale: float, zero_point: int, bits: int) -> Tensor:
    return torch.empty_like(values)


@torch.library.custom_op("filterfront::weights", mutates_args=())
def _weights(codes: Tensor, scales: Tensor, bits: int) -> Tensor:
    return codes.clone() if bits else codes * scales.reshape(-1, *[1] * (codes.ndim - 1))


@_weights.register_fake
def _(codes: Tensor, scales: Tensor, bits: int) -> Tensor:
    return torch.empty(codes.shape, dtype=torch.float32, device=codes.device)


@torch.library.custom_op("filterfront::offset_weights", mutates_args=())
def _offset_weights(codes: Tensor, scales: Tensor, zeros: Tensor, bits: int) -> Tensor:
    offset = [-1, *[1] * (codes.ndim - 1)]
    return codes.clone() if bits else (codes.int() - zeros.reshape(offset)) * scales.reshape(offset)


@_offset_weights.register_fake
def _(codes: Tensor, scales: Tensor, zeros: Tensor, bits: int) -> Tensor:
    return torch.empty(codes.shape, dtype=torch.float32, device=codes.device)


def _qdq_translations() -> dict[Any, Callable[..., Any]]:
    """What each operation is in ONNX: a pair of operators, or one."""
    import onnx
    from onnxscript import opset18

    op: Any = opset18  # its types are of other functions than those of the exporter

    def rounded(values: Any, scale: float, zero_point: int, bits: int) -> Any:
        zero = op.Constant(value=onnx.helper.make_tensor("zero", onnx.TensorProto.UINT8, [], [zero_point]))
        unit = op.Constant(value_float=scale)
        return op.DequantizeLinear(op.QuantizeLinear(values, unit, zero), unit, zero)

    def weights(codes: Any, scales: Any, bits: int) -> Any:
        return op.DequantizeLinear(codes, scales, axis=0)

    def offset_weights(codes: Any, scales: Any, zeros: Any, bits: int) -> Any:
        return op.DequantizeLinear(codes, scales, zeros, axis=0)

    return {
        torch.ops.filterfront.rounded.default: rounded,
        torch.ops.filterfront.weights.default: weights,
        torch.ops.filterfront.offset_weights.default: offset_weights,
    }


def _qonnx_translations() -> dict[Any, Callable[..., Any]]:
    """What each operation is in QONNX: a Quant, or a BipolarQuant for weights of one bit."""
    from onnxscript import opset18

    op: Any = opset18
    quant = _operator("Quant", 4, {"signed": "INT", "narrow": "INT", "rounding_mode": "STRING"})
    bipolar = _operator("BipolarQuant", 2, {})

    def number(value: float) -> Any:
        return op.Constant(value_float=float(value))

    def rounded(values: Any, scale: float, zero_point: int, bits: int) -> Any:
        settings = {"signed": 0, "narrow": 0, "rounding_mode": "ROUND"}
        return quant(values, number(scale), number(zero_point), number(bits), **settings)

    def weights(codes: Any, scales: Any, bits: int) -> Any:
        if bits == 1:
            return bipolar(codes, scales)
        settings = {"signed": 1, "narrow": 0, "rounding_mode": "ROUND"}
        if bits > 2:
            return quant(codes, scales, number(0), number(bits), **settings)
        # Codes of two bits are odd: -3, -1, 1 and 3 are -2 to 1 and a half, of scales twice as large.
        twice = op.Mul(scales, number(2))
        return quant(codes, twice, number(-0.5), number(bits), **settings)

    def offset_weights(codes: Any, scales: Any, zeros: Any, bits: int) -> Any:
        return quant(codes, scales, zeros, number(bits), signed=0, narrow=0, rounding_mode="ROUND")

    return {
        torch.ops.filterfront.rounded.default: rounded,
        torch.ops.filterfront.weights.default: weights,
        torch.ops.filterfront.offset_weights.default: offset_weights,
    }


def _operator(name: str, inputs: int, attributes: Mapping[str, str]) -> Callable[..., Any]:
    """An operator of QONNX of floats, which ONNX itself has no schema of."""
    from onnx.defs import OpSchema
    from onnxscript import values

    kinds = OpSchema.AttrType
    schema = OpSchema(
        name,
        DOMAIN,
        1,
        inputs=[OpSchema.FormalParameter(f"input_{place}", "T") for place in range(inputs)],
        outputs=[OpSchema.FormalParameter("output", "T")],
        type_constraints=[("T", ["tensor(float)"], "")],
        attributes=[OpSchema.Attribute(key, getattr(kinds, kind)) for key, kind in attributes.items()],
    )
    return values.Op(values.Opset(DOMAIN, 1), name, schema)
