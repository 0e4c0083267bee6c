"""The search as a whole: what is measured, what is kept, and how it goes on after an end at any point."""

import json
import math
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.storages import InMemoryStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from searches.errors import SearchError
from searches.initial_designs import initial_design_levels
from searches.samplers import GUIDED, SAMPLERS
from searches.storage import open_storage
from searches.study import open_study, run_study

TINY_GRID = {"dense": {"weight_bits": (1, 2)}}
"""2 widths on 4 layers: 16 designs."""


def designs(result: Any) -> list[str]:
    return [trial.design_id for trial in result.trials]


def load(path: Path) -> optuna.Study:
    return optuna.load_study(storage=open_storage(path), study_name="search")


def test_no_design_is_measured_twice(Evaluate, make_problem, run_search):
    evaluate = Evaluate()
    result = run_search(None, make_problem(evaluate, grid=TINY_GRID), 60)
    assert len(result.trials) == 60
    assert max(Counter(evaluate.designs).values()) == 1
    assert set(evaluate.designs) == set(result.measured()) == set(designs(result))
    repeated = [trial for trial in result.trials if trial.state == "repeated"]
    assert len(repeated) == 60 - len(evaluate.designs) >= 60 - 16
    assert all(trial.figures == result.measured()[trial.design_id].figures for trial in repeated)
    assert {trial.seconds for trial in repeated} == {0.0}


def test_initial_designs_are_proposed_first(Evaluate, make_problem, run_search):
    problem = make_problem(Evaluate())
    initial_designs = [problem.space.design(levels) for levels in initial_design_levels(problem.space)]
    result = run_search(None, problem, len(initial_designs))
    assert [trial.design for trial in result.trials] == initial_designs


@pytest.mark.parametrize("sampler", ["nsga2", "nsga3"])
def test_initial_designs_are_parents_of_the_first_generation(Evaluate, make_problem, sampler):
    problem = make_problem(Evaluate())
    study = open_study(problem, InMemoryStorage(), "search", resume=False)
    run_study(study, problem, sampler, 3, 41)
    generations = [
        value for trial in study.trials for key, value in trial.system_attrs.items() if key.endswith("generation")
    ]
    assert generations == [0] * 40 + [1]


@pytest.mark.parametrize("sampler", [GUIDED, *SAMPLERS])
@pytest.mark.parametrize("late", [False, True])
def test_an_interrupted_search_resumes_into_the_uninterrupted_one(
    tmp_path, Evaluate, make_problem, run_search, sampler, late
):
    whole = run_search(None, make_problem(Evaluate()), 50, sampler=sampler)
    stop = len(whole.measured()) - 4 if late else 2
    evaluate = Evaluate(fails_at=stop, error=KeyboardInterrupt())
    first = run_search(tmp_path / "parts", make_problem(evaluate), 50, sampler=sampler)
    assert first.interrupted
    assert list(first.measured()) == evaluate.designs
    assert len(evaluate.designs) == stop
    again = Evaluate()
    resumed = run_search(tmp_path / "parts", make_problem(again), 50, sampler=sampler, resume=True)
    assert not resumed.interrupted
    assert designs(resumed) == designs(whole)
    assert evaluate.designs + again.designs == list(whole.measured())
    figures = [[trial.figures for trial in result.trials] for result in (resumed, whole)]
    assert figures[0] == figures[1]


def test_trials_of_earlier_runs_count(tmp_path, Evaluate, make_problem, run_search):
    run_search(tmp_path / "s", make_problem(Evaluate()), 12)
    evaluate = Evaluate()
    result = run_search(tmp_path / "s", make_problem(evaluate), 12, resume=True)
    assert len(result.trials) == 12
    assert evaluate.designs == []


def test_an_interrupt_of_the_progress_display_ends_the_run(Evaluate, make_problem):
    def interrupt(record: Any) -> None:
        raise KeyboardInterrupt

    problem = make_problem(Evaluate())
    study = open_study(problem, InMemoryStorage(), "search", resume=False)
    result = run_study(study, problem, "random", 3, 10, interrupt)
    assert result.interrupted
    assert len(result.trials) == 1


