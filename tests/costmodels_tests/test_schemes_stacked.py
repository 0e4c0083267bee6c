"""Stacked binary filters and LegoNet: bits and operations by hand."""

import pytest

from costmodels.schemes import Dense, LayerUsage, LegoNet, StackedBinary
from costmodels.shapes import ConvShape

PLAIN = ConvShape(512, 512, 3, 4, padding=1)  # 16 positions, rows of 4
GROUPED = ConvShape(12, 8, 3, (6, 7), padding=1, groups=2)  # 6 filters over 4 channels a group, 42 positions
DEPTHWISE = ConvShape(16, 16, 3, 10, padding=1, groups=16)


def ratio(scheme, shape):
    return 32 * shape.weights / sum(scheme.storage(shape).values())


def test_the_worked_example():
    """c = n = 512, d = 3, s = 256, k = 128, 4x4 output: S = 2, L2(128) = 7."""
    scheme = StackedBinary(segment_channels=256, filters=128)
    assert scheme.storage(PLAIN) == {"basis": 128 * 256 * 9, "selection": 512 * 2 * 7, "scales": 0}
    assert (128 * 256 * 9, 512 * 2 * 7) == (294_912, 7_168)
    assert round(ratio(scheme, PLAIN), 2) == 249.93
    work = scheme.executions(PLAIN, activation_bits=8)["shared-maps"]
    transform, merge = 128 * 512 * 9 * 16, 512 * (2 - 1) * 16
    assert (transform, merge) == (9_437_184, 8_192)
    assert (work.additions, work.macs, work.multiplications) == (transform + merge, 0, 0)
    assert work.bit_ops == transform * 8 + merge * 32
    assert work.scratch_bytes == 2 * 128 * 4 * 4  # S*k maps, one row of 4 values of 4 bytes
    assert PLAIN.dense_macs == 37_748_736


@pytest.mark.parametrize(("channels", "expected"), [(16, 567), (32, 801), (64, 737), (128, 467), (256, 250)])
def test_the_ratio_by_segment_channels(channels, expected):
    assert round(ratio(StackedBinary(channels, 128), PLAIN)) == expected


def test_one_segment_and_as_many_filters_with_a_free_index_is_plain_binary():
    whole = StackedBinary(512, 512, selection="uncounted")
    assert ratio(whole, PLAIN) == 32
    binary = Dense(1, scale="none").executions(PLAIN, 8)["direct"]
    for work in whole.executions(PLAIN, 8).values():
        assert (work.additions, work.bit_ops) == (binary.additions, binary.bit_ops)


@pytest.mark.parametrize(("selection", "bits"), [("packed", 512 * 2 * 7), ("one-hot", 512 * 2 * 100), ("uncounted", 0)])
def test_selection_of_100_filters(selection, bits):
    assert StackedBinary(256, 100, selection=selection).storage(PLAIN)["selection"] == bits


def test_one_filter_needs_no_selection_bits():
    assert StackedBinary(256, 1).storage(PLAIN)["selection"] == 0


@pytest.mark.parametrize(("scale", "count"), [("none", 0), ("filter", 512), ("segment", 512 * 2)])
def test_scales(scale, count):
    scheme = StackedBinary(256, 128, scale=scale)
    assert scheme.storage(PLAIN)["scales"] == 32 * count
    plain = StackedBinary(256, 128).executions(PLAIN, 8)
    for execution, work in scheme.executions(PLAIN, 8).items():
        assert work.multiplications == count * 16
        merges = 512 * 16 if (scale, execution) == ("segment", "direct") else 0  # the segments' sums stay apart
        assert work.additions == plain[execution].additions + merges
        assert work.bit_ops == plain[execution].bit_ops + 32 * 32 * count * 16 + 32 * merges


def test_direct_reads_filters_from_the_bank():
    work = StackedBinary(256, 128).executions(PLAIN, 8)["direct"]
    assert (work.additions, work.macs, work.scratch_bytes) == (PLAIN.dense_macs, 0, 0)
    assert work.bit_ops == PLAIN.dense_macs * 8


def test_each_group_has_its_own_bank():
    """2 groups of 6 filters over 4 channels; s = 2, so S = 2; k = 3, so L2 = 2."""
    scheme = StackedBinary(2, 3)
    assert scheme.storage(GROUPED) == {"basis": 2 * 3 * 2 * 9, "selection": 12 * 2 * 2, "scales": 0}
    work = scheme.executions(GROUPED, 8)["shared-maps"]
    assert work.additions == 3 * 8 * 9 * 42 + 12 * 1 * 42  # k*c*d^2*H'W' and n*(S-1)*H'W'
    assert work.scratch_bytes == 2 * 3 * 7 * 4  # the S*k maps of one group, a row of 7


def test_a_depthwise_layer_has_one_segment_and_no_merge():
    scheme = StackedBinary(1, 1)
    assert scheme.storage(DEPTHWISE) == {"basis": 16 * 9, "selection": 0, "scales": 0}
    assert scheme.executions(DEPTHWISE, 8)["shared-maps"].additions == 16 * 9 * 100


def test_a_fitted_layer_computes_only_the_maps_it_uses():
    work = StackedBinary(256, 128).executions(PLAIN, 8, LayerUsage(pairs=10))["shared-maps"]
    assert work.additions == 10 * 256 * 9 * 16 + 512 * 16


def test_legonet_has_32_bit_filters_and_a_coefficient_for_each_segment():
    scheme = LegoNet(256, 128)
    assert scheme.storage(PLAIN) == {"basis": 32 * 294_912, "selection": 7_168, "scales": 32 * 512 * 2}
    work = scheme.executions(PLAIN, 8)["shared-maps"]
    assert (work.macs, work.additions, work.multiplications) == (9_437_184, 8_192, 512 * 2 * 16)
    assert work.bit_ops == 9_437_184 * 32 * 8 + 8_192 * 32 + 512 * 2 * 16 * 32 * 32
