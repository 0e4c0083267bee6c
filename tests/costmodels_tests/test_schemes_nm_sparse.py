"""N:M sparse layers: bits, bytes and operations by hand, and streams that stand for no layer."""

import math
from itertools import combinations

import numpy as np
import pytest

from costmodels import ConvShape, NMSparse
from costmodels.errors import KernelError
from costmodels.kernels.loops.counter import Counter
from costmodels.kernels.naive import run_naive
from costmodels.kernels.packing import PackedLayer, pack_layer, unpack_layer
from costmodels.kernels.run import prepare_layer, run_layer
from costmodels.latency import kernel_path, layer_work
from costmodels.layout import places_of_ranks, ranks_of_places
from costmodels.layout.bitstream import BitStream

PLAIN = ConvShape(512, 512, 3, 4, padding=1)  # 589,824 groups of four, 16 positions
GROUPED = ConvShape(12, 32, (1, 5), (6, 7), groups=4)  # 12*8*5 weights, 18 positions
ROW = ConvShape(1, 8, (1, 1), (1, 1))
PAIR = ConvShape(1, 4, (1, 2), (1, 2))
IMAGE = np.array([3, 5, 100, 7, 11, 100, 13, 2]).reshape(8, 1, 1)


def packed_row(index="combination", ranks=(4, 1), values=(1, -3, 2, 0)):
    """Channels 1 and 3, and 4 and 6: C(1,1) + C(3,2) = 4 and C(0,1) + C(2,2) = 1."""
    arrays = {
        "index": np.array(ranks, np.uint16).reshape(1, 1, 1, 2),
        "weights": np.array(values, np.int8).reshape(1, 1, 1, 2, 2),
    }
    return pack_layer(ROW, NMSparse("2:4", 3, index, "none"), arrays)


@pytest.mark.parametrize(
    ("scheme", "shape", "storage"),
    [
        (NMSparse("2:4", 4), PLAIN, {"weights": 4 * 2 * 589_824, "index": 3 * 589_824, "scales": 32 * 512}),  # C = 6
        (NMSparse("2:4", 4, "places"), PLAIN, {"weights": 8 * 589_824, "index": 4 * 589_824, "scales": 32 * 512}),
        (NMSparse("1:8", 2, scale="layer"), GROUPED, {"weights": 2 * 60, "index": 3 * 60, "scales": 32}),
        (NMSparse("4:8", 3, scale_bits=4), GROUPED, {"weights": 12 * 60, "index": 7 * 60, "scales": 12 * 4 + 16}),  # 70
        (NMSparse("3:4", 1, "places", "none"), GROUPED, {"weights": 3 * 120, "index": 6 * 120, "scales": 0}),
        (NMSparse("4:4", 32), GROUPED, {"weights": 32 * 480, "index": 0, "scales": 0}),
    ],
)
def test_storage(scheme, shape, storage):
    assert scheme.storage(shape) == storage


def test_operations_are_those_of_what_every_group_keeps():
    work = NMSparse("3:8", 4).executions(GROUPED, 8)["direct"]
    assert (work.macs, work.additions, work.multiplications) == (3 * 60 * 18, 0, 0)
    assert work.bit_ops == 3 * 60 * 18 * 4 * 8
    assert work.scratch_bytes == 0
    signs = NMSparse("1:4", 1).executions(GROUPED, 8)["direct"]
    assert (signs.macs, signs.additions, signs.bit_ops) == (0, 120 * 18, 120 * 18 * 8)


def test_a_scale_of_a_filter_or_floats_take_up_a_factor():
    assert NMSparse().takes_channel_scale
    assert NMSparse("2:4", 32, scale="none").takes_channel_scale
    assert not NMSparse(scale="layer").takes_channel_scale
    assert not NMSparse(scale_bits=8).takes_channel_scale


@pytest.mark.parametrize(("kept", "group"), [(1, 1), (2, 4), (3, 5), (1, 16), (8, 16)])
def test_ranks_are_all_combinations_without_a_gap(kept, group):
    """Each is the sum of C(place, k) over its places, which is another count of the same."""
    table = places_of_ranks(kept, group)
    assert len(table) == math.comb(group, kept)
    assert {tuple(row) for row in table.tolist()} == set(combinations(range(group), kept))
    assert ranks_of_places(table).tolist() == list(range(len(table)))
    for rank, row in enumerate(table[:200].tolist()):
        assert rank == sum(math.comb(place, k) for k, place in enumerate(row, 1))


