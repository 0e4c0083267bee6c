"""Damaged payloads and unusual images: one clear error, or the result of the layer that the payload stands for."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from torch.nn import functional

from costmodels.errors import CostModelError, KernelError
from costmodels.kernels.packing import pack_layer, unpack_layer
from costmodels.kernels.run import prepare_layer, run_layer
from costmodels.kernels.samples import EXACT_WIDTHS, random_arrays, random_scheme, random_shape
from costmodels.layout.bitstream import BitStream, cut, join
from costmodels.schemes import SCHEMES
from explorer.forms.fitting import reconstruct

HOMES = ("streams", "shared", "uncounted")
KINDS = pytest.mark.parametrize("kind", SCHEMES.values(), ids=SCHEMES)
ONE_LINE = r"^[^\n]+; [^\n]+; [^\n]+$"
"""Rule, value and remedy."""

SEEDS = st.integers(0, 2**32 - 1)


def fuzz(examples):
    return settings(max_examples=examples, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def random_layer(kind, generator):
    shape = random_shape(kind, generator, channels=6)
    scheme = random_scheme(kind, shape, generator, filters=9, widths=EXACT_WIDTHS)
    return pack_layer(shape, scheme, random_arrays(shape, scheme, generator))


def random_bits(generator):
    """(activation bits, signed)."""
    return int(generator.choice([1, 2, 4, 7, 8, 9, 11, 16])), bool(generator.integers(2))


def integers(generator, packed, bits, signed):
    low = -(1 << bits - 1) if signed else 0
    return generator.integers(low, low + (1 << bits), (packed.shape.in_channels, *packed.shape.input_size))


def convolution(shape, weights, image):
    (top, bottom), (left, right) = shape.pads
    padded = functional.pad(torch.from_numpy(image)[None].double(), (left, right, top, bottom))
    weights = torch.from_numpy(weights).double()
    return functional.conv2d(padded, weights, None, shape.stride, 0, shape.dilation, shape.groups)[0].numpy()


def check_runs_or_refuses(packed, image, bits):
    """All executions refuse the layer, or all give the convolution of the weights that its streams stand for."""
    try:
        arrays = unpack_layer(packed)
    except CostModelError:
        for execution in packed.scheme.method_names:
            with pytest.raises(CostModelError, match=ONE_LINE):
                prepare_layer(packed, execution, bits)
        return
    with np.errstate(all="ignore"):
        weights = reconstruct(packed.shape, packed.scheme, arrays)
        expected = convolution(packed.shape, weights, image.astype(np.float64))
        size = convolution(packed.shape, np.abs(weights), np.abs(image.astype(np.float64)))
    parts = [np.abs(array.astype(np.float64)).max(initial=0) for array in arrays.values()]
    tame = np.prod([max(1.0, part) for part in parts]) * max(1.0, size.max(initial=0)) < 1e30
    small = all(part == 0 or part > 1e-30 for part in parts)
    for execution in packed.scheme.method_names:
        found = run_layer(packed, image, execution, bits)
        assert found.shape == expected.shape
        if tame and small:
            assert (np.abs(found - expected) <= 2e-5 * size.max(initial=0) + 1e-25).all(), execution


@KINDS
@fuzz(60)
@given(seed=SEEDS)
def test_any_bytes_of_the_right_length_are_refused_or_a_layer(kind, seed):
    generator = np.random.default_rng(seed)
    packed = random_layer(kind, generator)
    home, component = pick(packed, generator)
    bits = getattr(packed, home)[component].bits
    data = generator.integers(0, 256, -(-bits // 8), np.uint8)
    if bits % 8 and data.size:
        data[-1] &= (1 << bits % 8) - 1
    width, signed = random_bits(generator)
    damaged = with_stream(packed, home, component, BitStream(bits, data.tobytes()))
    check_runs_or_refuses(damaged, integers(generator, packed, width, signed), width)


def pick(packed, generator):
    """A stream that is not empty: (home, component)."""
    found = [(home, name) for home in HOMES for name, stream in getattr(packed, home).items() if stream.bits]
    assume(found)
    return found[generator.integers(len(found))]


def with_stream(packed, home, component, stream):
    return replace(packed, **{home: {**getattr(packed, home), component: stream}})


@KINDS
@fuzz(60)
@given(seed=SEEDS)
def test_streams_of_any_other_length_are_refused(kind, seed):
    generator = np.random.default_rng(seed)
    packed = random_layer(kind, generator)
    home, component = pick(packed, generator)
    stream = getattr(packed, home)[component]
    shorter = cut(stream, 0, int(generator.integers(0, stream.bits)))
    more = int(generator.integers(1, 200))
    longer = join([stream, BitStream(more, bytes(-(-more // 8)))])
    for other in (shorter, longer):
        for execution in kind.method_names:
            with pytest.raises(CostModelError, match=ONE_LINE):
                prepare_layer(with_stream(packed, home, component, other), execution, 8)


@KINDS
@fuzz(60)
@given(seed=SEEDS)
def test_a_payload_under_another_header_is_refused_or_a_layer(kind, seed):
    """Another scheme of the kind, or another shape, than the streams were packed for."""
    generator = np.random.default_rng(seed)
    packed, other = random_layer(kind, generator), random_layer(kind, generator)
    for damaged in (
        replace(packed, scheme=other.scheme),
        replace(packed, shape=other.shape),
        replace(packed, shape=other.shape, scheme=other.scheme),
    ):
        image = integers(generator, damaged, 8, False)
        try:
            damaged.scheme.check(damaged.shape)
        except CostModelError:
            with pytest.raises(CostModelError):
                prepare_layer(damaged, None, 8)
            continue
        check_runs_or_refuses(damaged, image, 8)


DTYPES = (np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32, np.uint64, np.int64)


def laid_out(image, order):
    """The same values in other memory."""
    match order:
        case "F":
            return np.asfortranarray(image)
        case "transposed":
            return np.ascontiguousarray(image.transpose(2, 0, 1)).transpose(1, 2, 0)
        case "strided":
            return np.repeat(np.repeat(image, 3, axis=2), 2, axis=0)[::2, :, ::3]
        case "negative":
            return image[::-1, ::-1, ::-1].copy()[::-1, ::-1, ::-1]
        case "read-only":
            image = image.copy()
            image.flags.writeable = False
            return image
        case "big-endian":
            return image.astype(image.dtype.newbyteorder(">"))
        case "unaligned":
            raw = np.zeros(image.nbytes + 1, np.uint8)
            found = raw[1:].view(image.dtype).reshape(image.shape)
            found[...] = image
            return found
    return image


ORDERS = ("C", "F", "transposed", "strided", "negative", "read-only", "big-endian", "unaligned")


@KINDS
@fuzz(60)
@given(seed=SEEDS)
def test_type_and_memory_of_an_image_do_not_matter(kind, seed):
    generator = np.random.default_rng(seed)
    packed = random_layer(kind, generator)
    bits, signed = random_bits(generator)
    plain = integers(generator, packed, int(generator.integers(1, bits + 1)), signed)  # often of a narrower type
    fitting = [dtype for dtype in DTYPES if (plain.astype(dtype) == plain).all()]
    image = laid_out(plain.astype(generator.choice(fitting)), str(generator.choice(ORDERS)))
    assert (image == plain).all()
    for execution in kind.method_names:
        assert np.array_equal(run_layer(packed, image, execution, bits), run_layer(packed, plain, execution, bits))
        floats = plain.astype(np.float32)
        other = laid_out(floats.astype(generator.choice([np.float32, np.float64])), str(generator.choice(ORDERS)))
        assert np.array_equal(run_layer(packed, other, execution), run_layer(packed, floats, execution))


@KINDS
@fuzz(40)
@given(seed=SEEDS)
def test_images_that_do_not_fit_are_refused(kind, seed):
    generator = np.random.default_rng(seed)
    packed = random_layer(kind, generator)
    bits, signed = random_bits(generator)
    image = integers(generator, packed, bits, signed)
    place = tuple(int(generator.integers(size)) for size in image.shape)

    def with_value(value, dtype):
        other = image.astype(dtype)
        other[place] = value
        return other

    low = -(1 << bits - 1) if image.min() < 0 else 0
    high = (1 << bits - 1) - 1 if with_value(0, np.int64).min() < 0 else (1 << bits) - 1  # of what is left: see `place`
    beyond = [with_value(high + 1, np.int64), with_value(-(1 << bits - 1) - 1, np.int64), with_value(1 << 40, np.int64)]
    wrong = {
        bits: [image.astype(bool), image.astype(np.float64), image[None], image[:, :, :0], image.astype(complex)],
        32: [with_value(value, dtype) for value in (np.nan, np.inf, -np.inf) for dtype in (np.float32, np.float64)]
        + [with_value(value, np.float64) for value in (1e39, -1e300)]
        + [image.astype(bool), image[:-1], image.astype(object), image.astype("M8[s]"), None],
    }
    wrong[bits] += beyond if bits > 1 else beyond[2:]
    assert low <= image.min()
    for execution in kind.method_names:
        for width, images in wrong.items():
            layer = prepare_layer(packed, execution, width)
            for other in images:
                with pytest.raises(KernelError, match=ONE_LINE):
                    layer.run(other)
