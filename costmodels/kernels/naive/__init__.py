"""Every execution that the cost formulas describe, in plain loops: the definition of the counts and of the result.

Slow on purpose. A fast kernel has to equal these results, and a formula these counts.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from costmodels.cost import DIRECT, SHARED_MAPS
from costmodels.errors import KernelError
from costmodels.kernels.naive import dense, linear_representation, sparse_basis, stacked
from costmodels.kernels.naive.counter import Counter
from costmodels.kernels.naive.run import LayerRun
from costmodels.kernels.packing import PackedLayer, unpack_layer
from costmodels.schemes import Dense, LegoNet, LinearRepresentation, Pruned, Scheme, SparseBasis, StackedBinary

__all__ = ["EXECUTIONS", "Counter", "NaiveResult", "run_naive"]

EXECUTIONS: Mapping[type[Scheme], Mapping[str, Callable[[LayerRun], None]]] = {
    Dense: {DIRECT: dense.direct},
    Pruned: {DIRECT: dense.pruned},
    StackedBinary: {DIRECT: stacked.direct, SHARED_MAPS: stacked.shared_maps},
    LegoNet: {DIRECT: stacked.direct, SHARED_MAPS: stacked.shared_maps},
    LinearRepresentation: {
        DIRECT: linear_representation.direct,
        "convolve-then-add": linear_representation.convolve_then_add,
        "add-then-convolve": linear_representation.add_then_convolve,
    },
    SparseBasis: {DIRECT: sparse_basis.direct, SHARED_MAPS: sparse_basis.shared_maps},
}
"""By scheme: the executions of its formulas; shared maps by their method, where there are several."""


@dataclass(frozen=True, eq=False)
class NaiveResult:
    """What a layer gave, (n, H', W') float64, and what it took."""

    output: np.ndarray
    counter: Counter


def run_naive(packed: PackedLayer, image: np.ndarray, execution: str, activation_bits: int = 8) -> NaiveResult:
    """Runs a packed layer on one image, counting every operation.

    Args:
        packed: the layer, as `costmodels.kernels.packing.pack_layer` makes it.
        image: (c, H, W), integers or floats. Sums are Python's: exact for integers, float64 otherwise.
        execution: one of the scheme's `EXECUTIONS`.
        activation_bits: of a value of the image, for the bit-ops.

    Raises:
        KernelError: the packed layer is damaged, the image has another shape or is not of finite real numbers, or the
            scheme has no such execution.
    """
    shape, executions = packed.shape, EXECUTIONS.get(type(packed.scheme), {})
    if execution not in executions:
        raise KernelError(f"{packed.scheme.name} runs as {', '.join(executions) or 'nothing'}", execution, "choose one")
    expected = (shape.in_channels, *shape.input_size)
    image = np.asarray(image)
    if image.shape != expected or image.dtype.kind not in "iuf" or not np.isfinite(image).all():
        found = f"{image.shape} of {image.dtype}"
        raise KernelError(f"the image is {expected} of finite real numbers", found, "pass one image without its batch")
    counter = Counter(activation_bits)
    output = np.zeros((shape.out_channels, *shape.output_size)).tolist()
    run = LayerRun(shape, packed.scheme, unpack_layer(packed), image.tolist(), output, counter)
    executions[execution](run)
    return NaiveResult(np.array(run.output, np.float64), counter)
