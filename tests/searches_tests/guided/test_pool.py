"""Fronts for given harms against all designs of small spaces."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from searches.guided.pool import changed, mixed, weighed_front


def harm_of(designs, harms):
    return sum(harm[designs[:, place]] for place, harm in enumerate(harms))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), capped=st.booleans(), peaked=st.booleans())
def test_the_front_is_that_of_all_designs(table_guide, all_designs, seed, capped, peaked):
    """Whole harms, so that sums are exact; caps that at least the smallest design keeps."""
    caps = ({"cost": 60} if capped else {}) | ({"peak": 6} if peaked else {})
    tables = table_guide(seed, caps=caps, peaks=True)
    generator = np.random.default_rng(seed)
    harms = [generator.integers(1, 30, size=len(variable.choices)).astype(float) for variable in tables.variables]
    every = all_designs(tables)
    every = every[tables.fits(every)]
    found = weighed_front(tables, harms, generator, 10_000)
    found = found[tables.fits(found)]
    pairs = {(c, h) for c, h in zip(tables.of("cost", every), harm_of(every, harms), strict=True)}
    best = {p for p in pairs if not any(q != p and q[0] <= p[0] and q[1] <= p[1] for q in pairs)}
    assert set(zip(tables.of("cost", found), harm_of(found, harms), strict=True)) == best


def test_a_thinned_front_keeps_its_ends(table_guide):
    tables = table_guide(1, choices=(9, 9, 9, 9))
    harms = [variable.errors[:, 0] for variable in tables.variables]
    whole, thinned = (weighed_front(tables, harms, np.random.default_rng(0), most) for most in (10_000, 5))
    assert len(thinned) <= 5 < len(whole)
    ends = [[tables.of("cost", front)[place] for place in (0, -1)] for front in (whole, thinned)]
    assert ends[0] == ends[1]


def test_several_costs_are_weighed_differently(table_guide):
    tables = table_guide(1, choices=(9, 9, 9), objectives=(None, "cost", "work"))
    harms = [variable.errors[:, 0] for variable in tables.variables]
    generator = np.random.default_rng(0)
    fronts = {weighed_front(tables, harms, generator, 100).tobytes() for _ in range(5)}
    assert len(fronts) > 1


def test_variants_differ_in_one_part(table_guide):
    tables = table_guide(2)
    harms = [variable.errors[:, 0] for variable in tables.variables]
    design = np.array([[0, 1, 2]])
    assert ((changed(tables, design, harms, 100) != design).sum(axis=1) <= 1).all()


def test_crossings_take_what_their_parents_have_or_something_new(table_guide):
    tables = table_guide(2)
    parents = np.array([[0, 0, 0], [3, 2, 4]])
    children = mixed(tables, parents, np.random.default_rng(0), 4000)
    assert (children >= 0).all()
    assert (children < tables.counts).all()
    inherited = np.isin(children[:, 2], (0, 4)).mean()
    assert inherited == pytest.approx(2 / 3 + 1 / 3 * 2 / 5, abs=0.03)
