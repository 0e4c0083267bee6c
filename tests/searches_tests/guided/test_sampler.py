"""The guided sampler in Optuna studies: ask and tell, queued trials, failures, constraints, workers."""

from dataclasses import replace

import numpy as np
import optuna
import pytest
from optuna._hypervolume import compute_hypervolume
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from searches.errors import SearchError
from searches.guided import GuidedSampler, ProblemTables, Variable


def new_study(tables, seed=0, directions=("minimize", "minimize"), **choices):
    return optuna.create_study(directions=list(directions), sampler=GuidedSampler(tables, seed), **choices)


def suggest(trial, tables):
    """Every variable's choice."""
    return tuple(
        trial.suggest_categorical(variable.name, range(len(variable.choices))) for variable in tables.variables
    )


def loss(tables, design, weights=(1, 9, 3, 1, 1)):
    return sum(w * variable.proxies[i, 0] for w, variable, i in zip(weights, tables.variables, design, strict=False))


def run(tables, trials, seed=0, study=None, measure=loss):
    study = study or new_study(tables, seed)
    found = []
    for _ in range(trials):
        trial = study.ask()
        design = suggest(trial, tables)
        found.append(design)
        study.tell(trial, [measure(tables, design), tables.figure("cost", np.array([design]))[0]])
    return study, found


def test_no_design_twice_until_there_is_no_other(problem_tables):
    """4 x 3 x 5 designs."""
    _, found = run(problem_tables(0), 60)
    assert len(set(found)) == 60
    _, more = run(problem_tables(0), 62)
    assert len(set(more)) == 60


def test_no_design_is_above_a_cap(problem_tables, all_designs):
    tables = problem_tables(0, caps={"cost": 50})
    fitting = int(tables.fits(all_designs(tables)).sum())
    assert 0 < fitting < 60
    _, found = run(tables, fitting)
    assert tables.figure("cost", np.array(found)).max() <= 50
    assert len(set(found)) == fitting


def test_a_seed_decides(problem_tables):
    tables = problem_tables(1, choices=(9, 9, 9, 9, 9))
    assert run(tables, 34)[1] == run(tables, 34)[1] != run(tables, 34, seed=1)[1]


def test_designs_asked_for_side_by_side_differ(problem_tables):
    tables = problem_tables(1, choices=(8, 8, 8))
    study, _ = run(tables, 12)
    trials = [study.ask() for _ in range(5)]
    assert len({suggest(trial, tables) for trial in trials}) == 5


def test_trials_begun_before_any_has_a_design_differ(problem_tables):
    """As when workers ask at the same time: none sees a design of the others, and each has a sampler of its own."""
    tables = problem_tables(1, choices=(8, 8, 8))
    study, _ = run(tables, 12)
    designs = set()
    for others in range(4):
        view = optuna.create_study(directions=["minimize", "minimize"])
        view.add_trials(study.get_trials())
        for _ in range(others):
            view.ask()
        view.sampler = GuidedSampler(tables, 0)
        designs.add(suggest(view.ask(), tables))
    assert len(designs) == 4


def test_workers_with_a_journal_never_repeat(problem_tables, tmp_path):
    tables = problem_tables(1, choices=(6, 6, 6))

    def open_study():
        storage = JournalStorage(JournalFileBackend(str(tmp_path / "journal")))
        return new_study(tables, study_name="shared", storage=storage, load_if_exists=True)

    studies = [open_study() for _ in range(3)]
    found = []
    for _ in range(8):
        trials = [(study, study.ask()) for study in studies]
        designs = [suggest(trial, tables) for _, trial in trials]
        found += designs
        for (study, trial), design in zip(trials, designs, strict=True):
            study.tell(trial, [loss(tables, design), tables.figure("cost", np.array([design]))[0]])
    assert len(set(found)) == 24


def test_queued_designs_are_measured_and_not_proposed_again(problem_tables):
    tables = problem_tables(0)
    study = new_study(tables)
    queued = [(0, 0, 0), (3, 2, 4)]
    for design in queued:
        study.enqueue_trial({variable.name: index for variable, index in zip(tables.variables, design, strict=True)})
    _, found = run(tables, 60, study=study)
    assert found[:2] == queued
    assert len(set(found)) == 60


def test_failed_designs_are_not_proposed_again(problem_tables):
    tables = problem_tables(0)
    study = new_study(tables)
    found = []
    for number in range(60):
        trial = study.ask()
        design = suggest(trial, tables)
        found.append(design)
        if number % 3 == 2:
            study.tell(trial, state=TrialState.FAIL)
        else:
            study.tell(trial, [loss(tables, design), tables.figure("cost", np.array([design]))[0]])
    assert len(set(found)) == 60


def test_conditional_parameters_are_asked_for_only_where_they_are_read():
    choices = [{"kind": "dense", "bits": b} for b in (2, 4, 8)] + [{"kind": "pruned", "density": 0.5}]
    variable = Variable("a", choices, {"cost": np.array([2.0, 4, 8, 3])}, np.array([[4.0], [2], [1], [3]]))
    study = new_study(ProblemTables((variable,), (None, "cost")))
    seen = set()
    for _ in range(4):
        trial = study.ask()
        if trial.suggest_categorical("kind", ["dense", "pruned"]) == "dense":
            seen.add(trial.suggest_int("bits", 2, 8))
        else:
            seen.add(trial.suggest_float("density", 0, 1))
        study.tell(trial, [float(len(seen)), 1.0])
    assert seen == {2, 4, 8, 0.5}


