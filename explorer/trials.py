"""Running a search's trials: its storage, a progress bar, and stopping on request."""

import math
import sys
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from explorer.config import SearchConfig
from explorer.interrupts import StopRequest
from searches.constraints import exceeded
from searches.design import Design
from searches.storage import open_storage
from searches.study import Figures, Problem, SearchResult, TrialRecord, open_study, run_study

__all__ = ["STUDY_FILE", "run_trials"]

STUDY_FILE = "study.journal"


def run_trials(config: SearchConfig, problem: Problem, folder: Path) -> SearchResult:
    """The trials of a search, those of earlier runs among them.

    Raises:
        SearchError: the storage cannot be opened, or holds a search that this one does not go on with.
    """
    storage = open_storage(config.storage or folder / STUDY_FILE)
    study = open_study(problem, storage, folder.resolve().name, config.resume)
    best: dict[str, float] = {}
    finished = sum(1 for trial in study.get_trials(deepcopy=False) if "record" in trial.user_attrs)
    bar = tqdm(total=config.trials, initial=finished, desc="searching", unit="trial", disable=None)
    with bar, StopRequest(lambda line: tqdm.write(line, file=sys.stderr)) as request:

        def show(record: TrialRecord) -> None:
            note_best(best, record, problem)
            bar.set_postfix_str(", ".join(f"{name} {value:,.4g}" for name, value in best.items()))
            bar.update()

        def evaluate(design: Design) -> Figures:
            try:
                return problem.evaluate(design)
            except Exception as error:
                # The signal that asked may have ended a fitting process that had not yet learned to ignore it.
                if request.asked:
                    raise KeyboardInterrupt from error
                raise

        watched = replace(problem, evaluate=evaluate)
        return run_study(study, watched, config.sampler, config.seed, config.trials, show, lambda: request.asked)


def note_best(best: dict[str, float], record: TrialRecord, problem: Problem) -> None:
    """Keeps the best feasible value of each objective so far, for the progress bar."""
    if record.state == "failed" or exceeded(problem.budgets, record.figures):
        return
    for item in problem.objectives:
        value = float(record.figures[item.column])
        better = max if item.direction == "maximize" else min
        if not math.isnan(value):
            best[f"best {item.name}"] = better(value, best.get(f"best {item.name}", value))
