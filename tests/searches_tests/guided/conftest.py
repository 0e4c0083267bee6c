"""Small problems for the guided sampler."""

import itertools

import numpy as np
import pytest

from searches.guided import ProblemTables, Variable


def problem_tables(seed, choices=(4, 3, 5), caps=None, objectives=(None, "cost"), peaks=False):
    """Variables with random whole costs and proxies; more cost tends to a smaller proxy."""
    generator = np.random.default_rng(seed)
    variables = []
    for index, count in enumerate(choices):
        cost = generator.integers(1, 40, size=count).astype(float)
        proxies = (generator.uniform(0.5, 2, size=(count, 1)) / cost[:, None]) ** 2
        peak = {"peak": generator.integers(1, 9, size=count)} if peaks else {}
        choices = [{f"p{index}": place} for place in range(count)]
        variables.append(Variable(f"p{index}", choices, {"cost": cost, "work": 40 - cost}, proxies, peak))
    return ProblemTables(tuple(variables), objectives, caps or {})


def all_designs(tables):
    return np.array(list(itertools.product(*(range(len(variable.choices)) for variable in tables.variables))))


@pytest.fixture(scope="session", name="problem_tables")
def tables_maker():
    return problem_tables


@pytest.fixture(scope="session", name="all_designs")
def designs_of():
    return all_designs
