"""Sizes and counts in text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodels.errors import UnitError
from costmodels.units import GIB, KIB, MIB, bytes_of_bits, format_bytes, format_count, parse_bytes, parse_count


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("256KiB", 256 * 1024),
        ("256 kib", 256 * 1024),
        ("1.5MiB", 3 * 512 * 1024),
        ("2GiB", 2 * 1024**3),
        ("4096", 4096),
        ("4096 B", 4096),
        (" 1e3 ", 1000),
        (4096, 4096),
        ("0.5KiB", 512),
    ],
)
def test_sizes_are_read(text, size):
    assert parse_bytes(text) == size


@pytest.mark.parametrize("text", ["256KB", "256kB", "1MB", "big", "", "KiB", "1 2", "0x10", "1,024"])
def test_a_size_with_an_ambiguous_or_no_unit_is_refused(text):
    with pytest.raises(UnitError, match="a size is a number with B, KiB, MiB or GiB"):
        parse_bytes(text)


@pytest.mark.parametrize("text", ["0", "-1KiB", "1.5", "0.3KiB"])
def test_a_size_that_is_not_whole_and_positive_is_refused(text):
    with pytest.raises(UnitError, match="a size is a whole positive number of bytes"):
        parse_bytes(text)


def test_units_are_powers_of_1024():
    assert (KIB, MIB, GIB) == (2**10, 2**20, 2**30)


@pytest.mark.parametrize(("bits", "size"), [(0, 0), (1, 1), (8, 1), (9, 2), (16, 2), (17, 3)])
def test_bits_fill_whole_bytes(bits, size):
    assert bytes_of_bits(bits) == size


@given(st.integers(0, 2**70))
def test_bytes_of_bits_is_the_least_that_holds_them(bits):
    size = bytes_of_bits(bits)
    assert 8 * size >= bits > 8 * (size - 1)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (1023, "1,023 B"),
        (1024, "1.00 KiB"),
        (102400, "100.0 KiB"),
        (3 * MIB // 2, "1.50 MiB"),
        (GIB, "1.00 GiB"),
        (-2048, "-2.00 KiB"),
    ],
)
def test_sizes_are_printed(size, text):
    assert format_bytes(size) == text


@given(st.integers(1, 4096))
def test_a_size_in_kib_reads_back(count):
    assert parse_bytes(f"{count}KiB") == count * KIB


@pytest.mark.parametrize(("text", "count"), [("2e9", 2 * 10**9), ("40_550_400", 40_550_400), ("1,000", 1000), (7, 7)])
def test_counts_are_read(text, count):
    assert parse_count(text) == count


@pytest.mark.parametrize("text", ["many", "", "0", "-3", "1.5", "inf", "nan"])
def test_a_count_that_is_not_whole_and_positive_is_refused(text):
    with pytest.raises(UnitError, match="a count is a whole positive number"):
        parse_count(text)


@pytest.mark.parametrize(
    ("count", "text"), [(640, "640"), (1000, "1.00 k"), (40_550_400, "40.55 M"), (1.5e9, "1.50 G"), (2e12, "2.00 T")]
)
def test_counts_are_printed(count, text):
    assert format_count(count) == text
