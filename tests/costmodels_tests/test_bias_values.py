"""Biases of 16 bits: exact in float32, stable under rounding, near, and of the bytes that the formula says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodels import ConvShape, Dense, LayerSpec, NetworkSpec, Operation, TensorSpec, network_cost
from costmodels.bias_values import (
    bias_bytes,
    bias_codes,
    bias_storage_bits,
    bias_values,
    check_bias_bits,
    codes_of_bytes,
    round_biases,
)
from costmodels.errors import CostModelError
from costmodels.flash import channel_bits, layer_flash_bytes
from costmodels.layer_spec import LayerCall
from costmodels.network import COUNTED
from searches.bounds import least_reachable
from searches.candidate_tables import candidate_tables
from searches.space import build_space

FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)
ARRAYS = st.lists(FLOATS, min_size=1, max_size=9).map(lambda values: np.array(values, np.float32))


@settings(max_examples=300, deadline=None)
@given(ARRAYS)
def test_rounded_biases_round_to_themselves_and_are_near(values):
    once = round_biases(values)
    np.testing.assert_array_equal(once.astype(np.float32), once)
    np.testing.assert_array_equal(round_biases(once), once)
    greatest = float(np.abs(values).max())
    # Half a step; a step is 2^-14 of the greatest at most, or 2^-128, the least there is.
    assert np.abs(once - values).max() <= max(greatest * 2.0**-15, 2.0**-129)
    np.testing.assert_array_equal(round_biases(values, 32), values)


@settings(max_examples=300, deadline=None)
@given(ARRAYS)
def test_bytes_are_those_of_the_formula_and_are_read_back(values):
    stored = bias_bytes(values)
    assert stored.dtype == np.uint8
    assert 8 * len(stored) == bias_storage_bits(16, len(values)) == 16 * len(values) + 8
    codes, exponent = codes_of_bytes(stored)
    assert np.abs(codes.astype(int)).max() <= 32767
    assert -128 <= exponent <= 127
    np.testing.assert_array_equal(bias_values(codes, exponent), round_biases(values))


@settings(max_examples=200, deadline=None)
@given(ARRAYS, st.integers(0, 2**32 - 1))
def test_what_was_rounded_stays_where_float_arithmetic_moves_it_a_little(values, seed):
    """Shifts are found again from a normalization's float32 values."""
    once = round_biases(values)
    moved = once * (1 + np.random.default_rng(seed).uniform(-1, 1, len(once)) * 2.0**-22)
    if np.abs(moved).max() < 2.0**127:
        np.testing.assert_array_equal(round_biases(moved), once)


def test_codes_by_hand():
    codes, exponent = bias_codes(np.array([1.0, -0.5, 2.0**-15, 2.0**-16]))
    assert (codes.tolist(), exponent) == ([16384, -8192, 0, 0], -14)  # halves are rounded to even
    codes, exponent = bias_codes(np.array([32767.4, 1.0]))
    assert (codes.tolist(), exponent) == ([32767, 1], 0)
    codes, exponent = bias_codes(np.array([32767.5, 1.0]))  # 32768 is no code
    assert (codes.tolist(), exponent) == ([16384, 0], 1)
    assert bias_codes(np.zeros(3))[1] == 0
    assert bias_bytes(np.array([1.0, -(2.0**-14)])).tolist() == [0, 64, 255, 255, 256 - 14]
    greatest = np.finfo(np.float32).max
    assert round_biases(np.array([greatest]))[0] == 32767 * 2.0**113  # 2^128 is beyond float32


def test_faults_are_named():
    for wrong in (np.nan, np.inf, 1e39):
        with pytest.raises(CostModelError, match="biases of 16 bits are finite"):
            bias_codes(np.array([1.0, wrong]))
    for wrong in (8, 0, True, "16", None, 16.5):
        with pytest.raises(CostModelError, match="bias_bits is 32 or 16"):
            check_bias_bits(wrong)
    with pytest.raises(CostModelError, match="got -32768"):
        codes_of_bytes(np.array([0, 128, 3], np.uint8))


def layer_of(channels, *, bias=False, normalization=False, variants=()):
    shape = ConvShape(channels, 3, 3, 5)
    return LayerSpec("conv", shape, bias=bias, normalization=normalization, variants=variants)


def network_of(layer):
    sizes = layer.shape.input_elements, layer.shape.output_elements
    tensors = tuple(TensorSpec(name, size) for name, size in zip("xy", sizes, strict=True))
    return NetworkSpec(
        "one", (layer,), tensors, (Operation("conv", "conv2d", ("x",), "y", COUNTED, layer="conv"),), ("x",), ("y",)
    )


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.booleans(), st.booleans(), st.sampled_from([16, 32]), st.sampled_from([8, 32]))
def test_flash_by_every_way_of_counting(channels, bias, normalization, bits, scale_bits):
    network = network_of(layer_of(channels, bias=bias, normalization=normalization)).with_bias_bits(bits)
    (layer,) = network.layers
    scheme = Dense(3, scale_bits=scale_bits)
    shifts = (16 * channels + 8 if bits == 16 else 32 * channels) if bias or normalization else 0
    factors = 32 * channels if normalization and scale_bits == 8 else 0
    assert channel_bits(layer, scheme) == (shifts, factors)
    cost = network_cost(network, scheme)
    packed = -(-27 * channels * 3 // 8) + channels * scale_bits // 8 + (2 if scale_bits == 8 else 0)
    assert cost.flash_bytes == packed + shifts // 8 + factors // 8
    assert layer_flash_bytes(layer, scheme, cost.layers[0].storage) == cost.flash_bytes
    space = build_space(network, {"dense": {"weight_bits": (3,), "scale_bits": (scale_bits,)}})
    (candidate,) = space.layers[0].candidates
    tables = candidate_tables(network, {"conv": [candidate]})
    expected = network_cost(network, candidate).flash_bytes
    assert tables.layers[0].columns["flash_bytes"].tolist() == [expected]
    assert least_reachable(network, space, "flash_bytes", 8) == expected


def test_calls_with_values_of_their_own_have_exponents_of_their_own():
    shape = ConvShape(4, 3, 3, 5)
    calls = LayerCall(shape, 1, "b", "first"), LayerCall(shape, 1, "b", "second"), LayerCall(shape, 1, "b", "first")
    layer = layer_of(4, bias=True, normalization=True, variants=calls)
    narrow = network_of(layer).with_bias_bits(16).layers[0]
    assert channel_bits(layer, Dense(3)) == (2 * 4 * 32, 2 * 4 * 32)
    assert channel_bits(narrow, Dense(3)) == (2 * (4 * 16 + 8), 2 * 4 * 32)


def test_the_description_keeps_its_digest_and_says_the_bits():
    network = network_of(layer_of(4, bias=True))
    narrow = network.with_bias_bits(16)
    assert "bias_bits" not in network.to_json()["layers"][0]
    assert narrow.to_json()["layers"][0]["bias_bits"] == 16
    assert NetworkSpec.from_json(narrow.to_json()) == narrow
    assert narrow.digest() == network.digest()
    assert narrow.with_bias_bits(32) == network == network.with_bias_bits(16, ())
    with pytest.raises(CostModelError, match="got 8; bias_bits is 32 or 16"):
        network.with_bias_bits(8)
