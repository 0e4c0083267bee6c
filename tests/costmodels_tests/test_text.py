"""Schemes in text: what is read, what a layer makes of it, and every refusal in its own words."""

from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from costmodels.errors import SchemeError
from costmodels.references import REFERENCES
from costmodels.schemes import (
    SCHEMES,
    Dense,
    LegoNet,
    LinearRepresentation,
    Pruned,
    SparseBasis,
    StackedBinary,
    learned_filter_basis,
)
from costmodels.shapes import ConvShape
from costmodels.text import ALIAS_REFERENCES, ALIASES, SchemePattern, parse_scheme, resolve_all

SHAPE = ConvShape(64, 32, 3, 8, padding=1)
POINTWISE = ConvShape(64, 32, 1, 8)
WIDTHS = st.sampled_from([*range(1, 17), 32])
COUNTS = st.integers(1, 10**12)
CHANNELS = st.sampled_from([1, 2, 4, 8, 16, 32])
DENSITIES = st.floats(0, 1, exclude_min=True)
STACK_SCALES = st.sampled_from(["none", "filter", "segment"])
QUANTIZER_SCALES = st.sampled_from(["filter", "layer", "none"])
SELECTIONS = st.sampled_from(["packed", "one-hot", "uncounted"])
ANY_SCHEME = st.one_of(
    st.builds(Dense, WIDTHS, QUANTIZER_SCALES),
    st.builds(Pruned, DENSITIES, WIDTHS, st.sampled_from(["bitmap", "index"]), QUANTIZER_SCALES),
    st.builds(StackedBinary, CHANNELS, COUNTS, STACK_SCALES, SELECTIONS),
    st.builds(LegoNet, CHANNELS, COUNTS, STACK_SCALES, SELECTIONS),
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
        CHANNELS,
        COUNTS,
        WIDTHS,
        DENSITIES,
        WIDTHS,
        st.sampled_from(["dense", "bitmap", "index"]),
        st.sampled_from(["layer", "filter"]),
    ),
)


@given(ANY_SCHEME)
def test_a_scheme_written_out_is_read_back(scheme):
    pattern = parse_scheme(str(scheme))
    assert pattern.resolve(SHAPE) == scheme
    assert parse_scheme(str(pattern)) == pattern


