"""Folders of runs: named after what is searched, never overwritten, gone with a run that never began."""

from pathlib import Path

import pytest

from explorer.config.run_folder import free_folder, made_folder
from explorer.config.search import make_config
from explorer.system.errors import ConfigError


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({}, "digits-cnn-stm32l432"),
        ({"network": "resnet20-cifar"}, "resnet20-cifar-no-device"),
        ({"network": "nets/my.net.py:build", "device": "boards/my.board.toml"}, "my.net-my.board"),
        ({"network": "package.module:build"}, "package.module-no-device"),
        ({"network": "../up", "device": "stm32f446"}, "up-stm32f446"),
    ],
)
def test_the_name_is_the_networks_and_the_devices(options, name):
    assert free_folder(make_config(**options)) == Path("runs") / name


def test_a_folder_that_is_taken_gets_the_next_number():
    first = Path("runs/digits-cnn-stm32l432")
    first.mkdir(parents=True)
    assert free_folder(make_config()) == Path("runs/digits-cnn-stm32l432-2")
    Path("runs/digits-cnn-stm32l432-2").mkdir()
    assert free_folder(make_config()) == Path("runs/digits-cnn-stm32l432-3")


def test_numbers_go_on_after_a_gap_and_other_runs_do_not_count():
    for name in ("digits-cnn-stm32l432-7", "digits-cnn-stm32l432x-9", "digits-cnn-stm32l432-old", "digits-cnn-esp32-8"):
        (Path("runs") / name).mkdir(parents=True)
    assert free_folder(make_config()) == Path("runs/digits-cnn-stm32l432-8")


def test_resuming_takes_the_latest():
    for number in ("", "-2", "-10"):
        Path(f"runs/digits-cnn-stm32l432{number}").mkdir(parents=True)
    assert free_folder(make_config(resume=True)) == Path("runs/digits-cnn-stm32l432-10")


def test_resuming_with_nothing_there_begins():
    assert free_folder(make_config(resume=True)) == Path("runs/digits-cnn-stm32l432")


def test_a_folder_that_is_asked_for():
    folder = Path("mine")
    assert free_folder(make_config(out=folder)) == folder
    folder.mkdir()
    assert free_folder(make_config(out=folder)) == folder
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match=r"run folder mine is not empty; .*; pass --resume to go on with it"):
        free_folder(make_config(out=folder))
    assert free_folder(make_config(out=folder, resume=True)) == folder
    with pytest.raises(ConfigError, match=r"got mine/notes\.txt; --out is a folder; choose another name"):
        free_folder(make_config(out=folder / "notes.txt", resume=True))


def fail_in(folder, *written, error=RuntimeError):
    """A run in a folder that writes files and then fails."""
    with made_folder(folder):
        for path in written:
            path.parent.mkdir(exist_ok=True)
            path.write_text("written")
        raise error


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_run_that_never_began_leaves_nothing(error):
    folder = Path("runs/a/b")
    with pytest.raises(error):
        fail_in(folder, folder / "half", error=error)
    assert not Path("runs").exists()


def test_the_folders_of_other_runs_stay():
    Path("runs/other").mkdir(parents=True)
    with pytest.raises(RuntimeError):
        fail_in(Path("runs/a"))
    assert list(Path("runs").iterdir()) == [Path("runs/other")]


def test_a_folder_above_that_is_in_use_by_now_stays():
    with pytest.raises(RuntimeError):
        fail_in(Path("runs/a"), Path("runs/another/file"))
    assert list(Path("runs").iterdir()) == [Path("runs/another")]


def test_a_folder_that_was_there_before_stays():
    Path("mine").mkdir()
    with pytest.raises(RuntimeError):
        fail_in(Path("mine"))
    assert Path("mine").is_dir()


def test_a_study_that_began_is_kept():
    journal = Path("runs/a/study.journal")
    with pytest.raises(RuntimeError):
        fail_in(journal.parent, journal)
    assert journal.exists()


def test_a_run_that_ends_well_keeps_its_folder():
    with made_folder(Path("runs/b")):
        pass
    assert Path("runs/b").is_dir()
