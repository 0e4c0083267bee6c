"""Text of others made printable, and cells that no spreadsheet runs."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodels.printable import csv_cell, csv_text, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("layer1.0.conv2", "layer1.0.conv2"),
        ("", ""),
        ("a\x1b]0;own\x07b", r"a\x1b]0;own\x07b"),
        ("a\nb\tc\r", r"a\nb\tc\r"),
        ("é模型 <b>$x^{2$</b>", "é模型 <b>$x^{2$</b>"),
        ("\u202eabc\u2066", r"\u202eabc\u2066"),  # directions that turn around what follows
        ("a\u2028b\x85c\x7f", r"a\u2028b\x85c\x7f"),  # line ends that are no \n, and delete
        ("\ud800", r"\ud800"),
        ("a\"b'c\\", "a\"b'c\\"),
    ],
)
def test_control_characters_are_escaped_and_other_text_is_itself(text, shown):
    assert printable(text) == shown


@given(st.text())
def test_what_is_printed_is_printable(text):
    shown = printable(text)
    assert len(shown.splitlines()) <= 1
    assert "\x1b" not in shown
    assert printable(shown) == shown


@given(st.text())
def test_a_cell_is_no_formula_and_reads_back(text):
    cell = csv_cell(text)
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert csv_text(cell) == text


@given(st.text(alphabet="=+-@'a,\"\n"))
def test_cells_survive_a_csv_file(text):
    stream = io.StringIO()
    csv.writer(stream).writerow([csv_cell(text), "x"])
    (row,) = csv.reader(io.StringIO(stream.getvalue()))
    assert csv_text(row[0]) == text


def test_ordinary_text_is_itself_in_a_cell():
    assert [csv_cell(text) for text in ("conv1", "'quoted'", "", "a=b")] == ["conv1", "'quoted'", "", "a=b"]
