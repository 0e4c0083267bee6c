"""Layers of low rank: bits, bytes and operations by hand."""

import numpy as np
import pytest

from costmodels import ConvShape, LowRank, SparseBasis, layer_cost, parse_scheme
from costmodels.kernels.loops.counter import Counter
from costmodels.kernels.naive import run_naive
from costmodels.kernels.packing import pack_layer, unpack_layer
from costmodels.kernels.run import run_layer
from costmodels.latency import kernel_path, layer_work
from costmodels.layout.bitstream import BitStream

PLAIN = ConvShape(512, 512, 3, 4, padding=1)  # 16 positions, 4 of a row
GROUPED = ConvShape(12, 32, (1, 5), (6, 7), groups=4)  # 3 outputs of 8*5 weights a group, 18 positions, 3 of a row
ROW = ConvShape(2, 3, (1, 1), (1, 1))
IMAGE = np.array([3, 5, 7]).reshape(3, 1, 1)


def packed_row():
    """Filter (1, -2, 3) at scale 0.5; the outputs take 2 and -1 of it, at scales 1 and 4."""
    arrays = {
        "basis": np.array([1, -2, 3], np.int8).reshape(1, 1, 3, 1, 1),
        "coefficients": np.array([[2], [-1]], np.int8),
        "basis_scales": np.array([[0.5]], np.float32),
        "scales": np.array([1, 4], np.float32),
    }
    return pack_layer(ROW, LowRank(1, 3, 4), arrays)


@pytest.mark.parametrize(
    ("scheme", "shape", "storage"),
    [
        (LowRank(64, 4, 3), PLAIN, {"basis": 4 * 64 * 4608, "coefficients": 3 * 512 * 64, "scales": 32 * (64 + 512)}),
        (LowRank(2, 2, 4, 8), GROUPED, {"basis": 2 * 8 * 40, "coefficients": 96, "scales": 8 * 8 + 8 * 12 + 2 * 16}),
        (LowRank(2, 32, 4, 16), GROUPED, {"basis": 32 * 320, "coefficients": 96, "scales": 16 * 12}),
        (LowRank(2, 1, 32), GROUPED, {"basis": 320, "coefficients": 32 * 24, "scales": 32 * 8}),
        (LowRank(1, 32, 32), GROUPED, {"basis": 32 * 160, "coefficients": 32 * 12, "scales": 0}),
    ],
)
def test_storage(scheme, shape, storage):
    assert scheme.storage(shape) == storage


def test_two_layers_take_their_own_work_and_a_scale_of_each_map():
    shared = LowRank(64, 4, 3).executions(PLAIN, 8)["shared-maps"]
    first, second, scales = 64 * 512 * 9 * 16, 512 * 64 * 16, 64 * 16
    assert (shared.macs, shared.additions, shared.multiplications) == (first + second, 0, scales)
    assert shared.bit_ops == first * 4 * 8 + second * 3 * 32 + scales * 32 * 32
    assert shared.scratch_bytes == 64 * 4 * 4  # a row of 64 maps of 32 bits


def test_filters_that_are_put_together_take_a_scale_of_each_coefficient():
    direct = LowRank(64, 4, 3).executions(PLAIN, 8)["direct"]
    reconstructed, scales = 512 * 64 * 512 * 9, 512 * 64
    assert (direct.macs, direct.additions, direct.multiplications) == (reconstructed + PLAIN.dense_macs, 0, scales)
    assert direct.bit_ops == reconstructed * 4 * 32 + scales * 32 * 32 + PLAIN.dense_macs * 32 * 8
    assert direct.scratch_bytes == 512 * 9 * 4


def test_signs_are_added_and_groups_work_apart():
    shared = LowRank(2, 1, 1).executions(GROUPED, 8)["shared-maps"]
    assert (shared.macs, shared.additions, shared.multiplications) == (0, 4 * 2 * 40 * 18 + 12 * 2 * 18, 4 * 2 * 18)
    assert shared.scratch_bytes == 2 * 3 * 4


