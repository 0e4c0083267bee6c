"""Ternary layers: bits, bytes and operations by hand, and streams that stand for no layer."""

import numpy as np
import pytest

from costmodels import ConvShape, LayerUsage, Ternary, layer_cost
from costmodels.errors import KernelError
from costmodels.kernels.loops.counter import Counter
from costmodels.kernels.naive import run_naive
from costmodels.kernels.packing import PackedLayer, locate, pack_layer, unpack_layer
from costmodels.kernels.run import prepare_layer, run_layer
from costmodels.latency import kernel_path, layer_work
from costmodels.layout.bitstream import BitStream

PLAIN = ConvShape(512, 512, 3, 4, padding=1)  # 16 positions
GROUPED = ConvShape(12, 8, (1, 5), (6, 7), groups=4)  # 12*2*5 weights, 18 positions
ROW = ConvShape(1, 6, (1, 1), (1, 1))
CODES = np.array([1, -1, 0, 1, 1, 0], np.int8).reshape(ROW.weight_shape)


def packed_row(packing="base3", weights=CODES):
    return pack_layer(ROW, Ternary(packing, "none"), {"weights": weights})


def with_bytes(packed, *values):
    """The layer with other bytes in its only stream."""
    streams = {"weights": BitStream(packed.streams["weights"].bits, bytes(values))}
    return PackedLayer(packed.shape, packed.scheme, streams, {}, {})


@pytest.mark.parametrize(
    ("scheme", "shape", "storage"),
    [
        (Ternary(), PLAIN, {"weights": 8 * 471_860, "scales": 32 * 512}),  # 512*512*9 / 5 = 471,859.2
        (Ternary("two-bit"), PLAIN, {"weights": 2 * 512 * 512 * 9, "scales": 32 * 512}),
        (Ternary(scale="layer"), GROUPED, {"weights": 8 * 24, "scales": 32}),
        (Ternary("two-bit", "none"), GROUPED, {"weights": 2 * 120, "scales": 0}),
        (Ternary(scale="none"), ConvShape(1, 1, 1, 3), {"weights": 8, "scales": 0}),
    ],
)
def test_storage(scheme, shape, storage):
    assert scheme.storage(shape) == storage


def test_a_ternary_layer_is_nearly_20_times_smaller():
    """32 bits over 8/5; a scale a filter of 4,608 weights adds 32/4608 bits a weight."""
    assert layer_cost(PLAIN, Ternary(scale="none")).compression_ratio == pytest.approx(20, rel=1e-5)
    assert layer_cost(PLAIN, Ternary()).compression_ratio == pytest.approx(32 / (8 / 5 + 32 / 4608), rel=1e-5)


def test_operations_are_additions_of_what_is_not_zero():
    fitted = Ternary().executions(GROUPED, 8, LayerUsage(nonzeros=70))["direct"]
    assert (fitted.macs, fitted.additions, fitted.multiplications) == (0, 70 * 18, 0)
    assert fitted.bit_ops == 70 * 18 * 1 * 8
    assert fitted.scratch_bytes == 0


def test_without_a_fit_all_weights_count():
    bound = Ternary().executions(GROUPED, 8)["direct"]
    assert (bound.macs, bound.additions) == (0, 120 * 18)
    assert bound.bit_ops == 120 * 18 * 1 * 8


def test_a_scale_of_a_filter_takes_up_a_factor():
    assert Ternary().takes_channel_scale
    assert not Ternary(scale="layer").takes_channel_scale
    assert not Ternary(scale="none").takes_channel_scale


def test_usage_is_what_is_not_zero():
    assert Ternary().usage(ROW, {"weights": CODES}) == LayerUsage(nonzeros=4)


