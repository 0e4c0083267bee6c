"""Objectives of a user's own: what they are told, how they are written, and that every command knows them."""

import json

import pandas as pd
import pytest
import torch

import filterfront as ff
from explorer.config.file import read_config
from explorer.config.search import make_config
from explorer.measurement.own_objective import DesignFacts, load_own_objective, make_own_objective
from explorer.system.errors import ArgumentError, CallableError, ConfigError, QualityError
from explorer.system.own_names import own_direction, own_name, own_place
from reports.named_figure import find_figure
from searches.errors import SearchError
from searches.objectives import Objective, find_objectives

CODE = """
import torch
from torch import nn

def build():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(64, 2))
    return network.eval(), torch.zeros(1, 1, 6, 6)

def parts():
    torch.manual_seed(1)
    x, y = torch.randn(90, 1, 6, 6), torch.arange(90) % 2
    return {"train": (x[:40], y[:40]), "validation": (x[40:70], y[40:70]), "test": (x[70:], y[70:])}

def euros(design):
    assert design.figures["accuracy"] >= 0
    return design.figures["flash_bytes"] / 100 + sum(layer.macs for layer in design.layers)

def levels(design, module):
    return module(torch.ones(3, 1, 6, 6)).unique().numel() + module.get_parameter("4.weight").unique().numel()
levels.direction = "maximize"

def broken(design):
    return design.figures["nothing"]

def never(design):
    return float("nan")

def accuracy(design):
    return 1.0

def odd(design):
    return 1.0
odd.direction = "up"
"""
SEARCH = ("search", "--network", "code.py:build", "--data", "code.py:parts", "--flash", "4KiB", "--no-gap")
SPACE = ("--schemes", "dense(weight_bits=1),dense(weight_bits=2),dense(weight_bits=8)", "--trials", 5)
OWN = ("--objective", "code.py:euros", "--objective", "code.py:levels")


@pytest.fixture(scope="module")
def searched(run_filterfront, once):
    """A folder with a network, its data and functions of designs, and a search for two of these in ``run``."""

    def search(place):
        place.mkdir()
        (place / "code.py").write_text(CODE)
        done = run_filterfront(*SEARCH, *SPACE, *OWN, "--out", "run", cwd=place)
        assert done.returncode == 0, done.stderr
        (place / "said.txt").write_text(done.stdout)

    return once("own-objectives", search)


@pytest.mark.parametrize(
    ("text", "place", "name", "direction"),
    [
        ("a.py:b", "a.py:b", "b", None),
        ("a.py:b:maximize", "a.py:b", "b", "maximize"),
        ("a.b:c:minimize", "a.b:c", "c", "minimize"),
        ("a.py:maximize", "a.py:maximize", "maximize", None),
    ],
)
def test_how_an_objective_is_written(text, place, name, direction):
    assert (own_place(text), own_name(text), own_direction(text)) == (place, name, direction)


def test_they_are_objectives_and_columns_of_every_table(searched):
    info = json.loads((searched / "run" / "run.json").read_text())
    goals = [(goal["name"], goal["column"], goal["direction"], goal["unit"]) for goal in info["objectives"]]
    assert goals[2:] == [
        ("euros", "euros", "minimize", "code.py:euros"),
        ("levels", "levels", "maximize", "code.py:levels"),
    ]
    assert info["configuration"]["objective"] == ["code.py:euros", "code.py:levels"]
    assert info["configuration"]["sampler"] == "tpe"
    for name in ("front", "trials", "baselines"):
        table = pd.read_csv(searched / "run" / f"{name}.csv")
        assert (table["euros"] == table["flash_bytes"] / 100 + table["macs"]).all()
    trials = pd.read_csv(searched / "run" / "trials.csv").set_index("design")
    for design in json.loads((searched / "run" / "run.json").read_text())["configuration"]["objectives"]:
        assert design in ("accuracy", "flash", "euros", "levels")
    for design in pd.read_csv(searched / "run" / "front.csv")["design"]:
        record = json.loads((searched / "run" / "designs" / f"{design}.json").read_text())
        assert record["figures"]["levels"] == trials.loc[design, "levels"]
    assert "Euros" in (searched / "said.txt").read_text()
    page = (searched / "run" / "report.html").read_text()
    assert all(f'<option value="{name}"' in page for name in ("euros", "levels"))


def test_the_module_is_the_design_with_its_weights_and_rounded_activations(searched):
    """A layer of 1 bit has at most two weights for each of 2 filters, one of 8 bits 255."""
    trials = pd.read_csv(searched / "run" / "trials.csv").set_index("design")
    for row in pd.read_csv(searched / "run" / "layers.csv").query("layer == '4'").itertuples():
        most = 2 * {"1": 2, "2": 4, "8": 255}[row.scheme.removeprefix("dense(")[0]]
        assert 2 <= trials.loc[row.design, "levels"] <= most + 6  # 3 answers of 2 scores


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("show", "run"), "Levels"),
        (("report", "run"), "report: "),
        (("within", "run", "--flash", "8KiB"), "Euros"),
        (("compare", "run", "again"), "Hypervolume"),
    ],
)
def test_what_works_on_the_folder_knows_them_and_runs_no_code(searched, tell, run_filterfront, words, said):
    if not (searched / "again").exists():
        options = ("--config", "run/run.json", "--seed", 1, "--trials", 3, "--out", "again")
        done = run_filterfront("search", *options, cwd=searched)
        assert done.returncode == 0, done.stderr
        assert json.loads((searched / "again" / "run.json").read_text())["objectives"][3]["name"] == "levels"
    (searched / "code.py").write_text("raise SystemExit")
    try:
        assert said in tell(*words)
        run = ff.load_run(searched / "run")
        assert find_figure(run.record, "levels").direction == "maximize"
        assert run.best("levels")["levels"] == run.front["levels"].max()
        assert run.plot(x="euros", y="levels")
    finally:
        (searched / "code.py").write_text(CODE)


