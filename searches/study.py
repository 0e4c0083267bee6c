"""The search itself: a study of Optuna [akiba2019optuna] over a design space, with budgets as constraints.

A design is measured once, whatever trials propose it; the figures of a repeated one are read from its first trial.
Every finished trial is in the storage before the next begins, so an interruption loses at most the design being
measured. Each trial's sampler is seeded from the search's seed and the number of finished trials, so that a resumed
search proposes what an uninterrupted one would have.

References:
    [akiba2019optuna] T. Akiba, S. Sano, T. Yanase, T. Ohta & M. Koyama. Optuna: A next-generation hyperparameter
        optimization framework. KDD, 2019.
"""

from collections.abc import Callable

import optuna
from optuna.storages import BaseStorage, RDBStorage
from optuna.study import StudyDirection
from optuna.trial import TrialState

from searches.errors import SearchError
from searches.measurer import InProcessMeasurer, Measurer
from searches.problem import Figures, Problem, SearchResult, TrialRecord
from searches.sharing import Sharing, Unshared
from searches.signature import check_signature, plain_signature
from searches.storage import is_shared
from searches.trial_loop import Proposer, TrialLoop

__all__ = ["Figures", "Problem", "SearchResult", "TrialRecord", "open_study", "run_study"]


def open_study(problem: Problem, storage: BaseStorage, name: str, resume: bool) -> optuna.Study:
    """The study of that name, created where it does not exist.

    Trials that an earlier run left running wait at their place in the order, so that the next run takes them up first.

    Args:
        problem: what is searched.
        storage: where the study is.
        name: of the study.
        resume: whether it may exist.

    Raises:
        SearchError: it exists and ``resume`` is false, something else made it, or it was made under another signature
            (what differs is named).
    """
    directions = [StudyDirection[objective.direction.upper()] for objective in problem.objectives]
    if name not in optuna.get_all_study_names(storage):
        _make_locks(storage, name)
        study = optuna.create_study(storage=storage, study_name=name, directions=directions)
        return _prepare(study, problem)
    if not resume:
        raise SearchError(
            "a new search has a study of its own", name, "add --resume to go on with it, or choose another --out"
        )
    study = optuna.load_study(storage=storage, study_name=name)
    before = study.user_attrs.get("signature")
    if before is None:
        started = study.get_trials(deepcopy=False, states=(TrialState.RUNNING, TrialState.COMPLETE, TrialState.FAIL))
        if started or study.directions != directions:
            raise SearchError("a search resumes a study of its own", f"{name} of another program", "choose another")
        return _prepare(study, problem)
    check_signature(before, problem.signature)
    if not is_shared(storage):  # there another process may be at them; if none is, they are found out
        _take_up(study, storage, problem)
    return study


def _make_locks(storage: BaseStorage, name: str) -> None:
    """Makes what processes that share a database agree by; others load nothing for it."""
    if isinstance(storage, RDBStorage):
        from searches.shared_database import make_locks

        make_locks(storage, name)


def _prepare(study: optuna.Study, problem: Problem) -> optuna.Study:
    """Queues the initial designs. The signature comes last: a study with it is ready, one without is prepared again."""
    queued = [trial.system_attrs.get("fixed_params") for trial in study.get_trials(deepcopy=False)]
    for levels in problem.initial_levels():
        # Optuna's skip_if_exists reads every trial again for each design, which took half a second for 34.
        if levels not in queued:
            study.enqueue_trial(levels)
    study.set_user_attr("signature", plain_signature(problem.signature))
    return study


def _take_up(study: optuna.Study, storage: BaseStorage, problem: Problem) -> None:
    """Lets trials that were left running wait for the next run.

    One that was stopped within its proposal is given up instead: the next trial proposes the same, from its beginning.
    """
    study_id = storage.get_study_id_from_name(study.study_name)
    names = problem.space.parameters().keys()
    initial_designs = len(problem.initial_levels())
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        if trial.number < initial_designs or names <= trial.params.keys():
            trial_id = storage.get_trial_id_from_study_id_trial_number(study_id, trial.number)
            storage.set_trial_state_values(trial_id, TrialState.WAITING)
        else:
            study.tell(trial.number, state=TrialState.FAIL)


def run_study(
    study: optuna.Study,
    problem: Problem,
    sampler: str,
    seed: int,
    trials: int,
    on_trial: Callable[[TrialRecord], None] = lambda record: None,
    stop: Callable[[], bool] = lambda: False,
    measurer: Measurer | None = None,
    sharing: Sharing | None = None,
) -> SearchResult:
    """Runs trials until the study holds ``trials`` finished ones, those of earlier runs and other processes among them.

    Args:
        study: from `open_study`.
        problem: what is searched.
        sampler: its name, unless the problem makes its own.
        seed: of the search.
        trials: finished ones that the study is to hold.
        on_trial: called with each record as it is finished, for progress.
        stop: asked before each trial.
        measurer: measures designs; this process, one at a time, by default.
        sharing: who else works on the study; nobody by default.

    Returns:
        The finished trials. ``stop`` or a KeyboardInterrupt ends the run early, which is said in the result. Any other
        exception of a measurement is raised; the study can be resumed after it, with the same design first.
    """
    proposer = Proposer(sampler, seed, problem.space.parameters(), problem.tables, problem.sampling)
    measurer = measurer or InProcessMeasurer(problem.evaluate)
    return TrialLoop(study, problem, proposer, trials, on_trial, measurer, sharing or Unshared()).run(stop)
