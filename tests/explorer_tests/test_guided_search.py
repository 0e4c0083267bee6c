"""``filterfront search --sampler guided`` on the demo, and its tables against the evaluator's own figures."""

import shutil

import numpy as np
import pandas as pd
import pytest

from costmodels import NetworkSpec
from explorer.forms.fit_cache import FitCache
from explorer.measurement.design_evaluator import DesignEvaluator
from explorer.search import setup
from explorer.search.problem_tables import fitted_problem_tables
from searches.constraints import Budget
from searches.objectives import find_objectives
from searches.space import build_space

OPTIONS = ("--sampler", "guided", "--schemes", "dense,pruned", "--calibration-images", "0", "--no-gap")
TRIALS = 14
"""Ten from the front of the guesses, four from the model."""


@pytest.fixture(scope="module")
def guided(run_filterfront, once):
    def run(folder):
        done = run_filterfront("search", *OPTIONS, "--trials", TRIALS, "--out", folder)
        assert done.returncode == 0, done.stderr

    return once("guided", run)


def test_a_guided_search_measures_only_new_designs_that_fit(guided):
    trials = pd.read_csv(guided / "trials.csv", dtype={"design": str})
    assert trials["state"].tolist() == ["measured"] * TRIALS
    assert trials["design"].nunique() == TRIALS
    assert trials["feasible"].all()
    assert trials["accuracy"].max() > 0.9


def test_it_goes_on_where_it_stopped(guided, run_filterfront, tmp_path):
    for trials in (11, TRIALS):
        options = ("--resume",) if trials == TRIALS else ()
        done = run_filterfront("search", *OPTIONS, "--trials", trials, "--out", tmp_path / "parts", *options)
        assert done.returncode == 0, done.stderr
    whole, parts = (
        pd.read_csv(folder / "trials.csv", dtype={"design": str})["design"].tolist()
        for folder in (guided, tmp_path / "parts")
    )
    assert parts == whole


def test_another_budget_is_refused_before_anything_is_fitted(guided, run_filterfront, tmp_path, monkeypatch):
    copied = shutil.copytree(guided, tmp_path / "copied")
    monkeypatch.setattr(setup, "fitted_problem_tables", lambda *_: pytest.fail("candidates were fitted"))
    options = (*OPTIONS, "--flash", "60KiB", "--trials", TRIALS + 1, "--out", copied, "--resume")
    done = run_filterfront("search", *options)
    assert done.returncode == 2
    assert "a search resumes under what it began with" in done.stderr
    assert "budgets" in done.stderr


def test_two_measured_objectives_are_refused(run_filterfront, tmp_path):
    done = run_filterfront("search", *OPTIONS, "--objectives", "accuracy,loss", "--out", tmp_path / "refused")
    assert done.returncode == 2
    assert "one measured objective at most" in done.stderr
    assert "use nsga2" in done.stderr


def test_the_problem_tables_figures_are_the_evaluators(traced_digits, digits, tmp_path):
    """Flash, SRAM and distortion of random designs, and the parameters that name them."""
    spec = traced_digits.spec
    assert isinstance(spec, NetworkSpec)
    grid = {"dense": {"weight_bits": (1, 4, 8)}, "pruned": {"density": (0.1, 0.5), "weight_bits": (4, 8)}}
    space = build_space(spec, grid)
    evaluator = DesignEvaluator(traced_digits, 8, 0, FitCache(tmp_path), workers=1)
    objectives = find_objectives(("distortion", "flash", "sram"), has_data=True)
    budgets = (Budget("flash", "flash_bytes", 60_000, "bytes", "test"),)
    tables = fitted_problem_tables(evaluator, space, objectives, budgets, None)
    assert tables.objectives == ("distortion", "flash_bytes", "sram_bytes")
    generator = np.random.default_rng(0)
    for row in generator.integers(tables.counts, size=(20, len(tables.counts))):
        levels = {name: values[0] for name, values in space.parameters().items()} | tables.values(row)
        design = space.design(levels)
        cost = evaluator.cost(design)
        assert tables.figure("flash_bytes", row[None])[0] == cost.flash_bytes
        assert tables.figure("sram_bytes", row[None])[0] == cost.sram_bytes
        assert tables.figure("distortion", row[None])[0] == pytest.approx(evaluator.distortion(design))
        assert tables.find(levels) == tuple(row)
        assert tables.fits(row[None])[0] == (cost.flash_bytes <= 60_000)
