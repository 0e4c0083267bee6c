"""The machine code and the work of a layer as its kernel does it: named amounts, counted from shape, scheme and bits.

A kernel's time is a sum of amounts times seconds (`costmodels.latency.model`). What a layer keeps near the core at once
is the kernels' own rule (`costmodels.machine`).

Legend: as in `costmodels.schemes.base`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from costmodels.errors import SchemeError
from costmodels.machine import KernelPath
from costmodels.machine.pieces import far_share
from costmodels.schemes import LayerUsage, Scheme
from costmodels.shapes import ConvShape

__all__ = ["Work", "kernel_path", "layer_work"]


@dataclass(frozen=True)
class Work:
    """Amounts of work of one run.

    Args:
        kernel: the name of `costmodels.machine.KernelPath`.
        amounts: by the names of `costmodels.machine.AMOUNTS`.
    """

    kernel: str
    amounts: Mapping[str, float]


def kernel_path(shape: ConvShape, scheme: Scheme, activation_bits: int, execution: str) -> KernelPath:
    """The machine code of a layer under a scheme.

    Raises:
        SchemeError: the scheme has no such execution.
    """
    if execution not in scheme.method_names:
        raise SchemeError(f"{scheme.name} runs as {', '.join(scheme.method_names)}", execution, "choose one")
    return scheme.path(shape, activation_bits, execution)


def layer_work(
    shape: ConvShape, scheme: Scheme, activation_bits: int, execution: str, usage: LayerUsage = LayerUsage()
) -> Work:
    """The work of a layer in one execution.

    Args:
        shape: the layer.
        scheme: its compressed form.
        activation_bits: of its input.
        execution: of the scheme's.
        usage: the counts of a fitted layer; without it the scheme's own density and the expected templates of random
            indices are taken.

    Raises:
        SchemeError: the scheme has no such execution.

    >>> from costmodels import Dense
    >>> work = layer_work(ConvShape(8, 64, (1, 1), (2, 2)), Dense(1, "none"), 1, "direct")
    >>> [work.amounts[name] for name in ("packed_bits", "tiles", "tile_words", "written")]
    [256, 1, 1, 32]
    """
    path = kernel_path(shape, scheme, activation_bits, execution)
    outputs = shape.output_elements
    scaled = outputs * path.sum_words if scheme.scales_outputs else 0
    last = {"scaled": scaled, "written": outputs, "far_written": outputs * far_share(outputs)}
    return Work(path.kernel, {**scheme.work(shape, path, activation_bits, usage), **last})
