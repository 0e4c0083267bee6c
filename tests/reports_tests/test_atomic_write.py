"""Whole files: what is raised leaves everything as it was."""

import os
from pathlib import Path

import pytest

from reports.atomic_write import whole_file, write_files


@pytest.mark.parametrize("durable", [True, False])
def test_a_file_takes_its_place_at_the_end(tmp_path: Path, durable: bool) -> None:
    path = tmp_path / "new" / "facts.json"
    for content in ("first", "second"):
        with whole_file(path, durable) as unfinished:
            unfinished.write_text(content)
            assert not path.exists() or path.read_text() == "first"
        assert path.read_text() == content
    assert list(path.parent.iterdir()) == [path]


def test_what_is_raised_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "facts.json"
    path.write_text("first")

    def stopped() -> None:
        with whole_file(path) as unfinished:
            unfinished.write_text("sec")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert path.read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("durable", "flushed"), [(True, ["b", "folder"]), (False, [])])
def test_content_is_on_the_disk_before_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, durable: bool, flushed: list[str]
) -> None:
    seen, real = [], os.fsync

    def fsync(descriptor: int) -> None:
        name = Path(os.readlink(f"/proc/self/fd/{descriptor}")).name
        seen.append("folder" if name == tmp_path.name else name)
        assert (tmp_path / "b").exists() == (name == tmp_path.name)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    with whole_file(tmp_path / "b", durable) as unfinished:
        unfinished.write_text("content")
    assert seen == flushed


def test_files_are_renamed_in_their_order_and_stale_ones_go_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "old.csv").write_text("old")
    order, real = [], os.replace

    def replace(source: Path, target: Path) -> None:
        order.append(target.name)
        assert (tmp_path / "old.csv").exists()
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)
    write_files(tmp_path, {"designs/b.json": b"b", "a.csv": b"a", "run.json": b"{}"}, ["old.csv"])
    assert order == ["b.json", "a.csv", "run.json"]
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["a.csv", "b.json", "run.json"]
