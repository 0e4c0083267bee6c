"""The conventions are data, and their figures are those of the code."""

import json

from costmodels.conventions import CONVENTIONS, as_json, as_text
from costmodels.schemes import ACCUMULATOR_BITS, FLOAT_BITS, StackedBinary
from costmodels.shapes import ConvShape


def test_keys_are_unique_and_statements_are_short_sentences():
    assert len({convention.key for convention in CONVENTIONS}) == len(CONVENTIONS) >= 12
    for convention in CONVENTIONS:
        assert convention.statement[-1] == "."
        assert len(convention.statement) <= 300


def test_text_has_one_line_each_and_json_the_same_statements():
    lines = as_text().splitlines()
    assert lines == [f"{key}: {statement}" for key, statement in as_json().items()]
    assert len(lines) == len(CONVENTIONS)
    assert json.loads(json.dumps(as_json())) == as_json()


def test_the_widths_that_the_text_states_are_those_of_the_code():
    statements = as_json()
    assert f"have {ACCUMULATOR_BITS} bits" in statements["accumulator"]
    assert statements["scales"].startswith(f"A scale has {FLOAT_BITS} bits")
    assert f"{FLOAT_BITS}-bit weights over storage_bits" in statements["storage"]


def test_merging_counts_as_stated():
    shape = ConvShape(4, 8, (3, 3), (5, 5), padding=(1, 1))
    plain, scaled = (
        StackedBinary(4, 2, scale=scale).executions(shape, activation_bits=8)["shared-maps"]
        for scale in ("none", "filter")
    )
    transform = 2 * 8 * 9 * 25  # k*c*d^2 additions at 25 positions, under weights of +-1
    merge = 4 * (8 // 4 - 1) * 25  # n*(S-1) a position
    assert plain.bit_ops == transform * 1 * 8 + merge * 32
    assert scaled.bit_ops - plain.bit_ops == 4 * 25 * 32 * 32