def test_infinite_losses_are_borne(problem_tables):
    def measure(tables, design):
        return np.inf if design[0] == 0 else loss(tables, design)

    _, found = run(problem_tables(0), 40, measure=measure)
    assert len(set(found)) == 40


def test_reported_constraints_are_kept_out_of_the_front_and_learned(problem_tables):
    tables = problem_tables(1, choices=(8, 8, 8))
    study = new_study(tables)
    costs = []
    for _ in range(40):
        trial = study.ask()
        design = suggest(trial, tables)
        costs.append(tables.figure("cost", np.array([design]))[0])
        trial.set_constraint("cost", costs[-1] - 40)
        study.tell(trial, [loss(tables, design), costs[-1]])
    assert np.mean(np.array(costs[20:]) <= 40) > np.mean(np.array(costs[:10]) <= 40)
    assert np.mean(np.array(costs[20:]) <= 40) >= 0.9


@pytest.mark.parametrize("objectives", [(None,), ("cost",), ("cost", "work"), (None, "cost", "work"), (None, "peak")])
def test_one_to_three_objectives_with_or_without_a_measured_one(problem_tables, objectives):
    tables = problem_tables(3, choices=(8, 8, 8), objectives=objectives, caps={"work": 100}, peaks=True)
    study = new_study(tables, directions=["minimize"] * len(objectives))
    found = []
    for _ in range(30):
        trial = study.ask()
        found.append(suggest(trial, tables))
        row = np.array([found[-1]])
        study.tell(
            trial, [loss(tables, found[-1]) if name is None else tables.figure(name, row)[0] for name in objectives]
        )
    assert len(set(found)) == 30
    assert tables.fits(np.array(found)).all()


def test_known_fronts_are_proposed_without_measuring(problem_tables, all_designs):
    """Two known objectives: every proposal is on the exact front until it is all there."""
    tables = problem_tables(2, choices=(6, 6, 6), objectives=("cost", "work"), caps={})
    every = all_designs(tables)
    pairs = np.stack([tables.figure("cost", every), tables.figure("work", every)], axis=1)
    front = {tuple(p) for p in pairs if not ((pairs <= p).all(axis=1) & (pairs < p).any(axis=1)).any()}
    study = new_study(tables)
    for _ in range(3):
        trial = study.ask()
        row = np.array([suggest(trial, tables)])
        pair = (tables.figure("cost", row)[0], tables.figure("work", row)[0])
        assert pair in front
        study.tell(trial, pair)


def test_it_finds_more_than_chance(problem_tables):
    """Hypervolume after 30 of 4,096 designs, under errors that weigh differently from what the tables says."""
    tables = problem_tables(8, choices=(8, 8, 8, 8))
    weights = (1, 30, 3, 0.1)
    worst = np.array(
        [loss(tables, [int(np.argmax(variable.proxies)) for variable in tables.variables], weights), 160.0]
    )

    def volume(designs):
        rows = np.array(designs)
        points = np.stack([[loss(tables, row, weights) for row in rows], tables.figure("cost", rows)], axis=1)
        return compute_hypervolume(points[(points < worst).all(axis=1)], worst)

    guided = [volume(run(tables, 30, seed, measure=lambda g, d: loss(g, d, weights))[1]) for seed in range(3)]
    generator = np.random.default_rng(0)
    by_chance = [volume(generator.integers(8, size=(30, 4))) for _ in range(20)]
    assert min(guided) > max(by_chance)


def test_what_does_not_fit_is_refused_in_one_line(problem_tables):
    tables = problem_tables(0)
    with pytest.raises(SearchError, match=r"got 1; .*has the 2 objectives of the tables"):
        optuna.create_study(sampler=GuidedSampler(tables, 0)).ask().suggest_categorical("p0", range(4))
    with pytest.raises(SearchError, match="cost is maximized; a known figure is minimized"):
        new_study(tables, directions=("minimize", "maximize")).ask().suggest_categorical("p0", range(4))
    with pytest.raises(SearchError, match=r"got q0; .* samples the parameters of its tables"):
        new_study(tables).ask().suggest_categorical("q0", range(4))
    with pytest.raises(SearchError, match="trials offer every value of p0"):
        new_study(tables).ask().suggest_categorical("p0", ["x", "y"])


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_nothing_is_looked_for_beyond_the_best_value_there_can_be(problem_tables, direction):
    """Cheap designs are perfect already; a sampler that knows it stays below the cheapest of them."""
    sign = 1 if direction == "minimize" else -1
    late = {}
    for best in (None, sign * 0.2):
        tables = replace(problem_tables(1, choices=(9, 9, 9, 9, 9)), best=best)
        study = new_study(tables, directions=(direction, "minimize"))
        losses = {}
        for _ in range(40):
            trial = study.ask()
            design = suggest(trial, tables)
            cost = tables.figure("cost", np.array([design]))[0]
            losses[cost] = max(loss(tables, design), 0.2)
            study.tell(trial, [sign * losses[cost], cost])
        costs = list(losses)
        cheapest = min(cost for cost in costs[:25] if losses[cost] == 0.2)
        late[best] = sum(cost > cheapest for cost in costs[25:])
    assert late[sign * 0.2] == 0 < late[None]
