"""The design space: its axes, its candidates, what it refuses."""

import itertools
import json
import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodels import (
    SCHEMES,
    Dense,
    LayerSpec,
    LinearRepresentation,
    NetworkSpec,
    Pruned,
    SparseBasis,
    StackedBinary,
    Ternary,
)
from costmodels.flash import layer_flash_bytes
from costmodels.shapes import ConvShape
from searches.errors import SearchError
from searches.space import DEFAULT_GRID, EXTRA_GRID, LayerSpace, build_space, check_grid, nearest

SHAPE = ConvShape(16, 8, (3, 3), (8, 8), padding=(1, 1))


def layer_space(shape: ConvShape = SHAPE, grid=DEFAULT_GRID) -> LayerSpace:
    network = NetworkSpec("one", (LayerSpec("layer", shape),), (), (), (), ())
    return build_space(network, grid).layers[0]


def test_axes_of_the_default_grid_join_parameters_of_one_meaning():
    assert layer_space().axes == {
        "scheme": (
            "dense",
            "pruned",
            "stacked-binary",
            "linear-representation",
            "sparse-basis",
            "ternary",
            "palettized",
            "vector-quantized",
            "entropy-coded",
        ),
        "bits": (1, 2, 3, 4, 5, 6, 8),
        "density": (0.25, 0.5),
        "segments": (1, 2, 4),
        "basis": ("1/8", "1/4", "1/2", "1/1"),
        "basis_bits": (1, 2),
        "codewords": (16, 64, 256),
        "bits_per_weight": (1.5, 2.0, 2.5, 3.0, 4.0),
    }  # template_bits and value_bits have a single value and so no axis


def test_candidates_of_the_default_grid_are_counted_by_hand():
    dense, pruned, stacked, linear, sparse = 7, 2 * 2, 3 * 3, 4 * 3, 3 * 2 * 2 * 2 * 3
    ternary, palettized, vectors, coded = 1, 2, 3, 5
    candidates = layer_space().candidates
    counted = dense + pruned + stacked + linear + sparse + ternary + palettized + vectors + coded
    assert len(candidates) == len(set(candidates)) == counted == 115
    assert StackedBinary(segment_channels=2, filters=2, scale="filter", scale_bits=8) in candidates
    assert LinearRepresentation(templates=4, coefficient_bits=3, template_bits=8) in candidates
    assert SparseBasis(segment_channels=8, filters=8, basis_bits=2, density=0.25, coefficient_bits=3) in candidates


def test_forms_declare_their_values_and_those_outside_the_default_grid_are_offered_when_named():
    assert {name: kind.grid for name, kind in SCHEMES.items() if kind.grid} == {**DEFAULT_GRID, **EXTRA_GRID}
    assert not DEFAULT_GRID.keys() & EXTRA_GRID.keys()
    assert DEFAULT_GRID["ternary"] == {"packing": ("base3",), "scale_bits": (8,)}
    assert layer_space(grid={"ternary": DEFAULT_GRID["ternary"]}).candidates == (Ternary(scale_bits=8),)
    check_grid({**DEFAULT_GRID, **EXTRA_GRID})


def test_candidates_that_fall_together_are_one():
    """A depthwise layer has one filter a group and one channel: every fraction is 1 filter, and segments can be 1."""
    candidates = layer_space(ConvShape(8, 8, (3, 3), (8, 8), groups=8)).candidates
    dense, pruned, stacked, linear, sparse = 7, 2 * 2, 1, 3, 2 * 2 * 3
    ternary, palettized, vectors, coded = 1, 2, 3, 5
    counted = dense + pruned + stacked + linear + sparse + ternary + palettized + vectors + coded
    assert len(candidates) == len(set(candidates)) == counted
    assert StackedBinary(1, 1, scale="filter", scale_bits=8) in candidates


