"""A search in MLflow, in a real database of its own."""

import json

import pandas as pd
import pytest

from explorer.config.search import make_config
from reports.run_folder import read_run

pytestmark = pytest.mark.filterwarnings("ignore")  # of MLflow and what it stands on
SEARCH = (
    "search",
    "--network",
    "code.py:build",
    "--schemes",
    "dense",
    "--sampler",
    "random",
    "--no-gap",
    "--trials",
    4,
)
CODE = """
import torch
from torch import nn

def build():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(64, 2)).eval(), torch.zeros(1, 1, 6, 6)
"""


@pytest.fixture(scope="module")
def searched(run_filterfront, once):
    """A folder with a network and a search of it in ``run``."""

    def search(place):
        place.mkdir()
        (place / "code.py").write_text(CODE)
        done = run_filterfront(*SEARCH, "--flash", "4KiB", "--out", "run", cwd=place)
        assert done.returncode == 0, done.stderr

    return once("logged", search)


@pytest.fixture
def client(searched):
    mlflow = pytest.importorskip("mlflow", reason="needs MLflow: pip install 'filterfront[mlflow]'")
    return mlflow.MlflowClient(tracking_uri=f"sqlite:///{searched}/mlflow.db")


def test_a_run_a_step_for_each_trial_a_child_for_each_design_and_the_report(client, searched, tell):
    for _ in range(2):  # a second time in the same run
        tell("report", "run", "--mlflow", "sqlite:///mlflow.db")
    experiment = client.get_experiment_by_name("filterfront").experiment_id
    parent_id = json.loads((searched / "run" / "mlflow.json").read_text())["run"]
    runs = client.search_runs([experiment])
    parents = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    assert [(run.info.run_id, run.info.status, run.info.run_name) for run in parents] == [
        (parent_id, "FINISHED", "run")
    ]
    assert parents[0].data.params["network"] == "code.py:build"
    assert parents[0].data.params["trials"] == "4"
    front, trials = (pd.read_csv(searched / "run" / f"{name}.csv") for name in ("front", "trials"))
    children = {run.info.run_name: run for run in runs if run.data.tags.get("mlflow.parentRunId") == parent_id}
    assert set(children) == set(front["design"])
    for row in front.to_dict("records"):
        assert children[row["design"]].data.metrics["flash_bytes"] == row["flash_bytes"]
        assert children[row["design"]].data.params["layer.0"].startswith("dense(")
    assert [run.data.tags["recommended"] for run in children.values()].count("true") == 1
    history = {item.step: item.value for item in client.get_metric_history(parent_id, "flash_bytes")}
    measured = trials[trials["state"] == "measured"]
    assert history == dict(zip(measured["trial"], measured["flash_bytes"], strict=True))
    assert {"report.html", "front.csv", "run.json"} <= {item.path for item in client.list_artifacts(parent_id)}


def test_a_search_is_logged_and_one_that_ends_in_an_error_is_failed(client, searched, tell):
    tell(*SEARCH, "--flash", "4KiB", "--mlflow", "sqlite:///mlflow.db", "--out", "logged")
    parent = json.loads((searched / "logged" / "mlflow.json").read_text())["run"]
    assert client.get_run(parent).info.status == "FINISHED"
    said = tell(*SEARCH, "--flash", "1B", "--mlflow", "sqlite:///mlflow.db", "--out", "none", code=1)
    assert "budget" in said
    experiment = client.get_experiment_by_name("filterfront").experiment_id
    assert [run.info.run_name for run in client.search_runs([experiment], "status = 'FAILED'")] == ["none"]


def test_an_address_that_is_none_is_refused_before_the_search(client, searched, tell):
    said = tell(*SEARCH, "--mlflow", "ftp://me:secret@nowhere/a", "--out", "none", code=2)
    assert "a run can be logged to MLflow; check the address" in said
    assert "secret" not in said
    assert not (searched / "none").exists()


def test_without_mlflow_the_remedy_is_said(searched, tell, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "mlflow", None)
    said = tell("report", "run", "--mlflow", "http://nowhere:5000", code=2)
    assert "--mlflow needs MLflow; pip install 'filterfront[mlflow]', or leave --mlflow out" in said


def test_the_address_is_no_part_of_a_recipe_and_its_password_of_no_file(searched):
    config = make_config(mlflow="http://me:secret@host:5000")
    assert config.to_json()["mlflow"] == "http://me:***@host:5000"
    assert not {"mlflow", "parquet"} & config.to_job().keys()
    assert read_run(searched / "run").info.configuration["mlflow"] is None
