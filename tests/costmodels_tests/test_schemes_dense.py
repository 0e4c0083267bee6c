"""Dense and pruned layers: bits and operations by hand."""

import pytest

from costmodels.schemes import Dense, LayerUsage, Pruned
from costmodels.shapes import ConvShape

PLAIN = ConvShape(512, 512, 3, 4, padding=1)  # 16 positions
GROUPED = ConvShape(12, 8, (1, 5), (6, 7), groups=4)  # 12*2*5 weights, 18 positions
DEPTHWISE = ConvShape(16, 16, 3, 10, padding=1, groups=16)


@pytest.mark.parametrize(
    ("scheme", "shape", "storage"),
    [
        (Dense(8), PLAIN, {"weights": 8 * 512 * 512 * 9, "scales": 32 * 512}),
        (Dense(8, scale="layer"), PLAIN, {"weights": 8 * 512 * 512 * 9, "scales": 32}),
        (Dense(4, scale="none"), GROUPED, {"weights": 4 * 12 * 2 * 5, "scales": 0}),
        (Dense(1), DEPTHWISE, {"weights": 16 * 9, "scales": 32 * 16}),
        (Dense(32), PLAIN, {"weights": 32 * 512 * 512 * 9, "scales": 0}),  # a float needs no scale
        (Dense(2), ConvShape.linear(10, 512), {"weights": 2 * 10 * 512, "scales": 32 * 10}),
        (Dense(4, zero_bits=5), GROUPED, {"weights": 4 * 12 * 2 * 5, "scales": (32 + 5) * 12}),
        (Dense(4, "layer", 8, 3), GROUPED, {"weights": 4 * 12 * 2 * 5, "scales": 16 + 8 + 3}),  # a header of 16 bits
        (Dense(4, "none", zero_bits=3), GROUPED, {"weights": 4 * 12 * 2 * 5, "scales": 0}),  # beside no scale none
        (Dense(32, zero_bits=3), DEPTHWISE, {"weights": 32 * 16 * 9, "scales": 0}),
    ],
)
def test_dense_storage(scheme, shape, storage):
    assert scheme.storage(shape) == storage


def test_binary_weights_are_32_times_smaller_without_scales():
    assert 32 * PLAIN.weights == 32 * Dense(1, scale="none").storage(PLAIN)["weights"]


def test_dense_operations():
    work = Dense(8).executions(PLAIN, activation_bits=4)["direct"]
    assert (work.macs, work.additions, work.multiplications) == (512 * 512 * 9 * 16, 0, 0)
    assert work.bit_ops == 512 * 512 * 9 * 16 * 8 * 4
    assert work.scratch_bytes == 0


def test_binary_weights_only_add():
    work = Dense(1).executions(GROUPED, activation_bits=8)["direct"]
    assert (work.macs, work.additions) == (0, 12 * 2 * 5 * 18)
    assert work.bit_ops == 12 * 2 * 5 * 18 * 1 * 8


@pytest.mark.parametrize(("scale", "shape", "filters"), [("filter", GROUPED, 12), ("layer", DEPTHWISE, 16)])
def test_zero_points_take_one_sum_of_inputs_a_group_and_one_product_an_output(scale, shape, filters):
    """At each position every input of every group is added once, and every output takes its zero point times it."""
    plain = Dense(4, scale).executions(shape, activation_bits=8)["direct"]
    work = Dense(4, scale, zero_bits=5).executions(shape, activation_bits=8)["direct"]
    positions, inputs = {GROUPED: (18, 8 * 5), DEPTHWISE: (100, 16 * 9)}[shape]
    assert (work.macs - plain.macs, work.additions - plain.additions) == (filters * positions, inputs * positions)
    assert work.bit_ops - plain.bit_ops == inputs * positions * 8 + filters * positions * 5 * 32
    assert (work.multiplications, work.scratch_bytes) == (0, 0)


def test_zero_points_beside_no_scale_are_no_work():
    for with_zeros, plain in ((Dense(4, "none", 32, 3), Dense(4, "none")), (Dense(32, zero_bits=3), Dense(32))):
        assert with_zeros.executions(GROUPED, 8) == plain.executions(GROUPED, 8)


def test_sums_of_a_transposed_layer_are_of_the_values_that_it_reads():
    """2x2 values of 3 channels, 4 zeros put between: 9 weights of 3 channels meet 4 values, outputs are 25."""
    shape = ConvShape(2, 3, (3, 3), (5, 5), padding=1, input_values=(2, 2))
    plain, work = (scheme.executions(shape, 8)["direct"] for scheme in (Dense(4), Dense(4, zero_bits=3)))
    assert (work.additions, work.macs - plain.macs) == (3 * 9 * 4, 2 * 25)


def test_text_without_zero_points_is_what_it_was():
    """Designs are named by it, and stored in it."""
    assert str(Dense(4)) == "dense(weight_bits=4, scale=filter)"
    assert str(Dense(4, zero_bits=3)) == "dense(weight_bits=4, scale=filter, zero_bits=3)"
    assert Dense(4, scale_bits=8).brief() == "dense(weight_bits=4, scale_bits=8)"


def test_pruned_storage_as_bitmap():
    nonzeros = 235_930  # 0.1 * 512*512*9 = 235,929.6
    assert Pruned(density=0.1, weight_bits=8).storage(PLAIN) == {
        "weights": 8 * nonzeros,
        "index": 512 * 512 * 9,
        "scales": 32 * 512,
    }


def test_pruned_storage_as_index():
    """A place within the 2*5 weights of a filter takes L2(10) = 4 bits, a count of 0 to 10 takes L2(11) = 4."""
    nonzeros = 30  # 0.25 * 12*2*5
    storage = Pruned(density=0.25, weight_bits=4, coefficients="index", scale="layer").storage(GROUPED)
    assert storage == {"weights": 4 * nonzeros, "index": nonzeros * 4 + 12 * 4, "scales": 32}


def test_a_density_rounds_halves_up():
    assert Pruned(density=0.5, weight_bits=1, scale="none").storage(ConvShape(3, 3, 1, 1))["weights"] == 5  # 4.5


def test_pruned_operations():
    work = Pruned(density=0.25, weight_bits=8).executions(GROUPED, activation_bits=8)["direct"]
    assert work.macs == 30 * 18
    assert work.bit_ops == 30 * 18 * 8 * 8
    assert work.additions == work.multiplications == work.scratch_bytes == 0


def test_a_fitted_layer_counts_its_own_nonzeros():
    used = LayerUsage(nonzeros=7)
    scheme = Pruned(density=0.25, weight_bits=8, scale="none")
    assert scheme.storage(GROUPED, used) == {"weights": 8 * 7, "index": 120, "scales": 0}
    assert scheme.executions(GROUPED, 8, used)["direct"].macs == 7 * 18