class TestPacking:
    def test_a_rank_has_three_bits_and_a_code_its_own(self):
        """Ranks 4 and 1; codes 1, -3, 2 and 0 are stored as 5, 1, 6 and 4."""
        packed = packed_row()
        assert packed.streams["index"] == BitStream(6, bytes([4 | 1 << 3]))
        assert packed.streams["weights"] == BitStream(12, bytes([5 | 1 << 3 | (6 & 3) << 6, 6 >> 2 | 4 << 1]))
        assert unpack_layer(packed)["index"].tolist() == [[[[4, 1]]]]
        assert unpack_layer(packed)["weights"].tolist() == [[[[[1, -3], [2, 0]]]]]

    def test_places_have_two_bits_each(self):
        packed = packed_row("places")
        assert packed.streams["index"] == BitStream(8, bytes([1 | 3 << 2 | 0 << 4 | 2 << 6]))
        assert unpack_layer(packed)["index"].tolist() == [[[[4, 1]]]]

    def test_groups_lie_element_by_element(self):
        """Of 1x2 kernels the four channels of the first element come first."""
        scheme = NMSparse("1:4", 8, scale="none")
        arrays = {
            "index": np.array([2, 0], np.uint16).reshape(1, 1, 2, 1),
            "weights": np.array([10, 20], np.int8).reshape(1, 1, 2, 1, 1),
        }
        image = np.zeros((4, 1, 2))
        image[2, 0, 0], image[0, 0, 1] = 3, 7
        packed = pack_layer(PAIR, scheme, arrays)
        assert run_naive(packed, image, "direct").output.item() == 10 * 3 + 20 * 7
        assert run_layer(packed, image.astype(np.float32)).item() == 10 * 3 + 20 * 7

    @pytest.mark.parametrize("rank", [6, 7])
    def test_ranks_without_a_combination_are_refused(self, rank):
        with pytest.raises(KernelError, match="index: other values; values are 0 to 5"):
            packed_row(ranks=(rank, 0))
        packed = packed_row()
        streams = {**packed.streams, "index": BitStream(6, bytes([rank]))}
        for read in (unpack_layer, prepare_layer):
            with pytest.raises(KernelError, match="index: other values; values are 0 to 5"):
                read(PackedLayer(ROW, packed.scheme, streams, {}, {}))

    @pytest.mark.parametrize("places", [(1, 1), (3, 0), (2, 1)])
    def test_places_that_do_not_ascend_are_refused(self, places):
        packed = packed_row("places")
        streams = {**packed.streams, "index": BitStream(8, bytes([places[0] | places[1] << 2 | 0 << 4 | 1 << 6]))}
        for read in (unpack_layer, prepare_layer):
            with pytest.raises(KernelError, match="others; the places of a group ascend from 0 to 3; pack the layer"):
                read(PackedLayer(ROW, packed.scheme, streams, {}, {}))


class TestRunning:
    @pytest.mark.parametrize("index", ["combination", "places"])
    def test_by_hand(self, index):
        """A code of zero takes its operation: what a group keeps is fixed."""
        packed = packed_row(index)
        result = run_naive(packed, IMAGE, "direct", 8)
        expected = 1 * 5 - 3 * 7 + 2 * 11 + 0 * 13
        assert result.output.item() == expected
        assert result.counter == Counter(8, macs=4, bit_ops=4 * 3 * 8)
        assert run_layer(packed, IMAGE, None, 8).item() == expected
        assert run_layer(packed, IMAGE.astype(np.float32)).item() == expected

    def test_paths_and_work_are_those_of_what_is_kept(self):
        shape = ConvShape(24, 80, (3, 3), (6, 5), padding=(1, 1))
        assert kernel_path(shape, NMSparse("2:4", 4), 8, "direct").kernel == "nm-sparse / direct / integer"
        assert kernel_path(shape, NMSparse("2:4", 4), 32, "direct").kernel == "nm-sparse / direct / float"
        amounts = layer_work(shape, NMSparse("1:8", 4), 8, "direct").amounts
        assert amounts["index_entries"] == 24 * 80 * 9 / 8
