"""Fixed point: multipliers and biases against exact fractions, and floats in fixed units."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from explorer.deployment.device_code.fixed_point import (
    FLOAT_FRACTION,
    LEVEL_FRACTION,
    FixedPoint,
    fixed_point,
    fixed_values,
)
from explorer.system.errors import DeviceCodeError


def test_a_multiplier_is_a_mantissa_and_a_shift():
    fixed = fixed_point(np.array([0.75]), np.array([2.0]), LEVEL_FRACTION, "step")
    # 0.75 = 3072 / 2^12 has 12 bits; a bias of 2 levels is 2 * 2^12, as no fraction is finer than the factor's.
    assert fixed.multipliers.tolist() == [3072 * 8]
    assert (fixed.shift, fixed.biases.tolist(), fixed.fraction) == (12, [2 << 12], 12)
    # 3 * 0.75 + 2 = 4.25 -> 4; -2 * 0.75 + 2 = 0.5 -> 1, halves up; -6 * 0.75 + 2 = -2.5 -> -2.
    assert fixed.levels(np.array([[3], [-2], [-6]])).tolist() == [[4], [1], [-2]]


def test_smaller_factors_are_shifted_further_as_far_as_three_bits_say():
    factors = np.array([0.75, -0.1875, 0.75 * 2.0**-7, 0.75 * 2.0**-10])
    fixed = fixed_point(factors, np.zeros(4), LEVEL_FRACTION, "step")
    # 0.1875 = 0.75 / 4: the same mantissa, two places further. Seven places are the most: 2^-10 keeps 9 bits of 12.
    assert fixed.shifts.tolist() == [12, 14, 19, 19]
    assert fixed.mantissas.tolist() == [3072, -3072, 3072, 3072 // 8]
    assert fixed.multipliers.dtype == np.int16


@pytest.mark.parametrize(
    ("most", "fraction", "kind"),
    [(2.0, 13, "int16"), (511.0, 6, "int16"), (600.0, 14, "int32")],  # 600 * 2^5 < 2^15, which leaves five digits alone
)
def test_biases_have_16_bits_where_these_reach_a_64th_of_a_level(most, fraction, kind):
    fixed = fixed_point(np.array([0.125]), np.array([most, -0.3]), LEVEL_FRACTION, "step")
    assert (fixed.fraction, fixed.biases.dtype.name) == (fraction, kind)
    assert fixed.biases.tolist() == [round(most * 2**fraction), round(-0.3 * 2**fraction)]


def test_biases_of_floats_have_32_bits():
    assert fixed_point(np.array([0.125]), np.array([2.0]), FLOAT_FRACTION, "step").biases.dtype == np.int32


@given(st.floats(1e-9, 1e3), st.floats(-1e4, 1e4), st.integers(-(2**31) + 1, 2**31 - 1), st.sampled_from([-1, 1]))
def test_levels_are_those_of_exact_fractions(factor, shift, total, sign):
    fixed = fixed_point(np.array([sign * factor]), np.array([shift]), LEVEL_FRACTION, "step")
    mantissa, right = int(fixed.multipliers[0]) >> 3, fixed.shift + (int(fixed.multipliers[0]) & 7)
    exact = Fraction(total * mantissa, 2**right) + Fraction(int(fixed.biases[0]), 2**fixed.fraction)
    level = int(fixed.levels(np.array([[total]]))[0, 0])
    assert -Fraction(1, 2) < level - exact <= Fraction(1, 2)
    wanted = Fraction(sign * factor) * total + Fraction(shift)
    # m has 12 bits, or as many as a shift of 31 beyond the bias leaves it; b is off by half of its unit.
    off = abs(total) * max(Fraction(factor) / 2**12, Fraction(1, 2 ** (fixed.fraction + 31)))
    assert abs(exact - wanted) <= off + Fraction(1, 2 ** (fixed.fraction + 1))


@given(st.floats(1e-6, 1e3), st.floats(-1e3, 1e3), st.integers(-(2**24), 2**24))
def test_floats_are_the_fixed_point_number_rounded_once(factor, shift, total):
    fixed = fixed_point(np.array([factor]), np.array([shift]), FLOAT_FRACTION, "step")
    exact = Fraction(int(fixed.scaled(np.array([[total]]))[0, 0]), 2 ** int(fixed.shifts[0]))
    assert fixed.floats(np.array([[total]]))[0, 0] == np.float32(float(exact))


def test_equal_numbers_are_stored_once():
    fixed = fixed_point(np.array([0.5, 0.5]), np.array([1.0, 2.0]), LEVEL_FRACTION, "step")
    assert (len(fixed.multipliers), len(fixed.biases)) == (1, 2)


def test_operands_of_an_addition_share_a_shift():
    fixed = fixed_point(np.array([0.5, 0.001]), np.zeros(1), LEVEL_FRACTION, "step", one_shift=True)
    assert fixed.shifts.tolist() == [12, 12]  # 0.5 = 2048 / 2^12
    assert fixed.mantissas.tolist() == [2048, round(0.001 * 2**12)]


@given(st.floats(2.0**11, 1e30), st.floats(-1000, 1000), st.integers(-(2**31) + 1, 2**31 - 1))
def test_a_steep_factor_clips_every_sum_but_zero(factor, shift, total):
    fixed = fixed_point(np.array([factor]), np.array([shift]), LEVEL_FRACTION, "step")
    level = int(fixed.levels(np.array([[total]]))[0, 0])
    # One unit of the sum is 2,047 levels, and the shift takes back 1,000 at most.
    assert level > 127 if total > 0 else level < -128 if total < 0 else abs(level - shift) <= 1


@pytest.mark.parametrize(("factor", "shift"), [(2.0**11, 2.0**10), (1.0, 2.0**40), (np.inf, 0.0), (1.0, np.nan)])
def test_what_the_numbers_do_not_hold_is_refused(factor, shift):
    with pytest.raises(DeviceCodeError, match=r"^step: "):
        fixed_point(np.array([factor]), np.array([shift]), LEVEL_FRACTION, "step")


def test_floats_round_halves_away_from_zero():
    # In units of 1/4: 0.125 is half of one, 0.25 one, -0.375 one and a half.
    assert fixed_values(np.float32([0.125, 0.25, -0.375, 0.0]), 2).tolist() == [1, 1, -2, 0]


def test_a_zero_factor_gives_the_bias():
    fixed = fixed_point(np.array([0.0, 1.0]), np.array([7.0, 7.0]), LEVEL_FRACTION, "step")
    assert isinstance(fixed, FixedPoint)
    assert fixed.levels(np.array([[2**31 - 1, 1]])).tolist() == [[7, 8]]
