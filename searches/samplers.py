"""Optuna's samplers by name, each with the settings that suit many categorical parameters and constraints."""

import difflib
from collections.abc import Callable

from optuna.samplers import BaseSampler, NSGAIIISampler, NSGAIISampler, RandomSampler, TPESampler

from searches.errors import SearchError

__all__ = ["SAMPLERS", "make_sampler"]

POPULATION = 40
"""Designs of a generation; a search of 300 trials has seven of them."""

SAMPLERS: dict[str, Callable[[int], BaseSampler]] = {
    "nsga2": lambda seed: NSGAIISampler(population_size=POPULATION, seed=seed),
    "nsga3": lambda seed: NSGAIIISampler(population_size=POPULATION, seed=seed),
    "tpe": lambda seed: TPESampler(multivariate=True, seed=seed, n_startup_trials=POPULATION),
    "random": lambda seed: RandomSampler(seed=seed),
}
"""Sampler by name, made from a seed."""


def make_sampler(name: str, seed: int) -> BaseSampler:
    """The sampler of that name.

    Raises:
        SearchError: the name is unknown.
    """
    if name not in SAMPLERS:
        close = difflib.get_close_matches(name, SAMPLERS, n=1)
        remedy = f"did you mean {close[0]}?" if close else f"choose one of {', '.join(SAMPLERS)}"
        raise SearchError("a sampler has a known name", name, remedy)
    return SAMPLERS[name](seed)
