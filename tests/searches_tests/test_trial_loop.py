"""The loop with several designs at a time: none measured a second time meanwhile, nothing finished lost."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import optuna
import pytest
from optuna.storages import InMemoryStorage
from optuna.trial import TrialState

from searches.measurer import Measurement
from searches.storage import open_storage
from searches.study import open_study, run_study

TINY_GRID = {"dense": {"weight_bits": (1, 2)}}
"""16 designs."""


class Several:
    """Measures as many designs at a time as it has room for, and gives the last one back first."""

    def __init__(self, evaluate: Any, capacity: int = 4, reasons: Mapping[int, str] | None = None) -> None:
        self.capacity, self._evaluate, self._reasons = capacity, evaluate, reasons or {}
        self.in_hand: list[tuple[int, Any]] = []
        self.most = 0

    def submit(self, number, design) -> None:
        self.in_hand.append((number, design))
        self.most = max(self.most, len(self.in_hand))
        names = [item.id for _, item in self.in_hand]
        assert len(set(names)) == len(names) <= self.capacity

    def completed(self, seconds) -> list[Measurement]:
        if seconds == 0:  # there is room for more
            return []
        number, design = self.in_hand.pop()
        if number in self._reasons:
            return [Measurement(number, 0.0, reason=self._reasons[number])]
        return [Measurement(number, 1.0, self._evaluate(design))]


def run(problem, measurer, trials, storage=None, stop=lambda: False, resume=False):
    study = open_study(problem, storage or InMemoryStorage(), "search", resume)
    return study, run_study(study, problem, "tpe", 3, trials, stop=stop, measurer=measurer)


def test_several_designs_are_in_hand_and_none_is_measured_twice(Evaluate, make_problem):
    evaluate = Evaluate()
    measurer = Several(evaluate)
    study, result = run(make_problem(evaluate, grid=TINY_GRID), measurer, 60)
    assert measurer.most == 4
    assert [trial.number for trial in result.trials] == list(range(60))
    assert max(Counter(evaluate.designs).values()) == 1
    repeated = [trial for trial in result.trials if trial.state == "repeated"]
    assert len(repeated) == 60 - len(evaluate.designs) >= 60 - 16
    assert all(trial.figures == result.measured()[trial.design_id].figures for trial in repeated)
    assert {trial.state for trial in study.trials[:60]} == {TrialState.COMPLETE}
    assert not measurer.in_hand


def test_a_repeated_trial_that_was_told_first_is_read_again_as_it_was(tmp_path, Evaluate, make_problem):
    evaluate = Evaluate()
    problem = make_problem(evaluate, grid=TINY_GRID)
    _, before = run(problem, Several(evaluate), 40, open_storage(tmp_path / "s"))
    _, again = run(problem, Several(evaluate), 40, open_storage(tmp_path / "s"), resume=True)
    assert again == before


def test_a_design_that_cannot_be_measured_fails_alone_and_is_not_tried_again(Evaluate, make_problem):
    evaluate = Evaluate()
    problem = make_problem(evaluate, grid=TINY_GRID)
    study, result = run(problem, Several(evaluate, reasons={1: "out of memory, 2 times"}), 60)
    lost = result.trials[1]
    assert (lost.state, lost.reason, lost.figures) == ("failed", "out of memory, 2 times", {})
    assert lost.design_id not in evaluate.designs
    same = [trial for trial in result.trials if trial.design_id == lost.design_id]
    assert {(trial.state, trial.reason) for trial in same} == {("failed", "out of memory, 2 times")}
    assert Counter(trial.state for trial in study.trials)[TrialState.FAIL] == len(same)


def test_a_request_to_stop_lets_what_is_in_hand_finish(tmp_path, Evaluate, make_problem):
    evaluate = Evaluate()
    problem = make_problem(evaluate)
    measurer = Several(evaluate)
    _, first = run(problem, measurer, 40, open_storage(tmp_path / "s"), stop=lambda: len(evaluate.designs) >= 6)
    assert first.interrupted
    assert not measurer.in_hand
    assert len(first.trials) == len(evaluate.designs) == 6 + 3  # the three others that were being measured
    again = Evaluate()
    _, resumed = run(problem, Several(again), 40, open_storage(tmp_path / "s"), resume=True)
    assert not resumed.interrupted
    assert not {*again.designs} & {*evaluate.designs}
    assert resumed.measured().keys() == {*again.designs, *evaluate.designs}


@pytest.mark.parametrize("location", ["journal", "sqlite"])
def test_trials_in_hand_at_a_sudden_end_are_taken_up_first(tmp_path, Evaluate, make_problem, location):
    place = tmp_path / "s" if location == "journal" else f"sqlite:///{tmp_path}/s.db"
    evaluate = Evaluate(fails_at=5, error=KeyboardInterrupt())
    problem = make_problem(evaluate)
    storages = [open_storage(place)]
    _, first = run(problem, Several(evaluate), 40, storages[0])
    assert first.interrupted
    assert len(first.trials) == 5
    left = Counter(trial.state for trial in optuna.load_study(storage=storages[0], study_name="search").trials)
    assert left[TrialState.RUNNING] == 0
    storages.append(open_storage(place))
    again = Evaluate()
    _, resumed = run(problem, Several(again), 40, storages[1], resume=True)
    assert len(resumed.trials) == 40
    assert not {*again.designs} & {*evaluate.designs}
    assert {trial.design_id for trial in first.trials} <= resumed.measured().keys()
    for storage in storages if location == "sqlite" else ():
        storage.remove_session()
        storage.engine.dispose()
