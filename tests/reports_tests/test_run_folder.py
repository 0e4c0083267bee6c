"""The run folder: what is written comes back, and what is damaged is refused with its reason."""

import dataclasses
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from reports.atomic_write import write_files
from reports.columns import TABLES
from reports.errors import ReportError
from reports.run_folder import read_run, write_run
from reports.run_record import RunRecord


@pytest.fixture
def folder(tmp_path: Path, run: RunRecord) -> Path:
    return write_run(tmp_path / "run", run)


def test_a_run_comes_back_as_it_was(folder: Path, run: RunRecord) -> None:
    back = read_run(folder)
    for name, table in run.tables.items():
        pd.testing.assert_frame_equal(back.tables[name], table, check_exact=True, check_dtype=False)
    assert back.designs == run.designs
    assert back.info.changed(hypervolume=None) == run.info


def test_the_folder_holds_its_files_and_nothing_else(folder: Path, run: RunRecord) -> None:
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        ["run.json", "designs", *(f"{name}.csv" for name in TABLES)]
    )
    assert {path.stem for path in (folder / "designs").iterdir()} == set(run.designs)


def test_csv_writes_whole_numbers_whole_and_unknown_ones_empty(folder: Path) -> None:
    header, failed = (folder / "trials.csv").read_text().splitlines()[:2]
    cells = dict(zip(header.split(","), failed.split(","), strict=True))
    assert (cells["state"], cells["storage_bytes"], cells["accuracy"]) == ("failed", "", "")
    second = dict(zip(header.split(","), (folder / "trials.csv").read_text().splitlines()[2].split(","), strict=True))
    assert second["storage_bytes"].isdigit()


def test_names_that_look_like_missing_values_stay_text(tmp_path: Path, make_run: Callable[..., RunRecord]) -> None:
    names = ["NA", "null", "1.0", 'quoted, "name"', "naïve"]
    back = read_run(write_run(tmp_path / "run", make_run(layers=5, names=names)))
    assert back.layers["layer"][:5].tolist() == names


def test_infinite_values_come_back(tmp_path: Path, run: RunRecord) -> None:
    layers = run.layers.assign(sqnr_db=float("inf"))
    back = read_run(write_run(tmp_path / "run", dataclasses.replace(run, layers=layers)))
    assert back.layers["sqnr_db"].tolist() == layers["sqnr_db"].tolist()


def test_columns_of_one_run_alone_are_kept(tmp_path: Path, run: RunRecord) -> None:
    front = run.front.assign(energy_pj=1.5, note="x")
    back = read_run(write_run(tmp_path / "run", dataclasses.replace(run, front=front)))
    assert back.front["energy_pj"].tolist() == [1.5] * len(front)
    assert set(back.front["note"]) == {"x"}


def test_hypervolume_is_written_with_its_reference(folder: Path, run: RunRecord) -> None:
    facts = json.loads((folder / "run.json").read_text())["hypervolume"]
    assert facts["reference"] == {"accuracy": 0.0, "storage_bytes": run.info.float_network.storage_bytes}
    assert 0 < facts["value"] < run.info.float_network.storage_bytes


def test_writing_again_removes_designs_of_the_earlier_run(folder: Path, run: RunRecord) -> None:
    first = run.front["design"].iloc[0]
    fewer = dataclasses.replace(run, front=run.front[:1], designs={first: run.designs[first]})
    write_run(folder, fewer)
    assert [path.stem for path in (folder / "designs").iterdir()] == [first]


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".hidden", "a" * 200])
def test_a_design_id_that_is_no_file_name_is_refused(tmp_path: Path, run: RunRecord, name: str) -> None:
    design = next(iter(run.designs.values()))
    with pytest.raises(ReportError, match="a design id is letters"):
        write_run(tmp_path / "run", dataclasses.replace(run, designs={**run.designs, name: design}))
    assert not (tmp_path / "run").exists()


def test_what_json_cannot_hold_is_refused_before_anything_is_written(tmp_path: Path, run: RunRecord) -> None:
    first = run.front["design"].iloc[0]
    for value in (float("nan"), object()):
        design = run.designs[first].model_copy(update={"batch_statistics": {"norm.running_mean": [value]}})
        with pytest.raises(ReportError, match=f"{first} holds plain JSON values"):
            write_run(tmp_path / "run", dataclasses.replace(run, designs={**run.designs, first: design}))
    assert not (tmp_path / "run").exists()


def test_counts_that_are_not_whole_are_refused_before_anything_is_written(tmp_path: Path, run: RunRecord) -> None:
    layers = run.layers.assign(macs=1.5)
    with pytest.raises(ReportError, match=r"layers\.csv holds whole numbers where it counts"):
        write_run(tmp_path / "run", dataclasses.replace(run, layers=layers))
    assert not (tmp_path / "run").exists()


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path, run: RunRecord) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ReportError, match=r".*file.*; the run folder can be written; choose another folder") as caught:
        write_run(tmp_path / "file" / "run", run)
    assert "\n" not in str(caught.value)


