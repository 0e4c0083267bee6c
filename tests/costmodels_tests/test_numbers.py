"""Integer arithmetic on single values at its edges; that columns agree is tested with the schemes' columns."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodels.numbers import ceil_log2, round_share


@pytest.mark.parametrize(("count", "bits"), [(0, 0), (1, 0), (2, 1), (3, 2), (4, 2), (5, 3), (256, 8), (257, 9)])
def test_bits_of_a_label(count, bits):
    assert ceil_log2(count) == bits
    assert ceil_log2(np.array([count])).tolist() == [bits]


@given(st.integers(0, 300))
def test_bits_of_a_label_are_exact_beyond_any_float(power):
    assert ceil_log2(2**power) == power
    assert ceil_log2(2**power + 1) == power + 1


@given(st.integers(1, 2**52).map(lambda count: 2**52 - count), st.integers(0, 1))
def test_a_column_is_exact_where_a_float_is(count, more):
    assert ceil_log2(np.array([count + more])).tolist() == [ceil_log2(count + more)]


@given(st.integers(0, 10**6), st.integers(1, 2**20))
def test_a_share_of_powers_of_two_is_the_fraction_with_halves_up(part, total):
    """Shares of 1/1024 have no rounding error of their own, so the integer follows from the exact fraction."""
    share = Fraction(part % 1025, 1024)
    expected = (share * total + Fraction(1, 2)).__floor__()
    assert round_share(float(share), total) == expected
    assert round_share(np.array([float(share)]), np.array([total])).tolist() == [expected]


def test_a_share_of_more_than_64_bits():
    assert round_share(0.5, 2**80) == 2**79
    assert isinstance(round_share(0.5, 2**80), int)


def test_a_share_of_a_column_by_one_density_and_the_reverse():
    assert round_share(0.25, np.array([10, 14])).tolist() == [3, 4]  # 2.5 and 3.5, halves up
    assert round_share(np.array([0.25, 1.0]), 10).tolist() == [3, 10]
