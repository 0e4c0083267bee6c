"""Layers run in plain loops: they give the convolution of their reconstructed weights, and take what the formulas say.

All numbers are small multiples of powers of two, so both sides are exact and compared as such.
"""

import numpy as np
import pytest
import torch
from torch.nn import functional

from costmodels.cost import DIRECT, SHARED_MAPS
from costmodels.errors import KernelError
from costmodels.kernels.forms import KERNELS
from costmodels.kernels.naive import Counter, run_naive
from costmodels.kernels.packing import pack_layer
from costmodels.kernels.samples import EXACT_WIDTHS, random_arrays, random_image, random_scheme, random_shape
from costmodels.schemes import (
    SCHEMES,
    Dense,
    EntropyCoded,
    LayerUsage,
    LegoNet,
    LinearRepresentation,
    LowRank,
    NMSparse,
    Palettized,
    Pruned,
    SparseBasis,
    StackedBinary,
    Ternary,
    VectorQuantized,
)
from costmodels.shapes import ConvShape
from explorer.forms.fitting import reconstruct

LAYERS_OF_A_KIND = 200
"""Of each kind of scheme, each in its one to three executions."""

SHAPE = ConvShape(4, 6, (3, 2), (5, 5), (2, 1), (1, 0), groups=2)


def convolution(shape, weights, image):
    """torch's, in float64; its zero padding made by hand, so that a string's odd element is at the end."""
    (top, bottom), (left, right) = shape.pads
    padded = functional.pad(torch.from_numpy(image)[None].double(), (left, right, top, bottom))
    weights = torch.from_numpy(weights).double()
    return functional.conv2d(padded, weights, None, shape.stride, 0, shape.dilation, shape.groups)[0].numpy()


def check_layer(shape, scheme, arrays, image, activation_bits):
    packed, weights = pack_layer(shape, scheme, arrays), reconstruct(shape, scheme, arrays)
    used = scheme.usage(shape, arrays)
    expected = scheme.methods(shape, activation_bits, used)
    assert tuple(expected) == scheme.method_names
    for execution, work in expected.items():
        result = run_naive(packed, image, execution, activation_bits)
        assert result.counter.operations(work.method) == work, f"{scheme}, {execution}"
        assert np.array_equal(result.output, convolution(shape, weights, image)), f"{scheme}, {execution}"


