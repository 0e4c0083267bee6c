"""Fronts against their definition, hypervolumes against hand arithmetic and against Optuna's."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from optuna._hypervolume import compute_hypervolume

from reports.errors import ReportError
from reports.front import dominates, front_hypervolume, hypervolume, knee, losses, non_dominated
from reports.records import Objective

ACCURACY = Objective(name="accuracy", column="accuracy", direction="maximize")
STORAGE = Objective(name="storage", column="storage_bytes", direction="minimize")

# Few distinct values, so that ties and duplicates are common.
values = st.sampled_from([0.0, 1.0, 2.0, 3.0, 4.5, -1.0])
wild = st.sampled_from([0.0, 1.0, 2.0, 3.0, np.nan, np.inf, -np.inf])


def point_sets(elements: st.SearchStrategy[float]) -> st.SearchStrategy[np.ndarray]:
    return st.tuples(st.integers(0, 14), st.integers(1, 4)).flatmap(
        lambda shape: arrays(float, shape, elements=elements)
    )


def brute_force(points: np.ndarray) -> list[bool]:
    """The definition, read aloud: finite, and no other finite point dominates it."""
    finite = [bool(np.isfinite(point).all()) for point in points]
    return [
        finite[i] and not any(finite[j] and dominates(points[j], points[i]) for j in range(len(points)))
        for i in range(len(points))
    ]


@given(point_sets(values))
def test_front_is_its_definition(points: np.ndarray) -> None:
    assert non_dominated(points).tolist() == brute_force(points)


@given(point_sets(wild))
def test_not_finite_points_are_never_on_the_front_and_dominate_nothing(points: np.ndarray) -> None:
    assert non_dominated(points).tolist() == brute_force(points)


@given(point_sets(values))
def test_distinct_keeps_the_first_of_equal_points(points: np.ndarray) -> None:
    every = [tuple(point) for point in points[non_dominated(points)]]
    kept = np.flatnonzero(non_dominated(points, distinct=True))
    assert [tuple(point) for point in points[kept]] == list(dict.fromkeys(every))
    assert all(next(i for i, point in enumerate(points) if (point == points[k]).all()) == k for k in kept)


def test_dominance_by_hand() -> None:
    assert dominates((1, 1), (1, 2))
    assert not dominates((1, 1), (1, 1))
    assert not dominates((1, 3), (2, 2))
    assert not dominates((float("nan"), 0), (1, 1))


def test_maximized_objectives_change_sign() -> None:
    table = pd.DataFrame({"accuracy": [0.9, 0.8], "storage_bytes": [100, 50]})
    assert losses(table, [ACCURACY, STORAGE]).tolist() == [[-0.9, 100.0], [-0.8, 50.0]]


def test_hypervolume_by_hand_in_one_two_and_three_dimensions() -> None:
    assert hypervolume([[2], [5]], [10]) == 10 - 2
    # Rectangles to (10, 10): 9 x 4 for (1, 6), then 6 x 3 for (4, 3), then 2 x 2 for (8, 1); (9, 9) adds nothing.
    assert hypervolume([[1, 6], [4, 3], [8, 1], [9, 9]], [10, 10]) == 9 * 4 + 6 * 3 + 2 * 2
    # Two boxes to (4, 4, 4): 3 x 2 x 1 and 1 x 3 x 2, which share 1 x 2 x 1.
    assert hypervolume([[1, 2, 3], [3, 1, 2]], [4, 4, 4]) == 3 * 2 * 1 + 1 * 3 * 2 - 1 * 2 * 1


def test_points_beyond_the_reference_and_not_finite_points_add_nothing() -> None:
    assert hypervolume([[1, 11], [10, 1], [np.nan, 1], [-np.inf, 1]], [10, 10]) == 0
    assert hypervolume(np.empty((0, 2)), [1, 1]) == 0


@given(
    st.tuples(st.integers(1, 12), st.integers(1, 3)).flatmap(
        lambda shape: arrays(float, shape, elements=st.floats(-4, 4).map(lambda value: round(value, 2)))
    )
)
def test_hypervolume_agrees_with_optuna(points: np.ndarray) -> None:
    reference = np.full(points.shape[1], 5.0)
    assert hypervolume(points, reference) == pytest.approx(compute_hypervolume(points, reference), rel=1e-9)


def test_hypervolume_refuses_other_dimensions() -> None:
    with pytest.raises(ReportError, match=r"points \(1, 4\), reference \(4,\); .*1, 2 or 3 objectives"):
        hypervolume([[1, 2, 3, 4]], [5, 5, 5, 5])
    with pytest.raises(ReportError, match="same 1, 2 or 3 objectives"):
        hypervolume([[1, 2]], [5, 5, 5])


def test_front_hypervolume_is_in_the_objectives_own_units() -> None:
    front = pd.DataFrame({"accuracy": [0.9, 0.5], "storage_bytes": [300, 100]})
    # Above accuracy 0 and below 400 bytes: 0.9 x 100 for the first, and 0.5 x (300 - 100) more for the second.
    assert front_hypervolume(front, [ACCURACY, STORAGE], [0.0, 400]) == pytest.approx(0.9 * 100 + 0.5 * 200)


def test_knee_is_the_bulge_of_the_front() -> None:
    assert knee([[0, 10], [1, 2], [10, 0]]) == 1
    assert knee([[3, 3]]) == 0
    assert knee([[np.nan, 1]]) is None
    assert knee(np.empty((0, 2))) is None
