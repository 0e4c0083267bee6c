"""Sparse linear combinations of a quantized basis, and the learned filter basis: bits and operations by hand."""

import pytest

from costmodels.schemes import LayerUsage, SparseBasis, StackedBinary, learned_filter_basis
from costmodels.shapes import ConvShape

PLAIN = ConvShape(512, 512, 3, 4, padding=1)  # 16 positions, rows of 4
GROUPED = ConvShape(12, 8, 3, (6, 7), padding=1, groups=2)  # 6 filters over 4 channels a group, 42 positions
DEPTHWISE = ConvShape(16, 16, 3, 10, padding=1, groups=16)
PLACES = 512 * 4 * 128  # Z = n*S*m with s = m = 128


@pytest.mark.parametrize(
    ("coefficients", "value_bits", "index_bits"),
    [
        ("dense", 32 * PLACES, 0),
        ("bitmap", 32 * 26_214, PLACES),  # 0.1 * Z = 26,214.4
        ("index", 32 * 26_214, 26_214 * 7 + 512 * 4 * 8),  # L2(128) a place, L2(129) a row count
    ],
)
def test_storage_by_form(coefficients, value_bits, index_bits):
    scheme = SparseBasis(128, 128, basis_bits=1, density=0.1, coefficients=coefficients)
    assert scheme.storage(PLAIN) == {
        "basis": 1 * 128 * 128 * 9,
        "coefficients": value_bits,
        "index": index_bits,
        "scales": 32,
    }


@pytest.mark.parametrize(("basis_scale", "scales"), [("layer", 1), ("filter", 128)])
def test_quantizer_scales(basis_scale, scales):
    assert SparseBasis(128, 128, basis_scale=basis_scale).storage(PLAIN)["scales"] == 32 * scales


def test_learned_filter_basis_is_dense_at_32_bits():
    assert learned_filter_basis(128, 128).storage(PLAIN) == {
        "basis": 32 * 128 * 128 * 9,
        "coefficients": 32 * PLACES,
        "index": 0,
        "scales": 0,
    }


def test_dense_32_bit_coefficients_cap_the_ratio_at_s_d2_over_m():
    stored = sum(SparseBasis(128, 128, basis_bits=1, coefficients="dense").storage(PLAIN).values())
    assert 32 * PLAIN.weights / stored < 128 * 9 / 128


def test_shared_maps_of_a_binary_basis():
    work = SparseBasis(128, 128, basis_bits=1, density=0.1).executions(PLAIN, 8)["shared-maps"]
    transform, mixing = 128 * 512 * 9 * 16, 26_214 * 16
    assert (work.additions, work.macs, work.multiplications) == (transform, mixing, 0)
    assert work.bit_ops == transform * 1 * 8 + mixing * 32 * 32
    assert work.scratch_bytes == 4 * 128 * 4 * 4  # S*k maps, a row of 4 values of 4 bytes


def test_shared_maps_of_a_quantized_basis():
    work = SparseBasis(128, 128, basis_bits=4, density=0.1, coefficient_bits=8).executions(PLAIN, 8)["shared-maps"]
    transform, mixing = 128 * 512 * 9 * 16, 26_214 * 16
    assert (work.additions, work.macs) == (0, transform + mixing)
    assert work.bit_ops == transform * 4 * 8 + mixing * 8 * 32


def test_direct_rebuilds_each_filter_once():
    work = SparseBasis(128, 128, basis_bits=4, density=0.1, coefficient_bits=8).executions(PLAIN, 8)["direct"]
    reconstructed = 26_214 * 128 * 9
    assert work.macs == reconstructed + PLAIN.dense_macs
    assert work.bit_ops == reconstructed * 4 * 8 + PLAIN.dense_macs * 32 * 8
    assert work.scratch_bytes == 512 * 9 * 4


def test_scales_of_basis_filters_are_multiplied_before_the_mixing():
    """Each of S*m = 4*128 maps once a position; where filters are reconstructed each coefficient once, to 32 bits."""
    scaled, plain = (
        SparseBasis(128, 128, 4, 0.1, 8, basis_scale=scale).executions(PLAIN, 8) for scale in ("filter", "layer")
    )
    assert scaled["shared-maps"].multiplications == 4 * 128 * 16
    assert scaled["shared-maps"].bit_ops == plain["shared-maps"].bit_ops + 4 * 128 * 16 * 32 * 32
    assert scaled["direct"].multiplications == 26_214
    reconstructed = 26_214 * 128 * 9
    assert scaled["direct"].bit_ops == reconstructed * 4 * 32 + 26_214 * 32 * 32 + PLAIN.dense_macs * 32 * 8
    assert scaled["direct"].macs == plain["direct"].macs
    assert plain["shared-maps"].multiplications == plain["direct"].multiplications == 0


def test_a_basis_of_floats_has_no_scales_to_multiply():
    executions = SparseBasis(128, 128, 32, 0.1, 8, basis_scale="filter").executions(PLAIN, 8)
    assert [work.multiplications for work in executions.values()] == [0, 0]


def test_each_group_has_its_own_basis():
    """s = 2, so S = 2; m = 3; Z = 12*2*3 = 72, half of them kept."""
    scheme = SparseBasis(2, 3, basis_bits=2, density=0.5, coefficient_bits=8)
    assert scheme.storage(GROUPED) == {
        "basis": 2 * (2 * 3 * 2 * 9),
        "coefficients": 8 * 36,
        "index": 72,
        "scales": 2 * 32,
    }
    work = scheme.executions(GROUPED, 8)["shared-maps"]
    assert work.macs == 3 * 8 * 9 * 42 + 36 * 42
    assert work.scratch_bytes == 2 * 3 * 7 * 4


def test_a_depthwise_layer():
    scheme = SparseBasis(1, 1, basis_bits=8, coefficients="dense")
    assert scheme.storage(DEPTHWISE) == {"basis": 16 * 8 * 9, "coefficients": 32 * 16, "index": 0, "scales": 16 * 32}


def test_a_fitted_layer_counts_what_it_uses():
    scheme = SparseBasis(128, 128, basis_bits=1, density=0.1)
    used = LayerUsage(nonzeros=1000, pairs=60)
    assert scheme.storage(PLAIN, used)["coefficients"] == 32 * 1000
    work = scheme.executions(PLAIN, 8, used)["shared-maps"]
    assert (work.additions, work.macs) == (60 * 128 * 9 * 16, 1000 * 16)


def test_stacked_binary_is_the_case_of_one_coefficient_a_segment():
    """The transform is the same; a coefficient MAC stands for a scale multiplication with its merge addition."""
    sparse = SparseBasis(128, 128, basis_bits=1, density=1 / 128)
    stacked = StackedBinary(128, 128, scale="segment")
    assert sparse.storage(PLAIN)["basis"] == stacked.storage(PLAIN)["basis"]
    assert sparse.storage(PLAIN)["coefficients"] == stacked.storage(PLAIN)["scales"] == 32 * 512 * 4
    mixed, merged = (scheme.executions(PLAIN, 8)["shared-maps"] for scheme in (sparse, stacked))
    assert mixed.macs == merged.multiplications == 512 * 4 * 16
    assert mixed.additions + 512 * 3 * 16 == merged.additions
