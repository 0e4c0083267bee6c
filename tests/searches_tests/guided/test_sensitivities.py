"""The model of sensitivities: its derivatives, its scale, and that it finds planted ones."""

import numpy as np
import pytest

from searches.guided.loss_scale import LossScale
from searches.guided.sensitivities import choice_degradations, fit_sensitivities, prior


def test_the_scale_goes_back(problem_tables):
    scale = LossScale(0.1, 0.9)
    losses = np.array([0.1, 0.3, 0.9])
    assert scale.back(scale.to(losses)) == pytest.approx(losses)
    assert scale.to(np.array([0.5]))[0] == pytest.approx(0)
    assert scale.weights(losses).tolist() == [1, 1, 0.5]
    assert np.isfinite(LossScale(2.0, 2.0).to(np.array([2.0]))).all()


def test_z_is_the_formula(problem_tables):
    """One proxy: z = a + b log(c + sum s_l e_l^p), e over its median."""
    tables = problem_tables(4)
    model = prior(tables)
    a, b, c, p = model.theta[0], np.exp(model.theta[1]), np.exp(model.theta[2]), model.theta[3]
    design = np.array([[1, 2, 3]])
    total = c
    for variable, log, index in zip(tables.variables, model.theta[4:], design[0], strict=True):
        proxy = variable.proxies[:, 0] / np.median(variable.proxies[:, 0])
        total += np.exp(log) * proxy[index] ** p
    assert model.predict(tables, design)[0][0] == pytest.approx(a + b * np.log(total))


def test_the_variance_is_that_of_samples(problem_tables):
    """Linearized: a small covariance makes it so."""
    tables = problem_tables(4)
    model = prior(tables)
    small = type(model)(model.theta, model.covariance * 1e-4, model.noise)
    design = np.array([[1, 2, 3]])
    generator = np.random.default_rng(0)
    drawn = [type(model)(small.sampled(generator), small.covariance, 1).predict(tables, design)[0] for _ in range(4000)]
    assert np.var(drawn) == pytest.approx(small.predict(tables, design)[1][0], rel=0.1)


def test_planted_sensitivities_are_found(problem_tables, all_designs):
    """The third variable counts fifty times as much as the others; forty designs of a larger space tell."""
    tables = problem_tables(5, choices=(8, 8, 8))
    designs = np.random.default_rng(0).permutation(all_designs(tables))[:40]
    truth = prior(tables).theta.copy()
    truth[-1] += np.log(50)
    z = type(prior(tables))(truth, prior(tables).covariance, 1).predict(tables, designs)[0]
    fitted = fit_sensitivities(tables, designs, z, np.ones(len(z)))
    logs = fitted.theta[-3:]
    assert logs[2] - logs[:2].max() > np.log(10)
    assert np.corrcoef(fitted.predict(tables, designs)[0], z)[0, 1] > 0.99
    assert fitted.noise < prior(tables).noise
    assert choice_degradations(fitted.theta, tables)[2].max() > choice_degradations(fitted.theta, tables)[0].max()


def test_one_outlier_does_not_decide(problem_tables, all_designs):
    tables = problem_tables(5, choices=(8, 8, 8))
    designs = np.random.default_rng(0).permutation(all_designs(tables))[:40]
    z = prior(tables).predict(tables, designs)[0]
    clean = fit_sensitivities(tables, designs, z, np.ones(len(z)))
    z[7] += 30
    spoilt = fit_sensitivities(tables, designs, z, np.ones(len(z)))
    others = np.arange(40) != 7
    moved = np.abs(spoilt.predict(tables, designs)[0] - clean.predict(tables, designs)[0])[others]
    assert moved.max() < 1
