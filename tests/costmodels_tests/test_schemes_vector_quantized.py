"""Vector-quantized layers: bits, bytes and operations by hand, and streams that stand for no layer."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodels import ConvShape, LayerUsage, VectorQuantized, layer_cost
from costmodels.errors import KernelError, SchemeError
from costmodels.kernels.loops.counter import Counter
from costmodels.kernels.naive import run_naive
from costmodels.kernels.packing import pack_layer, unpack_layer
from costmodels.kernels.run import run_layer
from costmodels.kernels.samples import random_arrays
from costmodels.latency import kernel_path, layer_work
from costmodels.layout.bitstream import BitStream

PLAIN = ConvShape(64, 32, 3, 4, padding=1)  # 2,048 kernels of 9, 16 positions
POINTWISE = ConvShape(12, 16, (1, 1), (3, 2), groups=2)  # 96 weights, 6 positions
ROW = ConvShape(2, 4, (1, 1), (1, 1))
BOOK = np.array([[1, 2], [-3, 4], [5, -6]], np.int8).reshape(1, 3, 2, 1, 1)
SECOND = np.array([[7, 0], [0, -1], [1, 1]], np.int8).reshape(1, 3, 2, 1, 1)
INDEX = np.array([[2, 0], [2, 1]], np.uint8)[None]
IMAGE = np.array([1, 10, 2, 3]).reshape(4, 1, 1)


def packed_row(books=1, bits=8, scales=(0.5, 0.25)):
    codebook = np.concatenate([BOOK, SECOND])[:books]
    index = np.concatenate([INDEX, INDEX[:, ::-1]])[:books]  # the second: (2, 1), (2, 0)
    arrays = {"codebook": codebook.astype(np.float32 if bits == 32 else np.int8), "index": index}
    if bits != 32:
        arrays["scales"] = np.array(scales[:books], np.float32)
    return pack_layer(ROW, VectorQuantized(3, books, bits, 2), arrays)


@pytest.mark.parametrize(
    ("scheme", "shape", "storage"),
    [
        (VectorQuantized(), PLAIN, {"index": 2048 * 8, "codebook": 256 * 9 * 8, "scales": 32}),
        (VectorQuantized(17, 2, 4), PLAIN, {"index": 2 * 2048 * 5, "codebook": 2 * 17 * 9 * 4, "scales": 64}),
        (VectorQuantized(16, 1, 32, 4), PLAIN, {"index": 512 * 4, "codebook": 16 * 36 * 32, "scales": 0}),
        (VectorQuantized(16), POINTWISE, {"index": 24 * 4, "codebook": 16 * 4 * 8, "scales": 32}),
        (VectorQuantized(1, 2, 8, 8, 8), POINTWISE, {"index": 0, "codebook": 2 * 8 * 8, "scales": 2 * 8 + 16}),
    ],
)
def test_storage(scheme, shape, storage):
    assert scheme.storage(shape) == storage


def test_an_index_of_eight_bits_for_nine_weights():
    """The codebook of 2,304 values of 8 bits weighs as much as 1.125 times the index here; in large layers nothing."""
    large = ConvShape(512, 512, 3, 4, padding=1)
    assert layer_cost(large, VectorQuantized()).compression_ratio == pytest.approx(9 * 32 / 8, rel=0.01)


@pytest.mark.parametrize(
    ("shape", "scheme", "message"),
    [
        (ConvShape(4, 6, (1, 1), 3), VectorQuantized(), "4 for 6 channels"),
        (PLAIN, VectorQuantized(vector_channels=5), "5 for 32 channels"),
        (ConvShape(8, 8, 3, 6, groups=8), VectorQuantized(vector_channels=2), "2 for 1 channels"),
    ],
)
def test_vectors_that_do_not_divide_are_refused(shape, scheme, message):
    with pytest.raises(SchemeError, match=f"{message}; vector_channels divides the input channels of a group; choose"):
        scheme.check(shape)


class TestOperations:
    def test_one_codebook_is_read_directly_as_dense_weights(self):
        work = VectorQuantized(16, 1, 3).executions(PLAIN, 4)["direct"]
        assert (work.macs, work.additions, work.multiplications) == (2048 * 9 * 16, 0, 0)
        assert (work.bit_ops, work.scratch_bytes) == (2048 * 9 * 16 * 3 * 4, 0)
        assert VectorQuantized(16, 1, 1).executions(PLAIN, 4)["direct"].additions == 2048 * 9 * 16

    def test_two_codebooks_are_added_into_filters_of_32_bits(self):
        """A multiplication by the ratio of both scales and an addition for each weight; floats need no ratio."""
        weights = 2048 * 9
        work = VectorQuantized(16, 2, 4).executions(PLAIN, 8)["direct"]
        assert (work.macs, work.additions, work.multiplications) == (weights * 16, weights, weights)
        assert work.bit_ops == weights * 16 * 32 * 8 + weights * 32 + weights * 32 * 4
        assert work.scratch_bytes == 4 * 32 * 9
        floats = VectorQuantized(16, 2, 32).executions(PLAIN, 8)["direct"]
        assert (floats.additions, floats.multiplications) == (weights, 0)

    def test_shared_maps_of_the_distinct_codewords(self):
        """100 pairs, each 9 weights at 16 places; 64 filters add 32 maps each; rows of 16 maps and 64 sums of 4."""
        work = VectorQuantized(16, 1, 4).executions(PLAIN, 8, LayerUsage(pairs=100))["shared-maps"]
        assert (work.macs, work.additions, work.multiplications) == (100 * 9 * 16, 64 * 31 * 16, 0)
        assert work.bit_ops == 100 * 9 * 16 * 4 * 8 + 64 * 31 * 16 * 32
        assert work.scratch_bytes == 4 * (16 + 64) * 4

    def test_shared_maps_of_two_codebooks(self):
        """A sum for each codebook: 2*32 - 1 additions a filter and place, and one multiplication by the ratio."""
        work = VectorQuantized(16, 2, 4).executions(PLAIN, 8, LayerUsage(pairs=100))["shared-maps"]
        assert (work.macs, work.additions, work.multiplications) == (100 * 9 * 16, 64 * 63 * 16, 64 * 16)
        assert work.scratch_bytes == 4 * (2 * 16 + 2 * 64) * 4
        floats = VectorQuantized(16, 2, 32).executions(PLAIN, 8, LayerUsage(pairs=100))["shared-maps"]
        assert (floats.additions, floats.multiplications) == (64 * 63 * 16, 0)
        assert floats.scratch_bytes == 4 * (2 * 16 + 64) * 4

    def test_without_a_fit_every_filter_takes_a_codeword_of_its_own(self):
        """Of 256 codewords at most 64 at each of the 32 channels; of 16 all."""
        for codewords, distinct in ((256, 64), (16, 16)):
            work = VectorQuantized(codewords).executions(PLAIN, 8)["shared-maps"]
            assert work.macs == 32 * distinct * 9 * 16

    def test_usage_is_of_codebook_group_and_segment(self):
        shape = ConvShape(4, 2, 3, 3, groups=2)
        index = np.array([[[0], [0], [0], [1]], [[2], [1], [0], [0]]], np.uint8)
        assert VectorQuantized(3, 2).usage(shape, {"index": index}) == LayerUsage(pairs=1 + 2 + 2 + 1)

    def test_no_filter_has_a_number_of_its_own(self):
        assert not VectorQuantized().takes_channel_scale
        assert not VectorQuantized(value_bits=32).takes_channel_scale


class TestPacking:
    def test_by_hand(self):
        """Three codewords take two bits; ranks of 1, 2, -3, 4, 5 and -6 in eight bits are 128 more."""
        packed = packed_row()
        assert packed.streams["index"] == BitStream(8, bytes([2 | 0 << 2 | 2 << 4 | 1 << 6]))
        assert packed.streams["codebook"] == BitStream(48, bytes([129, 130, 125, 132, 133, 122]))
        assert packed.streams["scales"].data == np.float32(0.5).tobytes()
        assert unpack_layer(packed)["index"].tolist() == INDEX.tolist()

    def test_an_index_beyond_the_codebook_is_refused(self):
        packed = packed_row()
        arrays = unpack_layer(packed)
        with pytest.raises(KernelError, match="index: other values; values are 0 to 2"):
            pack_layer(ROW, packed.scheme, {**arrays, "index": arrays["index"] + 1})

    @settings(max_examples=60, deadline=None)
    @given(
        codewords=st.integers(1, 70),
        books=st.sampled_from([1, 2]),
        value_bits=st.sampled_from([1, 2, 3, 7, 8, 16, 32]),
        size=st.integers(1, 4),
        segments=st.integers(1, 18),
        outputs=st.integers(1, 5),
        groups=st.sampled_from([1, 2]),
        seed=st.integers(0, 99),
    )
    def test_layers_of_any_size_pack_into_the_bits_of_the_formula(
        self, codewords, books, value_bits, size, segments, outputs, groups, seed
    ):
        shape = ConvShape(outputs * groups, size * segments * groups, (1, 1), (1, 1), groups=groups)
        scheme = VectorQuantized(codewords, books, value_bits, size)
        arrays = random_arrays(shape, scheme, np.random.default_rng(seed))
        packed = pack_layer(shape, scheme, arrays)
        assert {name: bits for name, bits in scheme.storage(shape).items() if name in packed.storage} == packed.storage
        assert sum(packed.storage.values()) == sum(scheme.storage(shape).values())
        for name, array in unpack_layer(packed).items():
            assert np.array_equal(array, arrays[name])


ONE = [0.5 * (5 * 1 - 6 * 10 + 1 * 2 + 2 * 3), 0.5 * (5 * 1 - 6 * 10 - 3 * 2 + 4 * 3)]
MORE = [0.25 * (1 * 1 + 1 * 10 + 0 * 2 - 1 * 3), 0.25 * (1 * 1 + 1 * 10 + 7 * 2 + 0 * 3)]


class TestRunning:
    @pytest.mark.parametrize("execution", ["direct", "shared-maps"])
    def test_one_codebook_by_hand(self, execution):
        packed = packed_row()
        result = run_naive(packed, IMAGE, execution, 8)
        assert result.output.ravel().tolist() == ONE
        for bits in (8, 32):
            assert run_layer(packed, IMAGE, execution, bits).ravel().tolist() == ONE

    @pytest.mark.parametrize("execution", ["direct", "shared-maps"])
    def test_two_codebooks_by_hand(self, execution):
        expected = [one + more for one, more in zip(ONE, MORE, strict=True)]
        assert run_naive(packed_row(2), IMAGE, execution, 8).output.ravel().tolist() == expected
        for bits in (8, 32):
            assert run_layer(packed_row(2), IMAGE, execution, bits).ravel().tolist() == expected

    def test_counts_of_shared_maps(self):
        """Both filters take codeword 2 at the first segment, 0 and 1 at the second: 3 maps of 2 values."""
        counter = run_naive(packed_row(), IMAGE, "shared-maps", 8).counter
        assert counter == Counter(
            8, macs=6, additions=2, bit_ops=6 * 64 + 2 * 32, scratch_bytes=4 * (2 + 2), requantizations=2
        )

    @pytest.mark.parametrize("execution", ["direct", "shared-maps"])
    def test_a_first_scale_of_zero_leaves_the_second_codebook(self, execution):
        packed = packed_row(2, scales=(0.0, 0.25))
        assert run_naive(packed, IMAGE, execution, 8).output.ravel().tolist() == MORE
        assert run_layer(packed, IMAGE, execution, 32).ravel().tolist() == MORE

    @pytest.mark.parametrize("execution", ["direct", "shared-maps"])
    def test_segments_that_take_fewer_codewords_than_others(self, execution):
        """In one of two groups both filters take the same codeword."""
        shape = ConvShape(4, 4, (1, 2), (3, 4), groups=2)
        generator = np.random.default_rng(5)
        scheme = VectorQuantized(6, 2, 5, 1)
        arrays = random_arrays(shape, scheme, generator)
        arrays["index"][:, :2] = arrays["index"][:, :1]
        image = generator.integers(-8, 8, (4, 3, 4))
        packed = pack_layer(shape, scheme, arrays)
        expected = run_naive(packed, image, "direct", 4).output
        np.testing.assert_allclose(run_layer(packed, image, execution, 4), expected, rtol=1e-5)

    @pytest.mark.parametrize(
        ("scheme", "bits", "arithmetic"),
        [
            (VectorQuantized(16, 1, 4), 4, "planes"),
            (VectorQuantized(16, 1, 8), 8, "integer"),
            (VectorQuantized(16, 1, 8), 32, "float"),
            (VectorQuantized(16, 2, 4), 4, "float"),
            (VectorQuantized(16, 1, 32), 8, "float"),
        ],
    )
    @pytest.mark.parametrize("execution", ["direct", "shared-maps"])
    def test_sums_of_one_codebook_of_codes_are_exact(self, scheme, bits, arithmetic, execution):
        assert kernel_path(PLAIN, scheme, bits, execution).kernel == f"vector-quantized / {execution} / {arithmetic}"

    def test_work_of_shared_maps_is_that_of_the_codewords_of_each_segment(self):
        """32 channels of 16 codewords each, of 9 values at 16 places, and 64 times 32 maps merged."""
        amounts = layer_work(PLAIN, VectorQuantized(16), 32, "shared-maps", LayerUsage(pairs=32 * 16)).amounts
        assert amounts["products"] == 32
        assert amounts["reconstructed"] == 32 * 16 * 9
        assert amounts["merged"] == 64 * 32 * 16
