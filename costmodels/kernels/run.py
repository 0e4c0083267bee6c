"""Packed layers run fast: the same executions and results as `costmodels.kernels.naive`, without the counting."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache

import numpy as np

from costmodels.cost import check_activation_bits, layer_cost
from costmodels.errors import KernelError
from costmodels.kernels.engine.kernel import Kernel
from costmodels.kernels.engine.planes import check_activations
from costmodels.kernels.engine.windows import one_blas_thread
from costmodels.kernels.forms import kernels_of
from costmodels.kernels.packing import PackedLayer, unpack_layer
from costmodels.schemes.base import FLOAT_BITS
from costmodels.shapes import ConvShape

__all__ = ["PreparedLayer", "prepare_layer", "run_layer"]


@dataclass(frozen=True, eq=False)
class PreparedLayer:
    """A packed layer with its weights laid out for a kernel; runs any number of images.

    Args:
        shape: the layer.
        execution: which one it is.
        activation_bits: of its input.
        kernel: what runs.
    """

    shape: ConvShape
    execution: str
    activation_bits: int
    kernel: Kernel

    def run(self, image: np.ndarray, threads: int = 1) -> np.ndarray:
        """The layer's output for one image.

        Args:
            image: (c, H, W), in any memory order; real and finite, and integers of the layer's activation bits unless
                these are 32.
            threads: that compute the output; 1 uses no other core.

        Returns:
            (n, H', W'): int32 or int64 where every number is an integer and no scale is stored, else float32, which is
            infinite or NaN where weights, scales or sums exceed it.

        Raises:
            KernelError: the image does not fit, or ``threads`` is no count.
        """
        if isinstance(threads, bool) or not isinstance(threads, int) or threads < 1:
            raise KernelError("threads is an integer of at least 1", threads, "pass 1, or how many cores to use")
        image = _checked_image(image, self.shape, self.activation_bits)
        out = np.empty((self.shape.out_channels, self.shape.positions), self.kernel.output_dtype)
        with np.errstate(over="ignore", invalid="ignore"):
            spans, inputs = _spans(self.kernel.units, threads), self.kernel.read(image)
        with one_blas_thread() if self.kernel.uses_blas else nullcontext():
            if len(spans) == 1:
                _run_span(self.kernel, inputs, spans[0], out)
            else:
                list(_pool(threads).map(lambda span: _run_span(self.kernel, inputs, span, out), spans))
        return out.reshape(self.shape.out_channels, *self.shape.output_size)


def prepare_layer(packed: PackedLayer, execution: str | None = None, activation_bits: int = 32) -> PreparedLayer:
    """Checks a packed layer and lays out its weights.

    Args:
        packed: the layer, as `costmodels.kernels.packing.pack_layer` makes it.
        execution: one of the scheme's ``method_names``; the one of fewest bit-ops if not given.
        activation_bits: 1 to 16 for integers, unsigned, in two's complement or of one bit -1 and 1; 32 for floats.

    Raises:
        KernelError: the packed layer is damaged, or the scheme has no such execution.
        CostModelError: no activations have so many bits.
    """
    check_activation_bits(activation_bits)
    unpack_layer(packed)  # refuses damaged streams before a kernel reads them
    executions = kernels_of(packed.scheme).compiled
    chosen = execution or _cheapest(packed, activation_bits)
    if chosen not in executions:
        raise KernelError(f"{packed.scheme.name} runs as {', '.join(executions)}", chosen, "choose one")
    kernel = executions[chosen](packed, activation_bits)
    return PreparedLayer(packed.shape, chosen, activation_bits, kernel)


def run_layer(
    packed: PackedLayer,
    image: np.ndarray,
    execution: str | None = None,
    activation_bits: int = 32,
    threads: int = 1,
) -> np.ndarray:
    """`prepare_layer`, then `PreparedLayer.run`.

    >>> from costmodels import ConvShape, Dense
    >>> from costmodels.kernels.packing import pack_layer
    >>> weights = np.array([1, -1, 1], np.int8).reshape(1, 1, 1, 3)
    >>> packed = pack_layer(ConvShape(1, 1, (1, 3), (1, 4)), Dense(1, "none"), {"weights": weights})
    >>> run_layer(packed, np.array([[[1, 2, 3, 5]]]), activation_bits=3).tolist()
    [[[2, 4]]]
    """
    return prepare_layer(packed, execution, activation_bits).run(image, threads)


def _cheapest(packed: PackedLayer, activation_bits: int) -> str:
    cost = layer_cost(packed.shape, packed.scheme, activation_bits)
    return cost.executions[cost.execution].method or cost.execution


def _checked_image(image: np.ndarray, shape: ConvShape, activation_bits: int) -> np.ndarray:
    """The image in C order and this machine's byte order; floats in float32.

    Raises:
        KernelError: it is not one of the layer, not finite in float32, or not of integers of the activation bits.
    """
    expected = (shape.in_channels, *shape.input_size)
    is_array = isinstance(image, np.ndarray)
    if not is_array or image.shape != expected or image.dtype.kind not in "iuf":
        found = f"{image.shape} of {image.dtype}" if is_array else type(image).__name__
        remedy = "pass one image without its batch"
        raise KernelError(f"the image is an array {expected} of real numbers", found, remedy)
    if image.dtype.kind != "f" or activation_bits != FLOAT_BITS:
        image = np.ascontiguousarray(image, image.dtype.newbyteorder("="))
        check_activations(image, activation_bits)
        return image
    with np.errstate(over="ignore"):
        image = np.ascontiguousarray(image, np.float32)
    if not np.isfinite(image).all():
        raise KernelError("the image is of finite numbers of 32 bits", "others", "check where it comes from")
    return image


def _run_span(kernel: Kernel, inputs: object, span: tuple[int, int], out: np.ndarray) -> None:
    with np.errstate(over="ignore", invalid="ignore"):
        for first in range(*span, kernel.block):
            kernel.run(inputs, first, min(first + kernel.block, span[1]), out)


def _spans(units: int, threads: int) -> list[tuple[int, int]]:
    """Nearly equal parts, at most one for each thread."""
    size = -(-units // threads)
    return [(first, min(first + size, units)) for first in range(0, units, size)]


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, "kernel")