def test_a_search_goes_on_with_the_same_functions_and_no_others(searched, tell):
    again = (*SEARCH, *SPACE[:2], "--out", "run", "--resume", "--trials", 6)
    (searched / "code.py").write_text(CODE.replace("/ 100", "/ 99"))
    try:
        assert "objective" in tell(*again, *OWN, code=2)
    finally:
        (searched / "code.py").write_text(CODE)
    assert "objective" in tell(*again, "--objective", "code.py:euros", code=2)
    tell(*again, *OWN)
    assert len(pd.read_csv(searched / "run" / "trials.csv")) == 6


def test_a_run_folder_from_elsewhere_does_not_make_them_run(searched, tell):
    path = searched / "again.json"
    plain = json.loads((searched / "run" / "run.json").read_text())
    plain["configuration"]["objective"][1] = "other.py:levels"
    path.write_text(json.dumps(plain))
    (searched / "other.py").write_text("open('ran', 'w').close()\n" + CODE)
    said = tell("search", "--config", "again.json", "--out", "none", code=2)
    assert "objective levels other.py:levels; code that again.json names is run if your own search ran it" in said
    assert not (searched / "ran").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--objective", "code.py:broken"), "KeyError: 'nothing'; the objective code.py:broken takes a design; mend"),
        (("--objective", "code.py:odd"), "'up'; the direction of the objective code.py:odd is minimize or maximize"),
        (("--objective", "code.py:missing"), "missing; code.py defines the name that is asked for"),
        (("--objective", "code.py:accuracy"), "got accuracy; an objective of your own has a name that no other"),
        (("--objective", "code.py:a b"), "an objective of your own is called as its function"),
        ((*OWN[:2], *OWN[:2]), "got euros; an objective of your own is given once"),
        ((*OWN[:2], "--sampler", "guided"), "--sampler guided learns one measured objective"),
        ((*OWN[:2], "--trained", 4), "--trained has no objectives of your own"),
        ((*OWN[:2], "--objectives", "accuracy,euro"), "got euro; an objective has a known name; did you mean euros?"),
    ],
)
def test_what_cannot_be_an_objective_is_one_line(tell, searched, options, message):
    said = tell(*SEARCH, *SPACE[:2], "--trials", 2, *options, "--out", "none", code=2)
    assert message in said
    assert len(said.strip().splitlines()) == 1
    assert not (searched / "none").exists()


def test_a_design_whose_value_is_no_number_fails_with_the_reason(tell, searched):
    said = tell(*SEARCH, *SPACE[:2], "--trials", 2, "--objective", "code.py:never", "--out", "never", code=1)
    assert "no trial of 2 measured its design: never is not a number (2 times); mend what is named" in said


def test_functions_are_given_in_python_too(searched):
    namespace = {}
    exec(CODE, namespace)  # noqa: S102 (written above)
    module, example = namespace["build"]()
    options = {
        "example_input": example,
        "schemes": ["dense(weight_bits=2)", "dense(weight_bits=8)"],
        "flash": "4KiB",
        "trials": 2,
        "sampler": "random",
        "gap": False,
        "quiet": True,
    }

    def seen(design: DesignFacts) -> torch.Tensor:
        return torch.tensor([float(design.figures["macs"])])

    run = ff.search(module, objective=[seen, lambda design, module: 2], out=searched / "python", **options)
    assert run.front["seen"].tolist() == run.front["macs"].tolist()
    assert set(run.front["objective_2"]) == {2.0}
    assert run.info["configuration"]["objects"] == ["network", "objective"]
    with pytest.raises(ArgumentError, match="objectives of your own are functions, or all of them texts"):
        ff.search(module, objective=[seen, "code.py:euros"], **options)
    with pytest.raises(ConfigError, match="a search of objects in Python is done again in Python"):
        read_config(searched / "python" / "run.json")


def test_names_have_their_place_among_the_objectives():
    own = (Objective("euros", "euros", source="a.py:euros"),)
    assert find_objectives(["euros", "flash"], True, own=own)[0].unit == "a.py:euros"
    with pytest.raises(SearchError, match="got euros; an objective has a known name"):
        find_objectives(["euros"], True)
    assert make_config(objective="a.py:b").objective_names == ("accuracy", "flash", "b")
    assert make_config(objective=("a.py:b:maximize",), objectives="b,flash").objective_names == ("b", "flash")


def test_numbers_of_all_kinds_are_numbers_and_nothing_else(tmp_path):
    facts = DesignFacts("a", {}, (), 8)
    assert make_own_objective(lambda design: torch.tensor([2]), "x", "x").of(facts, None) == 2.0
    assert not make_own_objective(print, "x", "x").wants_module
    with pytest.raises(QualityError, match="a str; the objective x gives a number; mend x"):
        make_own_objective(lambda design: "2", "x", "x").of(facts, None)
    with pytest.raises(QualityError, match="SystemExit"):
        make_own_objective(lambda design: exit(), "x", "x").of(facts, None)
    with pytest.raises(CallableError, match="the file exists"):
        load_own_objective(f"{tmp_path}/nowhere.py:x:maximize")
