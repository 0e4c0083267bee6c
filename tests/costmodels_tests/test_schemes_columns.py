"""A column of candidates gives the same integers as its candidates one by one."""

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodels.numbers import ceil_log2, least, round_share, select
from costmodels.schemes import SCHEMES, Operations
from costmodels.shapes import ConvShape

WIDTHS = st.sampled_from([*range(1, 17), 32])
COUNTS = st.integers(1, 600)
DENSITIES = st.floats(0.001, 1.0)
PARAMETERS = {
    "dense": {"weight_bits": WIDTHS},
    "pruned": {"density": DENSITIES, "weight_bits": WIDTHS},
    "stacked-binary": {"filters": COUNTS},
    "lego-net": {"filters": COUNTS},
    "linear-representation": {"templates": COUNTS, "coefficient_bits": WIDTHS, "template_bits": WIDTHS},
    "sparse-basis": {"filters": COUNTS, "basis_bits": WIDTHS, "density": DENSITIES, "coefficient_bits": WIDTHS},
    "nm-sparse": {"weight_bits": WIDTHS},
    "low-rank": {"filters": COUNTS, "basis_bits": WIDTHS, "coefficient_bits": WIDTHS},
    "ternary": {},
    "palettized": {
        "bits": st.integers(1, 4),
        "value_bits": st.sampled_from([8, 16, 32]),
        "palette_filters": st.integers(0, 40),
    },
    "vector-quantized": {"codewords": COUNTS, "codebooks": st.integers(1, 2), "value_bits": WIDTHS},
    "entropy-coded": {
        "bits_per_weight": st.floats(0.01, 16),
        "weight_bits": st.integers(3, 8),
        "rate_lambda": st.floats(0, 1),
    },
}
CHOICES = {
    "dense": {"scale": ["filter", "layer", "none"]},
    "pruned": {"coefficients": ["bitmap", "index"], "scale": ["filter", "layer", "none"]},
    "stacked-binary": {"scale": ["none", "filter", "segment"], "selection": ["packed", "one-hot", "uncounted"]},
    "lego-net": {"scale": ["none", "filter", "segment"], "selection": ["packed", "one-hot", "uncounted"]},
    "linear-representation": {"codebook": ["layer", "network", "uncounted"], "offset": [True, False]},
    "sparse-basis": {"coefficients": ["dense", "bitmap", "index"], "basis_scale": ["layer", "filter"]},
    "low-rank": {},
    "nm-sparse": {"index": ["combination", "places"], "scale": ["filter", "layer", "none"]},
    "ternary": {"packing": ["base3", "two-bit"], "scale": ["filter", "layer", "none"]},
    "palettized": {"scale": ["filter", "layer", "none"]},
    "vector-quantized": {"vector_channels": [1]},
    "entropy-coded": {"coder": ["huffman", "rans"], "scale": ["filter", "layer", "none"]},
}


@st.composite
def shapes(draw):
    """Layers with groups, depthwise ones among them, strides and rectangular kernels of more than one element."""
    groups = draw(st.integers(1, 4))
    outputs, inputs = (groups * draw(st.integers(1, 12)) for _ in range(2))
    kernel = draw(st.sampled_from([(3, 3), (1, 3), (2, 1), (5, 5)]))
    size, stride = draw(st.tuples(st.integers(5, 9), st.integers(5, 9))), draw(st.integers(1, 2))
    return ConvShape(outputs, inputs, kernel, size, stride=stride, padding=draw(st.integers(0, 2)), groups=groups)


@st.composite
def columns(draw, name):
    """A layer, and candidates that agree in their texts."""
    shape = draw(shapes())
    texts = {key: draw(st.sampled_from(values)) for key, values in CHOICES[name].items()}
    numbers = dict(PARAMETERS[name])
    if any(item.name == "segment_channels" for item in fields(SCHEMES[name])):
        divisors = [count for count in range(1, shape.group_inputs + 1) if shape.group_inputs % count == 0]
        numbers["segment_channels"] = st.sampled_from(divisors)
    if name == "nm-sparse":
        group = draw(st.sampled_from([size for size in range(1, 17) if shape.group_inputs % size == 0]))
        texts["pattern"] = f"{draw(st.integers(1, group))}:{group}"
    candidates = draw(st.lists(st.fixed_dictionaries(numbers), min_size=1, max_size=6))
    return shape, [SCHEMES[name](**candidate, **texts) for candidate in candidates]


def test_every_scheme_is_tried():
    assert SCHEMES.keys() == PARAMETERS.keys() == CHOICES.keys()


@pytest.mark.parametrize("name", SCHEMES)
@given(data=st.data(), activation_bits=st.sampled_from([1, 4, 8, 32]))
def test_a_column_gives_the_integers_of_its_candidates(name, data, activation_bits):
    shape, schemes = data.draw(columns(name))
    for scheme in schemes:
        scheme.check(shape)
    assert len({scheme.column_key() for scheme in schemes}) == 1
    column = type(schemes[0]).stack(schemes)

    def same(whole, singles):
        whole = np.broadcast_to(whole, len(schemes))
        assert whole.tolist() == list(singles)
        assert whole.dtype.kind in "iU"

    storage, singles = column.storage(shape), [scheme.storage(shape) for scheme in schemes]
    assert all(storage.keys() == single.keys() for single in singles)
    for component in storage:
        same(storage[component], [single[component] for single in singles])
    for count in column.shared_storage(shape).values():
        same(count, [sum(scheme.shared_storage(shape).values()) for scheme in schemes])
    works, singles = (
        column.executions(shape, activation_bits),
        [scheme.executions(shape, activation_bits) for scheme in schemes],
    )
    assert all(works.keys() == single.keys() for single in singles)
    for execution, work in works.items():
        for item in fields(Operations):
            same(getattr(work, item.name), [getattr(single[execution], item.name) for single in singles])


def test_schemes_that_differ_in_a_text_have_different_column_keys():
    stacked = SCHEMES["stacked-binary"]
    assert stacked(2, 3).column_key() == stacked(4, 5).column_key()
    assert stacked(2, 3).column_key() != stacked(2, 3, scale="filter").column_key()
    assert stacked(2, 3).column_key() != SCHEMES["lego-net"](2, 3, scale="none").column_key()


@given(st.lists(st.integers(0, 2**40), min_size=1))
def test_ceil_log2_is_the_width_of_a_label(counts):
    widths = ceil_log2(np.array(counts))
    assert widths.tolist() == [ceil_log2(count) for count in counts]
    for count, width in zip(counts, widths.tolist(), strict=True):
        assert 2**width >= count
        assert width == 0 or 2 ** (width - 1) < count


@given(st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=1))
def test_least_and_select_work_alike_on_one_value_and_on_many(pairs):
    first, second = np.array(pairs).T
    assert least(first, second).tolist() == [min(pair) for pair in pairs]
    assert [least(*pair) for pair in pairs] == [min(pair) for pair in pairs]
    assert select(first > second, first, 0).tolist() == [a if a > b else 0 for a, b in pairs]


@pytest.mark.parametrize(
    ("share", "total", "count"), [(0.5, 9, 5), (0.5, 8, 4), (0.1, 4608, 461), (1.0, 7, 7), (0.001, 9, 0)]
)
def test_a_share_rounds_halves_up(share, total, count):
    assert round_share(share, total) == count
    assert isinstance(round_share(share, total), int)
    assert round_share(np.array([share]), total).tolist() == [count]