@pytest.mark.parametrize(
    ("text", "scheme"),
    [
        ("dense", Dense()),
        ("dense()", Dense()),
        ("  dense ( weight_bits = 4 ) ", Dense(4)),
        ("stacked-binary(segments=2, filters=1/4)", StackedBinary(32 // 2, 64 // 4)),
        ("stacked-binary(segment_channels=8,filters=5,scale=filter)", StackedBinary(8, 5, "filter")),
        ("lego-net(segments=32, filters=1/1)", LegoNet(1, 64)),
        ("linear-representation(templates=1/8, offset=false)", LinearRepresentation(64 // 8, offset=False)),
        ("linear-representation(offset=True)", LinearRepresentation(offset=True)),
        ("sparse-basis(segments=4, filters=1/8, density=1e-1)", SparseBasis(32 // 4, 64 // 8, density=0.1)),
        ("pruned(density=1, coefficients=index)", Pruned(1, coefficients="index")),
        ("binary-weights", Dense(1)),
        ("binary-weights(scale=layer)", Dense(1, "layer")),
        ("binary-weights(weight_bits=1)", Dense(1)),
        ("kernel-clustering(templates=16)", LinearRepresentation(16, offset=False)),
        ("learned-filter-basis(segments=2, filters=1/2)", learned_filter_basis(32 // 2, 64 // 2)),
    ],
)
def test_what_text_means(text, scheme):
    assert parse_scheme(text).resolve(SHAPE) == scheme


@pytest.mark.parametrize(
    ("share", "filters", "count"),
    [
        ("1/4", 10, 3),  # 2.5, halves up
        ("1/4", 9, 2),  # 2.25
        ("1/4", 11, 3),  # 2.75
        ("1/100", 10, 1),  # at least one
        ("2/3", 3, 2),
    ],
)
def test_a_fraction_is_of_the_layers_own_filters(share, filters, count):
    scheme = parse_scheme(f"stacked-binary(segments=1, filters={share})").resolve(ConvShape(filters, 4, 3, 8))
    assert scheme == StackedBinary(4, count)


def test_groups_have_banks_of_their_own():
    """Of 8 filters over 4 channels in each of 4 groups, two segments have 2 channels and a half are 4 filters."""
    scheme = parse_scheme("stacked-binary(segments=2, filters=1/2)").resolve(ConvShape(32, 16, 3, 8, groups=4))
    assert scheme == StackedBinary(4 // 2, 8 // 2)


def test_every_alias_has_a_paper():
    assert ALIAS_REFERENCES.keys() == ALIASES.keys()
    assert set(ALIAS_REFERENCES.values()) <= REFERENCES.keys()
    assert {name for name, _ in ALIASES.values()} <= SCHEMES.keys()
    assert not ALIASES.keys() & SCHEMES.keys()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"got ''; a scheme is written name\(parameter=value, ...\); see filterfront schemes"),
        ("dense(weight_bits=8", "a scheme is written name"),
        ("Dense(weight_bits=8)", "a scheme is written name"),
        ("dense(weight_bits=8) x", "a scheme is written name"),
        ("magic(bits=1)", "got magic; a scheme has a known name; choose one of dense, pruned, .*binary-weights"),
        ("stacked-binry(segments=2)", "got stacked-binry; a scheme has a known name; did you mean stacked-binary?"),
        ("dense(8)", "dense: got 8; parameters are written name=value; separate them with commas"),
        (
            "dense(weight_bits=8 scale=none)",
            "weight_bits=8 scale=none; parameters are written name=value; separate",
        ),
        ("dense(weight_bits=8,)", "dense: got ''; parameters are written name=value"),
        ("dense(weight_bits=4, weight_bits=8)", "dense: got weight_bits; a parameter is given once; remove one"),
        ("dense(bits=4)", "got bits; dense has no such parameter; choose of scale, scale_bits, weight_bits, zero_bits"),
        (
            "dense(segments=4)",
            "got segments; dense has no such parameter; choose of scale, scale_bits, weight_bits, zero_bits",
        ),
        ("dense(weight_bits=1/2)", r"got weight_bits=1/2; a fraction in \(0, 1\] is allowed for filters and templates"),
        ("stacked-binary(segments=2, filters=3/2)", r"got filters=3/2; a fraction in \(0, 1\] is allowed .*"),
        ("stacked-binary(segments=2, filters=0/2)", r"got filters=0; a fraction in \(0, 1\] is allowed .*"),
        ("stacked-binary(segments=2, filters=1/0)", "got 1/0; filters is an integer of at least 1"),
        ("stacked-binary(segments=2, filters=0.25)", "got 0.25; filters is an integer of at least 1"),
        ("stacked-binary(segments=2, filters=nan)", "got nan; filters is an integer of at least 1"),
        ("stacked-binary(segments=2, filters=-1)", "got -1; filters is an integer of at least 1"),
        ("stacked-binary(segments=2, segment_channels=4, filters=2)", "got both; give segments or segment_channels"),
        ("stacked-binary(segments=0, filters=2)", "got 0; segments is an integer of at least 1"),
        ("stacked-binary(segments=1.5, filters=2)", "got 1.5; segments is an integer of at least 1"),
        ("stacked-binary(segments=true, filters=2)", "got True; segments is an integer of at least 1"),
        ("stacked-binary(segments=1/2, filters=2)", r"a fraction in \(0, 1\] is allowed for filters and templates"),
        ("stacked-binary", r"needs segment_channels and filters; write for example stacked-binary\(segments=2"),
        ("stacked-binary(filters=2)", "stacked-binary needs segment_channels; write"),
        ("sparse-basis(segments=2)", "sparse-basis needs filters; write"),
        ("low-rank(basis_bits=4)", r"low-rank needs filters; write for example low-rank\(filters=1/4\)"),
        ("nm-sparse(pattern=4:2)", "got 4:2; pattern is N:M with 1 <= N <= M <= 16; choose for example 2:4"),
        ("dense(weight_bits=17)", "dense: got 17; weight_bits is 1 to 16, or 32"),
        ("dense(weight_bits=8.0)", "dense: got 8.0; weight_bits is 1 to 16, or 32"),
        ("dense(scale=row)", "dense: got row; scale is one of filter, layer, none"),
        ("pruned(density=0)", "pruned: got 0; density is above 0 and at most 1"),
        ("pruned(density=nan)", "pruned: got nan; density is above 0 and at most 1"),
        ("linear-representation(offset=1)", "got 1; offset is true or false"),
        ("binary-weights(weight_bits=4)", r"got weight_bits=4; binary-weights has weight_bits=1; write dense\(...\)"),
        ("kernel-clustering(offset=true)", "got offset=True; kernel-clustering has offset=False"),
    ],
)
def test_what_is_refused_and_why(text, message):
    with pytest.raises(SchemeError, match=message):
        parse_scheme(text)


@given(
    st.one_of(
        st.text(),
        st.from_regex(r"[a-z-]{1,12}\([a-z_=,0-9/ .]{0,30}\)", fullmatch=True),
        st.builds(
            "{}({}={})".format,
            st.sampled_from([*SCHEMES, *ALIASES]),
            st.sampled_from(
                ["segments", "segment_channels", "filters", "templates", "weight_bits", "density", "scale"]
            ),
            st.text(st.characters(codec="utf-8"), max_size=8) | st.integers().map(str) | st.floats().map(str),
        ),
    )
)
@example("stacked-binary(segments=1, filters=1/" + 5000 * "9" + ")")
@example("stacked-binary(segments=1, filters=" + 5000 * "9" + ")")
@example("sparse-basis(segments=1, filters=" + 50 * "9" + ")")
def test_garbage_is_refused_by_a_scheme_error_or_means_a_scheme(text):
    try:
        scheme = parse_scheme(text).resolve(SHAPE)
    except SchemeError:
        return
    assert all(bits >= 0 for bits in scheme.storage(SHAPE).values())
    assert scheme.executions(SHAPE, 8)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "stacked-binary(segments=3, filters=2)",
            "3 for 32 channels; segments divide the input channels of a group; choose a divisor; the nearest that fit "
            "are 2 and 4",
        ),
        ("stacked-binary(segments=64, filters=2)", "64 for 32 channels; segments divide .*; choose a divisor"),
        ("lego-net(segment_channels=5, filters=2)", "lego-net: 5 for 32 channels; segment_channels divides .*"),
    ],
)
def test_a_layer_refuses_what_it_cannot_take(text, message):
    with pytest.raises(SchemeError, match=message):
        parse_scheme(text).resolve(SHAPE)


def test_layers_that_cannot_take_a_pattern_stay_and_say_why():
    pattern = parse_scheme("linear-representation(templates=16)")
    shapes = {"stem": SHAPE, "point": POINTWISE, "body": SHAPE}
    schemes, reasons = resolve_all(pattern, shapes, frozenset({"stem"}), Dense(32))
    assert schemes == {"stem": Dense(32), "point": Dense(32), "body": LinearRepresentation(16)}
    assert list(schemes) == list(shapes)
    assert reasons.keys() == {"stem", "point"}
    assert reasons["stem"] == "asked for by --keep"
    assert "kernels of one element gain nothing" in reasons["point"]


def test_a_pattern_that_no_layer_can_take_is_refused_with_the_first_reason():
    pattern = parse_scheme("linear-representation")
    with pytest.raises(SchemeError, match=r"no layer can take linear-representation\(\). First reason") as e:
        resolve_all(pattern, {"stem": SHAPE, "a": POINTWISE, "b": POINTWISE}, frozenset({"stem"}), Dense(32))
    assert "kernels of one element" in str(e.value)


def test_all_layers_may_be_kept():
    schemes, reasons = resolve_all(parse_scheme("dense"), {"only": SHAPE}, frozenset({"only"}), Dense(32))
    assert schemes == {"only": Dense(32)}
    assert list(reasons) == ["only"]


def test_a_pattern_in_text_keeps_fractions():
    pattern = SchemePattern("stacked-binary", {"segments": 2, "filters": Fraction(1, 4)})
    assert str(pattern) == "stacked-binary(segments=2, filters=1/4)"
