"""The expected gain against hypervolumes computed point by point."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna._hypervolume import compute_hypervolume

from searches.guided.gain import Front, expected_gain


def gain_of(front, known, y):
    """Without uncertainty: y is as predicted."""
    return expected_gain(front, known, y, np.zeros(len(y)), lambda values: [(1.0, values)])


def test_one_objective_is_the_improvement():
    front = Front(np.empty((2, 0)), np.array([5.0, 7.0]), np.empty(0), 10.0)
    assert gain_of(front, np.empty((3, 0)), np.array([2.0, 5.0, 9.0])) == pytest.approx([3, 0, 0])


def test_two_objectives_by_hand():
    """Front (1, 4) and (3, 2) under (5, 6); a point (2, 1) gains (3-2)*(4-1) + (5-3)*(2-1) = 5."""
    front = Front(np.array([[1.0], [3.0]]), np.array([4.0, 2.0]), np.array([5.0]), 6.0)
    assert gain_of(front, np.array([[2.0], [0.0], [6.0]]), np.array([1.0, 6.0, 0.0])) == pytest.approx([5, 0, 0])


@pytest.mark.parametrize("dimensions", [1, 2, 3])
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), points=st.integers(0, 7))
def test_a_certain_gain_is_the_difference_of_hypervolumes(dimensions, seed, points):
    """Small integers, so that points share coordinates, and some lie beyond the reference."""
    generator = np.random.default_rng(seed)
    every = generator.integers(0, 8, size=(points + 5, dimensions)).astype(float)
    measured, offered = every[:points], every[points:]
    reference = np.full(dimensions, 6.0)

    def volume(rows):
        inside = rows[(rows < reference).all(axis=1)]
        return compute_hypervolume(inside, reference) if len(inside) else 0.0

    front = Front(measured[:, :-1], measured[:, -1], reference[:-1], 6.0)
    expected = [volume(np.vstack([measured, row])) - volume(measured) for row in offered]
    assert gain_of(front, offered[:, :-1], offered[:, -1]) == pytest.approx(expected, abs=1e-9)


def test_an_uncertain_gain_is_the_mean_of_certain_ones():
    front = Front(np.array([[1.0], [3.0]]), np.array([4.0, 2.0]), np.array([5.0]), 6.0)
    known, mean, deviation = np.array([[2.0]]), np.array([3.0]), np.array([0.5])
    drawn = 3 + 0.5 * np.random.default_rng(0).standard_normal(40_000)
    certain = gain_of(front, np.full((len(drawn), 1), 2.0), drawn)
    # The gain has kinks, so nine nodes are near the mean and not equal to it.
    assert expected_gain(front, known, mean, deviation, lambda values: [(1.0, values)])[0] == pytest.approx(
        certain.mean(), rel=0.03
    )


def test_several_outcomes_count_by_their_probability():
    """A front of (2, 0.5) alone, reference (4, 1): at cost 3 a loss of 0.3 gains (4 - 3)*0.2, one of 0.7 nothing."""
    front = Front(np.array([[2.0]]), np.array([0.5]), np.array([4.0]), 1.0)
    known, mean, deviation = np.array([[3.0]]), np.zeros(1), np.zeros(1)
    gain = expected_gain(front, known, mean, deviation, lambda z: [(0.25, z + 0.3), (0.75, z + 0.7)])
    assert gain == pytest.approx([0.25 * (4 - 3) * (0.5 - 0.3)])
