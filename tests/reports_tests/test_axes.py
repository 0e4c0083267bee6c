"""Axes: scales, ranges and ticks."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.axes import Axis, make_axis
from reports.labels import SIDES, place_labels

KIB = 1024


def ticks(axis: Axis) -> list[str]:
    return [text for _, text in axis.ticks]


def test_more_than_a_decade_of_bytes_is_logarithmic_with_powers_of_two() -> None:
    axis = make_axis("storage_bytes", [8 * KIB, 128 * KIB])
    assert axis.label == "Storage, KiB (log scale)"
    assert ticks(axis) == ["8", "16", "32", "64", "128"]
    assert axis.position(32 * KIB) == pytest.approx(0.5)  # the geometric middle of 8 and 128


def test_less_than_a_decade_is_linear() -> None:
    axis = make_axis("flash_bytes", [40 * KIB, 100 * KIB])
    assert axis.label == "Flash, KiB"
    assert axis.position(70 * KIB) == pytest.approx(0.5)


def test_large_sizes_are_in_mebibytes() -> None:
    assert make_axis("storage_bytes", [20 * KIB * KIB, 40 * KIB * KIB]).label == "Storage, MiB"


def test_accuracies_over_a_decade_of_error_are_spaced_by_the_error() -> None:
    axis = make_axis("accuracy", [0.5, 0.98])
    assert axis.label == "Accuracy, % (log scale of the error)"
    assert ticks(axis) == ["50", "80", "90", "95", "98"]
    assert axis.position(0.9) == pytest.approx(0.5)  # errors 0.5, 0.1, 0.02: a factor of five each


def test_accuracy_of_one_keeps_the_scale_linear_where_errors_are_alike() -> None:
    axis = make_axis("accuracy", [0.9, 1.0])
    assert axis.scale == "linear"
    assert axis.high == 1.0


def test_a_perfect_accuracy_on_the_error_scale_stands_at_the_top_with_a_tick_of_its_own() -> None:
    axis = make_axis("accuracy", [0.5, 0.98, 1.0])
    assert axis.scale == "error"
    assert axis.position(1.0) == 1.0
    assert axis.ticks[-1] == (1.0, "100")
    assert axis.position(0.98) < 0.92  # apart from it


def test_counts_say_their_thousands() -> None:
    assert make_axis("bit_ops", [2e9, 4e9]).label == "Bit-ops, billions"


def test_values_that_are_not_finite_are_passed_over() -> None:
    assert make_axis("distortion", [0.1, 0.2, math.nan, math.inf]) == make_axis("distortion", [0.1, 0.2])
    assert make_axis("distortion", [math.nan]).position(0.5) == pytest.approx(0.5)


def test_the_rest_widens_the_view_by_a_third_at_most() -> None:
    core, wide = make_axis("distortion", [1.0, 4.0]), make_axis("distortion", [1.0, 4.0], [0.0, 100.0] * 20)
    # A third of 4 - 1 is 1 on each side, and 7% of 0 to 5 are the margin.
    assert wide.low == pytest.approx(0.0 - 0.07 * 5)
    assert wide.high == pytest.approx(5.0 + 0.07 * 5)
    assert core.high == pytest.approx(4.0 + 0.07 * 3)


@given(st.sampled_from(["storage_bytes", "accuracy", "bit_ops", "distortion"]), st.data())
def test_core_and_ticks_lie_on_the_axis_in_order(name: str, data: st.DataObject) -> None:
    values = st.floats(0.0, 0.999) | st.just(1.0) if name == "accuracy" else st.floats(1e-3, 1e9)
    core = data.draw(st.lists(values, min_size=1, max_size=8))
    axis = make_axis(name, core, data.draw(st.lists(values, max_size=8)))
    assert all(-1e-9 <= axis.position(value) <= 1 + 1e-9 for value in core)
    places = [axis.position(value) for value, _ in axis.ticks]
    assert places == sorted(places)
    assert all(-1e-9 <= place <= 1 + 1e-9 for place in places)


def test_labels_stand_where_they_cover_least() -> None:
    left_taken = [(0.4, 0.5, 1.0)]
    assert place_labels([(0.5, 0.5, "ten letters")], left_taken) == ["right"]
    assert place_labels([(0.5, 0.5, "ten letters")], []) == [SIDES[0]]


def test_labels_stay_inside_and_apart() -> None:
    assert place_labels([(0.01, 0.5, "ten letters")], []) == ["right"]
    assert place_labels([(0.99, 0.99, "ten letters")], []) == ["below-left"]
    first, second = place_labels([(0.5, 0.5, "ten letters"), (0.5, 0.5, "ten letters")], [])
    assert first != second
