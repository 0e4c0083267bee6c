"""The non-decreasing function of least squared error, and what lies around it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from searches.guided.monotone import Monotone


def test_values_in_the_wrong_order_are_pooled_and_what_is_between_is_interpolated():
    """3 and 1 pool to 2: each lies 1 from it, so the mean square over all four is (0 + 1 + 1 + 0) / 4."""
    found = Monotone.of(np.array([4.0, 1.0, 2.0, 3.0]), np.array([6.0, 0.0, 3.0, 1.0]))
    assert found.places.tolist() == [1, 2, 3, 4]
    assert found.heights == pytest.approx([0, 2, 2, 6])
    assert found.at(np.array([1.5, 3.5, -9, 9])) == pytest.approx([1, 4, 0, 6])
    assert found.spread(np.array([2.5])) == pytest.approx([np.sqrt(2 / 4)])


def test_outcomes_have_the_mean_and_the_deviation():
    found = Monotone.of(np.array([1.0, 2.0]), np.array([3.0, 1.0]))
    parts = list(found.outcomes(np.array([1.5])))
    assert sum(probability for probability, _ in parts) == pytest.approx(1)
    mean = sum(probability * values[0] for probability, values in parts)
    square = sum(probability * (values[0] - mean) ** 2 for probability, values in parts)
    assert (mean, square) == (pytest.approx(2), pytest.approx(1))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=1, max_size=20))
def test_it_never_falls(points):
    places, values = np.array(points, dtype=float).T
    found = Monotone.of(places, values)
    assert (np.diff(found.at(np.linspace(-10, 10, 50))) >= 0).all()
