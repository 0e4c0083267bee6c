"""What qonnx counts of a network, where it is installed: MACs and bit operations of its ONNX graph.

qonnx counts the products of every convolution and matrix product, padding included, and multiplies them with the bits
of both factors; as this project does. It reads another file format by other code, so its agreement is independent.
"""

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from torch import nn

from explorer.networks.onnx_file import quiet_exporter
from explorer.networks.trace import Example

__all__ = ["ACTIVATION_BITS", "WEIGHT_BITS", "QonnxCount", "count_qonnx", "qonnx_missing"]

WEIGHT_BITS, ACTIVATION_BITS = 4, 8
"""Bits that the graph is annotated with, to compare bit operations."""

_PACKAGES = ("onnx", "onnxscript", "qonnx")
_PRODUCTS = ("Conv", "Gemm", "MatMul")


@dataclass(frozen=True)
class QonnxCount:
    """Of one image.

    Args:
        macs: multiply-accumulates.
        bit_ops: BOPs with ``WEIGHT_BITS`` and ``ACTIVATION_BITS``.
    """

    macs: int
    bit_ops: int


def qonnx_missing() -> str:
    """Names of the packages that are not installed, with the remedy; "" where qonnx can count."""
    missing = [name for name in _PACKAGES if find_spec(name) is None]
    return f"{', '.join(missing)} not installed: pip install 'filterfront[onnx]'" if missing else ""


def count_qonnx(module: nn.Module, example: Example) -> QonnxCount:
    """Exports the network to ONNX and has qonnx count it, with every zero weight counted.

    Args:
        module: the network.
        example: its input (N, ...), or several as a tuple.

    Raises:
        ImportError: a package is missing; see `qonnx_missing`.
    """
    import torch
    from qonnx.core.datatype import DataType
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.util.inference_cost import inference_cost

    inputs = example if isinstance(example, tuple) else (example,)
    training = module.training
    with quiet_exporter():
        program = torch.onnx.export(module.eval(), inputs, dynamo=True, verbose=False)
        module.train(training)
        assert program is not None  # noqa: S101  as without a file to write
        model = ModelWrapper(program.model_proto)
        for node in model.graph.node:
            if node.op_type in _PRODUCTS:
                model.set_tensor_datatype(node.input[0], DataType[f"UINT{ACTIVATION_BITS}"])
                model.set_tensor_datatype(node.input[1], DataType[f"INT{WEIGHT_BITS}"])
        costs: dict[str, Any] = inference_cost(model, discount_sparsity=False, preprocess=False)["total_cost"]
    batch = int(inputs[0].shape[0])
    return QonnxCount(int(costs["total_macs"]) // batch, int(costs["total_bops"]) // batch)
