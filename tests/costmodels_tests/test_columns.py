"""The figures of many candidates at once are those that `layer_cost` gives one by one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodels import (
    CostModelError,
    Dense,
    LegoNet,
    LinearRepresentation,
    Pruned,
    SparseBasis,
    StackedBinary,
    layer_cost,
    layer_cost_columns,
)
from costmodels.columns import COLUMNS
from costmodels.shapes import ConvShape

WIDTHS = st.sampled_from([1, 2, 3, 8, 16, 32])
COUNTS = st.integers(1, 70)
DENSITIES = st.floats(0.01, 1.0)


@st.composite
def candidates(draw):
    """A layer, and candidates of all schemes and all text parameters in any order."""
    groups = draw(st.sampled_from([1, 1, 2, 3]))
    outputs, inputs = (groups * draw(st.integers(1, 10)) for _ in range(2))
    kernel = draw(st.sampled_from([(3, 3), (1, 3), (2, 2)]))
    shape = ConvShape(outputs, inputs, kernel, draw(st.integers(4, 8)), stride=draw(st.integers(1, 2)), groups=groups)
    channels = st.sampled_from([s for s in range(1, shape.group_inputs + 1) if shape.group_inputs % s == 0])
    quantizer_scale = st.sampled_from(["filter", "layer", "none"])
    stack_scale = st.sampled_from(["none", "filter", "segment"])
    selection = st.sampled_from(["packed", "one-hot", "uncounted"])
    scheme = st.one_of(
        st.builds(Dense, WIDTHS, quantizer_scale),
        st.builds(Pruned, DENSITIES, WIDTHS, st.sampled_from(["bitmap", "index"]), quantizer_scale),
        st.builds(StackedBinary, channels, COUNTS, stack_scale, selection),
        st.builds(LegoNet, channels, COUNTS, stack_scale, selection),
        st.builds(
            LinearRepresentation,
            COUNTS,
            WIDTHS,
            WIDTHS,
            st.sampled_from(["layer", "network", "uncounted"]),
            st.booleans(),
        ),
        st.builds(
            SparseBasis,
            channels,
            COUNTS,
            WIDTHS,
            DENSITIES,
            WIDTHS,
            st.sampled_from(["dense", "bitmap", "index"]),
            st.sampled_from(["layer", "filter"]),
        ),
    )
    return shape, draw(st.lists(scheme, min_size=1, max_size=12))


@given(candidates(), st.sampled_from([1, 8, 32]))
def test_a_column_holds_what_single_costs_are(layer, activation_bits):
    shape, schemes = layer
    columns = layer_cost_columns(shape, schemes, activation_bits)
    assert tuple(columns) == COLUMNS
    costs = [layer_cost(shape, scheme, activation_bits) for scheme in schemes]
    for name in COLUMNS[:-1]:
        assert columns[name].dtype == np.int64
        assert columns[name].tolist() == [getattr(cost, name) for cost in costs]
    least = [min(way.scratch_bytes for way in cost.executions.values()) for cost in costs]
    assert columns["least_scratch_bytes"].tolist() == least


def test_no_candidate_at_all():
    columns = layer_cost_columns(ConvShape(2, 2, 3, 4), [])
    assert {name: column.shape for name, column in columns.items()} == dict.fromkeys(COLUMNS, (0,))


def test_an_impossible_candidate_is_refused():
    with pytest.raises(CostModelError, match="segment_channels divides the input channels"):
        layer_cost_columns(ConvShape(8, 8, 3, 8), [Dense(), StackedBinary(3, 2)])


def test_activation_bits_are_checked_as_for_a_single_layer():
    with pytest.raises(CostModelError, match="got 17; activation_bits is 1 to 16, or 32"):
        layer_cost_columns(ConvShape(8, 8, 3, 8), [Dense()], activation_bits=17)
