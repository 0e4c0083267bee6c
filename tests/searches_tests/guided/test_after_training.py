"""The history of a search as training would leave it."""

import numpy as np
import optuna
import pytest

from searches.guided.after_training import LEAST_TRAINED, after_training
from searches.guided.history import History

FITTED = np.array([0.9, 0.8, 0.6, 0.5, 0.2, np.inf])
DIVERGENCE = np.array([6.0, 5.0, 4.0, 3.0, 2.0, np.nan])
DESIGNS = np.array([[index, 0, 0] for index in range(6)])


@pytest.fixture
def tables(problem_tables):
    return problem_tables(1, choices=(6, 1, 1))


def history(surrogates=DIVERGENCE):
    return History(
        designs=DESIGNS,
        losses=np.column_stack([FITTED, np.arange(6.0)]),
        violations=np.empty((6, 0)),
        pending=(),
        taken=frozenset(),
        undecided_before=0,
        surrogates=surrogates,
    )


def trained(tables, losses):
    """A study of the designs that have a loss after training."""
    study = optuna.create_study(directions=["minimize", "minimize"])
    for design, loss in losses.items():
        study.enqueue_trial(tables.values((design, 0, 0)))
        trial = study.ask()
        for name, value in tables.values((design, 0, 0)).items():
            assert trial.suggest_categorical(name, range(6)) == value
        study.tell(trial, [loss, float(design)])
    return study


def test_trained_designs_have_their_own_loss_and_the_others_what_is_between(tables):
    """Design 2 has divergence 4 between the trained ones of 5 and 3, whose losses are 0.5 and 0.1."""
    found = after_training(history(), tables, [trained(tables, {0: 0.7, 1: 0.5, 3: 0.1, 4: 0.1})]).losses[:, 0]
    assert found[[0, 1, 3, 4]].tolist() == [0.7, 0.5, 0.1, 0.1]
    assert 0.1 < found[2] < 0.5
    share = (np.log(5.001) - np.log(4.001)) / (np.log(5.001) - np.log(3.001))
    assert found[2] == pytest.approx(0.5 - share * (0.5 - 0.1))
    assert np.isinf(found[5])


def test_the_best_training_counts(tables):
    short, long = trained(tables, {0: 0.7, 1: 0.5, 3: 0.3, 4: 0.2}), trained(tables, {1: 0.4, 3: 0.05, 4: 0.25})
    found = after_training(history(), tables, [short, long]).losses[:, 0]
    assert found[[0, 1, 3, 4]].tolist() == [0.7, 0.4, 0.05, 0.2]


def test_no_design_is_thought_worse_after_training(tables):
    found = after_training(history(), tables, [trained(tables, {0: 0.9, 1: 0.8, 3: 0.5, 4: 0.5})]).losses[:, 0]
    assert found[2] == pytest.approx(0.6)


def test_without_surrogates_the_loss_itself_tells(tables):
    found = after_training(history(None), tables, [trained(tables, {0: 0.7, 1: 0.5, 3: 0.1, 4: 0.1})]).losses[:, 0]
    assert found[2] == pytest.approx(0.1 + (0.6 - 0.5) / (0.8 - 0.5) * (0.5 - 0.1))


def test_from_few_nothing_is_learned(tables):
    few = trained(tables, dict.fromkeys(range(LEAST_TRAINED - 1), 0.0))
    for studies in ([], [few]):
        before = history()
        assert after_training(before, tables, studies) is before
