"""The sampler that proposes designs of another study to be trained."""

from dataclasses import replace

import optuna
import pytest
from optuna.storages import InMemoryStorage

from searches.errors import SearchError
from searches.objectives import find_objectives
from searches.promoting_sampler import PromotingSampler, promotable
from searches.study import open_study, run_study

TRIALS = 12


@pytest.fixture
def problem(Evaluate, make_problem):
    """The less a design stores, the lower its accuracy."""
    counted = Evaluate()

    def evaluate(design):
        figures = counted(design)
        return {**figures, "accuracy": figures["storage_bytes"] / 1000, "loss": 1.0, "divergence": 1.0}

    objectives = find_objectives(["accuracy", "storage"], has_data=True)
    return replace(make_problem(evaluate, flash=200), objectives=objectives)


@pytest.fixture
def below(problem):
    study = open_study(problem, InMemoryStorage(), "fitted", resume=False)
    run_study(study, problem, "random", 3, TRIALS)
    return study


def train(problem, below, trials, study=None, fails=()):
    """Trains designs: all answers are right then."""
    asked = []

    def evaluate(design):
        asked.append(design.id)
        return {**problem.evaluate(design), "accuracy": float("nan") if len(asked) in fails else 1.0}

    own = replace(problem, evaluate=evaluate, sampling=lambda seed: PromotingSampler(below, 0))
    study = study or open_study(own, InMemoryStorage(), "trained", resume=False)
    return study, run_study(study, own, "random", 3, trials), asked


def test_designs_within_the_budgets_are_trained_each_once(problem, below):
    fitting = promotable(below)
    assert 4 < len(fitting) < TRIALS  # the budget of flash leaves some out, and a repeated design counts once
    study, result, asked = train(problem, below, len(fitting))
    assert sorted(asked) == sorted(trial.user_attrs["record"]["design"] for trial in fitting)
    assert [trial.state for trial in result.trials] == ["measured"] * len(fitting)
    by_design = {trial.user_attrs["record"]["design"]: trial.params for trial in fitting}
    assert all(trial.params == by_design[trial.user_attrs["record"]["design"]] for trial in study.trials)


def test_no_other_design_is_made_up(problem, below):
    with pytest.raises(SearchError, match="designs to train were measured before"):
        train(problem, below, len(promotable(below)) + 1)


def test_one_that_fails_is_not_trained_again(problem, below):
    _, result, asked = train(problem, below, 4, fails=(2,))
    assert [trial.state for trial in result.trials] == ["measured", "failed", "measured", "measured"]
    assert len(set(asked)) == 4


def test_a_training_goes_on_as_if_it_had_not_stopped(problem, below):
    _, _, whole = train(problem, below, 5)
    study, _, first = train(problem, below, 2)
    _, _, rest = train(problem, below, 5, study)
    assert [*first, *rest] == whole


def test_a_trial_without_a_design_of_below_says_so():
    empty = optuna.create_study(directions=["maximize", "minimize"])
    study = optuna.create_study(directions=["maximize", "minimize"], sampler=PromotingSampler(empty, 0))
    with pytest.raises(SearchError, match="give more --trials"):
        study.ask().suggest_categorical("stem.scheme", ["dense", "pruned"])