@pytest.mark.parametrize("kind", SCHEMES.values(), ids=SCHEMES)
@pytest.mark.parametrize("part", range(4))
def test_random_layers_give_the_convolution_and_take_what_the_formulas_say(kind, part):
    generator = np.random.default_rng([part, *kind.name.encode()])
    for _ in range(LAYERS_OF_A_KIND // 4):
        shape = random_shape(kind, generator, channels=5)
        scheme = random_scheme(kind, shape, generator, filters=6, widths=EXACT_WIDTHS)
        arrays = random_arrays(shape, scheme, generator)
        bits = int(generator.integers(1, 9))
        check_layer(shape, scheme, arrays, random_image(shape, generator, bits), bits)


def test_every_scheme_runs():
    assert KERNELS.keys() == SCHEMES.keys()


def test_the_random_layers_reach_the_edges():
    generator, seen = np.random.default_rng(0), set()
    for _ in range(LAYERS_OF_A_KIND):
        shape = random_shape(Dense, generator, channels=5)
        (top, bottom), (left, right) = shape.pads
        edges = {
            "groups": 1 < shape.groups < shape.in_channels,
            "depthwise": 1 < shape.groups == shape.in_channels == shape.out_channels,
            "one channel": shape.in_channels == shape.out_channels == 1,
            "stride": shape.stride[0] != shape.stride[1],
            "dilation": shape.dilation[0] != shape.dilation[1],
            "even kernel": shape.kernel[0] % 2 == 0,
            "rectangular kernel": shape.kernel[0] != shape.kernel[1],
            "1x1 kernel": shape.kernel_area == 1,
            "1x1 map": shape.positions == 1,
            "lopsided padding": top != bottom or left != right,
            "stride that leaves input over": (shape.input_size[0] + top + bottom - shape.kernel[0]) % shape.stride[0]
            > 0,
        }
        seen |= {edge for edge, is_there in edges.items() if is_there}
    assert seen == edges.keys()


def has_output_scale(scheme):
    """Whether every output channel has one scale that is free by convention."""
    match scheme:
        case Dense() | Pruned() | NMSparse():
            return scheme.weight_bits < 32 and scheme.scale != "none"
        case Ternary() | Palettized() | EntropyCoded():
            return scheme.scale != "none"
        case VectorQuantized():
            return scheme.value_bits < 32
        case LinearRepresentation() | LowRank():
            return scheme.coefficient_bits < 32
        case SparseBasis():
            return scheme.basis_bits < 32 and scheme.basis_scale == "layer"
    return False


@pytest.mark.parametrize("kind", SCHEMES.values(), ids=SCHEMES)
def test_what_is_free_by_convention_is_counted_all_the_same(kind):
    generator = np.random.default_rng(7)
    for _ in range(40):
        shape = random_shape(kind, generator, channels=4)
        scheme = random_scheme(kind, shape, generator, filters=5, widths=EXACT_WIDTHS)
        arrays = random_arrays(shape, scheme, generator)
        expected = has_output_scale(scheme) * shape.output_elements
        packed, image = pack_layer(shape, scheme, arrays), random_image(shape, generator)
        for execution in kind.method_names:
            assert run_naive(packed, image, execution).counter.requantizations == expected, scheme


def test_shared_maps_are_the_cheaper_method_of_a_linear_representation():
    generator, methods = np.random.default_rng(5), set()
    for _ in range(40):
        shape = random_shape(LinearRepresentation, generator, channels=4)
        scheme = random_scheme(LinearRepresentation, shape, generator, filters=5, widths=EXACT_WIDTHS)
        arrays = random_arrays(shape, scheme, generator)
        used = scheme.usage(shape, arrays)
        packed, image = pack_layer(shape, scheme, arrays), random_image(shape, generator)
        counted = [
            run_naive(packed, image, method).counter.operations(method)
            for method in ("convolve-then-add", "add-then-convolve")
        ]
        methods.add(min(counted, key=lambda work: work.bit_ops).method)
        assert scheme.executions(shape, 8, used)[SHARED_MAPS] == min(counted, key=lambda work: work.bit_ops)
    assert methods == {"convolve-then-add", "add-then-convolve"}


@pytest.mark.parametrize("kind", SCHEMES.values(), ids=SCHEMES)
def test_without_a_fit_the_formulas_bound_what_a_fitted_layer_takes(kind):
    """Where every value is kept, what is used is at most what there is."""
    generator = np.random.default_rng(3)
    for _ in range(10):
        shape = random_shape(kind, generator, channels=3)
        scheme = random_scheme(kind, shape, generator, filters=4, widths=EXACT_WIDTHS)
        if "density" in scheme.parameters():
            scheme = type(scheme)(**scheme.parameters() | {"density": 1.0})
        packed = pack_layer(shape, scheme, random_arrays(shape, scheme, generator))
        for execution, bound in scheme.methods(shape, 8, LayerUsage()).items():
            counter = run_naive(packed, random_image(shape, generator), execution).counter
            for name in ("macs", "additions", "multiplications", "bit_ops", "scratch_bytes"):
                assert getattr(counter, name) <= getattr(bound, name), f"{scheme}, {execution}, {name}"


class TestByHand:
    """One output position of a 1x1 image, so that every operation can be written down."""

    def test_padding_takes_macs_and_gives_zeros(self):
        shape = ConvShape(1, 1, (3, 3), (1, 1), padding=1)
        arrays = {"weights": np.arange(-4, 5, dtype=np.int8).reshape(1, 1, 3, 3)}
        result = run_naive(pack_layer(shape, Dense(4, "none"), arrays), np.array([[[7]]]), DIRECT, 3)
        assert result.output.tolist() == [[[0 * 7]]]
        assert result.counter == Counter(3, macs=9, bit_ops=9 * 4 * 3)

    def test_binary_weights_at_padding_count_as_zero_and_not_as_a_sign(self):
        shape = ConvShape(1, 1, (1, 3), (1, 1), padding=(0, 1))
        arrays = {"weights": np.array([1, -1, 1], np.int8).reshape(1, 1, 1, 3)}
        result = run_naive(pack_layer(shape, Dense(1, "none"), arrays), np.array([[[5]]]), DIRECT, 8)
        assert result.output.tolist() == [[[-5]]]
        assert result.counter == Counter(8, additions=3, bit_ops=3 * 8)

    def test_stacked_binary_filters(self):
        """Two filters of two segments choose one shared map and two others: three maps of one addition each."""
        shape = ConvShape(2, 2, (1, 1), (1, 1))
        arrays = {"bank": np.array([1, -1], np.int8).reshape(1, 2, 1, 1, 1)}
        arrays["selection"] = np.array([[0, 1], [0, 0]], np.uint8)
        arrays["scales"] = np.array([[2, 1], [1, 4]], np.float32)
        packed = pack_layer(shape, StackedBinary(1, 2, "segment"), arrays)
        result = run_naive(packed, np.array([[[3]], [[5]]]), SHARED_MAPS, 8)
        assert result.output.ravel().tolist() == [2 * 3 - 1 * 5, 1 * 3 + 4 * 5]
        bit_ops = 3 * 8 + 2 * 32 + 4 * 32 * 32
        expected = Counter(8, additions=3 + 2, multiplications=4, bit_ops=bit_ops, scratch_bytes=2 * 2 * 1 * 4)
        assert result.counter == expected

    def test_scales_of_basis_filters_are_multiplied_into_their_maps(self):
        shape = ConvShape(1, 1, (1, 1), (1, 1))
        arrays = {"basis": np.array([3, -2], np.int8).reshape(1, 2, 1, 1, 1)}
        arrays |= {"coefficients": np.array([[1.5, 0.5]], np.float32), "scales": np.array([[2, 4]], np.float32)}
        packed = pack_layer(shape, SparseBasis(1, 2, 3, 1.0, 32, "dense", "filter"), arrays)
        result = run_naive(packed, np.array([[[7]]]), SHARED_MAPS, 8)
        assert result.output.ravel().tolist() == [1.5 * 2 * 3 * 7 - 0.5 * 4 * 2 * 7]
        bit_ops = 2 * 3 * 8 + 2 * 32 * 32 + 2 * 32 * 32  # the transform, the scales and the mixing
        assert result.counter == Counter(8, macs=2 + 2, multiplications=2, bit_ops=bit_ops, scratch_bytes=2 * 4)

    def test_linear_representation(self):
        """One kernel of two elements: a MAC for each, one addition for the box, which is scaled into the unit of a, and
        a MAC each for a and b; the scale of a is free."""
        shape = ConvShape(1, 1, (1, 2), (1, 2))
        arrays = {"templates": np.array([[[2, -1]]], np.int8), "index": np.zeros((1, 1), np.uint8)}
        arrays |= {
            "a": np.array([[3]], np.int8),
            "b": np.array([[-2]], np.int8),
            "scales": np.array([0.5, 2], np.float32),
        }
        packed = pack_layer(shape, LinearRepresentation(1, 4, 3), arrays)
        result = run_naive(packed, np.array([[[5, 7]]]), "convolve-then-add", 8)
        assert result.output.ravel().tolist() == [0.5 * (3 * (2 * 5 - 7) - 2 * (2 / 0.5) * (5 + 7))]
        bit_ops = 2 * 3 * 8 + 1 * 8 + 32 * 32 + 2 * 4 * 32
        assert result.counter == Counter(8, 2 + 2, 1, 1, bit_ops, (1 + 1 + 1) * 4, requantizations=1)

    @pytest.mark.parametrize("execution", LinearRepresentation.method_names)
    def test_a_scale_of_zero_leaves_the_offsets_alone_with_the_same_operations(self, execution):
        shape, scheme = ConvShape(2, 3, (2, 2), (3, 3)), LinearRepresentation(2, 1, 3)
        arrays = random_arrays(shape, scheme, np.random.default_rng(4)) | {"scales": np.array([0, 2], np.float32)}
        packed, image = pack_layer(shape, scheme, arrays), random_image(shape, np.random.default_rng(4))
        result = run_naive(packed, image, execution)
        windows = np.array([[image[:, y : y + 2, x : x + 2].sum((1, 2)) for x in (0, 1)] for y in (0, 1)])
        assert np.array_equal(result.output, 2 * np.einsum("nc,yxc->nyx", arrays["b"], windows))
        used = scheme.usage(shape, arrays)
        work = scheme.methods(shape, 8, used)[execution]
        assert result.counter.operations(work.method) == work

    def test_pruned_weights_are_read_with_their_places(self):
        shape = ConvShape(1, 2, (1, 2), (1, 2))
        arrays = {"counts": np.array([2], np.int32), "positions": np.array([1, 2], np.int32)}
        arrays["weights"] = np.array([3, -4], np.int8)
        packed = pack_layer(shape, Pruned(0.5, 8, "index", "none"), arrays)
        result = run_naive(packed, np.array([[[1, 10]], [[100, 1000]]]), DIRECT, 8)
        assert result.output.ravel().tolist() == [3 * 10 - 4 * 100]
        assert result.counter == Counter(8, macs=2, bit_ops=2 * 8 * 8)


def packed_sample(scheme=LegoNet(1, 3)):
    return pack_layer(SHAPE, scheme, random_arrays(SHAPE, scheme, np.random.default_rng(0)))


@pytest.mark.parametrize("kind", ["float32", "uint8", "fortran", "strided"])
def test_the_memory_of_the_image_does_not_matter(kind):
    packed, image = packed_sample(), np.random.default_rng(0).integers(0, 9, (6, 5, 5))
    other = {
        "float32": image.astype(np.float32),
        "uint8": image.astype(np.uint8),
        "fortran": np.asfortranarray(image),
        "strided": np.repeat(image, 2, axis=2)[:, :, ::2],
    }[kind]
    results = [run_naive(packed, values, DIRECT) for values in (image, other)]
    assert np.array_equal(results[0].output, results[1].output)
    assert results[0].counter == results[1].counter


@pytest.mark.parametrize(
    "image",
    [np.zeros((1, 6, 5, 5)), np.zeros((6, 5, 5), complex), np.full((6, 5, 5), np.nan), np.zeros((6, 5, 5), "U1")],
)
def test_other_images_are_refused(image):
    with pytest.raises(KernelError, match=r".* of .*; the image is \(6, 5, 5\) of finite real numbers; pass one"):
        run_naive(packed_sample(), image, DIRECT)


def test_an_execution_that_a_scheme_does_not_have_is_refused():
    with pytest.raises(KernelError, match="got shared-maps; dense runs as direct; choose one"):
        run_naive(packed_sample(Dense()), np.zeros((6, 5, 5)), SHARED_MAPS)
