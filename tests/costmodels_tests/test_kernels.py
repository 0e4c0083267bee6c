"""Compiled kernels give the convolution of a layer's reconstructed weights: integers exactly, floats within 1e-5."""

from collections import Counter
from itertools import product

import numpy as np
import pytest

from costmodels.errors import CostModelError, KernelError
from costmodels.kernels.forms import KERNELS
from costmodels.kernels.naive import run_naive
from costmodels.kernels.packing import PackedLayer, pack_layer
from costmodels.kernels.run import prepare_layer, run_layer
from costmodels.kernels.samples import EXACT_WIDTHS, random_arrays, random_scheme, random_shape
from costmodels.layout.bitstream import BitStream, cut, join
from costmodels.schemes import SCHEMES, Dense, LinearRepresentation, Pruned, SparseBasis, StackedBinary
from costmodels.shapes import ConvShape
from explorer.validation.kernel_outputs import convolution, outputs_off

CHANNELS = (5, 70, 130)
"""Most channels of a group: less than a word, and more than one or two words of 64."""

SIGNS, UNSIGNED_BIT, SIGNED_3, UNSIGNED_8, SIGNED_11, FLOATS = range(6)

EDGES = {
    "square": ConvShape(6, 66, (3, 3), (6, 7), padding=1),
    "groups": ConvShape(9, 12, (3, 3), (5, 5), padding=1, groups=3),
    "depthwise": ConvShape(7, 7, (3, 3), (5, 5), padding=1, groups=7),
    "stride": ConvShape(4, 8, (3, 3), (7, 9), (2, 3), (1, 1)),
    "dilation": ConvShape(4, 8, (3, 3), (9, 8), padding=2, dilation=(2, 3)),
    "even kernel": ConvShape(4, 8, (4, 2), (6, 6), padding=1),
    "rectangular kernel": ConvShape(4, 8, (1, 5), (6, 6), padding=(0, 2)),
    "one channel": ConvShape(1, 1, (3, 3), (4, 4), padding=1),
    "one position": ConvShape(10, 128, (3, 3), (3, 3)),
    "padding alone": ConvShape(3, 4, (3, 3), (1, 1), padding=3),
    "same": ConvShape(4, 8, (4, 3), (5, 6), padding="same", dilation=(1, 2)),
    "valid": ConvShape(4, 8, (2, 3), (5, 6), padding="valid"),
    "one element": ConvShape(5, 200, (1, 1), (4, 3)),
}


def image_of(kind, shape, generator):
    """(image, activation bits) of one kind of activations."""
    sizes = shape.in_channels, *shape.input_size
    match kind:
        case k if k == SIGNS:
            return (2 * generator.integers(0, 2, sizes) - 1).astype(np.int8), 1
        case k if k == UNSIGNED_BIT:
            return generator.integers(0, 2, sizes, np.uint8), 1
        case k if k == SIGNED_3:
            return generator.integers(-4, 4, sizes, np.int8), 3
        case k if k == UNSIGNED_8:
            return generator.integers(0, 256, sizes, np.uint8), 8
        case k if k == SIGNED_11:
            return generator.integers(-1024, 1024, sizes, np.int16), 11
    return generator.standard_normal(sizes).astype(np.float32), 32


def check_layer(shape, scheme, arrays, image, bits, threads=1):
    """Every execution; returns the types of the results."""
    packed, types = pack_layer(shape, scheme, arrays), Counter()
    for execution in scheme.method_names:
        found = run_layer(packed, image, execution, bits, threads)
        exact = scheme.is_exact(execution, bits)
        assert found.shape == (shape.out_channels, *shape.output_size)
        assert exact or found.dtype == np.float32
        assert outputs_off(shape, scheme, arrays, image, found, exact) == 0, (
            f"{scheme}, {execution}, {shape}, {bits} bits"
        )
        types[found.dtype.name] += 1
    return types


