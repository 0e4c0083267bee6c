"""Palettized layers: bits, bytes and operations by hand, and streams that stand for no layer."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodels import ConvShape, LayerUsage, Palettized, layer_cost
from costmodels.errors import KernelError
from costmodels.kernels.loops.counter import Counter
from costmodels.kernels.naive import run_naive
from costmodels.kernels.packing import PackedLayer, pack_layer, unpack_layer
from costmodels.kernels.run import prepare_layer, run_layer
from costmodels.kernels.samples import random_arrays
from costmodels.latency import kernel_path, layer_work
from costmodels.layout import halves
from costmodels.layout.bitstream import BitStream

PLAIN = ConvShape(512, 512, 3, 4, padding=1)  # 16 positions
GROUPED = ConvShape(12, 8, (1, 5), (6, 7), groups=4)  # 12*2*5 weights, 18 positions
ROW = ConvShape(1, 5, (1, 1), (1, 1))
PALETTE = np.array([[-3, 0, 2, 100]], np.int8)
INDEX = np.array([3, 0, 2, 1, 2], np.uint8).reshape(ROW.weight_shape)


def packed_row(scale="none"):
    arrays = {"palette": PALETTE, "index": INDEX}
    scales = {} if scale == "none" else {"scales": np.array([0.5], np.float32)}
    return pack_layer(ROW, Palettized(2, scale=scale), arrays | scales)


@pytest.mark.parametrize(
    ("scheme", "shape", "storage"),
    [
        (Palettized(), PLAIN, {"index": 4 * 512 * 512 * 9, "codebook": 16 * 8, "scales": 32 * 512}),
        (Palettized(1, 32, scale="none"), PLAIN, {"index": 512 * 512 * 9, "codebook": 2 * 32, "scales": 0}),
        (Palettized(3, 16, 5, "layer"), GROUPED, {"index": 3 * 120, "codebook": 3 * 8 * 16, "scales": 32}),  # 5, 5, 2
        (Palettized(2, 8, 1, scale_bits=4), GROUPED, {"index": 240, "codebook": 12 * 4 * 8, "scales": 12 * 4 + 16}),
        (Palettized(2, 8, 99), GROUPED, {"index": 240, "codebook": 4 * 8, "scales": 32 * 12}),
    ],
)
def test_storage(scheme, shape, storage):
    assert scheme.storage(shape) == storage


def test_four_bits_are_nearly_eight_times_smaller():
    """A scale a filter of 4,608 weights adds 32/4608 bits a weight, the palette next to nothing."""
    assert layer_cost(PLAIN, Palettized()).compression_ratio == pytest.approx(32 / (4 + 32 / 4608), rel=1e-4)


def test_operations_are_mac_at_the_width_of_the_values():
    """A filter of 2*5 values is held; that it is looked up is no arithmetic."""
    for value_bits in (8, 16, 32):
        work = Palettized(2, value_bits).executions(GROUPED, 4)["direct"]
        assert (work.macs, work.additions, work.multiplications) == (120 * 18, 0, 0)
        assert work.bit_ops == 120 * 18 * value_bits * 4
        assert work.scratch_bytes == 10 * value_bits // 8


def test_what_takes_up_a_factor():
    """A scale of 32 bits of each filter, or floats of a palette that no other filter has."""
    assert Palettized().takes_channel_scale
    assert Palettized(2, 32, 1, "none").takes_channel_scale
    assert not Palettized(2, 32, 2, "none").takes_channel_scale
    assert not Palettized(2, 8, 1, "layer").takes_channel_scale
    assert not Palettized(scale_bits=8).takes_channel_scale


def test_filters_share_palettes_in_their_order():
    assert Palettized(palette_filters=5).palette_of(GROUPED).tolist() == [0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2]
    assert Palettized().palette_of(GROUPED).tolist() == [0] * 12
    assert Palettized().usage(GROUPED, {}) == LayerUsage()


class TestPacking:
    def test_by_hand(self):
        """Indices 3, 0, 2, 1, 2 in two bits each; ranks of -3, 0, 2 and 100 in eight are 125, 128, 130 and 228."""
        packed = packed_row()
        assert packed.streams["index"] == BitStream(10, bytes([3 | 0 << 2 | 2 << 4 | 1 << 6, 2]))
        assert packed.streams["codebook"] == BitStream(32, bytes([125, 128, 130, 228]))
        assert unpack_layer(packed)["palette"].tolist() == PALETTE.tolist()
        assert unpack_layer(packed)["index"].tolist() == INDEX.tolist()

    def test_halves_are_stored_as_they_are(self):
        scheme = Palettized(1, 16, scale="none")
        palette = np.array([[-1.5, 65504.0]], np.float32)
        packed = pack_layer(ROW, scheme, {"palette": palette, "index": INDEX % 2})
        assert packed.streams["codebook"].data == np.array([-1.5, 65504.0], np.float16).tobytes()
        assert np.array_equal(unpack_layer(packed)["palette"], palette)
        for wrong in (0.1, 65505.0, np.inf):  # 0.1 is no half
            palette[0, 1] = wrong
            with pytest.raises(KernelError, match="palette: other values; values are finite floats of 16 bits"):
                pack_layer(ROW, scheme, {"palette": palette, "index": INDEX % 2})

    def test_a_half_that_is_not_finite_is_refused(self):
        packed = pack_layer(
            ROW, Palettized(1, 16, scale="none"), {"palette": np.zeros((1, 2), np.float32), "index": INDEX % 2}
        )
        for bits in (0x7C00, 0xFC00, 0x7E01):
            stream = BitStream(32, bits.to_bytes(2, "little") * 2)
            damaged = PackedLayer(ROW, packed.scheme, {**packed.streams, "codebook": stream}, {}, {})
            with pytest.raises(KernelError, match="values are finite floats of 16 bits"):
                prepare_layer(damaged)

    def test_an_index_beyond_the_palette_is_refused(self):
        with pytest.raises(KernelError, match="index: other values; values are 0 to 3"):
            pack_layer(ROW, Palettized(2, scale="none"), {"palette": PALETTE, "index": INDEX + 2})

    @settings(max_examples=60, deadline=None)
    @given(
        bits=st.integers(1, 4),
        value_bits=st.sampled_from([8, 16, 32]),
        inputs=st.integers(1, 70),
        outputs=st.integers(1, 5),
        sharing=st.integers(0, 6),
        groups=st.sampled_from([1, 2]),
        seed=st.integers(0, 99),
    )
    def test_layers_of_any_size_pack_into_the_bits_of_the_formula(
        self, bits, value_bits, inputs, outputs, sharing, groups, seed
    ):
        shape = ConvShape(outputs * groups, inputs * groups, (1, 1), (1, 1), groups=groups)
        scheme = Palettized(bits, value_bits, sharing)
        arrays = random_arrays(shape, scheme, np.random.default_rng(seed))
        packed = pack_layer(shape, scheme, arrays)
        assert packed.storage == scheme.storage(shape)
        assert packed.payload_bytes == sum(-(-count // 8) for count in packed.storage.values())
        for name, array in unpack_layer(packed).items():
            assert np.array_equal(array, arrays[name])


def test_halves_hold_every_finite_half():
    values = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    finite = values[np.isfinite(values)].astype(np.float32)
    kind = halves()
    assert kind.keeps(finite)
    assert np.array_equal(kind.decode(kind.encode(finite)), finite)
    assert not kind.keeps(np.array([2.0**-26], np.float32))


class TestRunning:
    IMAGE = np.array([3, 5, 7, 100, 11]).reshape(5, 1, 1)
    RESULT = 100 * 3 - 3 * 5 + 2 * 7 + 0 * 100 + 2 * 11

    def test_by_hand(self):
        packed = packed_row()
        result = run_naive(packed, self.IMAGE, "direct", 8)
        assert result.output.item() == self.RESULT
        assert result.counter == Counter(8, macs=5, bit_ops=5 * 8 * 8, scratch_bytes=5)
        for bits in (8, 16):
            assert run_layer(packed, self.IMAGE, None, bits).item() == self.RESULT
        assert run_layer(packed, self.IMAGE.astype(np.float32)).item() == self.RESULT

    def test_a_scale_requantizes_the_output_and_is_free(self):
        result = run_naive(packed_row("filter"), self.IMAGE, "direct", 8)
        assert result.output.item() == 0.5 * self.RESULT
        assert result.counter == Counter(8, macs=5, bit_ops=5 * 8 * 8, scratch_bytes=5, requantizations=1)

    def test_filters_read_their_own_palettes(self):
        shape = ConvShape(3, 1, (1, 1), (1, 1))
        arrays = {"palette": np.array([[1, 2], [10, 20]], np.int8), "index": np.array([0, 1, 1], np.uint8)}
        arrays["index"] = arrays["index"].reshape(shape.weight_shape)
        packed = pack_layer(shape, Palettized(1, 8, 2, "none"), arrays)
        image = np.array([7]).reshape(1, 1, 1)
        for bits in (4, 32):
            assert run_layer(packed, image, None, bits).ravel().tolist() == [7, 14, 140]
        assert run_naive(packed, image, "direct").output.ravel().tolist() == [7, 14, 140]

    @pytest.mark.parametrize(
        ("value_bits", "bits", "arithmetic"),
        [(8, 2, "planes"), (8, 3, "integer"), (8, 16, "integer"), (8, 32, "float"), (16, 8, "float")],
    )
    def test_integers_are_planes_or_exact_products(self, value_bits, bits, arithmetic):
        path = kernel_path(PLAIN, Palettized(4, value_bits), bits, "direct")
        assert path.kernel == f"palettized / direct / {arithmetic}"

    def test_work_is_that_of_a_dense_layer_of_the_values(self):
        shape = ConvShape(24, 80, (3, 3), (6, 5), padding=(1, 1))
        assert layer_work(shape, Palettized(), 32, "direct").amounts["decoded"] == 24 * 80 * 9
        assert layer_work(shape, Palettized(), 4, "direct").amounts["reconstructed"] == 24 * 80 * 9
        assert layer_work(shape, Palettized(), 1, "direct").amounts["scaled"] == 24 * 30
