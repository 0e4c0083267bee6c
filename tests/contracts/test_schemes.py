"""What every compressed form keeps to, whatever its formulas. A new scheme adds its examples and refusals here."""

import json
from dataclasses import FrozenInstanceError, fields, replace

import numpy as np
import pytest

from costmodels.errors import CostModelError, FilterfrontError, SchemeError
from costmodels.schemes import (
    COMPONENTS,
    SCHEMES,
    Dense,
    EntropyCoded,
    LayerUsage,
    LegoNet,
    LinearRepresentation,
    LowRank,
    NMSparse,
    Palettized,
    Pruned,
    Scheme,
    SparseBasis,
    StackedBinary,
    Ternary,
    VectorQuantized,
)
from costmodels.shapes import ConvShape

SHAPES = {
    "plain": ConvShape(16, 8, 3, 6, padding=1),
    "strided": ConvShape(8, 8, 3, 9, stride=2),
    "grouped": ConvShape(12, 8, (1, 5), (6, 7), groups=2),
    "depthwise": ConvShape(8, 8, 3, 6, padding="same", groups=8),
    "one channel": ConvShape(5, 1, (2, 3), 6, dilation=2),
}
LINEAR = ConvShape.linear(10, 64)
EXAMPLES: dict[str, list[Scheme]] = {
    "dense": [
        *(Dense(), Dense(1), Dense(32), Dense(4, scale="layer"), Dense(3, scale="none"), Dense(4, scale_bits=8)),
        *(Dense(2, zero_bits=4), Dense(4, "layer", 4, 8)),
    ],
    "pruned": [
        Pruned(),
        Pruned(0.5, 1),
        Pruned(0.25, 32, "index"),
        Pruned(1.0, 4, "index", "layer"),
        Pruned(0.5, 4, scale_bits=4),
    ],
    "stacked-binary": [
        StackedBinary(1, 5),
        StackedBinary(1, 1, scale="filter"),
        StackedBinary(1, 4, scale="segment", selection="one-hot"),
        StackedBinary(1, 4, selection="uncounted"),
        StackedBinary(1, 4, scale="segment", scale_bits=4),
    ],
    "lego-net": [LegoNet(1, 5), LegoNet(1, 4, scale="none", selection="one-hot"), LegoNet(1, 3, scale="filter")],
    "linear-representation": [
        LinearRepresentation(),
        LinearRepresentation(3, 8, 4, "network"),
        LinearRepresentation(16, 4, 8, "uncounted", offset=False),
    ],
    "sparse-basis": [
        SparseBasis(1, 5),
        SparseBasis(1, 4, basis_bits=1, density=0.25, coefficients="index", basis_scale="filter"),
        SparseBasis(1, 3, basis_bits=32, coefficient_bits=8, coefficients="dense"),
        SparseBasis(1, 4, basis_bits=1, coefficient_bits=4, basis_scale="filter", scale_bits=16),
    ],
    "entropy-coded": [
        EntropyCoded(),
        EntropyCoded(1.5, 4, scale="layer"),
        EntropyCoded(3.0, 6, "rans"),
        EntropyCoded(0.5, 3, "rans", scale="none"),
        EntropyCoded(1.5, 5, rate_lambda=0.01, scale_bits=4),
    ],
    "low-rank": [LowRank(5), LowRank(1, 1, 1), LowRank(3, 32, 4), LowRank(4, 2, 32, 4), LowRank(2, 3, 4, 16)],
    "nm-sparse": [
        NMSparse(),
        NMSparse("1:4", 1, "places"),
        NMSparse("1:1", 32),
        NMSparse("2:2", 3, "places", "layer"),
        NMSparse("3:4", 4, scale_bits=4),
        NMSparse("1:2", 4, scale="none"),
    ],
    "ternary": [Ternary(), Ternary("two-bit", "layer"), Ternary(scale="none"), Ternary(scale_bits=4)],
    "palettized": [
        Palettized(),
        Palettized(1, 16, 2, "layer"),
        Palettized(3, 32, 5, "none"),
        Palettized(2, scale_bits=4),
    ],
    "vector-quantized": [
        VectorQuantized(vector_channels=1),
        VectorQuantized(7, 2, 3, 1),
        VectorQuantized(5, 2, 32, 1),
        VectorQuantized(16, 2, 4, 1, scale_bits=8),
    ],
}
REFUSED = {("nm-sparse", "depthwise"), ("nm-sparse", "one channel")}
"""Forms of groups of channels on layers whose filters have one; a group of one is taken."""