class TestPacking:
    def test_five_codes_a_byte_are_digits_of_base_3(self):
        """1, -1, 0, 1, 1 have the ranks 2, 0, 1, 2, 2; the sixth code, 0, has rank 1 in a byte of its own."""
        packed = packed_row()
        assert packed.streams["weights"] == BitStream(16, bytes([2 + 0 * 3 + 1 * 9 + 2 * 27 + 2 * 81, 1]))
        assert unpack_layer(packed)["weights"].tolist() == CODES.tolist()
        assert unpack_layer(packed)["weights"].dtype == np.int8

    def test_two_bits_hold_a_rank(self):
        packed = packed_row("two-bit")
        assert packed.streams["weights"] == BitStream(12, bytes([2 | 0 << 2 | 1 << 4 | 2 << 6, 2 | 1 << 2]))
        assert unpack_layer(packed)["weights"].tolist() == CODES.tolist()

    def test_the_layer_is_grouped_as_a_whole(self):
        """Groups of five go on from one filter to the next: 12 codes take three bytes and not four."""
        shape = ConvShape(2, 6, (1, 1), (1, 1))
        weights = np.repeat(CODES, 2, axis=0)
        packed = pack_layer(shape, Ternary(scale="none"), {"weights": weights})
        assert len(packed.streams["weights"].data) == 3
        assert locate(packed)["weights"].field.bits == 24
        assert np.array_equal(unpack_layer(packed)["weights"], weights)

    @pytest.mark.parametrize("value", range(243, 256))
    def test_a_byte_above_242_is_refused(self, value):
        damaged = with_bytes(packed_row(), value, 1)
        message = f"got {value}; 5 values of 3 levels are a number of 0 to 242; pack the layer again"
        with pytest.raises(KernelError, match=message):
            unpack_layer(damaged)
        with pytest.raises(KernelError, match=message):
            prepare_layer(damaged, None, 8)

    @pytest.mark.parametrize("value", [3, 1 + 9, 1 + 27, 242])
    def test_digits_beyond_the_last_code_are_zero(self, value):
        with pytest.raises(
            KernelError, match="other digits; the digits that fill up the last group are zero; pack the layer again"
        ):
            unpack_layer(with_bytes(packed_row(), 0, value))

    @pytest.mark.parametrize("place", range(4))
    def test_the_fourth_code_of_two_bits_is_refused(self, place):
        damaged = with_bytes(packed_row("two-bit"), 3 << 2 * place, 0)
        with pytest.raises(KernelError, match="weights: other values; values are -1, 0 or 1"):
            unpack_layer(damaged)
        with pytest.raises(KernelError, match="weights: other values; values are -1, 0 or 1"):
            prepare_layer(damaged)

    @pytest.mark.parametrize("wrong", [-2, 2, 127])
    def test_other_weights_are_refused(self, wrong):
        weights = CODES.copy()
        weights[0, 3] = wrong
        for packing in ("base3", "two-bit"):
            with pytest.raises(KernelError, match="weights: other values; values are -1, 0 or 1"):
                packed_row(packing, weights)
        with pytest.raises(KernelError, match="weights: other values; values are -1, 0 or 1"):
            packed_row(weights=CODES.astype(np.uint8))  # -1 is 255


class TestRunning:
    IMAGE = np.array([3, 5, 100, 7, 11, 100]).reshape(6, 1, 1)

    @pytest.mark.parametrize("packing", ["base3", "two-bit"])
    def test_by_hand(self, packing):
        packed = packed_row(packing)
        result = run_naive(packed, self.IMAGE, "direct", 8)
        assert result.output.item() == 3 - 5 + 7 + 11
        assert result.counter == Counter(8, additions=4, bit_ops=4 * 8)
        assert run_layer(packed, self.IMAGE, None, 8).item() == 3 - 5 + 7 + 11
        assert run_layer(packed, self.IMAGE, None, 9).item() == 3 - 5 + 7 + 11
        assert run_layer(packed, self.IMAGE.astype(np.float32)).item() == 3 - 5 + 7 + 11

    def test_a_scale_requantizes_the_output_and_is_free(self):
        arrays = {"weights": CODES, "scales": np.array([0.5], np.float32)}
        result = run_naive(pack_layer(ROW, Ternary(), arrays), self.IMAGE, "direct", 8)
        assert result.output.item() == 0.5 * 16
        assert result.counter == Counter(8, additions=4, bit_ops=4 * 8, requantizations=1)

    @pytest.mark.parametrize(
        ("bits", "arithmetic"), [(1, "planes"), (8, "planes"), (9, "integer"), (16, "integer"), (32, "float")]
    )
    def test_two_planes_of_signs_up_to_eight_bits(self, bits, arithmetic):
        assert kernel_path(PLAIN, Ternary(), bits, "direct").kernel == f"ternary / direct / {arithmetic}"

    def test_work_is_that_of_two_filters_of_signs(self):
        """24 filters are 48 of signs, 6 tiles of 8; 30 positions are 8 groups of 4; 80 channels take 2 words."""
        shape = ConvShape(24, 80, (3, 3), (6, 5), padding=(1, 1))
        amounts = layer_work(shape, Ternary(), 3, "direct").amounts
        assert amounts["tiles"] == 8 * 6
        assert amounts["tile_words"] == 8 * 6 * 3 * 2 * 9
        assert amounts["combined"] == 24 * 2 * 30
        assert amounts["scaled"] == 24 * 30
        assert layer_work(shape, Ternary(), 32, "direct").amounts["decoded"] == 24 * 80 * 9
