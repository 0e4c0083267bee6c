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