CASES = [
    pytest.param(scheme, shape, id=f"{scheme} on {name}")
    for schemes in EXAMPLES.values()
    for scheme in schemes
    for name, shape in SHAPES.items()
    if (scheme.name, name) not in REFUSED or scheme.group == 1
]
COUNTS = ("macs", "additions", "multiplications", "bit_ops", "decoded", "scratch_bytes")
GROWING = (
    "bits",
    "value_bits",
    "codewords",
    "codebooks",
    "weight_bits",
    "basis_bits",
    "coefficient_bits",
    "template_bits",
    "filters",
    "templates",
    "density",
    "bits_per_weight",
)


MOST = {("palettized", "bits"): 4, ("vector-quantized", "codebooks"): 2, ("entropy-coded", "weight_bits"): 8}
"""Of parameters that cannot be doubled without end."""


def stored_bits(scheme, shape):
    return sum(scheme.storage(shape).values())


def test_every_scheme_has_examples_under_its_own_name():
    assert EXAMPLES.keys() == SCHEMES.keys()
    for name, kind in SCHEMES.items():
        assert kind.name == name
        assert {type(scheme) for scheme in EXAMPLES[name]} == {kind}


@pytest.mark.parametrize(("scheme", "shape"), CASES)
def test_storage_is_whole_bits_of_known_components(scheme, shape):
    scheme.check(shape)
    storage = scheme.storage(shape)
    assert storage.keys() <= set(COMPONENTS)
    for bits in storage.values():
        assert type(bits) is int
        assert bits >= 0
    assert sum(storage.values()) > 0
    for bits in scheme.shared_storage(shape).values():
        assert type(bits) is int
        assert bits > 0


@pytest.mark.parametrize("activation_bits", [1, 8, 32])
@pytest.mark.parametrize(("scheme", "shape"), CASES)
def test_operations_are_whole_and_there_is_a_direct_execution(scheme, shape, activation_bits):
    executions = scheme.executions(shape, activation_bits)
    assert {"direct"} <= executions.keys() <= {"direct", "shared-maps"}
    for work in executions.values():
        for name in COUNTS:
            assert type(getattr(work, name)) is int
            assert getattr(work, name) >= 0
        assert work.macs + work.additions > 0
        assert work.bit_ops >= work.macs  # every MAC has operands of one bit at least


@pytest.mark.parametrize(("scheme", "shape"), CASES)
def test_operations_do_not_fall_with_activation_bits(scheme, shape):
    few, many = scheme.executions(shape, 4), scheme.executions(shape, 8)
    for execution, work in few.items():
        assert work.bit_ops <= many[execution].bit_ops


@pytest.mark.parametrize(("scheme", "shape"), CASES)
def test_storage_and_work_do_not_fall_with_bits_filters_and_density(scheme, shape):
    """Within 1 to 16 bits: a 32-bit float drops its quantizer scale."""
    for item in fields(scheme):
        value = getattr(scheme, item.name)
        if item.name not in GROWING or (item.name.endswith("bits") and value > 8):
            continue
        if 2 * value > MOST.get((scheme.name, item.name), 2 * value):
            continue
        larger = replace(scheme, **{item.name: min(1.0, 2 * value) if item.name == "density" else 2 * value})
        assert stored_bits(larger, shape) >= stored_bits(scheme, shape)
        for execution, work in scheme.executions(shape, 8).items():
            assert larger.executions(shape, 8)[execution].bit_ops >= work.bit_ops


@pytest.mark.parametrize("scheme", [scheme for schemes in EXAMPLES.values() for scheme in schemes], ids=str)
def test_two_groups_cost_twice_one_group(scheme):
    """Except what a layer has once: a codebook, and quantizer scales of the layer as a whole. 360 weights of a group
    are a whole number of values at half the density, and of bytes of five ternary codes."""
    one, two = ConvShape(10, 4, 3, 6), ConvShape(20, 8, 3, 6, groups=2)
    of_layer = isinstance(scheme, (LinearRepresentation, VectorQuantized))
    once = {"codebook"} if of_layer or getattr(scheme, "palette_filters", 1) == 0 else set()
    once |= {"scales"} if of_layer or getattr(scheme, "scale", "") == "layer" else set()
    if hasattr(scheme, "density"):
        scheme = replace(scheme, density=0.5)
    single, double = scheme.storage(one), scheme.storage(two)
    for component, bits in single.items():
        has_header = component == "scales" and bits and getattr(scheme, "scale_bits", 32) < 16
        header = 16 if has_header else 0  # once for all codes
        assert double[component] == (bits if component in once else 2 * bits - header)
    for execution, work in scheme.executions(one, 8).items():
        twice = scheme.executions(two, 8)[execution]
        for name in COUNTS[:-1]:
            assert getattr(twice, name) == 2 * getattr(work, name)
        assert twice.scratch_bytes == work.scratch_bytes  # run group by group