def test_scales_that_take_up_a_normalization_have_32_bits():
    """A factor of 32 bits a channel beside scales of 8 is more than the scales of 32 that it folds into."""
    layer = LayerSpec("layer", SHAPE, normalization=True)
    network = NetworkSpec("one", (layer,), (), (), (), ())
    grid = {
        "dense": {"weight_bits": (4,), "scale_bits": (8, 4)},
        "ternary": {"scale": ("layer",), "scale_bits": (8,)},  # one for all filters takes no factor of a filter
        "sparse-basis": {"segments": (1,), "filters": (2,), "coefficient_bits": (4,), "scale_bits": (8,)},
    }
    (space,) = build_space(network, grid).layers
    assert space.candidates == (
        Dense(4),
        Ternary(scale="layer", scale_bits=8),
        SparseBasis(8, 2, coefficient_bits=4, scale_bits=8),
    )
    wide, narrow = (layer_flash_bytes(layer, one, one.storage(SHAPE)) for one in (Dense(4), Dense(4, scale_bits=8)))
    assert narrow - wide == 16 + 2  # 16 filters: a factor of 32 bits and a scale of 8 in place of one of 32; a header
    assert layer_space(grid=grid).candidates[:2] == (Dense(4, scale_bits=8), Dense(4, scale_bits=4))


@pytest.mark.parametrize(
    ("value", "allowed", "expected"),
    [
        (3, (4, 6, 8), 4),
        (5, (4, 6, 8), 4),
        (5, (6, 4), 6),
        (7, (1, 8), 8),
        (6, (4, 6, 8), 6),
        ("1/8", ("1/4", "1/2"), "1/4"),
        ("1/1", ("1/8", "1/4", "1/2"), "1/2"),
        (0.1, (0.25, 0.5, 1.0), 0.25),
        ("segment", ("none", "filter"), "none"),
        ("filter", ("none", "filter"), "filter"),
    ],
)
def test_a_scheme_takes_the_nearest_value_the_first_of_equals(value, allowed, expected):
    assert nearest(value, allowed) == expected


def test_the_nearest_is_always_an_allowed_value_itself():
    """1 and 1.0 are equal, but their texts are not, and a design is named by its text."""
    assert repr(nearest(1, (0.5, 1.0))) == "1.0"
    grid = {"pruned": {"density": (0.5, 1)}, "sparse-basis": {"segments": (1,), "filters": (2,), "density": (0.5, 1.0)}}
    space = layer_space(grid=grid)
    schemes = {str(space.scheme({"scheme": "pruned", "density": value})) for value in (1, 1.0)}
    assert schemes == {"pruned(density=1, weight_bits=8, coefficients=bitmap, scale=filter)"}


def test_moving_to_another_scheme_keeps_the_level():
    space = layer_space()
    levels = {"bits": 5, "basis": "1/8", "density": 0.25, "segments": 2, "basis_bits": 2}
    assert space.scheme({"scheme": "dense", **levels}) == Dense(5, scale_bits=8)
    assert space.scheme({"scheme": "pruned", **levels}) == Pruned(0.25, 4, scale_bits=8)
    assert space.scheme({"scheme": "stacked-binary", **levels}) == StackedBinary(4, 2, scale="filter", scale_bits=8)
    assert space.scheme({"scheme": "linear-representation", **levels}) == LinearRepresentation(2, 4, 8)
    assert space.scheme({"scheme": "sparse-basis", **levels}) == SparseBasis(4, 4, 2, 0.25, 4)


