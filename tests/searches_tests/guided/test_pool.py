"""Fronts for given degradations against all designs of small spaces."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from searches.guided.pool import crossings, one_change_variants, weighted_front


def degradation_of(designs, degradations):
    return sum(degradation[designs[:, place]] for place, degradation in enumerate(degradations))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), capped=st.booleans(), peaked=st.booleans())
def test_the_front_is_that_of_all_designs(problem_tables, all_designs, seed, capped, peaked):
    """Whole degradations, so that sums are exact; caps that at least the smallest design keeps."""
    caps = ({"cost": 60} if capped else {}) | ({"peak": 6} if peaked else {})
    tables = problem_tables(seed, caps=caps, peaks=True)
    generator = np.random.default_rng(seed)
    degradations = [
        generator.integers(1, 30, size=len(variable.choices)).astype(float) for variable in tables.variables
    ]
    every = all_designs(tables)
    every = every[tables.fits(every)]
    found = weighted_front(tables, degradations, generator, 10_000)
    found = found[tables.fits(found)]
    pairs = {(c, h) for c, h in zip(tables.figure("cost", every), degradation_of(every, degradations), strict=True)}
    best = {p for p in pairs if not any(q != p and q[0] <= p[0] and q[1] <= p[1] for q in pairs)}
    assert set(zip(tables.figure("cost", found), degradation_of(found, degradations), strict=True)) == best


def test_a_thinned_front_keeps_its_ends(problem_tables):
    tables = problem_tables(1, choices=(9, 9, 9, 9))
    degradations = [variable.proxies[:, 0] for variable in tables.variables]
    whole, thinned = (weighted_front(tables, degradations, np.random.default_rng(0), most) for most in (10_000, 5))
    assert len(thinned) <= 5 < len(whole)
    ends = [[tables.figure("cost", front)[place] for place in (0, -1)] for front in (whole, thinned)]
    assert ends[0] == ends[1]


def test_several_costs_are_weighed_differently(problem_tables):
    tables = problem_tables(1, choices=(9, 9, 9), objectives=(None, "cost", "work"))
    degradations = [variable.proxies[:, 0] for variable in tables.variables]
    generator = np.random.default_rng(0)
    fronts = {weighted_front(tables, degradations, generator, 100).tobytes() for _ in range(5)}
    assert len(fronts) > 1


def test_variants_differ_in_one_variable(problem_tables):
    tables = problem_tables(2)
    degradations = [variable.proxies[:, 0] for variable in tables.variables]
    design = np.array([[0, 1, 2]])
    assert ((one_change_variants(tables, design, degradations, 100) != design).sum(axis=1) <= 1).all()


def test_crossings_take_what_their_parents_have_or_something_new(problem_tables):
    tables = problem_tables(2)
    parents = np.array([[0, 0, 0], [3, 2, 4]])
    children = crossings(tables, parents, np.random.default_rng(0), 4000)
    assert (children >= 0).all()
    assert (children < tables.counts).all()
    inherited = np.isin(children[:, 2], (0, 4)).mean()
    assert inherited == pytest.approx(2 / 3 + 1 / 3 * 2 / 5, abs=0.03)
