"""Every execution that the cost formulas describe, in plain loops: the definition of the counts and of the result.

Slow on purpose. A fast kernel has to equal these results, and a formula these counts.
"""

from dataclasses import dataclass

import numpy as np

from costmodels.errors import KernelError
from costmodels.kernels.forms import kernels_of
from costmodels.kernels.loops.counter import Counter
from costmodels.kernels.loops.layer_run import LayerRun
from costmodels.kernels.packing import PackedLayer, unpack_layer

__all__ = ["Counter", "NaiveResult", "run_naive"]


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
        execution: one of the scheme's ``method_names``.
        activation_bits: of a value of the image, for the bit-ops.

    Raises:
        KernelError: the packed layer is damaged, the image has another shape or is not of finite real numbers, or the
            scheme has no such execution.
    """
    shape, executions = packed.shape, kernels_of(packed.scheme).loops
    if execution not in executions:
        raise KernelError(f"{packed.scheme.name} runs as {', '.join(executions)}", execution, "choose one")
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
