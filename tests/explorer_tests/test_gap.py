"""The distance to the best possible, through the real command and against brute force."""

import ctypes
import itertools
import json
import os
import re
import signal
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from tempfile import TemporaryFile
from types import SimpleNamespace
from typing import IO

import numpy as np
import pandas as pd
import pytest
import scipy.optimize

from explorer.cli import main
from explorer.config.search import make_config
from explorer.forms.fit_cache import FitCache
from explorer.measurement.design_evaluator import DesignEvaluator
from explorer.measurement.rounded_biases import with_bias_bits
from explorer.search import fitted_space
from explorer.search.fitted_space import fit_space
from explorer.search.optimality_gap import measure_gap
from explorer.search.setup import prepare
from explorer.system.cache_folder import cache_folder
from searches.design import Design
from searches.space import build_space
from searches.study import SearchResult

SPACE = """
[dense]
weight_bits = [1, 4]
[pruned]
density = [0.25]
weight_bits = [6]
[linear-representation]
templates = [8]
coefficient_bits = [4]
template_bits = [8]
codebook = ["network"]
"""
BUDGETS = ("--flash", "60KiB", "--sram", "16KiB", "--calibration-images", "0", "--validation-images", "60")


@pytest.fixture(scope="session")
def small_run(run_filterfront, once) -> Path:
    """The demo network in a space of 4 candidates for most layers, under two budgets."""

    def search(folder: Path) -> None:
        space = folder.with_suffix(".toml")
        space.write_text(SPACE)
        done = run_filterfront("search", "-v", "--space", space, "--trials", 20, "--out", folder, *BUDGETS)
        assert done.returncode == 0, done.stderr
        assert "Of the best distortion against flash" in done.stdout
        assert "Distance to the best possible: distortion against flash" in done.stdout
        assert "What each form saves\nForm " in done.stdout

    return once("small-gap", search)


@pytest.fixture
def evaluator(traced_digits) -> DesignEvaluator:
    traced = with_bias_bits(traced_digits, 16)  # as a search does
    return DesignEvaluator(traced, 8, 0, FitCache(cache_folder() / "fits"), None, 16 * 1024, workers=1)


def every_design(evaluator: DesignEvaluator, text: str = SPACE):
    space = build_space(evaluator.traced.spec, tomllib.loads(text))
    names = [layer.name for layer in space.layers]
    for schemes in itertools.product(*(layer.candidates for layer in space.layers)):
        yield Design(dict(zip(names, schemes, strict=True)))


def test_the_best_front_is_that_of_brute_force(small_run: Path, evaluator: DesignEvaluator) -> None:
    """Every design of the space fitted, costed as a whole network, and compared with every other."""
    points = set()
    for design in every_design(evaluator):
        cost = evaluator.cost(design)
        if cost.flash_bytes <= 60 * 1024 and cost.sram_bytes <= 16 * 1024:
            points.add((cost.flash_bytes, evaluator.distortion(design)))
    assert len(points) > 100
    front: list[tuple[float, float]] = []
    for flash, distortion in sorted(points):
        if not front or distortion < front[-1][1] * (1 - 1e-9):
            front.append((flash, distortion))
    exact = pd.read_csv(small_run / "exact.csv", dtype={"design": str})
    assert set(exact["pair"]) == {"flash_bytes+distortion"}
    np.testing.assert_array_equal(exact["first"], [flash for flash, _ in front])
    np.testing.assert_allclose(exact["second"], [distortion for _, distortion in front], rtol=1e-12)


