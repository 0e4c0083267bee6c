"""Layer shapes: output sizes against plain counting, counts by hand, refusals by message."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from costmodels.errors import ShapeError
from costmodels.shapes import ConvShape


def starts(size, before, after, kernel, stride, dilation):
    """Positions at which a dilated kernel lies within the padded input, counted one by one."""
    extent = dilation * (kernel - 1) + 1
    return sum(1 for start in range(0, size + before + after, stride) if start + extent <= size + before + after)


pairs = st.tuples(st.integers(1, 4), st.integers(1, 4))


@given(pairs, st.tuples(st.integers(1, 12), st.integers(1, 12)), pairs, st.tuples(*[st.integers(0, 3)] * 2), pairs)
def test_output_size_is_the_number_of_places_of_the_kernel(kernel, size, stride, padding, dilation):
    expected = tuple(
        starts(size[axis], padding[axis], padding[axis], kernel[axis], stride[axis], dilation[axis]) for axis in (0, 1)
    )
    assume(min(expected) >= 1)
    shape = ConvShape(1, 1, kernel, size, stride, padding, dilation)
    assert shape.output_size == expected
    assert shape.positions == expected[0] * expected[1]


@given(pairs, st.tuples(st.integers(1, 12), st.integers(1, 12)), pairs)
def test_same_padding_keeps_the_size_and_puts_the_odd_zero_at_the_end(kernel, size, dilation):
    shape = ConvShape(1, 1, kernel, size, padding="same", dilation=dilation)
    assert shape.output_size == size
    for axis, (before, after) in enumerate(shape.pads):
        assert before + after == dilation[axis] * (kernel[axis] - 1)
        assert after - before in (0, 1)


def test_valid_padding_is_none():
    assert ConvShape(1, 1, 3, 8, padding="valid").pads == ((0, 0), (0, 0))
    assert ConvShape(1, 1, 3, 8, padding="valid").output_size == (6, 6)


def test_counts_of_a_plain_layer():
    shape = ConvShape(512, 256, 3, 8, stride=2, padding=1)
    assert shape.output_size == (4, 4)
    assert shape.kernels == 512 * 256
    assert shape.weights == 512 * 256 * 9
    assert shape.weight_shape == (512, 256, 3, 3)
    assert shape.dense_macs == 512 * 256 * 9 * 16
    assert shape.input_elements == 256 * 8 * 8
    assert shape.output_elements == 512 * 4 * 4


def test_counts_of_a_grouped_layer_with_a_rectangular_kernel():
    shape = ConvShape(12, 8, (1, 5), (6, 7), groups=4)
    assert shape.output_size == (6, 3)
    assert (shape.group_inputs, shape.group_outputs, shape.kernel_area) == (2, 3, 5)
    assert shape.weights == 12 * 2 * 5
    assert shape.dense_macs == 12 * 2 * 5 * 18


def test_counts_of_a_depthwise_layer():
    shape = ConvShape(16, 16, 3, 10, padding=1, groups=16)
    assert shape.group_inputs == shape.group_outputs == 1
    assert shape.weights == 16 * 9
    assert shape.dense_macs == 16 * 9 * 100


def test_a_linear_layer_is_a_1x1_convolution_on_a_1x1_map():
    shape = ConvShape.linear(10, 512)
    assert shape == ConvShape(10, 512, (1, 1), (1, 1))
    assert shape.dense_macs == shape.weights == 5120
    assert ConvShape.linear(10, 512, positions=7).dense_macs == 7 * 5120


def test_integers_and_lists_become_pairs():
    assert ConvShape(1, 1, 3, 8, padding=1) == ConvShape(1, 1, [3, 3], (8, 8), padding=(1, 1))


def test_a_shape_in_text():
    assert str(ConvShape(32, 16, 3, 8, padding=1)) == "16->32 3x3 at 8x8"
    assert str(ConvShape(32, 16, (1, 5), 8, groups=4)) == "16->32 1x5 at 8x4, 4 groups"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"out_channels": 0}, "got 0; out_channels is an integer of at least 1"),
        ({"in_channels": True}, "got True; in_channels is an integer of at least 1"),
        ({"groups": 1.0}, "got 1.0; groups is an integer of at least 1"),
        ({"groups": 3}, "8 outputs, 4 inputs, 3 groups; groups divide both channel counts"),
        ({"kernel": (3, 0)}, r"\(3, 0\); kernel is an integer or a pair of integers of at least 1"),
        ({"kernel": (3, 3, 3)}, "kernel is an integer or a pair"),
        ({"kernel": "3"}, "kernel is an integer or a pair"),
        ({"stride": (1, 1.5)}, "stride is an integer or a pair"),
        ({"dilation": 0}, "dilation is an integer or a pair"),
        ({"padding": -1}, "got -1; padding is an integer or a pair of integers of at least 0"),
        ({"padding": "full"}, 'got full; padding in text is "same" or "valid"'),
        ({"padding": "same", "stride": 2}, r'\(2, 2\); padding "same" needs stride 1'),
        ({"input_values": (4, 0)}, r"input_values is an integer or a pair of integers of at least 1"),
        ({"input_size": 2}, r"output \(0, 0\); the kernel fits into the padded input"),
    ],
)
def test_impossible_shapes_are_refused(arguments, message):
    with pytest.raises(ShapeError, match=message):
        ConvShape(**{"out_channels": 8, "in_channels": 4, "kernel": 3, "input_size": 8, **arguments})


def test_a_transposed_convolution_multiplies_each_weight_by_the_values_of_its_input():
    """4x5 values, stride 2: 9 rows and 11 columns with the zeros between and around them, 3x3 windows of these."""
    shape = ConvShape(6, 4, (3, 3), (10, 12), groups=2, input_values=(4, 5))
    assert (shape.output_size, shape.weight_uses, shape.dense_macs) == ((8, 10), 20, 6 * 2 * 9 * 20)
    assert (shape.input_elements, shape.output_elements) == (4 * 20, 6 * 80)
    assert str(shape) == "4->6 3x3 at 8x10, 2 groups, transposed"
