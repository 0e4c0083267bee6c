"""A sampler that is told the search space, in the place of one that finds it out from all trials before each new one.

Every trial of a search has the same parameters, so what Optuna would find is known. Finding it takes time that grows
with the trials, most of all for a sampler that is made for each trial, as an exact resumption needs.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

__all__ = ["KnownSpace"]


class KnownSpace(BaseSampler):
    """A joint sampler over parameters that are known beforehand; it proposes what the sampler within would.

    Args:
        sampler: one that samples all parameters jointly.
        parameters: the choices by name.
    """

    def __init__(self, sampler: BaseSampler, parameters: Mapping[str, Sequence[Any]]) -> None:
        self._sampler = sampler
        self._space: dict[str, BaseDistribution] = {
            name: CategoricalDistribution(choices) for name, choices in sorted(parameters.items()) if len(choices) > 1
        }

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """The known parameters that have more than one choice."""
        return self._space

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """As the sampler within."""
        return self._sampler.sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """As the sampler within."""
        return self._sampler.sample_independent(study, trial, param_name, param_distribution)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """As the sampler within."""
        self._sampler.before_trial(study, trial)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        """As the sampler within."""
        self._sampler.after_trial(study, trial, state, values)

    def reseed_rng(self) -> None:
        """As the sampler within."""
        self._sampler.reseed_rng()