@pytest.mark.parametrize("kind", SCHEMES.values(), ids=SCHEMES)
@pytest.mark.parametrize("activations", range(6), ids=["signs", "bits", "int3", "uint8", "int11", "float"])
def test_random_layers_give_the_convolution_of_their_reconstructed_weights(kind, activations):
    generator = np.random.default_rng([activations, *kind.name.encode()])
    for turn in range(20):
        shape = random_shape(kind, generator, channels=CHANNELS[turn % 3])
        scheme = random_scheme(kind, shape, generator, filters=20, widths=EXACT_WIDTHS)
        image, bits = image_of(activations, shape, generator)
        check_layer(shape, scheme, random_arrays(shape, scheme, generator), image, bits, threads=1 + turn % 2)


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("kind", SCHEMES.values(), ids=SCHEMES)
def test_shapes_at_the_edges(edge, kind):
    shape, generator = EDGES[edge], np.random.default_rng(1)
    if kind is LinearRepresentation and shape.kernel_area == 1:
        pytest.skip("linear representation takes no such layer")
    for activations in (SIGNS, UNSIGNED_8, FLOATS):
        scheme = random_scheme(kind, shape, generator, filters=9, widths=EXACT_WIDTHS)
        image, bits = image_of(activations, shape, generator)
        check_layer(shape, scheme, random_arrays(shape, scheme, generator), image, bits)


@pytest.mark.parametrize("weight_bits", range(1, 9))
@pytest.mark.parametrize("activation_bits", range(1, 9))
@pytest.mark.parametrize("signed", [False, True])
def test_every_pair_of_widths_is_exact(weight_bits, activation_bits, signed):
    shape = ConvShape(9, 70, (3, 2), (4, 5), padding=1)
    generator = np.random.default_rng([weight_bits, activation_bits])
    scheme = Dense(weight_bits, "none")
    low, high = (-(1 << activation_bits - 1), 1 << activation_bits - 1) if signed else (0, 1 << activation_bits)
    image = generator.integers(low, high, (70, 4, 5))
    types = check_layer(shape, scheme, random_arrays(shape, scheme, generator), image, activation_bits)
    assert types == {"int32": 1}


@pytest.mark.parametrize("groups", [1, 3])
@pytest.mark.parametrize("channels", [1, 63, 64, 65, 129])
def test_zero_points_are_exact_at_the_ends_of_words(channels, groups):
    """Where words of bit planes are full, one channel short or one over; signs among the activations, and padding."""
    shape = ConvShape(5 * groups, channels * groups, (2, 3), (3, 4), padding=1, groups=groups)
    generator = np.random.default_rng([channels, groups])
    for weight_bits, kind in product((1, 2, 3, 8), (SIGNS, SIGNED_3, UNSIGNED_8)):
        for scale in ("filter", "layer"):
            scheme = Dense(weight_bits, scale, zero_bits=int(generator.integers(3, 9)))
            arrays = random_arrays(shape, scheme, generator)
            arrays["zeros"][:] = generator.choice([-1 << scheme.zero_bits - 1, (1 << scheme.zero_bits - 1) - 1])
            check_layer(shape, scheme, arrays, *image_of(kind, shape, generator))


@pytest.mark.parametrize("edge", EDGES)
def test_zero_points_on_shapes_at_the_edges(edge):
    shape, generator = EDGES[edge], np.random.default_rng(2)
    for activations in (SIGNS, UNSIGNED_8, FLOATS):
        scheme = Dense(2, zero_bits=4)
        check_layer(shape, scheme, random_arrays(shape, scheme, generator), *image_of(activations, shape, generator))


def test_padding_adds_nothing_to_the_sum_that_zero_points_take_off():
    """One value of 5 among zeros put around it: code 3 less a zero point of -4 is a weight of 7."""
    shape = ConvShape(1, 1, (3, 3), (1, 1), padding=1)
    arrays = {
        "weights": np.full((1, 1, 3, 3), 3, np.int8),
        "scales": np.ones(1, np.float32),
        "zeros": np.full(1, -4, np.int8),
    }
    assert run_layer(pack_layer(shape, Dense(3, zero_bits=3), arrays), np.full((1, 1, 1), 5), None, 8).item() == 5 * 7


def test_sums_beyond_32_bits_are_exact():
    shape, generator = ConvShape(2, 600, (3, 3), (3, 3)), np.random.default_rng(0)
    arrays = {"weights": np.full(shape.weight_shape, 32767, np.int16)}
    image = np.full((600, 3, 3), 65535, np.uint16)
    assert check_layer(shape, Dense(16, "none"), arrays, image, 16) == {"int64": 1}
    assert run_layer(pack_layer(shape, Dense(16, "none"), arrays), image, None, 16).max() == 5400 * 32767 * 65535
    check_layer(shape, Dense(1, "none"), random_arrays(shape, Dense(1, "none"), generator), image, 16)


