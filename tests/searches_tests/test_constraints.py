"""Budgets: what is over, by how much, and what no budget can be."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from searches.constraints import Budget, exceeded, violation
from searches.errors import SearchError

FLASH = Budget("flash", "flash_bytes", 1000, "bytes", "--flash")
WORK = Budget("bit-ops", "bit_ops", 4_000_000, "bit operations", "--max-bit-ops")


@pytest.mark.parametrize(
    ("figure", "expected"), [(1250, 250 / 1000), (1000, 0.0), (900, -0.1), (0, -1.0), (math.inf, math.inf)]
)
def test_violation_is_the_excess_as_a_share_of_the_limit(figure, expected):
    assert violation(FLASH, {"flash_bytes": figure}) == expected


@given(st.integers(1, 10**15), st.integers(0, 10**15))
def test_a_design_fits_up_to_the_limit_itself(limit, figure):
    over = violation(Budget("b", "c", limit, "bytes", "test"), {"c": figure})
    assert (over > 0) == (figure > limit)


def test_budgets_that_are_exceeded_are_named_in_order():
    figures = {"flash_bytes": 1001, "bit_ops": 4_000_001}
    assert exceeded([WORK, FLASH], figures) == ["bit-ops", "flash"]
    assert exceeded([WORK, FLASH], {**figures, "bit_ops": 4_000_000}) == ["flash"]
    assert exceeded([], figures) == []


@pytest.mark.parametrize("limit", [0, -5])
def test_a_budget_is_positive(limit):
    with pytest.raises(SearchError, match=f"got {limit}; the flash budget is positive; give a larger limit"):
        Budget("flash", "flash_bytes", limit, "bytes", "test")


def test_a_budget_is_plain_data():
    assert FLASH.to_json() == {
        "name": "flash", "column": "flash_bytes", "limit": 1000, "unit": "bytes", "origin": "--flash"
    }  # fmt: skip