def test_a_failure_leaves_an_earlier_run_whole(folder: Path, run: RunRecord, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    real = Path.write_bytes

    def disk_full(path: Path, content: bytes) -> int:
        if path.name == "layers.csv":
            raise OSError(28, "No space left on device")
        return real(path, content)

    monkeypatch.setattr(Path, "write_bytes", disk_full)
    with pytest.raises(ReportError, match="No space left on device"):
        write_run(folder, run)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_failure_removes_a_folder_made_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(ReportError, match="Input/output error"):
        write_files(tmp_path / "new", {"a.txt": b"a"})
    assert list(tmp_path.iterdir()) == []


def test_other_folders_are_refused(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(
            ReportError, match=r"got .*; a run folder holds run\.json; give the folder that a search wrote"
        ):
            read_run(folder)


def test_missing_files_are_named_all_at_once(folder: Path) -> None:
    (folder / "front.csv").unlink()
    (folder / "layers.csv").unlink()
    with pytest.raises(ReportError, match=r"missing front\.csv, layers\.csv"):
        read_run(folder)


def test_missing_columns_are_named_all_at_once(folder: Path) -> None:
    for name, column in (("front", "bit_ops"), ("layers", "bits_index")):
        path = folder / f"{name}.csv"
        pd.read_csv(path).drop(columns=column).to_csv(path, index=False)
    with pytest.raises(ReportError, match=r"missing front\.csv: bit_ops, layers\.csv: bits_index"):
        read_run(folder)


def test_missing_facts_are_named_all_at_once(folder: Path) -> None:
    info = json.loads((folder / "run.json").read_text())
    del info["seed"], info["network"]["digest"]
    info["objectives"][0]["direction"] = "up"
    (folder / "run.json").write_text(json.dumps(info))
    with pytest.raises(ReportError, match=r"network\.digest .*objectives\.0\.direction|seed") as caught:
        read_run(folder)
    assert all(name in str(caught.value) for name in ("seed", "network.digest", "objectives.0.direction"))


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("run.json", b'{"filterfront": ', r"Expecting value.*; run\.json can be read"),
        ("run.json", b"[]", r"not an object\); run\.json can be read"),
        ("run.json", b"\xff\xfe", r"decode.*; run\.json can be read"),
        ("front.csv", b"", r"No columns.*; front\.csv can be read"),
        ("trials.csv", b'a,b\n1,2,3\n"', r"trials\.csv can be read"),
    ],
)
def test_damaged_files_are_refused_with_the_reason(folder: Path, name: str, content: bytes, reason: str) -> None:
    (folder / name).write_bytes(content)
    with pytest.raises(ReportError, match=reason):
        read_run(folder)


@pytest.mark.parametrize(
    ("column", "cell", "reason"),
    [
        ("sram_bytes", "many", "sram_bytes is no integer in line 2: 'many'"),
        ("sram_bytes", "1.5", "sram_bytes is no integer in line 2: '1.5'"),
        ("distortion", "low", "distortion is no number in line 2: 'low'"),
    ],
)
def test_cells_of_the_wrong_kind_are_refused(folder: Path, column: str, cell: str, reason: str) -> None:
    table = pd.read_csv(folder / "front.csv", dtype=str)
    table.loc[0, column] = cell
    table.to_csv(folder / "front.csv", index=False)
    with pytest.raises(ReportError, match=reason):
        read_run(folder)


def broken_fronts(run: RunRecord) -> dict[str, Any]:
    worse = run.front.iloc[[0]].assign(design="worse", accuracy=0.0, flash_bytes=1)
    over = run.front.assign(flash_bytes=run.info.budgets[0].limit + 1)
    return {
        "worse; no front design dominates another": pd.concat([run.front, worse]),
        "every front design keeps the flash budget": over,
        "a front names each design once": pd.concat([run.front, run.front[:1]]),
        "no front design dominates another, and all are finite": run.front.assign(accuracy=float("nan")),
    }


@pytest.mark.parametrize("case", range(4))
def test_a_front_that_is_none_is_not_written(tmp_path: Path, run: RunRecord, case: int) -> None:
    reason, front = list(broken_fronts(run).items())[case]
    with pytest.raises(ReportError, match=reason):
        write_run(tmp_path / "run", dataclasses.replace(run, front=front))
    assert not (tmp_path / "run").exists()


def test_front_designs_without_layers_or_files_are_refused(tmp_path: Path, run: RunRecord) -> None:
    first = run.front["design"].iloc[0]
    with pytest.raises(ReportError, match=rf"missing {first}; layers\.csv covers every front design"):
        write_run(tmp_path / "run", dataclasses.replace(run, layers=run.layers[run.layers["design"] != first]))
    with pytest.raises(ReportError, match=rf"missing {first}; designs/ covers every front design"):
        write_run(
            tmp_path / "run",
            dataclasses.replace(run, designs={name: design for name, design in run.designs.items() if name != first}),
        )


def test_a_run_without_data_needs_no_accuracy(tmp_path: Path, make_run: Callable[..., RunRecord]) -> None:
    back = read_run(write_run(tmp_path / "run", make_run(("distortion", "storage"), data=False)))
    assert "accuracy" not in back.front
    assert json.loads((tmp_path / "run" / "run.json").read_text())["hypervolume"]["reference"]["distortion"] == 1.0


def test_a_search_where_nothing_fits_has_an_empty_front(tmp_path: Path, run: RunRecord) -> None:
    empty = dataclasses.replace(run, front=run.front[:0], layers=run.layers[:0], designs={})
    back = read_run(write_run(tmp_path / "run", empty))
    assert len(back.front) == 0
    assert back.info.hypervolume is not None
    assert back.info.hypervolume.value == 0
