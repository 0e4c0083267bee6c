"""What a search asks of every sampler in the registry."""

import math
from dataclasses import replace

import numpy as np
import pytest
from optuna.storages import InMemoryStorage
from optuna.trial import TrialState

from costmodels import ConvShape, LayerSpec, NetworkSpec, network_cost
from searches.candidate_tables import candidate_tables
from searches.constraints import Budget
from searches.guided.space_tables import make_problem_tables
from searches.objectives import find_objectives
from searches.samplers import GUIDED, SAMPLERS, make_sampler
from searches.space import build_space
from searches.study import Problem, open_study, run_study

SHAPE = ConvShape(8, 8, (3, 3), (4, 4), padding=(1, 1))
NETWORK = NetworkSpec("six", tuple(LayerSpec(f"layer{index}", SHAPE) for index in range(6)), (), (), (), ())
SPACE = build_space(
    NETWORK,
    {"dense": {"weight_bits": (1, 2, 4, 8)}, "stacked-binary": {"segments": (1, 2), "filters": ("1/4", "1/2")}},
)
TRIALS = 100
"""Two generations of 40 and half of a third."""


def figures(design):
    """Counted costs; the accuracy is made up: more bits are better, with less and less gain."""
    cost = network_cost(NETWORK, design.schemes)
    accuracy = sum(math.log2(1 + layer.storage_bits) for layer in cost.layers) / 100
    return {"accuracy": accuracy, "storage_bytes": cost.storage_bytes, "bit_ops": cost.bit_ops}


def search(
    sampler, *, objectives=("accuracy", "storage"), limit=None, trials=TRIALS, seed=1, study=None, evaluate=figures
):
    budgets = () if limit is None else (Budget("storage", "storage_bytes", limit, "bytes", "test"),)
    problem = Problem(SPACE, find_objectives(objectives, has_data=True), budgets, evaluate)
    if sampler == GUIDED:
        problem = replace(problem, tables=tables(problem))
    study = study or open_study(problem, InMemoryStorage(), "search", resume=False)
    return study, run_study(study, problem, sampler, seed, trials)


def tables(problem):
    """Sensitivity proxies that say little: the inverse of the candidates' storage."""
    tables = candidate_tables(NETWORK, {layer.name: layer.candidates for layer in SPACE.layers})
    proxies = {table.layer: 1 / table.columns["storage_bits"][:, None] for table in tables.layers}
    assert all(np.isfinite(values).all() for values in proxies.values())
    return make_problem_tables(SPACE, tables, problem.objectives, problem.budgets, proxies)


@pytest.fixture(params=sorted([GUIDED, *SAMPLERS]), scope="module")
def sampler(request):
    return request.param


@pytest.fixture(scope="module")
def whole(sampler):
    """The study and the result of a plain search."""
    return search(sampler)


def test_every_trial_has_every_parameter(whole):
    study, result = whole
    assert len(result.trials) == TRIALS
    for trial in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
        assert trial.params.keys() == SPACE.parameters().keys()
        assert all(trial.params[name] in values for name, values in SPACE.parameters().items())


def test_a_seed_repeats_and_another_does_not(sampler, whole):
    again, other = ([trial.design_id for trial in search(sampler, seed=seed, trials=90)[1].trials] for seed in (1, 2))
    assert again == [trial.design_id for trial in whole[1].trials[:90]] != other


@pytest.mark.parametrize("objectives", [("storage",), ("accuracy", "storage"), ("accuracy", "storage", "bit-ops")])
def test_one_objective_or_several(sampler, objectives):
    study, _ = search(sampler, objectives=objectives, trials=60)
    best = study.best_trials
    assert all(len(trial.values) == len(objectives) for trial in best)
    least = min(
        network_cost(NETWORK, SPACE.design(trial.params).schemes).storage_bytes
        for trial in study.get_trials(deepcopy=False)
    )
    assert least in {network_cost(NETWORK, SPACE.design(trial.params).schemes).storage_bytes for trial in best}


def test_a_search_goes_on_as_if_it_had_not_stopped(sampler, whole):
    study, first = search(sampler, trials=70)
    _, second = search(sampler, study=study)
    assert [trial.design_id for trial in second.trials] == [trial.design_id for trial in whole[1].trials]
    assert second.trials[:70] == first.trials


def test_the_guided_sampler_proposes_what_its_tables_hold_where_a_form_was_left_out():
    """Of a large space a layer may lose all candidates of a form; trials name its parameters all the same."""

    def narrowed(problem):
        schemes = {layer.name: layer.candidates for layer in SPACE.layers}
        schemes["layer2"] = tuple(scheme for scheme in schemes["layer2"] if scheme.name == "dense")
        found = candidate_tables(NETWORK, schemes)
        proxies = {table.layer: 1 / table.columns["storage_bits"][:, None] for table in found.layers}
        return make_problem_tables(SPACE, found, problem.objectives, problem.budgets, proxies)

    problem = Problem(SPACE, find_objectives(("accuracy", "storage"), has_data=True), (), figures)
    problem = replace(problem, tables=narrowed(problem))
    study = open_study(problem, InMemoryStorage(), "search", resume=False)
    run_study(study, problem, GUIDED, 1, 30)
    trials = study.get_trials(deepcopy=False)
    assert all(trial.params.keys() == SPACE.parameters().keys() for trial in trials)
    proposed = [SPACE.design(trial.params).schemes for trial in trials[len(problem.initial_levels()) :]]
    assert len(proposed) > 10
    assert {schemes["layer1"].name for schemes in proposed} == {"dense", "stacked-binary"}
    assert {schemes["layer2"].name for schemes in proposed} == {"dense"}


def test_failed_trials_are_passed_over(sampler):
    def undefined_for_some(design):
        values = figures(design)
        return {**values, "accuracy": math.nan} if values["storage_bytes"] % 3 == 0 else values

    study, result = search(sampler, evaluate=undefined_for_some, trials=60)
    states = {trial.number: trial.state for trial in study.get_trials(deepcopy=False)}
    failed = [trial.number for trial in result.trials if trial.state == "failed"]
    assert failed
    assert all(states[number] == TrialState.FAIL for number in failed)
    assert sum(state == TrialState.COMPLETE for state in states.values()) == 60 - len(failed)


LIMIT = 600
"""Bytes, of 6 x 11 to 6 x 608 that a design can take: about one in four drawn by chance fits."""


def share_feasible(result, last):
    return sum(trial.figures["storage_bytes"] <= LIMIT for trial in result.trials[-last:]) / last


def test_budgets_are_respected(sampler):
    """Those that fit are told apart; and samplers that learn propose more of them than chance does."""
    study, result = search(sampler, limit=LIMIT)
    assert study.best_trials
    assert all(max(trial.constraints.values()) <= 0 for trial in study.best_trials)
    by_chance = share_feasible(search("random", limit=LIMIT)[1], 50)
    if sampler != "random":
        assert share_feasible(result, 50) > by_chance + 0.2


def test_telling_a_sampler_its_space_changes_no_proposal(sampler, whole, monkeypatch):
    monkeypatch.setattr(
        "searches.trial_loop.make_sampler",
        lambda name, seed, parameters, tables: make_sampler(name, seed, None, tables),
    )
    _, found_out = search(sampler)
    assert [trial.design_id for trial in found_out.trials] == [trial.design_id for trial in whole[1].trials]