@st.composite
def any_shape(draw):
    groups = draw(st.sampled_from([1, 2, 3, 8]))
    inputs, outputs = (groups * draw(st.integers(1, 6)) for _ in range(2))
    kernel = draw(st.sampled_from([(1, 1), (3, 3), (1, 5), (2, 1)]))
    return ConvShape(outputs, inputs, kernel, (6, 5), padding=(kernel[0] // 2, kernel[1] // 2), groups=groups)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_every_design_is_one_that_the_layers_can_take(data):
    shapes = data.draw(st.lists(any_shape(), min_size=1, max_size=3))
    layers = tuple(LayerSpec(f"layer{index}", shape) for index, shape in enumerate(shapes))
    space = build_space(NetworkSpec("drawn", layers, (), (), (), ()))
    levels = {name: data.draw(st.sampled_from(values)) for name, values in space.parameters().items()}
    design = space.design(levels)
    schemes = design.schemes
    assert list(schemes) == [layer.name for layer in layers]
    for part, layer in zip(space.layers, layers, strict=True):
        schemes[layer.name].check(layer.shape)
        assert schemes[layer.name].name == levels[f"{layer.name}.scheme"]
        assert schemes[layer.name] in part.candidates
        for scheme in part.candidates:
            scheme.check(layer.shape)


@pytest.mark.parametrize("shape", [SHAPE, ConvShape(6, 6, (3, 1), (4, 4), groups=6), ConvShape(3, 6, (1, 1), (1, 1))])
def test_the_axes_reach_every_candidate_and_nothing_else(shape):
    space = layer_space(shape)
    points = (dict(zip(space.axes, values, strict=True)) for values in itertools.product(*space.axes.values()))
    assert {space.scheme(levels) for levels in points} == set(space.candidates)


def test_single_valued_axes_are_no_parameters():
    grid = {"dense": {"weight_bits": (4,)}, "pruned": {"density": (0.5,), "weight_bits": (4,)}}
    space = layer_space(grid=grid)
    assert space.axes == {"scheme": ("dense", "pruned")}
    assert space.scheme({"scheme": "pruned"}) == Pruned(0.5, 4)


def test_a_scheme_without_parameters_has_its_defaults():
    assert layer_space(grid={"dense": {}}).candidates == (Dense(),)


def test_published_special_cases_may_stand_in_a_grid():
    space = layer_space(grid={"binary-weights": {}, "kernel-clustering": {"templates": (2, 4)}})
    assert space.candidates == (
        Dense(1),
        LinearRepresentation(2, offset=False),
        LinearRepresentation(4, offset=False),
    )
    assert space.scheme({"scheme": "kernel-clustering", "basis": 4}) == LinearRepresentation(4, offset=False)


def test_layers_take_what_they_can():
    """1x1 kernels gain nothing by linear representation; 6 channels have no 4 segments."""
    space = layer_space(ConvShape(16, 6, (1, 1), (8, 8)))
    schemes = ("dense", "pruned", "stacked-binary", "sparse-basis", "ternary", "palettized", "entropy-coded")
    assert space.axes["scheme"] == schemes
    assert space.axes["segments"] == (1, 2)
    only_four = {"stacked-binary": {"segments": (4,), "filters": (2,)}, "dense": {}}
    assert list(layer_space(ConvShape(16, 6, (1, 1), (8, 8)), only_four).grid) == ["dense"]


def test_segment_channels_that_do_not_divide_leave_those_that_do():
    grid = {"stacked-binary": {"segment_channels": (16, 8, 3, 4), "filters": (2,)}}
    assert layer_space(grid=grid).candidates == (StackedBinary(8, 2), StackedBinary(4, 2))


def test_a_layer_without_any_scheme_is_refused(network):
    with pytest.raises(SearchError, match=r"head \(4->3 1x1 at 1x1\); every layer can take some scheme of the space"):
        build_space(network, {"linear-representation": {"templates": (2,)}})


def test_kept_layers_have_one_scheme(network):
    space = build_space(network, {"linear-representation": {"templates": (2, 3)}}, {"head": Dense(32)})
    assert space.layers[-1].candidates == (Dense(32),)
    assert space.parameters() == {
        f"{name}.{axis}": values
        for name in ("stem", "depthwise", "mix")
        for axis, values in {"scheme": ("linear-representation",), "basis": (2, 3)}.items()
    } | {"head.scheme": ("dense",)}
    assert space.size == 2**3
    pinned = StackedBinary(2, 3, scale="segment", selection="one-hot")
    assert build_space(network, keep={"mix": pinned}).layers[2].candidates == (pinned,)


def test_only_layers_of_the_network_are_kept(network):
    with pytest.raises(SearchError, match="haed, tail; only layers of the network keep a scheme; "):
        build_space(network, keep={"tail": Dense(), "haed": Dense(), "head": Dense()})


def test_size_is_the_product_over_layers(network):
    space = build_space(network, {"dense": {"weight_bits": (1, 2, 3)}, "pruned": {"density": (0.5, 0.25)}})
    assert space.size == (3 + 2) ** 4
    large = NetworkSpec("large", tuple(LayerSpec(f"{i}", SHAPE) for i in range(60)), (), (), (), ())
    assert build_space(large).size == 115**60 > 10**122


def test_a_space_is_plain_data(network):
    space = build_space(network)
    plain = json.loads(json.dumps(space.to_json()))
    assert plain == space.to_json()
    assert plain["stem"]["stacked-binary"]["filters"] == ["1/8", "1/4", "1/2"]
    for part in space.layers:
        again = LayerSpace(part.name, part.shape, plain[part.name])
        assert again.candidates == part.candidates
        assert again.axes == part.axes


def test_every_fault_of_a_grid_is_listed():
    grid = {
        "dense": {"weight_bits": (0, 4, 99), "scale": ("bogus", "layer"), "colour": (1,)},
        "prunned": {"density": (0.1,)},
        "pruned": {"density": [], "weight_bits": 8},
        "sparse-basis": {"segments": (0, 2), "filters": ("3/2", "1/4"), "density": (math.nan,)},
        "stacked-binary": {"segments": (1,)},
        "linear-representation": (1, 2),
    }
    with pytest.raises(SearchError) as caught:
        check_grid(grid)
    message = str(caught.value)
    for fault in (
        "got 0; weight_bits is 1 to 16, or 32",
        "got 99; weight_bits is 1 to 16, or 32",
        "got bogus; scale is one of filter, layer, none",
        "got colour; dense has no such parameter",
        "got prunned; a scheme has a known name; did you mean pruned?",
        "pruned: density is a list of at least one value",
        "pruned: weight_bits is a list of at least one value",
        "sparse-basis: got 0; segments is an integer of at least 1",
        "got filters=3/2; a fraction in (0, 1] is allowed for filters and templates",
        "got nan; density is above 0 and at most 1",
        "stacked-binary needs filters",
        "linear-representation: its parameters are a table of lists",
    ):
        assert message.count(fault) == 1, (fault, message)
    assert message.count(" | ") == 11


@pytest.mark.parametrize(
    ("grid", "fault"),
    [
        ({}, "it names no scheme"),
        ({"dense": 8}, "dense: its parameters are a table of lists"),
        ({"dense": {"weight_bits": "48"}}, "dense: weight_bits is a list of at least one value"),
        ({"dense": {"weight_bits": [[1, 2]]}}, "; parameters are written name=value"),
        ({"dense": {"weight_bits": [True]}}, "got True; weight_bits is 1 to 16, or 32"),
        ({"dense": {"weight_bits": [Fraction(1, 2)]}}, "a fraction in"),
        (
            {"stacked-binary": {"segments": (1,), "segment_channels": (4,), "filters": (1,)}},
            "give segments or segment_channels",
        ),
        ({"stacked-binary": {"segments": (1,), "filters": ("1/0",)}}, "got 1/0; filters is an integer of at least 1"),
    ],
)
def test_a_faulty_grid_is_refused(grid, fault, network):
    with pytest.raises(SearchError, match="; a design space has possible schemes and values") as caught:
        build_space(network, grid)
    assert fault in str(caught.value)
