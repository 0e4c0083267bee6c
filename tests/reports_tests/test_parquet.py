"""Tables as Parquet, and tables under a pandas whose texts are Arrow's."""

import pandas as pd
import pytest

from reports.csv_tables import read_table, table_csv
from reports.errors import ReportError
from reports.parquet_tables import check_parquet, parquet_files
from reports.render import render
from reports.run_folder import read_run, write_run

ROWS = pd.DataFrame(
    {
        "design": ["NA", "b,x", "=1"],
        "macs": [1, 2**60, 3],
        "distortion": [float("inf"), float("nan"), 0.1],
        "feasible": [True, False, True],
        "price": [1, None, 2.5],
        "note": ["a", "", "1"],
    }
)


@pytest.fixture
def parquet():
    return pytest.importorskip("pyarrow.parquet", reason="needs pyarrow: pip install 'filterfront[parquet]'")


def test_what_the_csv_tables_say(parquet, make_run, tmp_path):
    write_run(tmp_path / "run", make_run(("accuracy", "flash")))
    render(tmp_path / "run", parquet=True)
    run = read_run(tmp_path / "run")
    assert {path.stem for path in (tmp_path / "run").glob("*.parquet")} == set(run.tables)
    for name, table in run.tables.items():
        found = parquet.read_table(tmp_path / "run" / f"{name}.parquet")
        assert found.column_names == list(table.columns)
        for column in table.columns:
            assert found[column].to_pylist() == [None if pd.isna(value) else value for value in table[column]]
    types = {field.name: str(field.type) for field in parquet.read_schema(tmp_path / "run" / "trials.parquet")}
    assert (types["design"], types["flash_bytes"], types["accuracy"], types["feasible"]) == (
        "string",
        "int64",
        "double",
        "bool",
    )


def test_a_folder_with_parquet_keeps_it_in_step_with_its_tables(parquet, make_run, tmp_path, monkeypatch):
    write_run(tmp_path / "run", make_run(("accuracy", "flash")))
    render(tmp_path / "run")
    assert not list((tmp_path / "run").glob("*.parquet"))
    (tmp_path / "run" / "front.parquet").write_bytes(b"of before")
    render(tmp_path / "run")
    assert parquet.read_table(tmp_path / "run" / "front.parquet").num_rows == len(read_run(tmp_path / "run").front)
    monkeypatch.setattr("reports.render.has_parquet", lambda: False)
    render(tmp_path / "run")
    assert not list((tmp_path / "run").glob("*.parquet"))  # none rather than wrong ones


def test_without_pyarrow_the_remedy_is_said(monkeypatch, make_run):
    monkeypatch.setattr("reports.parquet_tables.find_spec", lambda name: None)
    for refused in (check_parquet, lambda: parquet_files(make_run(("accuracy", "flash")))):
        with pytest.raises(ReportError, match=r"pip install 'filterfront\[parquet\]', or leave --parquet out"):
            refused()


@pytest.mark.parametrize("storage", ["python", "pyarrow"])
def test_tables_are_the_same_whoever_holds_the_texts(storage, tmp_path):
    """pandas takes Arrow's texts where pyarrow is installed, for whatever reason it is."""
    if storage == "pyarrow":
        pytest.importorskip("pyarrow", reason="needs pyarrow: pip install 'filterfront[parquet]'")
    with pd.option_context("mode.string_storage", storage):
        path = tmp_path / "trials.csv"
        path.write_bytes(table_csv(ROWS.copy(), "trials.csv"))
        found = read_table(path)
        assert table_csv(found, "trials.csv") == path.read_bytes()
        assert found["design"].tolist() == ["NA", "b,x", "=1"]
        assert found["macs"].tolist() == [1, 2**60, 3]
        assert found["note"].tolist() == ["a", "", "1"]
        assert found["feasible"].tolist() == [True, False, True]
