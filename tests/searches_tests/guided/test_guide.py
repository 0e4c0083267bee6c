"""What a guide accepts, and how it reads and writes designs."""

import numpy as np
import pytest

from searches.errors import SearchError
from searches.guided import Guide, Part


def part(name="a", options=2, **changes):
    values = {"sums": {"cost": np.arange(1.0, options + 1)}, "errors": np.ones((options, 1)), **changes}
    return Part(name, [{f"{name}.x": index} for index in range(options)], **values)


def test_figures_are_sums_and_maxima():
    first = part("a", 2, peaks={"peak": np.array([5, 1])})
    second = part("b", 3, peaks={"peak": np.array([2, 3, 9])})
    guide = Guide((first, second), (None, "cost"), {"peak": 5})
    designs = np.array([[0, 0], [1, 1], [1, 2]])
    assert guide.of("cost", designs).tolist() == [1 + 1, 2 + 2, 2 + 3]
    assert guide.of("peak", designs).tolist() == [5, 3, 9]
    assert guide.fits(designs).tolist() == [True, True, False]
    assert guide.greatest("cost") == 2 + 3
    assert guide.greatest("peak") == 5
    assert guide.size == 6


def test_options_that_read_different_parameters_are_told_apart():
    options = [{"kind": "dense", "bits": 2}, {"kind": "dense", "bits": 4}, {"kind": "pruned", "density": 0.5}]
    guide = Guide((Part("a", options, {"cost": np.ones(3)}),), (None,))
    assert [guide.find(option) for option in options] == [(0,), (1,), (2,)]
    assert guide.find({"kind": "pruned", "density": 0.5, "bits": 2}) == (2,)
    assert guide.find({"kind": "dense", "bits": 3}) is None
    assert guide.find({}) is None
    assert guide.values((2,)) == options[2]


def test_logs_are_relative_to_the_median_and_finite():
    logs = part("a", 3, sums={"cost": np.ones(3)}, errors=np.array([[0.0], [2.0], [2.0 * np.e]])).logs[:, 0]
    assert logs[1:] == pytest.approx([0, 1])
    assert logs[0] == pytest.approx(np.log(1e-9 * np.e))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: part(errors=np.ones((3, 1))), r"errors of a has a finite value for each of its 2 options"),
        (lambda: part(sums={"cost": np.array([1, np.nan])}), "cost of a has a finite value"),
        (lambda: part(errors=-np.ones((2, 1))), "errors of a are not negative"),
        (lambda: part(kinds=["x"]), "a has a kind for each option"),
        (lambda: Part("a", [], {}), "a part has options; got none for a"),
        (lambda: Guide((), (None,)), "a design has parts; got none"),
        (lambda: Guide((part(), part("b", sums={"other": np.ones(2)})), (None,)), "same figures and proxies; got b"),
        (lambda: Guide((part(), part()), (None,)), r"a parameter belongs to one part; got a\.x"),
        (lambda: Guide((part(),), ()), "takes 1 to 3 objectives; got 0"),
        (lambda: Guide((part(),), (None, None)), "takes one measured objective at most"),
        (lambda: Guide((part(),), (None, "speed")), "a figure of the parts; got speed"),
        (lambda: Guide((part(),), (None,), {"speed": 1}), "a figure of the parts; got speed"),
    ],
)
def test_faults_are_refused_with_what_is_wrong(make, message):
    with pytest.raises(SearchError, match=message):
        make()