def test_it_is_a_sparse_basis_of_one_segment_but_for_the_scales_of_outputs():
    basis = SparseBasis(512, 64, 4, 1.0, 3, "dense", "filter")
    assert LowRank(64, 4, 3).executions(PLAIN, 8) == basis.executions(PLAIN, 8)
    extra = layer_cost(PLAIN, LowRank(64, 4, 3)).storage_bits - layer_cost(PLAIN, basis).storage_bits
    assert extra == 32 * 512


def test_a_quarter_of_the_filters_is_a_quarter_of_the_work_and_its_combinations():
    """3x3 kernels: r*(c*9 + n) of n*c*9 MAC, for n = c and r = n/4 a quarter and a thirty-sixth."""
    scheme = parse_scheme("low-rank(filters=1/4, basis_bits=4, coefficient_bits=4)").resolve(PLAIN)
    assert scheme == LowRank(128, 4, 4)
    cost = layer_cost(PLAIN, scheme)
    assert cost.execution == "shared-maps"
    assert cost.macs / PLAIN.dense_macs == pytest.approx(1 / 4 + 1 / 36)


def test_what_takes_up_a_factor():
    assert LowRank(2).takes_channel_scale
    assert LowRank(2, 4, 32, 8).takes_channel_scale
    assert not LowRank(2, 4, 4, 8).takes_channel_scale


class TestRunning:
    def test_streams_by_hand(self):
        """Codes of three bits 1, -2, 3 are stored as 5, 2, 7; of four bits 2, -1 as 10, 7; filter scales come first."""
        packed = packed_row()
        assert packed.streams["basis"] == BitStream(9, bytes([5 | 2 << 3 | (7 & 3) << 6, 7 >> 2]))
        assert packed.streams["coefficients"] == BitStream(8, bytes([10 | 7 << 4]))
        assert packed.streams["scales"].data == np.array([0.5, 1, 4], "<f4").tobytes()
        assert unpack_layer(packed)["scales"].tolist() == [1, 4]

    @pytest.mark.parametrize(
        ("execution", "counter"),
        [
            ("shared-maps", Counter(8, 5, 0, 1, 3 * 3 * 8 + 32 * 32 + 2 * 4 * 32, 4, 2)),
            ("direct", Counter(8, 6 + 6, 0, 2, 6 * 3 * 32 + 2 * 32 * 32 + 6 * 32 * 8, 12, 2)),
        ],
    )
    def test_by_hand(self, execution, counter):
        """3 - 10 + 21 = 14, times 0.5; then 2 and -4 times that."""
        packed = packed_row()
        result = run_naive(packed, IMAGE, execution, 8)
        assert result.output.ravel().tolist() == [14, -28]
        assert result.counter == counter
        for bits in (4, 8, 16):
            assert run_layer(packed, IMAGE, execution, bits).ravel().tolist() == [14, -28]
        assert run_layer(packed, IMAGE.astype(np.float32), execution).ravel().tolist() == [14, -28]

    def test_paths_and_work(self):
        shape = ConvShape(24, 80, (3, 3), (6, 5), padding=(1, 1))
        for bits, arithmetic in ((1, "planes"), (8, "integer"), (32, "float")):
            kernel = kernel_path(shape, LowRank(6, 8, 4), bits, "shared-maps").kernel
            assert kernel == f"low-rank / shared-maps / {arithmetic}"
        assert kernel_path(shape, LowRank(6, 8, 4), 8, "direct").kernel == "low-rank / direct / float"
        amounts = layer_work(shape, LowRank(6, 8, 4), 8, "shared-maps").amounts
        assert amounts["dense_entries"] == 24 * 6
        assert amounts["product_macs"] == 80 * 9 * 8 * 32  # 6 filters and 30 positions, in tiles of 4 by 8
