"""Code that a run folder or a database names: run again for who ran it under that name, and else with --trust."""

import json
import shutil
from pathlib import Path

import optuna
import pytest

from explorer.config.search import make_config
from explorer.config.trust import check_trusted, seals
from explorer.search.study_storage import JOB, SEALS
from explorer.system.errors import ConfigError

CODE = """
import numpy as np, torch
from pathlib import Path
from torch import nn

with Path("ran").open("a") as file:
    file.write("x")

def build():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 2)).eval(), torch.zeros(1, 1, 4, 4)
"""
SEARCH = "search --network net.py:build --flash 4KiB --schemes dense --sampler random --trials 2 --no-gap"


@pytest.fixture
def other_user(monkeypatch, tmp_path):
    """From now on commands are those of a user with another cache."""

    def change():
        monkeypatch.setenv("FILTERFRONT_CACHE", str(tmp_path / "other-cache"))

    return change


@pytest.fixture(scope="module")
def searched(once, run_filterfront):
    def search(folder: Path) -> None:
        folder.mkdir()
        (folder / "net.py").write_text(CODE)
        done = run_filterfront(*SEARCH.split(), "--out", "run", "--storage", "sqlite:///study.db", cwd=folder)
        assert done.returncode == 0, done.stderr
        (folder / "ran").unlink()

    return once("trusted-run", search)


def design_of(folder):
    return next((folder / "run" / "designs").glob("*.json")).stem


def test_a_folder_of_ones_own_is_worked_on_without_asking_also_under_another_name(run_filterfront, searched):
    shutil.copytree(searched / "run", searched / "renamed", dirs_exist_ok=True)
    done = run_filterfront("export", "renamed", "--design", design_of(searched), "--out", "exported", cwd=searched)
    assert done.returncode == 0, done.stderr
    assert (searched / "ran").exists()


@pytest.mark.parametrize(
    "words",
    [
        "export run --design {design} --out out",
        "finetune run --design {design}",
        "search --config run/run.json --out again",
        "worker run --storage sqlite:///study.db --wait 0",
    ],
)
def test_code_that_a_stranger_names_is_not_run(run_filterfront, searched, other_user, words):
    other_user()
    (searched / "ran").unlink(missing_ok=True)
    done = run_filterfront(*words.format(design=design_of(searched)).split(), cwd=searched)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "network net.py:build; code that " in done.stderr
    assert "add --trust to run it" in done.stderr
    assert not (searched / "ran").exists()


def test_with_trust_it_is_run(run_filterfront, searched, other_user):
    other_user()
    words = f"export run --design {design_of(searched)} --out trusted --trust"
    done = run_filterfront(*words.split(), cwd=searched)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("words", ["show run", "status run", "within run --flash 3KiB", "compare run run"])
def test_what_only_shows_runs_nothing_and_asks_nothing(run_filterfront, searched, other_user, words):
    other_user()
    (searched / "ran").unlink(missing_ok=True)
    assert run_filterfront(*words.split(), cwd=searched).returncode == 0
    assert not (searched / "ran").exists()


def test_another_file_under_the_sealed_name_is_another_place(run_filterfront, searched, tmp_path):
    shutil.copytree(searched / "run", tmp_path / "run")
    (tmp_path / "net.py").write_text(CODE)
    done = run_filterfront("export", "run", "--design", design_of(searched), "--out", "out", cwd=tmp_path)
    assert done.returncode == 2
    assert not (tmp_path / "ran").exists()


def test_a_network_that_is_typed_needs_no_seal(run_filterfront, searched, other_user):
    other_user()
    options = ["--config", "run/run.json", "--network", "net.py:build", "--out", "typed", "--trials", "1"]
    done = run_filterfront("search", *options, cwd=searched)
    assert done.returncode == 0, done.stderr


def test_a_job_of_a_database_that_is_none_is_refused(run_filterfront, tmp_path):
    study = optuna.create_study(storage=f"sqlite:///{tmp_path}/s.db", study_name="run")
    study.set_user_attr("signature", {})
    for job in ([1], "text", {"network": "digits-cnn", "workers": 3, "out": "/", "unknown": 1}):
        study.set_user_attr(JOB, job)
        study.set_user_attr(SEALS, [job])
        done = run_filterfront("worker", "run", "--storage", "sqlite:///s.db", "--wait", "0", cwd=tmp_path)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr


@pytest.mark.parametrize(
    ("options", "is_code"),
    [
        ({"network": "resnet18"}, False),
        ({"network": "net.onnx"}, False),
        ({"network": "C:/net.onnx"}, False),
        ({"network": "net.py:build"}, True),
        ({"network": "package.module:build"}, True),
        ({"data": "digits"}, False),
        ({"data": "images:a:b"}, False),
        ({"data": "imagesx:a"}, True),
        ({"data": "data.py:parts"}, True),
        ({"metric": "m.py:f"}, True),
        ({"metric": "m.py:f", "objects": ("metric",)}, False),
    ],
)
def test_which_options_name_code(options, is_code):
    assert bool(seals(options)) is is_code
    check_trusted(options, seals(options), "here")
    if is_code:
        for sealed in ({}, None, [], {"network": 3}, dict.fromkeys(options, "0" * 64)):
            with pytest.raises(ConfigError, match="code that here names"):
                check_trusted(options, sealed, "here")


def test_a_seal_is_of_an_option_and_its_text():
    one, other = seals({"network": "a.py:f", "data": "a.py:f"}), seals({"network": "a.py:g"})
    assert len({*one.values(), *other.values()}) == 3
    assert seals(make_config(network="a.py:f").named()) == {"network": one["network"]}


def test_the_key_is_the_users_alone_and_stays(tmp_path, monkeypatch):
    monkeypatch.setenv("FILTERFRONT_CACHE", str(tmp_path / "cache"))
    first = seals({"metric": "m.py:f"})
    assert (tmp_path / "cache" / "own.key").stat().st_mode & 0o77 == 0
    assert seals({"metric": "m.py:f"}) == first
    assert json.dumps(first).find((tmp_path / "cache" / "own.key").read_bytes().hex()) == -1


def test_without_a_cache_nothing_is_known(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("FILTERFRONT_CACHE", str(tmp_path / "file" / "cache"))
    assert seals({"metric": "m.py:f"}) == {}
    with pytest.raises(ConfigError, match="--trust"):
        check_trusted({"metric": "m.py:f"}, {}, "here")
