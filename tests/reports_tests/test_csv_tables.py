"""The rules of CSV tables."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from reports.csv_tables import read_table, rows_csv, table_csv
from reports.errors import ReportError

ROWS = [
    {"design": "a", "feasible": True, "macs": 12, "distortion": 0.1, "accuracy": None, "note": "x, y", "left": "out"},
    {"design": "NA", "feasible": np.False_, "macs": 3.0, "distortion": math.inf, "accuracy": math.nan, "note": ""},
]
COLUMNS = ("design", "feasible", "macs", "distortion", "accuracy", "note")
TEXT = 'design,feasible,macs,distortion,accuracy,note\na,True,12,0.1,,"x, y"\nNA,False,3,inf,,\n'


def test_rows_and_tables_follow_the_same_rules() -> None:
    assert rows_csv(ROWS, COLUMNS, "a.csv").decode() == TEXT
    assert table_csv(pd.DataFrame(ROWS)[list(COLUMNS)], "a.csv").decode() == TEXT


def test_floats_keep_every_digit_and_whole_ones_their_point() -> None:
    values = [1 / 3, 1e-300, 2.0, -0.0, 123456789.123456789, 1e16]
    lines = rows_csv([{"loss": value} for value in values], ["loss"], "a.csv").decode().splitlines()[1:]
    assert lines == [repr(value) for value in values]
    assert table_csv(pd.DataFrame({"loss": values}), "a.csv").decode().splitlines()[1:] == lines


@pytest.mark.parametrize("value", [1.5, math.inf, "3"])
def test_a_count_that_is_not_whole_is_refused(value: object) -> None:
    with pytest.raises(ReportError, match=rf"{value} as macs; a\.csv holds whole numbers where it counts"):
        rows_csv([{"macs": value}], ["macs"], "a.csv")


def test_what_is_written_is_read_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(rows_csv(ROWS, COLUMNS, "a.csv"))
    table = read_table(tmp_path / "a.csv")
    assert table["design"].tolist() == ["a", "NA"]
    assert table["feasible"].tolist() == [True, False]
    assert table["macs"].tolist() == [12, 3]
    assert table["distortion"].tolist() == [0.1, math.inf]
    assert table["accuracy"].isna().all()
    assert table_csv(table, "a.csv").decode() == TEXT
