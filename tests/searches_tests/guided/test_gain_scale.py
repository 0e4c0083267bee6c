"""The scales on which gains count: ratios, not differences."""

import numpy as np
import optuna
import pytest

from searches.guided import GuidedSampler, ProblemTables, Variable
from searches.guided.gain_scale import EDGE, GainScale, known_scale, loss_scale
from searches.guided.measured_front import NEAR, crowds, known_objectives


def test_equal_ratios_count_alike():
    """Of 10, 20 and 40 beyond the origin and an edge of 10: 20, 30, 50."""
    scale = GainScale(5.0, 10.0)
    assert np.exp(scale.to(np.array([5.0, 15.0, 25.0, 45.0]))) == pytest.approx([10, 20, 30, 50])
    assert np.exp(scale.to(np.array([2.0, -1.0, -99.0]))) == pytest.approx([7, 5, 5])  # at most half better


def test_known_figures_count_as_shares_of_themselves_and_the_least():
    """Sums from 1 + 3 to 2 + 9; maxima from 3 to 9; a sum from 0 has a thousandth of its greatest, and one below 0 its
    least value for an origin."""
    variables = (
        Variable("a", [{"a": 0}, {"a": 1}], {"cost": np.array([1, 2]), "low": np.array([0, 500])}, peaks={}),
        Variable("b", [{"b": 0}, {"b": 1}], {"cost": np.array([9, 3]), "low": np.array([500, 0])}, peaks={}),
    )
    tables = ProblemTables(variables, ("cost", "low"))
    assert known_scale(tables, "cost") == GainScale(0.0, 4.0)
    assert known_scale(tables, "low") == GainScale(0.0, 1.0)
    below = ProblemTables((Variable("a", [{}, {}], {"cost": np.array([-4.0, 6.0])}),), ("cost",))
    assert known_scale(below, "cost") == GainScale(-4.0, 0.01)
    peaks = {"a": [1, 9], "b": [3, 4]}
    peaked = tuple(Variable(name, [{}, {}], {}, peaks={"peak": np.array(own)}) for name, own in peaks.items())
    assert known_scale(ProblemTables(peaked, ("peak",)), "peak") == GainScale(0.0, 3.0)


def test_losses_count_against_the_best_and_beyond_their_spread():
    assert loss_scale(np.array([0.2, 0.5, 1.2]), 0.03) == GainScale(0.2, pytest.approx(EDGE + 0.03))
    assert loss_scale(np.full(3, 0.2)) == GainScale(0.2, 1.0)


def test_a_gain_counts_less_the_more_was_tried_at_its_cost():
    """Costs of 20, 20, 21 and 40 beside a least of 20: ln(41/40) is half of what is near, ln(60/40) far beyond it."""
    tables = ProblemTables(
        (Variable("a", [{"a": i} for i in range(3)], {"cost": np.array([20, 21, 40])}),), (None, "cost")
    )
    begun = np.array([[0], [0], [1], [2]])
    found = crowds(tables, begun, known_objectives(tables, np.array([[0], [2]]), 0), 0)
    near = np.exp(-((np.log(41 / 40) / NEAR) ** 2) / 2)
    assert found == pytest.approx([2 + near, 1], abs=1e-6)
    alone = ProblemTables(tables.variables, (None,))
    assert crowds(alone, begun, known_objectives(alone, begun, 0), 0).tolist() == [4, 4, 4, 4]


def test_trials_are_not_spent_where_the_network_hardly_answers():
    """A loss that falls from 1 to 0 with the cost, steeply at its low end: most designs lose less than a tenth."""
    proxies = 0.5 ** np.arange(12.0)[:, None]
    variables = tuple(
        Variable(name, [{name: place} for place in range(12)], {"cost": 1 + np.arange(12.0)}, proxies)
        for name in ("a", "b", "c", "d")
    )
    tables = ProblemTables(variables, (None, "cost"))
    study = optuna.create_study(directions=["minimize", "minimize"], sampler=GuidedSampler(tables, 0))
    losses = []
    for _ in range(24):
        trial = study.ask()
        design = [trial.suggest_categorical(item.name, range(12)) for item in variables]
        total = sum(weight * proxies[place, 0] for weight, place in zip((1, 9, 3, 1), design, strict=True))
        losses.append(round(total / (0.5 + total), 2))
        study.tell(trial, [losses[-1], tables.figure("cost", np.array([design]))[0]])
    assert np.mean(np.array(losses[10:]) < 0.3) > 0.55