@pytest.mark.parametrize("scheme", [scheme for schemes in EXAMPLES.values() for scheme in schemes], ids=str)
def test_parameters_are_plain_data_and_make_the_same_scheme(scheme):
    plain = json.loads(json.dumps(scheme.parameters()))
    assert type(scheme)(**plain) == scheme
    assert list(plain) == [item.name for item in fields(scheme)]
    assert str(scheme).startswith(f"{scheme.name}(")
    assert hash(scheme) == hash(type(scheme)(**plain))
    with pytest.raises(FrozenInstanceError):
        setattr(scheme, next(iter(plain)), 1)


@pytest.mark.parametrize(("scheme", "shape"), CASES)
def test_a_fitted_layer_that_uses_less_stores_and_works_no_more(scheme, shape):
    used = LayerUsage(nonzeros=1, pairs=1, templates_by_input=1, templates_by_output=1)
    assert sum(scheme.storage(shape, used).values()) <= stored_bits(scheme, shape)
    for execution, work in scheme.executions(shape, 8, used).items():
        assert work.bit_ops <= scheme.executions(shape, 8)[execution].bit_ops


@pytest.mark.parametrize("scheme", [scheme for schemes in EXAMPLES.values() for scheme in schemes], ids=str)
def test_a_linear_layer_is_taken_as_1x1_or_refused_with_the_reason(scheme):
    if isinstance(scheme, LinearRepresentation):
        with pytest.raises(SchemeError, match="64->10 1x1 at 1x1; kernels of one element gain nothing"):
            scheme.check(LINEAR)
    else:
        scheme.check(LINEAR)
        assert stored_bits(scheme, LINEAR) > 0


