"""How many designs are trained, and for how long."""

import pytest

from searches.rungs import Rung, make_rungs


def test_a_quarter_of_the_designs_is_trained_four_times_as_long():
    assert make_rungs(40, 320) == (Rung(10, 320 // 8), Rung(40, 320 // 8 // 4))


def test_numbers_that_do_not_divide_are_rounded_up():
    """300 / 8 = 37.5 and 38 / 4 = 9.5."""
    assert make_rungs(12, 300) == (Rung(3, 38), Rung(12, 10))


@pytest.mark.parametrize("epochs", [1, 2, 3])
def test_a_training_too_short_to_quarter_is_the_only_rung(epochs):
    assert make_rungs(epochs, 17) == (Rung(epochs, 3),)


def test_one_trial_is_trained_once():
    assert make_rungs(8, 1) == (Rung(2, 1), Rung(8, 1))