def test_what_each_form_saves_is_that_of_brute_force(small_run: Path) -> None:
    """At the distortion of the recommended design, over every design of the space with and without each form."""
    space = small_run.with_suffix(".toml")
    evaluator = prepare(
        make_config(space=space, flash="60KiB", sram="16KiB", sampler="random", calibration_images=0), 1, False
    ).evaluator
    ablation = json.loads((small_run / "run.json").read_text())["gap"]["ablation"]
    front = pd.read_csv(small_run / "front.csv", dtype={"design": str}).set_index("design")
    level = front.loc[ablation["design"], "distortion"]
    assert ablation["level"] == pytest.approx(level, rel=1e-12)
    assert (ablation["first"], ablation["second"]) == ("flash_bytes", "distortion")
    points = []
    for design in every_design(evaluator):
        cost, distortion = evaluator.cost(design), evaluator.distortion(design)
        if cost.flash_bytes <= 60 * 1024 and cost.sram_bytes <= 16 * 1024 and distortion <= level * (1 + 1e-9):
            points.append((cost.flash_bytes, {scheme.name for scheme in design.schemes.values()}))
    assert ablation["least"] == min(flash for flash, _ in points)
    assert {saving["form"] for saving in ablation["forms"]} == {"dense", "pruned", "linear-representation"}
    for saving in ablation["forms"]:
        without = [flash for flash, forms in points if saving["form"] not in forms]
        assert saving["without"] == (min(without) if without else None)
        assert saving["saved"] == (saving["without"] - ablation["least"] if without else None)
    assert "What each form saves" in (small_run / "report.html").read_text()


def test_every_design_that_fits_is_compared_with_the_best_front(small_run: Path) -> None:
    trials, gaps, exact = (
        pd.read_csv(small_run / f"{name}.csv", dtype={"design": str}) for name in ("trials", "gaps", "exact")
    )
    fitting = trials[(trials["state"] == "measured") & trials["feasible"]].set_index("design")
    assert set(gaps["design"]) == set(fitting.index)
    for row in gaps.to_dict("records"):
        own = fitting.loc[row["design"]]
        assert row["first"] == own["flash_bytes"]
        assert row["second"] == pytest.approx(own["distortion"], rel=1e-12)
        least = exact["second"][exact["first"] <= row["first"]].min()
        assert row["least_second"] == least <= row["second"]
        assert row["gap_second"] == pytest.approx((row["second"] - least) / row["second"])
        assert row["least_first"] == exact["first"][exact["second"] <= row["second"]].min() <= row["first"]


def test_the_ratio_in_the_report_is_that_of_the_tables(small_run: Path) -> None:
    info = json.loads((small_run / "run.json").read_text())
    (pair,) = info["gap"]["pairs"]
    assert (pair["origin"], pair["stands_for"], pair["left_out"]) == ("proven", "accuracy", [])
    trials = pd.read_csv(small_run / "trials.csv", dtype={"design": str})
    assert pair["reference"] == {"flash_bytes": trials["flash_bytes"].max(), "distortion": 1.0}

    def area(first: pd.Series, second: pd.Series) -> float:
        """Of the staircase below the reference point, column by column."""
        total, lowest = 0.0, 1.0
        for flash, distortion in sorted(zip(first, second, strict=True)):
            total += (pair["reference"]["flash_bytes"] - flash) * max(lowest - distortion, 0)
            lowest = min(lowest, distortion)
        return total

    gaps, exact = (pd.read_csv(small_run / f"{name}.csv", dtype={"design": str}) for name in ("gaps", "exact"))
    found, best = (area(table["first"], table["second"]) for table in (gaps, exact))
    assert pair["found"] == pytest.approx(found)
    assert pair["best"] == pytest.approx(best)
    assert pair["ratio"] == pytest.approx(found / best)
    assert pair["ratio"] <= 1
    page = (small_run / "report.html").read_text()
    assert f"{100 * pair['ratio']:.2f}%" in page
    assert "best possible [proven]" in page
    assert (small_run / "gap.png").stat().st_size > 0


@pytest.fixture(scope="session")
def three_run(small_run: Path, once) -> Path:
    """Three objectives, with a solver that prints stray lines as HiGHS does: through C's own buffer, past Python."""

    def search(folder: Path) -> None:
        done = chatty_search(small_run, folder)
        assert done.returncode == 0
        assert "Distance in all objectives" in done.stdout
        assert "stray" not in done.stdout

    return once("three-gap", search)