def test_a_request_to_stop_is_heard_between_two_trials(Evaluate, make_problem):
    evaluate, records = Evaluate(), []
    study = open_study(make_problem(evaluate), InMemoryStorage(), "search", resume=False)
    result = run_study(study, make_problem(evaluate), "random", 3, 10, records.append, lambda: len(records) == 4)
    assert result.interrupted
    assert [trial.number for trial in result.trials] == [0, 1, 2, 3]
    assert len(study.trials_dataframe().query("state == 'COMPLETE'")) == 4


def test_an_exception_of_a_measurement_is_raised_and_the_search_resumes(tmp_path, Evaluate, make_problem, run_search):
    whole = run_search(None, make_problem(Evaluate()), 20)
    evaluate = Evaluate(fails_at=7, error=MemoryError("no room for the maps"))
    with pytest.raises(MemoryError, match="no room"):
        run_search(tmp_path / "s", make_problem(evaluate), 20)
    kept = [trial for trial in load(tmp_path / "s").trials if trial.state == TrialState.COMPLETE]
    assert [trial.user_attrs["record"]["design"] for trial in kept] == designs(whole)[: len(kept)]
    assert len(kept) >= 7
    resumed = run_search(tmp_path / "s", make_problem(Evaluate()), 20, resume=True)
    assert designs(resumed) == designs(whole)


def test_a_trial_stopped_within_its_proposal_is_proposed_again(tmp_path, Evaluate, make_problem, run_search):
    whole = run_search(None, make_problem(Evaluate()), 25)
    problem = make_problem(Evaluate())
    finished = len(list(initial_design_levels(problem.space))) + 2
    run_search(tmp_path / "s", problem, finished)
    study = load(tmp_path / "s")
    trial = study.ask()
    name, values = next(iter(problem.space.parameters().items()))
    trial.suggest_categorical(name, values)
    resumed = run_search(tmp_path / "s", make_problem(Evaluate()), 25, resume=True)
    assert designs(resumed) == designs(whole)


def test_a_trial_stopped_after_its_measurement_is_not_measured_again(tmp_path, Evaluate, make_problem, run_search):
    problem = make_problem(Evaluate())
    open_study(problem, open_storage(tmp_path / "s"), "search", resume=False)
    written_at_once = JournalStorage(JournalFileBackend(str(tmp_path / "s")))
    study = optuna.load_study(storage=written_at_once, study_name="search")
    trial = study.ask()
    levels = {name: trial.suggest_categorical(name, values) for name, values in problem.space.parameters().items()}
    figures = Evaluate()(problem.space.design(levels))
    design = run_search(tmp_path / "other", problem, 1).trials[0].design_id
    kept = {"design": design, "state": "measured", "seconds": 1.5, "reason": "", "figures": figures}
    trial.set_user_attr("record", kept)
    trial.set_constraint("flash", -0.25)
    again = Evaluate()
    result = run_search(tmp_path / "s", make_problem(again), 3, resume=True)
    assert result.trials[0].seconds == 1.5
    assert result.trials[0].figures == figures
    assert design not in again.designs
    assert len(again.designs) == 2


KILLED = """
import json, os, signal, sys
from pathlib import Path
from costmodels import NetworkSpec, network_cost
from searches.constraints import Budget
from searches.objectives import find_objectives
from searches.space import build_space
from searches.storage import open_storage
from searches.study import Problem, open_study, run_study

folder, kill_at = Path(sys.argv[1]), int(sys.argv[2])
network = NetworkSpec.from_json(json.loads((folder / "network.json").read_text()))

def evaluate(design):
    calls = folder / "calls"
    with calls.open("a") as file:
        file.write(design.id + "\\n")
    if len(calls.read_text().split()) == kill_at:
        os.kill(os.getpid(), signal.SIGKILL)
    cost = network_cost(network, design.schemes)
    return {"storage_bytes": cost.storage_bytes, "flash_bytes": cost.flash_bytes, "bit_ops": cost.bit_ops}

space = build_space(network, {"dense": {"weight_bits": (1, 2, 4)}})
budget = Budget("flash", "flash_bytes", 240, "bytes", "test")
problem = Problem(space, find_objectives(["storage", "bit-ops"], False), (budget,), evaluate, {"seed": 3})
study = open_study(problem, open_storage(folder / "study"), "search", resume=(folder / "study").exists())
print(json.dumps([trial.design_id for trial in run_study(study, problem, "nsga2", 3, 20).trials]))
"""


