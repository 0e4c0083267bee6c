"""Layers to time: a shape, a scheme, an execution and activation bits, laid out for the kernels.

The calibration's shapes are drawn here from a fixed seed; the judged ones are those of real networks.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from costmodels import SCHEMES, ConvShape, LayerUsage, Scheme
from costmodels.kernels.packing import pack_layer
from costmodels.kernels.run import PreparedLayer, prepare_layer
from costmodels.kernels.samples import random_arrays
from costmodels.latency import Work, kernel_path, layer_work
from costmodels.schemes.draw import Draw

__all__ = ["MOST_MACS", "MOST_WEIGHTS", "Case", "balanced", "calibration_shapes", "prepared", "schemes_for"]

CHANNELS = (3, 8, 16, 24, 32, 48, 64, 80, 112, 128, 160, 192, 256, 320, 384, 512, 640, 768, 1024)
MAPS = (1, 3, 4, 5, 6, 8, 10, 12, 15, 18, 20, 24, 30, 36, 48, 60, 80, 120, 160, 200)
KERNELS = (1, 1, 3, 3, 3, 3, 5, 7)
DENSITIES = (0.1, 0.25, 0.5)
SHARES = (2, 4, 8)
"""Filters of the layer for each low-dimensional one."""

WIDTHS = (4, 6, 8)
WIDE_CHANNELS = 64
"""Channels up to which kernels of 5 and 7 are drawn, as in the first layers of networks."""

MOST_MACS, MOST_WEIGHTS, LEAST_MACS = 60_000_000, 1_600_000, 2_000
DEPTHWISE_SHARE, CONNECTED_SHARE = 0.15, 0.06

Generator = np.random.Generator


@dataclass(frozen=True)
class Case:
    """A layer in one execution."""

    shape: ConvShape
    scheme: Scheme
    execution: str
    activation_bits: int

    @property
    def kernel(self) -> str:
        """The kernel that runs it."""
        return kernel_path(self.shape, self.scheme, self.activation_bits, self.execution).kernel

    def work(self, usage: LayerUsage) -> Work:
        """Its work with the counts of its arrays."""
        return layer_work(self.shape, self.scheme, self.activation_bits, self.execution, usage)


def calibration_shapes(generator: Generator) -> Iterator[ConvShape]:
    """Layer shapes without end: channels, maps, kernel sizes, strides; depthwise and fully
    connected layers among them."""
    while True:
        kernel, size, stride = (int(generator.choice(values)) for values in (KERNELS, MAPS, (1, 1, 2)))
        inputs, outputs = (int(value) for value in generator.choice(CHANNELS, 2))
        groups = 1
        if generator.random() < CONNECTED_SHARE:
            kernel, size, stride = 1, 1, 1
        if kernel == 3 and generator.random() < DEPTHWISE_SHARE:
            groups = outputs = inputs
        if (kernel > 1 and size < 3) or (kernel > 3 and inputs > WIDE_CHANNELS):
            continue
        pads = (kernel // 2, kernel // 2)
        shape = ConvShape(outputs, inputs, (kernel, kernel), (size, size), (stride, stride), pads, (1, 1), groups)
        if LEAST_MACS <= shape.dense_macs <= MOST_MACS and shape.weights <= MOST_WEIGHTS:
            yield shape


def schemes_for(shape: ConvShape, generator: Generator) -> list[Case]:
    """One layer under every form, execution and kind of activations, with parameters as searches offer them."""
    segments = [count for count in (1, 2, 4) if shape.group_inputs % count == 0]
    size = shape.group_inputs // int(generator.choice(segments))
    filters = max(1, shape.group_outputs // int(generator.choice(SHARES)))
    draw = Draw(generator, size, filters, float(generator.choice(DENSITIES)), WIDTHS)
    kinds = [kind for kind in SCHEMES.values() if shape.kernel_area > 1 or kind.takes_pointwise]
    return [Case(shape, *timed) for kind in kinds for timed in kind.timed(draw)]


def balanced(shapes: Iterator[ConvShape], count: int, generator: Generator, each: int = 3) -> list[Case]:
    """So many cases of these shapes, ``each`` of a shape, the kernels with fewest cases first."""
    found: list[Case] = []
    counts: dict[str, int] = {}
    for shape in shapes:
        offered = schemes_for(shape, generator)
        order = generator.permutation(len(offered))
        fewest = sorted((offered[place] for place in order), key=lambda case: counts.get(case.kernel, 0))
        for case in fewest[:each]:
            counts[case.kernel] = counts.get(case.kernel, 0) + 1
            found.append(case)
        if len(found) >= count:
            return found[:count]
    return found


def prepared(case: Case, generator: Generator) -> tuple[PreparedLayer, np.ndarray, LayerUsage]:
    """The layer with random weights, a random image, and the counts of its weights that its work reads."""
    density = getattr(case.scheme, "density", None)
    arrays = random_arrays(case.shape, case.scheme, generator, density)
    layer = prepare_layer(pack_layer(case.shape, case.scheme, arrays), case.execution, case.activation_bits)
    used = case.scheme.usage(case.shape, arrays)
    return layer, image_of(case.shape, case.activation_bits, generator), LayerUsage(nonzeros=used.nonzeros)


def image_of(shape: ConvShape, bits: int, generator: Generator) -> np.ndarray:
    """Random activations: floats, unsigned integers, or with one bit -1 and 1."""
    sizes = shape.in_channels, *shape.input_size
    if bits == 32:
        return generator.standard_normal(sizes, np.float32)
    if bits == 1:
        return (2 * generator.integers(0, 2, sizes) - 1).astype(np.int8)
    return generator.integers(0, 1 << bits, sizes, np.uint8 if bits <= 8 else np.uint16)