def chatty_search(small_run: Path, folder: Path, *extra: str) -> SimpleNamespace:
    """Its exit code, and all that this process printed meanwhile."""
    options = ["search", "--space", str(small_run.with_suffix(".toml")), "--trials", "12", *BUDGETS]
    options += ["--objectives", "distortion,flash,bit-ops", "--out", str(folder), *extra]
    solve, library, calls = scipy.optimize.milp, ctypes.CDLL(None), []

    def chatty(*given, **named):
        calls.append(library.printf(b"a stray line of the solver\n"))
        return solve(*given, **named)

    with TemporaryFile("w+") as file, pytest.MonkeyPatch.context() as patch:
        patch.setattr(scipy.optimize, "milp", chatty)
        with standard_output_in(file):
            with pytest.raises(SystemExit) as ended:
                main(options)
            library.printf(b"the end\n")
        assert calls
        file.seek(0)
        printed, end, nothing = file.read().rpartition("the end\n")
        assert (end, nothing) == ("the end\n", "")  # what C prints is seen here
    return SimpleNamespace(returncode=ended.value.code or 0, stdout=printed)


@contextmanager
def standard_output_in(file: IO[str]) -> Iterator[None]:
    """What this process writes to its standard output, Python or not, goes to the file."""
    sys.stdout.flush()
    before = os.dup(1)
    os.dup2(file.fileno(), 1)
    try:
        with open(1, "w", closefd=False) as stream, redirect_stdout(stream):
            yield
    finally:
        ctypes.CDLL(None).fflush(None)
        os.dup2(before, 1)
        os.close(before)


def test_stray_lines_of_the_solver_stay_out_of_json(small_run: Path, three_run: Path) -> None:
    done = chatty_search(small_run, three_run, "--resume", "--json")
    assert done.returncode == 0
    assert "stray" not in done.stdout
    facts = json.loads(done.stdout)["gap"]
    assert len(facts["pairs"]) == 3
    assert facts["near"]["designs"] > 0
    assert facts["near"]["most"] == pytest.approx(1.2 * facts["near"]["least"])  # 1 + the default of --gap-eps


def test_the_factor_of_three_objectives_holds_for_every_design(three_run: Path, evaluator: DesignEvaluator) -> None:
    near = json.loads((three_run / "run.json").read_text())["gap"]["near"]
    front = pd.read_csv(three_run / "front.csv", dtype={"design": str})[
        ["distortion", "flash_bytes", "bit_ops"]
    ].to_numpy(float)
    worst = 1.0
    for design in every_design(evaluator):
        cost = evaluator.cost(design)
        if cost.flash_bytes <= 60 * 1024 and cost.sram_bytes <= 16 * 1024:
            point = np.array([evaluator.distortion(design), cost.flash_bytes, cost.bit_ops])
            worst = max(worst, (front / point).max(axis=1).min())
    assert near["least"] <= worst * (1 + 1e-9)
    assert worst <= near["most"] * (1 + 1e-5)


def test_a_single_objective_has_a_bound(
    run_filterfront, small_run: Path, tmp_path: Path, evaluator: DesignEvaluator
) -> None:
    options = ("--space", small_run.with_suffix(".toml"), "--trials", 12, *BUDGETS, "--objectives", "distortion")
    done = run_filterfront("search", "--out", tmp_path / "one", *options)
    assert done.returncode == 0, done.stderr
    assert re.search(r"Distance to the least: +[0-9.]+% to gain \[proven\]", done.stdout)
    single = json.loads((tmp_path / "one" / "run.json").read_text())["gap"]["single"]
    fitting = (design for design in every_design(evaluator) if evaluator.cost(design).flash_bytes <= 60 * 1024)
    least = min(evaluator.distortion(design) for design in fitting)
    assert single["bound"] == pytest.approx(least, rel=1e-12)
    assert single["bound"] <= single["found"]


