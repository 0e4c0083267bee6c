"""What problem tables accept, and how it reads and writes designs."""

import numpy as np
import pytest

from searches.errors import SearchError
from searches.guided import ProblemTables, Variable


def variable(name="a", choices=2, **changes):
    values = {"sums": {"cost": np.arange(1.0, choices + 1)}, "proxies": np.ones((choices, 1)), **changes}
    return Variable(name, [{f"{name}.x": index} for index in range(choices)], **values)


def test_figures_are_sums_and_maxima():
    first = variable("a", 2, peaks={"peak": np.array([5, 1])})
    second = variable("b", 3, peaks={"peak": np.array([2, 3, 9])})
    tables = ProblemTables((first, second), (None, "cost"), {"peak": 5})
    designs = np.array([[0, 0], [1, 1], [1, 2]])
    assert tables.figure("cost", designs).tolist() == [1 + 1, 2 + 2, 2 + 3]
    assert tables.figure("peak", designs).tolist() == [5, 3, 9]
    assert tables.fits(designs).tolist() == [True, True, False]
    assert tables.greatest("cost") == 2 + 3
    assert tables.greatest("peak") == 5
    assert tables.size == 6


def test_choices_that_read_different_parameters_are_told_apart():
    choices = [{"kind": "dense", "bits": 2}, {"kind": "dense", "bits": 4}, {"kind": "pruned", "density": 0.5}]
    tables = ProblemTables((Variable("a", choices, {"cost": np.ones(3)}),), (None,))
    assert [tables.find(choice) for choice in choices] == [(0,), (1,), (2,)]
    assert tables.find({"kind": "pruned", "density": 0.5, "bits": 2}) == (2,)
    assert tables.find({"kind": "dense", "bits": 3}) is None
    assert tables.find({}) is None
    assert tables.values((2,)) == choices[2]


def test_log_proxies_are_relative_to_the_median_and_finite():
    logs = variable("a", 3, sums={"cost": np.ones(3)}, proxies=np.array([[0.0], [2.0], [2.0 * np.e]])).log_proxies[:, 0]
    assert logs[1:] == pytest.approx([0, 1])
    assert logs[0] == pytest.approx(np.log(1e-9 * np.e))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: variable(proxies=np.ones((3, 1))), r"proxies of a has a finite value for each of its 2 choices"),
        (lambda: variable(sums={"cost": np.array([1, np.nan])}), "cost of a has a finite value"),
        (lambda: variable(proxies=-np.ones((2, 1))), "proxies of a are not negative"),
        (lambda: variable(kinds=["x"]), "a has a kind for each choice"),
        (lambda: Variable("a", [], {}), "none for a; a variable has choices"),
        (lambda: ProblemTables((), (None,)), "got none; a design has variables"),
        (
            lambda: ProblemTables((variable(), variable("b", sums={"other": np.ones(2)})), (None,)),
            "got b; .*same figures and proxies",
        ),
        (lambda: ProblemTables((variable(), variable()), (None,)), r"got a\.x; a parameter belongs to one variable"),
        (lambda: ProblemTables((variable(),), ()), "got 0; .*takes 1 to 3 objectives"),
        (lambda: ProblemTables((variable(),), (None, None)), "takes one measured objective at most"),
        (lambda: ProblemTables((variable(),), (None, "speed")), "got speed; .*a figure of the variables"),
        (lambda: ProblemTables((variable(),), (None,), {"speed": 1}), "got speed; .*a figure of the variables"),
    ],
)
def test_faults_are_refused_with_what_is_wrong(make, message):
    with pytest.raises(SearchError, match=message):
        make()