def test_zero_padding_of_binary_activations_is_zero_and_not_a_sign():
    shape = ConvShape(1, 64, (3, 3), (1, 1), padding=1)
    packed = pack_layer(shape, Dense(1, "none"), {"weights": np.ones((1, 64, 3, 3), np.int8)})
    image = np.ones((64, 1, 1), np.int8)
    image[::2] = -1
    image[0] = 1
    assert run_layer(packed, image, activation_bits=1).item() == 33 - 31


def test_kernels_run_what_the_naive_twins_run():
    """The same names, and on a small layer of each scheme the same results."""
    assert {name: set(record.compiled) for name, record in KERNELS.items()} == {
        name: set(record.loops) for name, record in KERNELS.items()
    }
    generator = np.random.default_rng(3)
    for kind in SCHEMES.values():
        for _ in range(6):
            shape = random_shape(kind, generator, channels=4)
            scheme = random_scheme(kind, shape, generator, filters=4, widths=EXACT_WIDTHS)
            packed = pack_layer(shape, scheme, random_arrays(shape, scheme, generator))
            image = generator.integers(0, 16, (shape.in_channels, *shape.input_size))
            for execution in kind.method_names:
                expected = run_naive(packed, image, execution, 4).output
                found = run_layer(packed, image, execution, 4)
                assert np.allclose(found, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max()), scheme


@pytest.mark.parametrize("scheme", [StackedBinary(32, 5), SparseBasis(32, 5, 4, 0.3, 8), LinearRepresentation(4)])
@pytest.mark.parametrize("threads", [2, 3, 50])
def test_threads_change_nothing(scheme, threads):
    shape, generator = ConvShape(6, 64, (3, 3), (9, 9), padding=1), np.random.default_rng(0)
    packed, image = pack_layer(shape, scheme, random_arrays(shape, scheme, generator)), np.ones((64, 9, 9), np.uint8)
    for execution in scheme.method_names:
        layer = prepare_layer(packed, execution, 8)
        assert np.allclose(layer.run(image), layer.run(image, threads), rtol=1e-6)


def test_a_prepared_layer_takes_images_of_every_kind_in_turn():
    """What sums start from depends on the kind of activations: it is kept for each apart."""
    shape, generator = ConvShape(4, 65, (3, 3), (4, 4), padding=1), np.random.default_rng(0)
    arrays = random_arrays(shape, Dense(1, "none"), generator)
    layer, weights = prepare_layer(pack_layer(shape, Dense(1, "none"), arrays), None, 1), arrays["weights"]
    for low, high in ((0, 1), (-1, 1), (-1, 0), (0, 1), (-1, 1)):
        image = generator.choice([low, high], (65, 4, 4))
        assert np.array_equal(layer.run(image), convolution(shape, weights, image))


SHAPE = ConvShape(4, 6, (3, 2), (5, 5), (2, 1), (1, 0), groups=2)


def packed_sample(scheme, shape=SHAPE):
    return pack_layer(shape, scheme, random_arrays(shape, scheme, np.random.default_rng(0)))


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int16, np.uint32, np.int64])
@pytest.mark.parametrize("order", ["C", "F", "strided", "reversed", "read-only", "big-endian"])
def test_the_memory_of_the_image_does_not_matter(dtype, order):
    image = np.random.default_rng(0).integers(0, 100, (6, 5, 5))
    other = image.astype(dtype)
    if order == "F":
        other = np.asfortranarray(other)
    elif order == "strided":
        other = np.repeat(other, 2, axis=2)[:, :, ::2]
    elif order == "reversed":
        other = other[:, ::-1].copy()[:, ::-1]
    elif order == "read-only":
        other.flags.writeable = False
    elif order == "big-endian":
        other = other.astype(other.dtype.newbyteorder(">"))
    for scheme in (Dense(1), Dense(8), Pruned(0.5, 8), LinearRepresentation(3), SparseBasis(3, 2, 2)):
        packed = packed_sample(scheme)
        assert np.array_equal(run_layer(packed, other, None, 8), run_layer(packed, image, None, 8))
        floats = run_layer(packed, other.astype(np.float64), None, 32)
        assert np.array_equal(floats, run_layer(packed, image.astype(np.float32), None, 32))