def test_a_conflict_of_budgets_is_proven_over_the_fitted_space(
    run_filterfront, tmp_path: Path, evaluator: DesignEvaluator
) -> None:
    """The least flash, and bit-ops that no design of that flash has: templates are small, pruned layers are fast."""
    text = SPACE.replace("[1, 4]", "[4]")
    (tmp_path / "space.toml").write_text(text)
    costs = [evaluator.cost(design) for design in every_design(evaluator, text)]
    flash = min(cost.flash_bytes for cost in costs)
    within = min(cost.bit_ops for cost in costs if cost.flash_bytes == flash)
    alone = min(cost.bit_ops for cost in costs)
    assert alone < within
    limit = within - 1
    least = min(cost.flash_bytes for cost in costs if cost.bit_ops <= limit)
    options = (
        "--space",
        tmp_path / "space.toml",
        "--flash",
        f"{flash}B",
        "--max-bit-ops",
        limit,
        "--calibration-images",
        0,
    )
    done = run_filterfront("search", "--trials", 3, "--out", tmp_path / "none", *options)
    assert done.returncode == 1
    assert f"flash allows {flash:,} bytes, the least within the others is {least:,} ({flash:,} alone)" in done.stderr
    work = f"bit-ops allows {limit:,} bit operations, the least within the others is {within:,} ({alone:,} alone)"
    assert work in done.stderr


def test_no_gap_is_said(run_filterfront, folder: Path) -> None:
    options = ("--network", "net.py:build", "--data", "data.py:parts", "--flash", "4KiB", "--no-gap")
    few = ("--schemes", "dense", "--trials", 3)
    done = run_filterfront("search", "--out", "run", *options, *few, cwd=folder)
    assert done.returncode == 0, done.stderr
    said = "The distance to the best possible was not computed: --no-gap was given."
    assert f"Warning: {said}" in done.stdout
    assert said in (folder / "run" / "report.html").read_text()
    assert not (folder / "run" / "exact.csv").exists()
    wrong = run_filterfront("search", "--gap-eps", 0)
    assert wrong.returncode == 2
    assert "--gap-eps: got 0.0; Input should be greater than or equal to 0.001" in wrong.stderr


# What needs no whole command


def problem(evaluator: DesignEvaluator):
    space = build_space(evaluator.traced.spec, {"dense": {"weight_bits": (2, 8)}})
    return SimpleNamespace(space=space, budgets=(), objectives=())


def test_a_large_space_is_not_fitted_unasked(evaluator: DesignEvaluator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitted_space, "MOST_WEIGHTS", 2 * evaluator.traced.spec.weights - 1)
    monkeypatch.setattr(evaluator, "prepare", lambda *_, **__: pytest.fail("fitted unasked"))
    result = measure_gap(make_config(), problem(evaluator), evaluator, SearchResult((), False))
    weights = f"{2 * evaluator.traced.spec.weights / 1e6:,.0f} million weights to fit"
    assert weights in result.facts.reason
    assert "--gap with --resume computes it" in result.facts.reason
    assert (result.exact.empty, result.designs.empty, result.candidates) == (True, True, None)


def test_ctrl_c_while_the_space_is_fitted_leaves_the_gap_out(
    evaluator: DesignEvaluator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitted_space, "TOGETHER", 1)
    asked = []

    def prepare(keys, keep_weights):
        asked.append(keys)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(evaluator, "prepare", prepare)
    result = measure_gap(make_config(), problem(evaluator), evaluator, SearchResult((), False))
    assert len(asked) == 1
    assert result.stopped
    assert "--resume goes on" in result.facts.reason


def test_candidates_without_a_finite_distortion_are_left_out(evaluator: DesignEvaluator) -> None:
    part = evaluator.distortion_part
    first = evaluator.traced.spec.layers[0].name
    evaluator.distortion_part = lambda name, scheme: (
        np.inf if (name, scheme.weight_bits) == (first, 2) else part(name, scheme)
    )
    tables = fit_space(problem(evaluator).space, evaluator)
    assert [len(table.schemes) for table in tables.layers] == [1] + [2] * (len(tables.layers) - 1)


def test_parts_of_distortion_sum_to_it(evaluator: DesignEvaluator) -> None:
    for design in itertools.islice(every_design(evaluator), 0, 200, 41):
        parts = sum(evaluator.distortion_part(name, scheme) for name, scheme in design.schemes.items())
        assert parts == pytest.approx(evaluator.distortion(design), rel=1e-12)
