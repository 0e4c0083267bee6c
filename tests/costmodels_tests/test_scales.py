"""Narrow scales: exactly representable, stable under rounding, near, and of the bits that the formula says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodels.errors import CostModelError
from costmodels.scales import SCALE_BITS, STEPS, Grid, round_scales, scale_codes, scale_storage_bits, scale_values

FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)
ARRAYS = st.lists(FLOATS, max_size=9).map(lambda values: np.array(values, np.float32))


@settings(max_examples=300, deadline=None)
@given(ARRAYS, st.sampled_from(SCALE_BITS))
def test_rounded_scales_round_to_themselves(values, bits):
    once = round_scales(values, bits)
    assert once.dtype == np.float32
    assert np.isfinite(once).all()
    np.testing.assert_array_equal(round_scales(once, bits), once)
    assert ((once == 0) | (np.sign(once) == np.sign(values))).all()
    assert (once[values == 0] == 0).all()


@settings(max_examples=300, deadline=None)
@given(ARRAYS, st.sampled_from(sorted(STEPS)))
def test_codes_are_of_their_width_and_the_header_has_16_bits(values, bits):
    codes, grid = scale_codes(values, bits)
    assert ((codes >= 0) & (codes < 1 << bits)).all()
    assert 0 <= grid.header < 1 << 16
    assert Grid.of_header(grid.header, bits) == grid
    np.testing.assert_array_equal(scale_values(codes, grid), round_scales(values, bits))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(-2, 1.6), min_size=1, max_size=40), st.integers(-100, 100), st.sampled_from([1, -1]))
def test_scales_within_four_octaves_are_nearest_levels(exponents, shift, sign):
    """At 4 bits 16 levels reach over 3.75 octaves of 4 steps, 8 levels and a sign over 3.5 octaves of 2."""
    exact = sign * np.exp2(np.array(exponents) + shift)
    for bits, steps in ((8, 64 if sign > 0 and abs(shift) < 25 else 8), (4, 4 if sign > 0 else 2)):
        far = np.abs(np.log2(np.abs(round_scales(exact, bits) / exact)))
        assert (far**2).sum() <= len(exponents) * (0.5 / steps + 1e-6) ** 2
    if abs(shift) < 12:  # normal halves have 11 bits
        np.testing.assert_allclose(round_scales(exact, 16), exact, rtol=2**-11)


def test_levels_by_hand():
    codes, grid = scale_codes(np.array([1.0, 2**-0.5, 0.25, 2.0**-3.5]), 4)
    assert (grid.steps, grid.top, grid.has_zero, grid.has_sign) == (4, 0, False, False)
    assert codes.tolist() == [15, 13, 7, 1]  # 0, -2, -8 and -14 quarter octaves from the top
    codes, grid = scale_codes(np.array([-1.0, 0.0, 0.5]), 4)
    assert (grid.levels, grid.has_zero, grid.has_sign) == (8, True, True)
    assert scale_values(codes, grid).tolist() == [-1.0, 0.0, 0.5]
    # A scale that the grid does not reach becomes its lowest level; one that no sum shows becomes zero.
    assert round_scales(np.array([1.0] * 9 + [2.0**-12]), 4)[-1] == np.float32(2 ** (-15 / 16))
    assert round_scales(np.array([1.0, 2.0**-30]), 8).tolist() == [1.0, 0.0]
    assert round_scales(np.array([1e6, -1e-9, 0.1], np.float32), 16).tolist() == [65504, -(2.0**-24), np.float16(0.1)]


def test_bits_are_those_of_the_scales_and_one_header():
    assert [scale_storage_bits(bits, 5) for bits in SCALE_BITS] == [160, 80, 40 + 16, 20 + 16]
    assert [scale_storage_bits(bits, 0) for bits in SCALE_BITS] == [0, 0, 0, 0]
    columns = scale_storage_bits(np.array([32, 16, 8, 4, 4]), np.array([5, 5, 5, 5, 0]))
    assert columns.tolist() == [160, 80, 56, 36, 0]
    assert scale_storage_bits(np.array(SCALE_BITS), 5).tolist() == [160, 80, 56, 36]


def test_faults_are_named():
    with pytest.raises(CostModelError, match="got 7; scale_bits is 32, 16, 8 or 4"):
        round_scales(np.ones(2), 7)
    for wrong in (np.nan, np.inf, 1e300):
        with pytest.raises(CostModelError, match="scales are finite"):
            round_scales(np.array([1.0, wrong]), 8)
