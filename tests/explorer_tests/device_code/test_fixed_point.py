"""Fixed point: multipliers and biases against exact fractions, and floats in fixed units."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from explorer.device_code.fixed_point import FLOAT_FRACTION, LEVEL_FRACTION, FixedPoint, fixed_point, fixed_values
from explorer.system.errors import DeviceCodeError


def test_a_multiplier_is_a_mantissa_and_a_shift():
    fixed = fixed_point(np.array([0.75]), np.array([2.0]), LEVEL_FRACTION, "step")
    # 0.75 = 25165824 / 2^25 has 25 bits; a bias of 2 levels is 2 * 2^16.
    assert fixed.multipliers.tolist() == [25165824 * 64 + 25]
    assert (fixed.biases.tolist(), fixed.fraction) == ([2 << 16], 16)
    # 3 * 0.75 + 2 = 4.25 -> 4; -2 * 0.75 + 2 = 0.5 -> 1, halves up; -6 * 0.75 + 2 = -2.5 -> -2.
    assert fixed.levels(np.array([[3], [-2], [-6]])).tolist() == [[4], [1], [-2]]


@given(st.floats(1e-9, 1e4), st.floats(-1e4, 1e4), st.integers(-(2**31) + 1, 2**31 - 1), st.sampled_from([-1, 1]))
def test_levels_are_those_of_exact_fractions(factor, shift, total, sign):
    fixed = fixed_point(np.array([sign * factor]), np.array([shift]), LEVEL_FRACTION, "step")
    mantissa, right = int(fixed.multipliers[0]) >> 6, int(fixed.multipliers[0]) & 63
    exact = Fraction(total * mantissa, 2**right) + Fraction(int(fixed.biases[0]), 2**fixed.fraction)
    level = int(fixed.levels(np.array([[total]]))[0, 0])
    assert -Fraction(1, 2) < level - exact <= Fraction(1, 2)
    wanted = Fraction(sign * factor) * total + Fraction(shift)
    # m has 24 bits at least, or as many as a shift of 31 beyond the bias leaves it; b is off by half of its unit.
    off = abs(total) * max(Fraction(factor) / 2**24, Fraction(1, 2 ** (fixed.fraction + 31)))
    assert abs(exact - wanted) <= off + Fraction(1, 2 ** (fixed.fraction + 1))


@given(st.floats(1e-6, 1e3), st.floats(-1e3, 1e3), st.integers(-(2**24), 2**24))
def test_floats_are_the_fixed_point_number_rounded_once(factor, shift, total):
    fixed = fixed_point(np.array([factor]), np.array([shift]), FLOAT_FRACTION, "step")
    scaled, right = fixed.scaled(np.array([[total]]))
    exact = Fraction(int(scaled[0, 0]), 2 ** int(right[0]))
    assert fixed.floats(np.array([[total]]))[0, 0] == np.float32(float(exact))


def test_equal_numbers_are_stored_once():
    fixed = fixed_point(np.array([0.5, 0.5]), np.array([1.0, 2.0]), LEVEL_FRACTION, "step")
    assert (len(fixed.multipliers), len(fixed.biases)) == (1, 2)


def test_operands_of_an_addition_share_a_shift():
    fixed = fixed_point(np.array([0.5, 0.001]), np.zeros(1), LEVEL_FRACTION, "step", one_shift=True)
    assert [int(value) & 63 for value in fixed.multipliers] == [25, 25]
    assert int(fixed.multipliers[1]) >> 6 == round(0.001 * 2**25)


@pytest.mark.parametrize(("factor", "shift"), [(2.0**25, 0.0), (1.0, 2.0**40), (np.inf, 0.0), (1.0, np.nan)])
def test_what_32_bits_do_not_hold_is_refused(factor, shift):
    with pytest.raises(DeviceCodeError, match=r"^step: "):
        fixed_point(np.array([factor]), np.array([shift]), LEVEL_FRACTION, "step")


def test_floats_round_halves_away_from_zero():
    # In units of 1/4: 0.125 is half of one, 0.25 one, -0.375 one and a half.
    assert fixed_values(np.float32([0.125, 0.25, -0.375, 0.0]), 2).tolist() == [1, 1, -2, 0]


def test_a_zero_factor_gives_the_bias():
    fixed = fixed_point(np.array([0.0, 1.0]), np.array([7.0, 7.0]), LEVEL_FRACTION, "step")
    assert isinstance(fixed, FixedPoint)
    assert fixed.levels(np.array([[2**31 - 1, 1]])).tolist() == [[7, 8]]
