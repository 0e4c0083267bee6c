"""Designs that are measured before any is sampled."""

import pytest

from costmodels import Dense
from searches.design import Design
from searches.initial_designs import initial_design_levels
from searches.space import DEFAULT_GRID, build_space


def initial_designs(space):
    return [space.design(levels) for levels in initial_design_levels(space)]


@pytest.mark.parametrize("widths", [(1, 2, 3, 4, 5, 6, 8), (8,), (2, 8), (8, 1, 4, 16, 32), tuple(range(1, 17))])
def test_every_uniform_width_is_among_them(network, widths):
    space = build_space(network, {**DEFAULT_GRID, "dense": {"weight_bits": widths}})
    found = initial_designs(space)
    for bits in widths:
        assert Design({layer.name: Dense(bits) for layer in network.layers}) in found


def test_no_initial_design_is_named_twice(network):
    found = initial_designs(build_space(network))
    assert len({tuple(design.schemes.items()) for design in found}) == len(found)


def test_every_initial_design_names_a_value_of_every_parameter(network):
    space = build_space(network)
    for levels in initial_design_levels(space):
        assert levels.keys() == space.parameters().keys()
        assert all(levels[name] in values for name, values in space.parameters().items())


def test_a_scheme_is_spread_from_its_least_to_its_most(network):
    """Two schemes on one axis of bits: each is spread over its own values, in their order."""
    grid = {"dense": {"weight_bits": (8, 2)}, "pruned": {"density": (0.5, 0.1), "weight_bits": (6, 4)}}
    space = build_space(network, grid)
    stems = [str(design.schemes["stem"]).split(", coeff")[0].split(", scale")[0] for design in initial_designs(space)]
    assert stems[:2] == ["dense(weight_bits=8", "pruned(density=0.5, weight_bits=6"]
    assert stems[2:4] == ["dense(weight_bits=2", "pruned(density=0.1, weight_bits=4"]


def test_layers_that_cannot_take_a_scheme_take_their_first(network):
    space = build_space(network, {"dense": {"weight_bits": (1, 8)}, "linear-representation": {"templates": (2,)}})
    linear = [design for design in initial_designs(space) if design.schemes["stem"].name == "linear-representation"]
    assert linear
    assert {design.schemes["head"].name for design in linear} == {"dense"}


def test_kept_layers_stay(network):
    space = build_space(network, keep={"stem": Dense(32)})
    assert {design.schemes["stem"] for design in initial_designs(space)} == {Dense(32)}
    assert {design.schemes["head"] for design in initial_designs(space)} >= {
        Dense(bits, scale_bits=8) for bits in (1, 2, 3, 4, 5, 6, 8)
    }