WRONG = [
    (Dense, {"weight_bits": 17}, "dense: got 17; weight_bits is 1 to 16, or 32"),
    (Dense, {"weight_bits": 0}, "dense: got 0; weight_bits is 1 to 16, or 32"),
    (Dense, {"weight_bits": 8.0}, "dense: got 8.0; weight_bits is 1 to 16, or 32"),
    (Dense, {"weight_bits": True}, "dense: got True; weight_bits is 1 to 16, or 32"),
    (Dense, {"zero_bits": 2}, "dense: got 2; zero_bits is 3 to 8, or 0 for no zero points; choose such a width"),
    (Dense, {"zero_bits": True}, "dense: got True; zero_bits is 3 to 8"),
    (Dense, {"zero_bits": 4.0}, "dense: got 4.0; zero_bits is 3 to 8"),
    (Dense, {"zero_bits": "few"}, "dense: got few; zero_bits is 3 to 8"),
    (Dense, {"scale": "channel"}, "dense: got channel; scale is one of filter, layer, none"),
    (Pruned, {"density": 1.5}, "pruned: got 1.5; density is above 0 and at most 1"),
    (Pruned, {"density": 0}, "pruned: got 0; density is above 0 and at most 1"),
    (Pruned, {"density": -0.1}, "pruned: got -0.1; density is above 0 and at most 1"),
    (Pruned, {"density": float("nan")}, "pruned: got nan; density is above 0 and at most 1"),
    (Pruned, {"density": "much"}, "pruned: got much; density is above 0 and at most 1"),
    (Pruned, {"density": True}, "pruned: got True; density is above 0 and at most 1"),
    (Pruned, {"coefficients": "dense"}, "pruned: got dense; coefficients is one of bitmap, index"),
    (
        StackedBinary,
        {"segment_channels": 0, "filters": 8},
        "stacked-binary: got 0; segment_channels is an integer of at least 1",
    ),
    (
        StackedBinary,
        {"segment_channels": 8, "filters": 1.5},
        "stacked-binary: got 1.5; filters is an integer of at least 1",
    ),
    (StackedBinary, {"segment_channels": 8, "filters": 8, "scale": "layer"}, "scale is one of none, filter, segment"),
    (StackedBinary, {"segment_channels": 8, "filters": 8, "selection": "free"}, "one of packed, one-hot, uncounted"),
    (LegoNet, {"segment_channels": 8, "filters": 0}, "lego-net: got 0; filters is an integer of at least 1"),
    (LinearRepresentation, {"templates": 0}, "linear-representation: got 0; templates is an integer of at least 1"),
    (LinearRepresentation, {"coefficient_bits": 24}, "got 24; coefficient_bits is 1 to 16, or 32"),
    (LinearRepresentation, {"template_bits": 64}, "got 64; template_bits is 1 to 16, or 32"),
    (LinearRepresentation, {"codebook": "global"}, "got global; codebook is one of layer, network, uncounted"),
    (LinearRepresentation, {"offset": "yes"}, "got yes; offset is true or false"),
    (SparseBasis, {"segment_channels": 8, "filters": -1}, "sparse-basis: got -1; filters is an integer of at least 1"),
    (SparseBasis, {"segment_channels": 8, "filters": 8, "basis_bits": 17}, "got 17; basis_bits is 1 to 16, or 32"),
    (SparseBasis, {"segment_channels": 8, "filters": 8, "density": 2}, "got 2; density is above 0 and at most 1"),
    (
        SparseBasis,
        {"segment_channels": 8, "filters": 8, "coefficients": "csr"},
        "got csr; coefficients is one of dense, bitmap",
    ),
    (SparseBasis, {"segment_channels": 8, "filters": 8, "basis_scale": "none"}, "basis_scale is one of layer, filter"),
    (EntropyCoded, {"bits_per_weight": 0}, "entropy-coded: got 0; bits_per_weight is above 0 and at most 16"),
    (EntropyCoded, {"bits_per_weight": float("nan")}, "got nan; bits_per_weight is above 0 and at most 16"),
    (EntropyCoded, {"bits_per_weight": "few"}, "got few; bits_per_weight is above 0 and at most 16"),
    (EntropyCoded, {"weight_bits": 2}, "entropy-coded: got 2; weight_bits is 3 to 8"),
    (EntropyCoded, {"weight_bits": 4.0}, "entropy-coded: got 4.0; weight_bits is 3 to 8"),
    (EntropyCoded, {"coder": "zip"}, "entropy-coded: got zip; coder is one of huffman, rans"),
    (EntropyCoded, {"rate_lambda": -0.1}, "entropy-coded: got -0.1; rate_lambda is a number of at least 0"),
    (EntropyCoded, {"rate_lambda": float("inf")}, "got inf; rate_lambda is a number of at least 0"),
    (EntropyCoded, {"scale": "segment"}, "entropy-coded: got segment; scale is one of filter, layer, none"),
    (LowRank, {"filters": 0}, "low-rank: got 0; filters is an integer of at least 1"),
    (LowRank, {"filters": 4, "basis_bits": 17}, "low-rank: got 17; basis_bits is 1 to 16, or 32"),
    (LowRank, {"filters": 4, "coefficient_bits": 0}, "low-rank: got 0; coefficient_bits is 1 to 16, or 32"),
    (LowRank, {"filters": 4, "scale_bits": 2}, "low-rank: got 2; scale_bits is one of 32, 16, 8, 4"),
    (NMSparse, {"pattern": "5:4"}, "nm-sparse: got 5:4; pattern is N:M with 1 <= N <= M <= 16; choose for example 2:4"),
    (NMSparse, {"pattern": "0:4"}, "nm-sparse: got 0:4; pattern is N:M with 1 <= N <= M <= 16"),
    (NMSparse, {"pattern": "2:17"}, "nm-sparse: got 2:17; pattern is N:M with 1 <= N <= M <= 16"),
    (NMSparse, {"pattern": 0.5}, "nm-sparse: got 0.5; pattern is N:M with 1 <= N <= M <= 16"),
    (NMSparse, {"weight_bits": 17}, "nm-sparse: got 17; weight_bits is 1 to 16, or 32"),
    (NMSparse, {"index": "bitmap"}, "nm-sparse: got bitmap; index is one of combination, places"),
    (NMSparse, {"scale": "group"}, "nm-sparse: got group; scale is one of filter, layer, none"),
    (Ternary, {"packing": "base4"}, "ternary: got base4; packing is one of base3, two-bit"),
    (Ternary, {"scale": "segment"}, "ternary: got segment; scale is one of filter, layer, none"),
    (Palettized, {"bits": 5}, "palettized: got 5; bits is 1 to 4; choose such a width"),
    (Palettized, {"bits": 2.0}, "palettized: got 2.0; bits is 1 to 4"),
    (Palettized, {"value_bits": 4}, "palettized: got 4; value_bits is one of 8, 16, 32"),
    (Palettized, {"palette_filters": -1}, "got -1; palette_filters is an integer of at least 0"),
    (Palettized, {"palette_filters": False}, "got False; palette_filters is an integer of at least 0"),
    (Palettized, {"scale": "palette"}, "got palette; scale is one of filter, layer, none"),
    (VectorQuantized, {"codewords": 0}, "vector-quantized: got 0; codewords is 1 to 65536; choose such a number"),
    (VectorQuantized, {"codewords": 65537}, "vector-quantized: got 65537; codewords is 1 to 65536"),
    (VectorQuantized, {"codebooks": 3}, "vector-quantized: got 3; codebooks is 1 or 2; choose one of them"),
    (VectorQuantized, {"value_bits": 17}, "got 17; value_bits is 1 to 16, or 32"),
    (VectorQuantized, {"vector_channels": -2}, "got -2; vector_channels is an integer of at least 0"),
    (VectorQuantized, {"scale_bits": 2}, "got 2; scale_bits is one of 32, 16, 8, 4"),
]


