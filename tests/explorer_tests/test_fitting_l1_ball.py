import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_st

from explorer.forms.sparse_basis.l1_ball import project_l1_ball, radius_that_keeps

rows_of_values = arrays_st.arrays(
    np.float64, st.tuples(st.integers(1, 4), st.integers(1, 9)), elements=st.floats(-100, 100, width=32)
)


def project_by_bisection(row: np.ndarray, radius: float) -> np.ndarray:
    """The naive twin: soft-thresholds at the theta that bisection finds."""
    if np.abs(row).sum() <= radius:
        return row
    low, high = 0.0, float(np.abs(row).max())
    for _ in range(200):
        theta = (low + high) / 2
        low, high = (theta, high) if np.maximum(np.abs(row) - theta, 0).sum() > radius else (low, theta)
    return np.sign(row) * np.maximum(np.abs(row) - high, 0)


def test_by_hand() -> None:
    """u = 5, 3, 1; theta_1 = 1, theta_2 = (8-4)/2 = 2, theta_3 = (9-4)/3 = 5/3 > 1: R = 2, w = 5-2, 3-2."""
    assert project_l1_ball(np.array([[1.0, -5.0, 3.0]]), 4.0).tolist() == [[0, -3, 1]]


@given(rows_of_values, st.floats(0.01, 200))
def test_agrees_with_bisection(rows: np.ndarray, radius: float) -> None:
    expected = np.stack([project_by_bisection(row, radius) for row in rows])
    assert project_l1_ball(rows, radius) == pytest.approx(expected, abs=1e-9)


@given(rows_of_values, st.floats(0.01, 200))
def test_stays_in_the_ball_and_there_changes_nothing(rows: np.ndarray, radius: float) -> None:
    projected = project_l1_ball(rows, radius)
    assert (np.abs(projected).sum(axis=1) <= radius * (1 + 1e-9)).all()
    assert project_l1_ball(projected, radius) == pytest.approx(projected, abs=1e-9)
    inside = np.abs(rows).sum(axis=1) <= radius
    assert np.array_equal(projected[inside], rows[inside])


@given(rows_of_values, st.data())
def test_no_point_of_the_ball_is_nearer(rows: np.ndarray, data: st.DataObject) -> None:
    radius = data.draw(st.floats(0.01, 50))
    other = project_l1_ball(data.draw(arrays_st.arrays(np.float64, rows.shape, elements=st.floats(-100, 100))), radius)
    nearest = np.square(rows - project_l1_ball(rows, radius)).sum(axis=1)
    assert (nearest <= np.square(rows - other).sum(axis=1) + 1e-6).all()


def test_every_row_may_have_its_radius() -> None:
    rows = np.array([[3.0, 1.0], [3.0, 1.0]])
    assert project_l1_ball(rows, np.array([1.0, 2.0])).tolist() == [[1, 0], [2, 0]]


def test_radius_zero_leaves_nothing() -> None:
    assert project_l1_ball(np.array([[2.0, -1.0], [0.0, 0.0]]), 0.0).tolist() == [[0, 0], [0, 0]]


@given(st.integers(1, 60), st.integers(0, 2**32 - 1))
def test_the_radius_keeps_the_wanted_number(count: int, seed: int) -> None:
    row = np.random.default_rng(seed).standard_normal(60)
    assert np.count_nonzero(project_l1_ball(row[None], radius_that_keeps(row, count))) == count


def test_of_equal_values_fewer_are_kept() -> None:
    row = np.array([4.0, 2.0, -2.0, 2.0])
    assert np.count_nonzero(project_l1_ball(row[None], radius_that_keeps(row, 2))) == 1