@pytest.mark.parametrize(
    ("image", "bits", "message"),
    [
        (
            np.zeros((1, 6, 5, 5)),
            32,
            r"\(1, 6, 5, 5\) of float64; the image is an array \(6, 5, 5\) of real numbers",
        ),
        (np.zeros((6, 5, 5), complex), 32, ".* of complex128; .*of real numbers; pass one"),
        (np.zeros((6, 5, 5), "U1"), 32, ".* of <U1; .*of real numbers"),
        (np.zeros((6, 5, 5), object), 8, ".* of object; .*of real numbers"),
        ([[0]], 8, "got list; .*of real numbers"),
        (np.full((6, 5, 5), np.nan), 32, "the image is of finite numbers"),
        (np.zeros((6, 5, 5)), 8, "got float64; activations of 8 bits are integers; quantize the image"),
        (np.full((6, 5, 5), 256), 8, "256 to 256; activations of 8 bits are 0 to 255; quantize the image"),
        (np.full((6, 5, 5), -5), 3, "-5 to -5; activations of 3 bits are -4 to 3"),
        (np.resize([-1, 0, 1], (6, 5, 5)), 1, "-1 to 1; activations of 1 bits are -1 to 0; .*or -1 and 1 alone"),
    ],
)
@pytest.mark.parametrize("scheme", [Dense(1), Dense(8), Pruned(0.5, 8)], ids=str)
def test_other_images_are_refused(image, bits, message, scheme):
    with pytest.raises(KernelError, match=message):
        run_layer(packed_sample(scheme), image, None, bits)


@pytest.mark.parametrize("kind", SCHEMES.values(), ids=SCHEMES)
def test_damaged_layers_are_refused(kind):
    """A stream that is missing, shorter or longer than the layer needs."""
    scheme = random_scheme(kind, SHAPE, np.random.default_rng(2), filters=5, widths=(8,))
    packed, image = packed_sample(scheme), np.zeros((6, 5, 5), np.uint8)
    for name, stream in packed.streams.items():
        if not stream.bits:
            continue
        shorter = cut(stream, 0, stream.bits - 1)
        for other in (None, shorter, join([stream, BitStream(1, b"\1")])):
            kept = {key: value for key, value in packed.streams.items() if key != name}
            streams = kept if other is None else {**kept, name: other}
            with pytest.raises(KernelError, match=f"{name}|as long as its fields"):
                run_layer(PackedLayer(SHAPE, scheme, streams, packed.shared, packed.uncounted), image, None, 8)


def test_a_selection_beyond_the_bank_is_refused():
    """Three filters leave one of four codes without a meaning: a kernel would read beyond the maps."""
    shape, scheme = ConvShape(4, 6, (3, 2), (5, 5)), StackedBinary(3, 3)
    packed = packed_sample(scheme, shape)
    ones = BitStream(packed.streams["selection"].bits, b"\xff" * len(packed.streams["selection"].data))
    damaged = PackedLayer(shape, scheme, {**packed.streams, "selection": ones}, packed.shared, packed.uncounted)
    with pytest.raises(KernelError, match="selection: other values; values are 0 to 2"):
        run_layer(damaged, np.zeros((6, 5, 5), np.uint8), None, 8)


def test_executions_widths_and_threads_that_are_none_are_refused():
    packed = packed_sample(Dense(8))
    with pytest.raises(KernelError, match="got shared-maps; dense runs as direct; choose one"):
        run_layer(packed, np.zeros((6, 5, 5)), "shared-maps")
    with pytest.raises(CostModelError, match="activation_bits is 1 to 16, or 32"):
        run_layer(packed, np.zeros((6, 5, 5)), None, 17)
    with pytest.raises(KernelError, match="got 0; threads is an integer of at least 1"):
        run_layer(packed, np.zeros((6, 5, 5)), threads=0)


def test_the_cheapest_execution_is_chosen():
    shape = ConvShape(64, 64, (3, 3), (6, 6), padding=1)
    chosen = {
        prepare_layer(packed_sample(scheme, shape), None, 8).execution
        for scheme in (Dense(8), StackedBinary(32, 4), LinearRepresentation(4), SparseBasis(32, 4, 1, 0.1))
    }
    assert chosen == {"direct", "shared-maps", "convolve-then-add"} or chosen == {
        "direct",
        "shared-maps",
        "add-then-convolve",
    }