@pytest.mark.parametrize(("kind", "arguments", "message"), WRONG)
def test_wrong_parameters_are_refused_with_rule_value_and_remedy(kind, arguments, message):
    with pytest.raises(SchemeError) as caught:
        kind(**arguments)
    error = caught.value
    assert message in str(error)
    assert isinstance(error, CostModelError)
    assert isinstance(error, FilterfrontError)
    assert str(error).startswith(f"{kind.name}: ")
    assert error.remedy


def test_every_scheme_has_a_refusal():
    assert {kind for kind, _, _ in WRONG} == set(SCHEMES.values())


@pytest.mark.parametrize(
    ("shape", "pattern", "message"),
    [
        (ConvShape(8, 8, 3, 6, groups=8), "2:4", "2:4 for 1 channels"),  # depthwise
        (ConvShape(12, 8, 3, 6, groups=4), "1:4", "1:4 for 2 channels"),
        (ConvShape(8, 3, 3, 6), "2:4", "2:4 for 3 channels"),
        (ConvShape(8, 6, 3, 6), "2:4", "2:4 for 6 channels"),
        (ConvShape.linear(10, 30), "4:8", "4:8 for 30 channels"),
    ],
)
def test_groups_that_do_not_divide_are_refused(shape, pattern, message):
    rule = "M of N:M divides the input channels of a filter; choose a divisor, or another form for this layer"
    with pytest.raises(SchemeError, match=f"nm-sparse: {message}; {rule}"):
        NMSparse(pattern).check(shape)


@pytest.mark.parametrize("kind", [StackedBinary, LegoNet, SparseBasis])
@pytest.mark.parametrize(
    ("shape", "segment_channels", "message"),
    [
        (ConvShape(512, 512, 3, 4, padding=1), 100, "100 for 512 channels"),
        (ConvShape(12, 8, 3, 6, groups=2), 8, "8 for 4 channels"),  # of a group
        (ConvShape(8, 8, 3, 6, groups=8), 2, "2 for 1 channels"),
    ],
)
def test_segments_that_do_not_divide_are_refused(kind, shape, segment_channels, message):
    with pytest.raises(
        SchemeError, match=f"{message}; segment_channels divides the input channels of a group; choose a divisor"
    ):
        kind(segment_channels, 8).check(shape)


@pytest.mark.parametrize("scheme", [scheme for schemes in EXAMPLES.values() for scheme in schemes], ids=str)
def test_integers_of_numpy_become_plain(scheme):
    """A search may hand them over; parameters are written as JSON."""
    plain = scheme.parameters()
    numbers = {name: np.int64(value) for name, value in plain.items() if type(value) is int}
    same = type(scheme)(**{**plain, **numbers})
    assert same == scheme
    assert json.dumps(same.parameters()) == json.dumps(plain)
