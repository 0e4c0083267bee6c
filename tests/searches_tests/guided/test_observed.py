"""What the guided sampler's model is fitted to, with a surrogate and without."""

from types import SimpleNamespace

import numpy as np
import optuna
import pytest

from searches.guided import GuidedSampler, ProblemTables
from searches.guided.history import read_history
from searches.guided.loss_scale import LossScale
from searches.guided.observed import FLOOR, observed

LOSSES = np.array([0.1, 0.3, 0.2, 0.9])


def history(surrogates):
    return SimpleNamespace(surrogates=None if surrogates is None else np.array(surrogates))


def test_without_a_surrogate_losses_are_on_their_own_scale():
    seen, scale = observed(history(None), LOSSES), LossScale(0.1, 0.9)
    assert np.array_equal(seen.z, scale.to(LOSSES))
    assert np.array_equal(seen.weights, scale.weights(LOSSES))
    assert seen.back(seen.z) == pytest.approx(LOSSES)


def test_a_surrogate_stands_for_the_losses_that_were_measured_where_it_was_so_large():
    """0.3 and 0.2 are in the wrong order: both become 0.25. Between two surrogates the loss is interpolated."""
    seen = observed(history([1.0, 2.0, 3.0, 4.0]), LOSSES)
    assert seen.z == pytest.approx(np.log(np.array([1, 2, 3, 4]) + FLOOR))
    assert seen.weights.tolist() == [1, 1, 1, 1]
    assert seen.back(seen.z) == pytest.approx([0.1, 0.25, 0.25, 0.9])
    assert seen.back(np.array([(seen.z[0] + seen.z[1]) / 2])) == pytest.approx([(0.1 + 0.25) / 2])
    assert seen.back(np.array([-99.0, 99.0])) == pytest.approx([0.1, 0.9])
    assert seen.around.spread(seen.z) == pytest.approx(
        np.full(4, np.sqrt((0.05**2 + 0.05**2) / 4))
    )  # all are neighbours


def test_a_design_without_a_surrogate_counts_half_as_much_as_the_worst():
    seen = observed(history([1.0, np.nan, 2.0, 0.5]), LOSSES)
    assert seen.z[1] == seen.z[2] == pytest.approx(np.log(2 + FLOOR))
    assert seen.weights.tolist() == [1, 0.5, 1, 1]


def surrogate(trial):
    return trial.user_attrs.get("divergence")


def tried(tables, trials, told, seed=0):
    """A study of the product of all errors, which the objective shows in eighths alone."""
    study = optuna.create_study(directions=["minimize", "minimize"], sampler=GuidedSampler(tables, seed))
    for _ in range(trials):
        trial = study.ask()
        design = [trial.suggest_categorical(item.name, range(len(item.choices))) for item in tables.variables]
        exact = sum(w * item.proxies[i, 0] for w, item, i in zip((1, 30, 3), tables.variables, design, strict=True))
        if told:
            trial.set_user_attr("divergence", exact)
        study.tell(trial, [np.ceil(4 * exact) / 4, tables.figure("cost", np.array([design]))[0]])
    return study


def test_the_history_has_the_surrogates_of_finished_trials(problem_tables):
    plain = problem_tables(3, choices=(6, 6, 6))
    tables = ProblemTables(plain.variables, plain.objectives, surrogate=surrogate)
    found = read_history(tried(tables, 12, told=True), tables, -1)
    assert found.surrogates.shape == (12,)
    assert (found.surrogates <= found.losses[:, 0]).all()  # rounded up
    assert read_history(tried(tables, 3, told=False), tables, -1).surrogates is None
    assert read_history(tried(plain, 3, told=True), plain, -1).surrogates is None


def test_what_is_learned_from_a_surrogate_orders_designs_better(problem_tables):
    """Rank correlation of the model's predictions with the exact sums, over all designs."""
    from scipy.stats import spearmanr

    from searches.guided.scoring import learn

    plain = problem_tables(3, choices=(6, 6, 6))
    tables = ProblemTables(plain.variables, plain.objectives, surrogate=surrogate)
    designs = np.stack(np.meshgrid(*(range(6),) * 3), axis=-1).reshape(-1, 3)
    parts = [
        w * item.proxies[designs[:, i], 0] for i, (w, item) in enumerate(zip((1, 30, 3), tables.variables, strict=True))
    ]
    found = []
    for one in (plain, tables):
        study = tried(one, 25, told=True)
        model = learn(one, read_history(study, one, -1)).model
        found.append(spearmanr(model.predict(one, designs)[0], np.sum(parts, axis=0)).statistic)
    assert found[1] > found[0]
    assert found[1] > 0.99
