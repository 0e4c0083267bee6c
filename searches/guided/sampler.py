"""An Optuna sampler that is guided by tables of what is known beforehand.

It works through ``study.optimize`` and ``ask``/``tell``, in one process or many. A trial's design is decided as a whole
when its first parameter is asked for, and written into the trial, so that other workers see it before it is measured.
"""

import difflib
from collections.abc import Sequence
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial

from searches.errors import SearchError
from searches.guided.after_training import after_training
from searches.guided.history import ATTRIBUTE, read_history
from searches.guided.problem_tables import ProblemTables
from searches.guided.proposals import propose

__all__ = ["GuidedSampler"]


class GuidedSampler(BaseSampler):
    """Proposes the design of largest expected hypervolume gain, under a model of the objective that is measured.

    It starts from the front of the sensitivity proxies in the tables; learns from the measured trials how much each
    variable counts, and what that gets wrong about single choices; and never proposes a design that the study holds, as
    far as there are others. Failed trials are not proposed again. Without a measured objective the proposals are points
    of exact fronts. Trials of other samplers and queued ones are learned from where their parameters are a design of
    the tables.

    Everything is decided from the study, the seed and the number of designs begun: a study that is resumed goes on with
    the proposals that it would have had. Workers that share a study should have the same seed.

    Args:
        tables: the variables of a design, with what is known of them.
        seed: of the random choices; by chance where None.
        trained: studies of designs of this one after training, the shortest training first, whose objectives are the
            same. Where there are some, gains are counted in what training makes of designs
            (`searches.guided.after_training`).

    Raises:
        SearchError: while sampling, where the study has other objectives than the tables, a known objective is to be
            maximized, a trial asks for a parameter that no choice reads, or does not offer the value proposed.

    Two layers, quantized to 2, 4 or 8 bits; the objective is nine times as sensitive to the first layer:

    >>> import numpy as np, optuna
    >>> from searches.guided import ProblemTables, GuidedSampler, Variable
    >>> bits = (2, 4, 8)
    >>> squared_errors = np.array([[4.0**-b] for b in bits])
    >>> variables = tuple(
    ...     Variable(layer, [{f"{layer}.bits": b} for b in bits], {"bytes": size / 8 * np.array(bits)}, squared_errors)
    ...     for layer, size in (("first", 800), ("second", 4000))
    ... )
    >>> tables = ProblemTables(variables, objectives=(None, "bytes"), caps={"bytes": 2500})
    >>> study = optuna.create_study(directions=["minimize", "minimize"], sampler=GuidedSampler(tables, seed=0))
    >>> def objective(trial):
    ...     first, second = (trial.suggest_categorical(f"{layer}.bits", bits) for layer in ("first", "second"))
    ...     return 9 * 4.0**-first + 4.0**-second, 100 * first + 500 * second
    >>> study.optimize(objective, n_trials=5)
    >>> sorted(trial.params["first.bits"] for trial in study.best_trials)
    [2, 4, 4, 8]
    """

    def __init__(self, tables: ProblemTables, seed: int | None = None, trained: Sequence[Study] = ()) -> None:
        self._tables, self._trained = tables, tuple(trained)
        self._seed = int(np.random.SeedSequence().generate_state(1)[0]) if seed is None else seed
        self._decided: dict[int, dict[str, Any]] = {}

    def reseed_rng(self) -> None:
        """Nothing: trials that run side by side see each other's designs."""

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """No parameter: each is answered by its name, whatever its distribution, once the design is decided."""
        self._check(study)
        return {}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Decides the trial's design, unless it was queued with one or taken up again with its parameters."""
        given = {**trial.system_attrs.get("fixed_params", {}), **trial.params}
        if self._tables.find(given) is None:
            self._decide(study, trial)
        return {}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """The value of the trial's design; of a parameter that the design does not read any value."""
        if param_name not in self._tables.parameters:
            close = difflib.get_close_matches(param_name, sorted(self._tables.parameters), n=1)
            remedy = f"did you mean {close[0]}?" if close else "let a choice of a variable read it"
            raise SearchError("a guided search samples the parameters of its tables", param_name, remedy)
        values = self._values(study, trial)
        if param_name not in values:
            return _any_value(param_distribution)
        value = values[param_name]
        if not _is_offered(value, param_distribution):
            rule = f"trials offer every value of {param_name} that the tables have"
            raise SearchError(rule, f"{value!r} is not offered", "suggest it from the values in the tables")
        return value

    def after_trial(self, study: Study, trial: FrozenTrial, state: Any, values: Sequence[float] | None) -> None:
        """Forgets the decision: the study has it."""
        self._decided.pop(trial._trial_id, None)

    def _values(self, study: Study, trial: FrozenTrial) -> dict[str, Any]:
        """What the trial's design reads."""
        if trial._trial_id not in self._decided:
            kept = trial.system_attrs.get(ATTRIBUTE)
            if kept is not None:
                self._decided[trial._trial_id] = self._tables.values(kept)
            else:
                self._decide(study, trial)
        return self._decided[trial._trial_id]

    def _decide(self, study: Study, trial: FrozenTrial) -> None:
        history = after_training(read_history(study, self._tables, trial.number), self._tables, self._trained)
        generator = np.random.default_rng((self._seed, len(history.taken)))
        design = propose(self._tables, history, generator)
        study._storage.set_trial_system_attr(trial._trial_id, ATTRIBUTE, list(design))
        self._decided[trial._trial_id] = self._tables.values(design)

    def _check(self, study: Study) -> None:
        """Refuses a study whose objectives are not those of the tables."""
        objectives = self._tables.objectives
        if len(study.directions) != len(objectives):
            rule = f"the study has the {len(objectives)} objectives of the tables"
            raise SearchError(rule, f"{len(study.directions)}", "give as many directions")
        for name, direction in zip(objectives, study.directions, strict=True):
            if name is not None and direction == StudyDirection.MAXIMIZE:
                raise SearchError("a known figure is minimized", f"{name} is maximized", "turn its sign, or measure it")


def _is_offered(value: Any, distribution: BaseDistribution) -> bool:
    if isinstance(distribution, CategoricalDistribution):
        return value in distribution.choices
    return bool(getattr(distribution, "low") <= value <= getattr(distribution, "high"))


def _any_value(distribution: BaseDistribution) -> Any:
    """The first value of a distribution."""
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[0]
    return getattr(distribution, "low")
