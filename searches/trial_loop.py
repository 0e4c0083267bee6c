"""The loop of a search: propose, measure, tell, with one design at a time or several."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.samplers import BaseSampler
from optuna.trial import TrialState

from searches.design import Design
from searches.guided import ProblemTables
from searches.measurer import Measurement, Measurer
from searches.problem import Problem, SearchResult, TrialRecord
from searches.samplers import make_sampler
from searches.sharing import Sharing
from searches.trial_records import SURPLUS, kept_record, measured_record, read_record, tell, tell_record

__all__ = ["Proposer", "TrialLoop"]

POLL_SECONDS = 0.2
"""How long to wait for a measurement before looking at the storage and the request to stop again."""

MOST_DUPLICATES = 8
"""Pending proposals of designs that are being measured; no more are made until those are."""


@dataclass(frozen=True)
class Proposer:
    """Makes proposals, each with a new sampler that has a seed of its own.

    Args:
        sampler: its name.
        seed: of the search.
        parameters: the search parameters, each with its values.
        tables: for the guided sampler.
        make: makes the sampler from a seed, in the place of one by name.
    """

    sampler: str
    seed: int
    parameters: Mapping[str, Any]
    tables: ProblemTables | None = None
    make: Callable[[int], BaseSampler] | None = None

    def ask(self, study: optuna.Study, sharing: Sharing, begun: int) -> tuple[optuna.Trial, Mapping[str, Any]]:
        """A trial, and its value on every axis.

        Args:
            study: that is asked.
            sharing: who else works on it.
            begun: the number of trials begun before, which seeds the sampler.
        """
        entropy = (self.seed, begun, *sharing.salt)
        seed = int(np.random.SeedSequence(entropy).generate_state(1)[0])
        make = self.make or partial(make_sampler, self.sampler, parameters=self.parameters, tables=self.tables)
        study.sampler = make(seed)
        trial = sharing.ask(study)
        # Lets a queued trial into its generation: without, no initial design would be a parent in NSGA-II.
        _ = trial.relative_params
        return trial, {name: trial.suggest_categorical(name, values) for name, values in self.parameters.items()}


@dataclass(frozen=True)
class _Proposal:
    trial: optuna.Trial
    design: Design


class TrialLoop:
    """One process's part in a search.

    A design that is being measured is not measured a second time meanwhile: a trial that proposes it too is a pending
    duplicate, and takes the figures when they are there.

    Args:
        study: that holds the trials.
        problem: what is searched.
        proposer: makes proposals.
        trials: finished ones that the study is to hold.
        on_trial: called with each record as it is finished.
        measurer: measures designs.
        sharing: who else works on the study.
    """

    def __init__(
        self,
        study: optuna.Study,
        problem: Problem,
        proposer: Proposer,
        trials: int,
        on_trial: Callable[[TrialRecord], None],
        measurer: Measurer,
        sharing: Sharing,
    ) -> None:
        self._study, self._problem, self._proposer, self._trials = study, problem, proposer, trials
        self._on_trial, self._measurer, self._sharing = on_trial, measurer, sharing
        self._records: dict[int, TrialRecord] = {}
        self._seen: set[int] = set()
        self._known: dict[Design, TrialRecord] = {}
        self._measuring: dict[int, _Proposal] = {}
        self._duplicates: dict[int, _Proposal] = {}
        self._read(lambda record: None)

    def run(self, stop: Callable[[], bool]) -> SearchResult:
        """Runs until there are as many finished trials as asked for, ``stop`` says so, or Ctrl-C."""
        try:
            while len(self._records) < self._trials:
                stopping = stop()
                if stopping and not self._measuring:
                    return self._result(interrupted=True)
                if not stopping and self._has_room():
                    self._begin()
                more = not stopping and self._has_room()
                for measurement in self._measurer.completed(0 if more else POLL_SECONDS):
                    self._finish(measurement)
                if self._sharing.refresh(self._study):
                    self._read(self._on_trial)
                self._resolve_duplicates()
        except KeyboardInterrupt:
            return self._result(interrupted=True)
        finally:
            self._give_back()
        return self._result(interrupted=False)

    def _result(self, interrupted: bool) -> SearchResult:
        trials = tuple(self._records[number] for number in sorted(self._records))
        return SearchResult(trials, interrupted, self._study.study_name)

    def _read(self, on_trial: Callable[[TrialRecord], None]) -> None:
        """Takes in the trials that others have finished."""
        for trial in self._study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.FAIL)):
            if trial.number not in self._seen:
                self._seen.add(trial.number)
                record = read_record(trial, self._problem)
                if record is not None:
                    self._note(record, on_trial)

    def _note(self, record: TrialRecord, on_trial: Callable[[TrialRecord], None]) -> None:
        self._seen.add(record.number)
        self._records[record.number] = record
        if record.state != "repeated":
            self._known.setdefault(record.design, record)
        on_trial(record)

    def _begun(self) -> int:
        """Trials that are finished, or that this process or another has begun."""
        own = {*self._measuring, *self._duplicates}
        return len(self._records) + len(own | self._sharing.running(self._study))

    def _has_room(self) -> bool:
        """Whether another trial may begin."""
        has_place = len(self._measuring) < self._measurer.capacity and len(self._duplicates) < MOST_DUPLICATES
        return has_place and self._begun() < self._trials

    def _begin(self) -> None:
        """Begins one trial: measures its design, or takes the figures of a known one."""
        trial, levels = self._proposer.ask(self._study, self._sharing, self._begun())
        proposal = _Proposal(trial, self._problem.space.design(levels))
        kept = trial.user_attrs.get("record")
        if self._sharing.is_surplus(self._study, trial.number, self._trials):
            self._end_surplus(trial)
        elif kept is not None:
            self._tell(proposal, kept_record(trial.number, proposal.design, kept))
        elif not self._repeat(proposal) and not self._measure(proposal):
            self._duplicates[trial.number] = proposal

    def _end_surplus(self, trial: optuna.Trial) -> None:
        """Ends a trial that another stands for."""
        trial.set_user_attr(SURPLUS, True)
        with suppress(UpdateFinishedTrialError):
            tell(self._study, trial, state=TrialState.FAIL)
        self._sharing.leave(trial.number)

    def _measure(self, proposal: _Proposal) -> bool:
        """Measures the design unless somebody else does."""
        if any(other.design == proposal.design for other in self._measuring.values()):
            return False
        if not self._sharing.lock(self._study, proposal.design.id, proposal.trial.number):
            return False
        self._measuring[proposal.trial.number] = proposal
        self._measurer.submit(proposal.trial.number, proposal.design)
        return True

    def _repeat(self, proposal: _Proposal) -> bool:
        """Takes the figures of the design, or the reason that it has none, from the trial that measured it."""
        before = self._known.get(proposal.design)
        if before is None:
            return False
        number, state = proposal.trial.number, "failed" if before.state == "failed" else "repeated"
        self._tell(proposal, TrialRecord(number, proposal.design, state, 0.0, before.figures, before.reason))
        return True

    def _finish(self, measurement: Measurement) -> None:
        proposal = self._measuring[measurement.number]
        self._tell(proposal, measured_record(proposal.trial, proposal.design, measurement, self._problem))

    def _resolve_duplicates(self) -> None:
        """Ends pending duplicates whose design is measured by now, and measures one whose first trial was lost.

        Where no further trial may begin, one whose design waits in the queue gives its place to that trial: both would
        wait for each other.
        """
        for number, proposal in list(self._duplicates.items()):
            has_place = len(self._measuring) < self._measurer.capacity
            if self._repeat(proposal) or (has_place and self._measure(proposal)):
                self._duplicates.pop(number, None)
            elif has_place and self._begun() >= self._trials and self._sharing.is_queued(self._study, number):
                self._duplicates.pop(number)
                self._end_surplus(proposal.trial)

    def _tell(self, proposal: _Proposal, record: TrialRecord) -> None:
        """Reports the record. One that was given up as lost meanwhile, after a long sleep, is repeated by another."""
        with suppress(UpdateFinishedTrialError):
            tell_record(self._study, proposal.trial, record, self._problem)
            self._measuring.pop(record.number, None)
            self._duplicates.pop(record.number, None)
            self._sharing.leave(record.number)
            self._note(record, self._on_trial)
            return
        self._measuring.pop(record.number, None)
        self._sharing.leave(record.number)

    def _give_back(self) -> None:
        """Lets the trials that are begun and not finished wait for the next run."""
        for number in {*self._measuring, *self._duplicates}:
            with suppress(Exception):  # the storage may be what ended the run; it is then mended when it is opened
                self._sharing.give_back(self._study, number)
