"""The compiled kernels against torch: random layers under every scheme and execution, on three kinds of activations.

The definition is torch's convolution in float64 of the weights that the packed layer stands for. Where all factors are
integers with at most one scale for an output, the kernel's sums are exact and have to be equal; elsewhere they are of
float32, and each output may be off by 1e-5 of what the stored terms of its weights, times their inputs, add up to
without their signs: where terms cancel, as coefficients of a basis may, rounding is relative to the terms.
"""

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch.nn import functional

from costmodels import SCHEMES, ConvShape, Scheme
from costmodels.kernels.packing import pack_layer
from costmodels.kernels.run import prepare_layer
from costmodels.kernels.samples import EXACT_WIDTHS, random_arrays, random_layers
from costmodels.validation.results import Check, Tally
from explorer.forms.fitting import reconstruct

__all__ = ["check_kernels", "convolution", "outputs_off"]

TOLERANCE = 1e-5
CHANNELS = (5, 70, 130)
"""Most channels of a group: less than a word, and more than one or two words of 64."""

ACTIVATION_BITS = (1, 8, 32)

Tick = Callable[[], object]


def check_kernels(cases: int, seed: int, tick: Tick = lambda: None) -> tuple[Check, ...]:
    """How many outputs of the kernels differ from torch's; none should.

    Args:
        cases: layers of each scheme, the kinds of activations in turn.
        seed: of the layers.
        tick: called after each.

    Raises:
        KernelError: a form was not checked.
    """
    tally = Tally("compiled kernels, outputs that differ from torch")
    layers = random_layers(cases, seed, 2, CHANNELS, filters=20, widths=EXACT_WIDTHS)
    for turn, (shape, scheme, generator) in enumerate(layers):
        _compare(tally, shape, scheme, ACTIVATION_BITS[turn % cases // len(CHANNELS) % 3], generator)
        tick()
    return tally.checks(SCHEMES if cases else ())


def _compare(tally: Tally, shape: ConvShape, scheme: Scheme, bits: int, generator: np.random.Generator) -> None:
    arrays, image = random_arrays(shape, scheme, generator), _image(shape, bits, generator)
    packed, kind = pack_layer(shape, scheme, arrays), {1: "1-bit", 32: "float"}.get(bits, "8-bit")
    for execution in scheme.method_names:
        found = prepare_layer(packed, execution, bits).run(image)
        off = outputs_off(shape, scheme, arrays, image, found, scheme.is_exact(execution, bits))
        tally.compare(scheme.name, f"{execution}, {kind} activations", off, 0, f"{scheme} on {shape}")


def _image(shape: ConvShape, bits: int, generator: np.random.Generator) -> np.ndarray:
    sizes = shape.in_channels, *shape.input_size
    if bits == 1:
        return (2 * generator.integers(0, 2, sizes) - 1).astype(np.int8)
    if bits == 32:
        return generator.standard_normal(sizes, np.float32)
    return generator.integers(0, 1 << bits, sizes, np.uint8)


def convolution(shape: ConvShape, weights: np.ndarray, image: np.ndarray) -> np.ndarray:
    """torch's, in float64, (n, H', W'); padded by hand, so that the odd element of padding as text is at the end.

    Args:
        shape: of the layer.
        weights: (n, c/g, kh, kw).
        image: (c, H, W).
    """
    (top, bottom), (left, right) = shape.pads
    padded = functional.pad(torch.from_numpy(image)[None].double(), (left, right, top, bottom))
    kernel = torch.from_numpy(weights).double()
    maps = functional.conv2d(padded, kernel, None, shape.stride, 0, shape.dilation, shape.groups)
    result: np.ndarray = maps[0].numpy()
    return result


def outputs_off(
    shape: ConvShape,
    scheme: Scheme,
    arrays: Mapping[str, np.ndarray],
    image: np.ndarray,
    found: np.ndarray,
    exact: bool,
) -> int:
    """How many outputs are not torch's.

    Args:
        shape: of the layer.
        scheme: its compressed form.
        arrays: of the scheme, as packed.
        image: (c, H, W).
        found: (n, H', W') of the kernel.
        exact: whether they have to be equal.
    """
    expected = convolution(shape, reconstruct(shape, scheme, arrays), image)
    if found.shape != expected.shape:
        return max(found.size, expected.size)
    if exact:
        return int((found != expected.astype(found.dtype)).sum())
    terms = reconstruct(shape, scheme, {name: _magnitudes(values) for name, values in arrays.items()})
    bound = convolution(shape, np.abs(terms), np.abs(image.astype(np.float64)))
    return int((~(np.abs(found - expected) <= TOLERANCE * bound + 1e-30)).sum())


def _magnitudes(values: np.ndarray) -> np.ndarray:
    """Without signs; the one integer that has no opposite becomes its neighbour's."""
    if values.dtype.kind == "i":
        values = np.maximum(values, -np.iinfo(values.dtype).max)
    return values if values.dtype.kind == "b" else np.abs(values)
