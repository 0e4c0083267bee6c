"""Objectives and samplers by name."""

import warnings

import pytest
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import NSGAIIISampler, NSGAIISampler, RandomSampler, TPESampler

from costmodels import NetworkCost
from searches.errors import SearchError
from searches.figures import ENERGY, LATENCY, NOISE
from searches.objectives import OBJECTIVES, find_objectives
from searches.samplers import SAMPLERS, make_sampler


def test_objectives_are_found_in_the_order_asked_for():
    found = find_objectives(["storage", "accuracy"], has_data=True)
    assert [(item.column, item.direction) for item in found] == [
        ("storage_bytes", "minimize"),
        ("accuracy", "maximize"),
    ]


def test_objectives_are_registered_by_their_names_and_read_real_columns():
    on_data = {"accuracy", "loss", "agreement", "divergence", "metric"}
    measured = {*on_data, "distortion", NOISE, LATENCY, ENERGY}
    for name, item in OBJECTIVES.items():
        assert item.name == name
        assert item.column in measured or hasattr(NetworkCost, item.column)
        assert item.needs_data == (name in on_data)
    assert [name for name, item in OBJECTIVES.items() if item.direction == "maximize"] == [
        "accuracy",
        "agreement",
        "metric",
    ]


@pytest.mark.parametrize(
    ("names", "has_data", "message"),
    [
        (["acuracy"], True, "got acuracy; an objective has a known name; did you mean accuracy?"),
        (["zzz"], True, "got zzz; an objective has a known name; choose of accuracy, loss, agreement, divergence, "),
        (["sram", "flash", "sram"], True, "got sram; an objective is given once; remove one"),
        (
            ["flash", "loss"],
            False,
            "loss without data; accuracy and loss are measured on labelled data; give --data",
        ),
        ([], True, "got none; a search has at least one objective; choose of accuracy, "),
    ],
)
def test_wrong_objectives_are_refused(names, has_data, message):
    with pytest.raises(SearchError) as caught:
        find_objectives(names, has_data)
    assert str(caught.value).startswith(message)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("name", "kind"),
    [("nsga2", NSGAIISampler), ("nsga3", NSGAIIISampler), ("tpe", TPESampler), ("random", RandomSampler)],
)
def test_samplers_by_name_without_a_warning(name, kind):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert type(make_sampler(name, 5)) is kind
    assert name in SAMPLERS


def test_other_warnings_of_samplers_are_heard():
    make_sampler("nsga3", 1)
    with pytest.warns(ExperimentalWarning, match="NSGAIIISampler is experimental"):
        NSGAIIISampler(seed=1)


@pytest.mark.parametrize(
    ("name", "remedy"), [("nsga", "did you mean nsga"), ("qmc", "choose one of guided, nsga2, nsga3, tpe, random")]
)
def test_unknown_samplers_are_refused(name, remedy):
    with pytest.raises(SearchError, match=f"got {name}; a sampler has a known name; {remedy}"):
        make_sampler(name, 1)
