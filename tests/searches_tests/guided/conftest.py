"""Small problems for the guided sampler."""

import itertools

import numpy as np
import pytest

from searches.guided import ProblemTables, Variable


def table_guide(seed, choices=(4, 3, 5), caps=None, objectives=(None, "cost"), peaks=False):
    """Parts with random whole costs and errors; more cost tends to less error."""
    generator = np.random.default_rng(seed)
    variables = []
    for index, count in enumerate(choices):
        cost = generator.integers(1, 40, size=count).astype(float)
        errors = (generator.uniform(0.5, 2, size=(count, 1)) / cost[:, None]) ** 2
        peak = {"peak": generator.integers(1, 9, size=count)} if peaks else {}
        choices = [{f"p{index}": place} for place in range(count)]
        variables.append(Variable(f"p{index}", choices, {"cost": cost, "work": 40 - cost}, errors, peak))
    return ProblemTables(tuple(variables), objectives, caps or {})


def all_designs(tables):
    return np.array(list(itertools.product(*(range(len(variable.choices)) for variable in tables.variables))))


@pytest.fixture(scope="session", name="table_guide")
def guide_maker():
    return table_guide


@pytest.fixture(scope="session", name="all_designs")
def designs_of():
    return all_designs
