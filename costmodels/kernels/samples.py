"""Random layers, schemes and fitted arrays: what the proofs of kernels and formulas run over.

Floats are small multiples of an eighth and scales are powers of two, so that with widths of up to 8 bits float32 holds
every weight, and float64 every sum, exactly: two ways to compute a layer agree to the bit or one of them is wrong.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from costmodels.errors import KernelError
from costmodels.layout import CodedField, Field
from costmodels.schemes import SCHEMES, Scheme
from costmodels.schemes.draw import Draw
from costmodels.shapes import ConvShape, Pair

__all__ = [
    "ALL_WIDTHS",
    "EXACT_WIDTHS",
    "random_arrays",
    "random_image",
    "random_layers",
    "random_scheme",
    "random_shape",
]

ALL_WIDTHS = (*range(1, 17), 32)
EXACT_WIDTHS = (1, 2, 3, 4, 5, 8, 32)
"""Widths of codes with which every result is exact."""

KERNELS = ((3, 3), (1, 3), (2, 2), (3, 2), (5, 1), (4, 3), (1, 1))
"""The last one is for forms that take layers of 1x1 kernels."""

PADDINGS = ((0, 0), (1, 1), (2, 0), (0, 1), "same", "valid")
LARGEST_EIGHTHS = 24
SCALES = (0.5, 1.0, 2.0)

Generator = np.random.Generator


def random_layers(
    cases: int,
    seed: int,
    part: int,
    channels: Sequence[int],
    filters: int,
    widths: Sequence[int] = ALL_WIDTHS,
) -> Iterator[tuple[ConvShape, Scheme, Generator]]:
    """Layers of every scheme, one scheme after the other: shape, scheme, and what further draws of the case come from.

    Args:
        cases: of each scheme.
        seed: of the layers.
        part: of the seed; each check has a part of its own.
        channels: most of a group, taken in turn.
        filters: most low-dimensional filters, or templates.
        widths: bits to choose from.
    """
    for kind in SCHEMES.values():
        generator = np.random.default_rng([seed, part, *kind.name.encode()])
        for turn in range(cases):
            shape = random_shape(kind, generator, channels[turn % len(channels)])
            yield shape, random_scheme(kind, shape, generator, filters, widths), generator


def random_shape(kind: type[Scheme], generator: Generator, channels: int) -> ConvShape:
    """A layer that the kind of scheme can take, of at most ``channels`` inputs and outputs a group and four groups.

    Depthwise layers, string padding, even and rectangular kernels, strides and dilations are among them.
    """
    groups, inputs, outputs = int(generator.integers(1, 5)), *_pair(generator, 1, channels + 1)
    if generator.random() < 0.2:
        inputs = outputs = 1
    kernel = KERNELS[generator.integers(len(KERNELS) - (not kind.takes_pointwise))]
    padding = PADDINGS[generator.integers(len(PADDINGS))]
    stride = (1, 1) if padding == "same" else _pair(generator, 1, 3)
    dilation = _pair(generator, 1, 3)
    more = _pair(generator, 0, 4)
    height, width = (1 + step * (size - 1) + extra for step, size, extra in zip(dilation, kernel, more, strict=True))
    return ConvShape(groups * outputs, groups * inputs, kernel, (height, width), stride, padding, dilation, groups)


def random_scheme(
    kind: type[Scheme], shape: ConvShape, generator: Generator, filters: int, widths: Sequence[int] = ALL_WIDTHS
) -> Scheme:
    """A scheme of that kind with random parameters that the layer can take.

    Args:
        kind: the form.
        shape: the layer.
        generator: what the parameters are drawn from.
        filters: most low-dimensional filters, or templates.
        widths: bits to choose from.

    Raises:
        KernelError: the form is not registered.
    """
    if SCHEMES.get(kind.name) is not kind:
        raise KernelError("random schemes are of a registered form", kind.name, f"choose of {', '.join(SCHEMES)}")
    divisors = [count for count in range(1, shape.group_inputs + 1) if shape.group_inputs % count == 0]
    size = divisors[generator.integers(len(divisors))]
    count, density = int(generator.integers(1, filters + 1)), float(generator.uniform(0.01, 1))
    return kind.random(Draw(generator, size, count, density, widths))


def random_arrays(
    shape: ConvShape, scheme: Scheme, generator: Generator, share: float | None = None
) -> dict[str, np.ndarray]:
    """Arrays as a fitting of the scheme could make them.

    Args:
        shape: the layer.
        scheme: whose arrays these are.
        generator: what the values are drawn from.
        share: of the sparse values that is kept, on average; any, none and all too, if not given.
    """
    fields = {field.name: field for field in scheme.layout(shape)}
    share = generator.choice([0.0, 0.1, 0.5, 1.0]) if share is None else share
    places: dict[str, np.ndarray] = {}
    if "mask" in fields:
        mask = generator.random(fields["mask"].shape) < share
        places = {"mask": mask}
    elif "counts" in fields:
        row_places = fields["positions"].values.levels
        mask = generator.random((*fields["counts"].shape, row_places)) < share
        places = {"counts": mask.sum(axis=1, dtype=np.int32), "positions": np.nonzero(mask)[1].astype(np.int32)}
    stored = int(mask.sum()) if places else 0
    arrays = {}
    for field in scheme.layout(shape, stored):
        keep_zero = not (places and field.name in ("weights", "coefficients"))
        drawn = places[field.name] if field.name in places else _random_values(field, generator, keep_zero)
        arrays[field.name] = drawn
    return arrays


def random_image(shape: ConvShape, generator: Generator, bits: int = 4) -> np.ndarray:
    """Integers (c, H, W) of ``bits`` bits in two's complement."""
    half = 1 << (bits - 1)
    return generator.integers(-half, half, (shape.in_channels, *shape.input_size))


def _random_values(field: Field, generator: Generator, keep_zero: bool) -> np.ndarray:
    values = field.values
    if field.name.endswith("scales"):
        return generator.choice(np.array(SCALES, np.float32), field.shape)
    if values.kinds == "f":
        drawn = generator.integers(-LARGEST_EIGHTHS, LARGEST_EIGHTHS + 1, field.shape).astype(np.float32) / 8
        return drawn if keep_zero else np.where(drawn == 0, np.float32(1), drawn)
    ranks = (
        _coded_ranks(field, generator)
        if isinstance(field, CodedField)
        else generator.integers(0, values.levels, field.shape, np.uint32)
    )
    signed = values.dtype.kind == "i"  # codes; selections and indices are whole numbers as they are
    drawn = values.decode(ranks) if signed else ranks.astype(values.dtype)
    return drawn if keep_zero else np.where(drawn == 0, values.dtype.type(1), drawn)


def _coded_ranks(field: Field, generator: Generator) -> np.ndarray:
    """All alike, in the middle mostly, or spread evenly: a table of one code, of long and short ones, of equal ones."""
    levels, kind = field.values.levels, generator.random()
    if kind < 0.1:
        return np.full(field.shape, generator.integers(levels))
    if kind < 0.6:
        return generator.binomial(levels - 1, 0.5, field.shape)
    return generator.integers(0, levels, field.shape)


def _pair(generator: Generator, low: int, high: int) -> Pair:
    """Two integers from ``low`` to ``high`` - 1."""
    first, second = generator.integers(low, high, 2).tolist()
    return first, second
