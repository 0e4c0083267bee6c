"""Ctrl-C in every stage of a search: the report of what is there, exit code 130, no traceback."""

import json
import signal

import pandas as pd
import pytest

import reports.render
from explorer.measurement.design_evaluator import DesignEvaluator
from reports.run_folder import read_run

TRIALS = 3
SEARCH = (
    *("search", "--network", "net.py:build", "--flash", "4KiB", "--schemes", "dense", "--sampler", "random"),
    *("--no-gap", "--trials", TRIALS, "--out", "run"),
)
DATA = ("--data", "data.py:parts")


@pytest.fixture
def stopped(folder, began, make_gate, until):
    """Searches, and stops at a call of a function; the run that is left, and what was said."""

    def stop(function, calls, *options):
        gate = make_gate(function, calls)
        search = began(gate, *SEARCH, *options)
        until(lambda: len(gate.came()) == calls + 1, search)
        search.send_signal(signal.SIGINT)
        gate.let()
        said = search.ended(130)
        assert (folder / "run" / "report.html").is_file()
        return read_run(folder / "run"), said

    return stop


def test_without_data_among_the_trials(stopped, folder):
    """With JSON, which programs read."""
    run, said = stopped(DesignEvaluator.figures, 1, "--json")
    assert json.loads((folder / "run" / "run.json").read_text())["counts"]["trials"] == len(run.trials) == 2
    front = pd.read_csv(folder / "run" / "front.csv", dtype={"design": str})
    assert front["design"].tolist() == run.front["design"].tolist()
    assert run.info.status == "interrupted"
    assert run.trials["state"].tolist() == ["measured"] * 2  # the one at hand is finished
    assert "noise" in (folder / "run" / "baselines.csv").read_text().splitlines()[0].split(",")
    assert len(run.baselines) == 0
    assert "stopping after the design at hand" in said


def test_among_the_baselines_those_that_are_measured_are_kept(stopped):
    run, said = stopped(DesignEvaluator.figures, TRIALS + 2, *DATA)
    assert run.info.status == "interrupted"
    assert len(run.trials) == TRIALS
    assert run.baselines["name"].tolist() == ["dense 1 bit", "dense 2 bits"]
    assert "interrupted; go on with the same command and --resume" in said


def test_while_the_report_is_drawn_it_is_drawn_to_its_end(stopped):
    run, _ = stopped(reports.render.render, 0)
    assert run.info.status == "done"
    assert len(run.baselines) == 8
    assert len(run.trials) == TRIALS


def test_before_the_first_trial_nothing_is_left(folder, began, make_gate, until):
    from explorer.search.setup import load_workload

    gate = make_gate(load_workload, 0, {})
    (gate.folder / "target").write_text("explorer.search.setup:load_workload")
    search = began(gate, *SEARCH)
    until(lambda: len(gate.came()) == 1, search)
    search.send_signal(signal.SIGINT)
    assert search.ended(130).splitlines()[-1] == "filterfront: interrupted"
    assert not (folder / "run").exists()
