"""The process of residuals against the textbook's equations, written out."""

import numpy as np
import pytest

from searches.guided.feasibility import probability_feasible
from searches.guided.history import History
from searches.guided.residuals import fit_residuals


def similarity(tables, first, second):
    same = np.mean([variable.similarity[i, j] for variable, i, j in zip(tables.variables, first, second, strict=True)])
    return (same + same**5) / 2


def test_mean_and_variance_are_the_textbook_ones(problem_tables, all_designs):
    tables = problem_tables(6)
    rows = np.random.default_rng(0).permutation(all_designs(tables))
    seen, new = rows[:7], rows[7:12]
    residuals, weights, noise = np.linspace(-1, 1, 7), np.array([1, 1, 0.5, 1, 1, 1, 1]), 0.4
    k = 0.85 * noise**2 * np.array([[similarity(tables, a, b) for b in seen] for a in seen])
    k += np.diag(0.15 * noise**2 / weights**2)
    cross = 0.85 * noise**2 * np.array([[similarity(tables, a, b) for b in seen] for a in new])
    mean, variance = fit_residuals(tables, seen, residuals, weights, noise).predict(tables, new)
    assert mean == pytest.approx(cross @ np.linalg.solve(k, residuals))
    assert variance == pytest.approx(noise**2 - np.einsum("ij,ji->i", cross, np.linalg.solve(k, cross.T)))


def test_a_choice_misjudged_once_is_doubted_in_other_designs(problem_tables):
    tables = problem_tables(6)
    process = fit_residuals(tables, np.array([[0, 0, 0]]), np.array([1.0]), np.ones(1), 0.5)
    mean, _ = process.predict(tables, np.array([[0, 0, 1], [1, 1, 1]]))
    assert mean[0] > mean[1] > 0


def test_a_constraint_is_learned_from_known_figures(problem_tables, all_designs):
    """Violated where cost is above 50; nothing but the trials says so."""
    tables = problem_tables(7)
    rows = np.random.default_rng(0).permutation(all_designs(tables))
    cost = tables.figure("cost", rows)
    seen = rows[:20]
    violations = ((cost[:20] - 50) / 50)[:, None]
    history = History(seen, np.zeros((20, 2)), violations, (), frozenset(), 0)
    probability = probability_feasible(tables, history, rows[20:])
    assert (probability[cost[20:] < 49] > 0.99).all()
    assert (probability[cost[20:] > 51] < 0.01).all()
    kept = History(seen, np.zeros((20, 2)), -np.abs(violations), (), frozenset(), 0)
    assert (probability_feasible(tables, kept, rows) == 1).all()
