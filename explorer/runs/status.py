"""How far a search is, read from its study without disturbing it."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from costmodels.printable import printable
from explorer.search.study_name import noted_study, own_studies
from explorer.search.study_storage import JOB, STUDY_FILE, opened
from explorer.system.progress import time_in_words
from reports.errors import ReportError
from reports.json_files import read_json
from reports.text import format_cell
from searches.journal import is_searched
from searches.objectives import OBJECTIVES
from searches.passwords import keep_secret
from searches.storage import journal_snapshot

__all__ = ["RunStatus", "run_status"]

RECENT_TRIALS = 50
"""Whose times say how long the rest takes."""


@dataclass(frozen=True)
class RunStatus:
    """How far a search is.

    Args:
        folder: of the run.
        study: its name.
        state: ``searching``; ``done`` or ``interrupted`` with a report; ``stopped`` without one, or at the stages after
            the trials; of a database ``shared``, as nobody can tell from elsewhere who works on it.
        trials: that are to be finished; None where it was not recorded.
        finished: trials, failed and repeated ones among them.
        failed: of these.
        running: trials that are being measured, or were when their process ended.
        seconds_since_last: since a trial was last finished; None before the first.
        seconds_left: for the trials that are missing, at the pace of the last ones; None where nothing tells.
        best: the best value of each objective, by its column, of designs within the budgets.
        report: the page, where there is one.
    """

    folder: str
    study: str
    state: str
    trials: int | None
    finished: int
    failed: int
    running: int
    seconds_since_last: float | None
    seconds_left: float | None
    best: dict[str, float]
    report: str | None

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    def lines(self) -> list[str]:
        """For people."""
        of = f" of {self.trials:,}" if self.trials is not None else ""
        said = f"{printable(self.study)}: {self.state}, {self.finished:,}{of} trials finished"
        more = [f"{count:,} {word}" for count, word in ((self.failed, "failed"), (self.running, "running")) if count]
        if self.seconds_left is not None and self.state in ("searching", "shared"):
            more.append(f"about {time_in_words(self.seconds_left)} left")
        lines = [", ".join([said, *more])]
        if self.seconds_since_last is not None:
            lines.append(f"last trial finished {time_in_words(self.seconds_since_last)} ago")
        lines += [f"best {name}: {_in_words(name, value)}" for name, value in self.best.items()]
        if self.state in ("stopped", "interrupted"):
            lines.append(f"to go on: the same command with --resume --out {printable(self.folder)}")
        return [*lines, *([f"report: {printable(self.report)}"] if self.report else [])]


def _in_words(objective: str, value: float) -> str:
    """A value of an objective with its unit; one of the user's own has none."""
    known = OBJECTIVES.get(objective)
    return format_cell(value, known.column) if known else f"{value:,.6g}"


def run_status(folder: Path, storage: str | None = None) -> RunStatus:
    """How far the search of a run folder is.

    Args:
        folder: of the run.
        storage: of a study in a database, where the folder's own note of it lacks the password.

    Raises:
        ReportError: it is no run folder.
        SearchError: the study cannot be read.
    """
    journal = folder / STUDY_FILE
    noted = noted_study(folder)
    if storage is None and journal.is_file() and journal.stat().st_size:
        is_searching = is_searched(journal)
        with journal_snapshot(journal) as kept:
            return _status(folder, kept, None, "searching" if is_searching else "")
    address = storage or (noted[1] if noted else None)
    if not address or noted is None:
        rule = f"a run folder holds {STUDY_FILE}, or notes its database"
        raise ReportError(rule, str(folder), "give the folder that a search wrote with --out")
    keep_secret(address)
    with opened(address) as kept:
        return _status(folder, kept, noted[0], "shared")


def _status(folder: Path, storage: optuna.storages.BaseStorage, name: str | None, state: str) -> RunStatus:
    names = own_studies(storage)
    chosen = name or (folder.resolve().name if folder.resolve().name in names else (names or [""])[0])
    if chosen not in names:
        raise ReportError("a run folder's study is in its storage", f"no study {chosen!r}", "check --storage")
    study = optuna.load_study(storage=storage, study_name=chosen)
    done = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.FAIL))
    settled = [trial for trial in done if "record" in trial.user_attrs]
    running = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
    job = study.user_attrs.get(JOB) or {}
    trials = job.get("trials")
    last = max((trial.datetime_complete.timestamp() for trial in settled if trial.datetime_complete), default=None)
    written = _written(folder)
    page = folder / "report.html"
    missing = None if trials is None else max(trials - len(settled), 0)
    return RunStatus(
        folder=str(folder),
        study=chosen,
        state=state if state == "searching" or (state and not written) else written or "stopped",
        trials=trials,
        finished=len(settled),
        failed=sum(trial.user_attrs["record"]["state"] == "failed" for trial in settled),
        running=len(running),
        seconds_since_last=None if last is None else max(time.time() - last, 0.0),
        seconds_left=_seconds_left(settled, missing),
        best=_best(study, settled),
        report=str(page) if page.is_file() else None,
    )


def _written(folder: Path) -> str:
    """What run.json says of the search; empty without one."""
    return str(read_json(folder / "run.json").get("status", "")) if (folder / "run.json").is_file() else ""


def _seconds_left(settled: Sequence[FrozenTrial], missing: int | None) -> float | None:
    """At the pace of the last trials, of which each begins when another ends."""
    times = sorted(trial.datetime_complete.timestamp() for trial in settled if trial.datetime_complete)[-RECENT_TRIALS:]
    if missing is None or len(times) < 2:
        return None
    return missing * (times[-1] - times[0]) / (len(times) - 1)


def _best(study: optuna.Study, settled: Sequence[FrozenTrial]) -> dict[str, float]:
    """Of the trials that keep every budget, the best value of each objective."""
    fitting = [trial for trial in settled if trial.values and all(value <= 0 for value in trial.constraints.values())]
    names = list((study.user_attrs.get("signature") or {}).get("objectives", []))
    found = {}
    for place, (name, direction) in enumerate(zip(names, study.directions, strict=False)):
        values = [trial.values[place] for trial in fitting]
        if values:
            found[str(name)] = max(values) if direction.name == "MAXIMIZE" else min(values)
    return found