def test_a_killed_search_loses_no_finished_trial(tmp_path, network):
    def run(folder: str, kill_at: int) -> subprocess.CompletedProcess[str]:
        path = tmp_path / folder
        path.mkdir(exist_ok=True)
        (path / "network.json").write_text(json.dumps(network.to_json()))
        command = [sys.executable, "-c", KILLED, str(path), str(kill_at)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    killed = run("killed", 9)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    states = Counter(trial.state for trial in load(tmp_path / "killed" / "study").trials)
    assert states[TrialState.RUNNING] == 0  # a trial is written when its result is
    assert states[TrialState.COMPLETE] >= 8
    resumed, whole = run("killed", -1), run("whole", -1)
    assert json.loads(resumed.stdout) == json.loads(whole.stdout)
    calls = [(tmp_path / folder / "calls").read_text().split() for folder in ("killed", "whole")]
    assert calls[0] == calls[1][:9] + calls[1][8:]


def test_a_study_killed_while_it_was_made_is_made_ready(tmp_path, Evaluate, make_problem, run_search):
    problem = make_problem(Evaluate())
    study = optuna.create_study(
        storage=open_storage(tmp_path / "s"), study_name="search", directions=["minimize", "minimize"]
    )
    study.enqueue_trial(next(iter(initial_design_levels(problem.space))))
    whole = run_search(None, problem, 20)
    resumed = run_search(tmp_path / "s", make_problem(Evaluate()), 20, resume=True)
    assert designs(resumed) == designs(whole)


def test_a_study_of_another_program_is_refused(tmp_path, Evaluate, make_problem, run_search):
    study = optuna.create_study(storage=open_storage(tmp_path / "s"), study_name="search")
    study.tell(study.ask(), 1.0)
    with pytest.raises(SearchError, match="search of another program; a search resumes a study of its own"):
        run_search(tmp_path / "s", make_problem(Evaluate()), 20, resume=True)
    assert len(load(tmp_path / "s").trials) == 1


@pytest.mark.parametrize("column", ["distortion", "flash_bytes"])
def test_a_figure_that_is_no_number_fails_the_trial_only(tmp_path, Evaluate, make_problem, run_search, column):
    evaluate = Evaluate()

    def undefined_at_first(design):
        figures = evaluate(design)
        return {**figures, column: math.nan} if len(evaluate.designs) == 1 else figures

    result = run_search(tmp_path / "s", make_problem(undefined_at_first, grid=TINY_GRID), 40)
    failed = [trial for trial in result.trials if trial.state == "failed"]
    assert {trial.reason for trial in failed} == {f"{column} is not a number"}
    assert {trial.design_id for trial in failed} == {evaluate.designs[0]}
    assert failed[0].number == 0
    assert len(failed) > 1
    assert max(Counter(evaluate.designs).values()) == 1
    assert evaluate.designs[0] not in result.measured()
    states = Counter(trial.state for trial in load(tmp_path / "s").trials)
    assert states == {TrialState.FAIL: len(failed), TrialState.COMPLETE: 40 - len(failed)}
    again = run_search(tmp_path / "s", make_problem(evaluate, grid=TINY_GRID), 41, resume=True)
    assert [trial.state for trial in again.trials[:40]] == [trial.state for trial in result.trials]


def test_an_infinite_figure_fails_the_trial_only(tmp_path, Evaluate, make_problem, run_search):
    evaluate = Evaluate()

    def infinite_at_first(design):
        figures = evaluate(design)
        return {**figures, "distortion": math.inf, "bit_ops": math.inf} if len(evaluate.designs) == 1 else figures

    result = run_search(tmp_path / "s", make_problem(infinite_at_first), 5)
    assert [trial.state for trial in result.trials] == ["failed"] + 4 * ["measured"]
    assert result.trials[0].reason == "distortion is infinite"  # bit_ops is neither wanted nor limited here
    assert load(tmp_path / "s").trials[0].state == TrialState.FAIL


@pytest.mark.parametrize("value", [np.float32(0.1), np.int64(7)])
def test_figures_are_kept_as_they_were(tmp_path, Evaluate, make_problem, run_search, value):
    evaluate = Evaluate()
    problem = make_problem(lambda design: {**evaluate(design), "distortion": value})
    first = run_search(tmp_path / "s", problem, 3)
    assert [trial.state for trial in first.trials] == ["measured"] * 3
    assert [trial.figures["distortion"] for trial in first.trials] == [float(value)] * 3
    again = run_search(tmp_path / "s", problem, 3, resume=True)
    assert again.trials == first.trials


def test_optuna_reads_the_budgets(tmp_path, Evaluate, make_problem, run_search):
    problem = make_problem(Evaluate(), flash=110)
    result = run_search(tmp_path / "s", problem, 40)
    study = load(tmp_path / "s")
    for trial, record in zip(study.trials, result.trials, strict=False):
        assert trial.constraints == {"flash": (record.figures["flash_bytes"] - 110) / 110}
    flash = {trial.number: trial.figures["flash_bytes"] for trial in result.trials}
    feasible = [trial for trial in result.trials if flash[trial.number] <= 110]
    assert 0 < len(feasible) < 40
    assert study.best_trials
    assert all(flash[trial.number] <= 110 for trial in study.best_trials)


def test_an_existing_study_is_not_overwritten(tmp_path, Evaluate, make_problem, run_search):
    run_search(tmp_path / "s", make_problem(Evaluate()), 2)
    with pytest.raises(SearchError, match=r"got search; .*a study of its own; add --resume"):
        run_search(tmp_path / "s", make_problem(Evaluate()), 2)


def test_another_signature_is_refused_with_what_differs(tmp_path, Evaluate, make_problem, run_search):
    signature = {"space": {"stem": {"dense": {"weight_bits": (1, 2)}}}, "seed": 3, "data": None}
    run_search(tmp_path / "s", make_problem(Evaluate(), signature=signature), 2)
    run_search(tmp_path / "s", make_problem(Evaluate(), signature=signature), 2, resume=True)
    other = {"space": {"stem": {"dense": {"weight_bits": (1, 2, 3)}}}, "seed": 3, "data": "ab" * 32}
    with pytest.raises(SearchError) as caught:
        run_search(tmp_path / "s", make_problem(Evaluate(), signature=other), 2, resume=True)
    assert str(caught.value) == (
        f'data: null then, "{"ab" * 17}a... now; space.stem.dense.weight_bits: [1, 2] then, [1, 2, 3] now; '
        "a search resumes under what it began with; restore these, or start in another --out"
    )
    with pytest.raises(SearchError, match=r"; and 2 more; a search resumes under .*; restore"):
        run_search(tmp_path / "s", make_problem(Evaluate(), signature={str(i): i for i in range(5)}), 2, resume=True)


def test_a_sqlite_study_resumes_too(tmp_path, Evaluate, make_problem):
    url = f"sqlite:///{tmp_path}/study.db"
    results = []
    for stop, trials in ((4, 12), (None, 12)):
        storage = open_storage(url)
        problem = make_problem(Evaluate(fails_at=stop, error=KeyboardInterrupt() if stop else None))
        study = open_study(problem, storage, "search", resume=stop is None)
        results.append(run_study(study, problem, "nsga2", 3, trials))
        storage.remove_session()
        storage.engine.dispose()
    assert [result.interrupted for result in results] == [True, False]
    problem = make_problem(Evaluate())
    study = open_study(problem, InMemoryStorage(), "search", resume=False)
    assert designs(results[1]) == designs(run_study(study, problem, "nsga2", 3, 12))
