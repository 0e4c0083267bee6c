"""Optuna's samplers by name, each with the settings that suit many categorical parameters and constraints."""

import difflib
import warnings
from collections.abc import Callable

from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, NSGAIIISampler, NSGAIISampler, RandomSampler, TPESampler

from searches.errors import SearchError

__all__ = ["SAMPLERS", "SAMPLER_REFERENCES", "make_sampler"]

POPULATION = 40
"""Designs of a generation; a search of 300 trials has seven of them."""


def _nsga3(seed: int) -> BaseSampler:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="NSGAIIISampler is experimental", category=ExperimentalWarning)
        return NSGAIIISampler(population_size=POPULATION, seed=seed)


SAMPLERS: dict[str, Callable[[int], BaseSampler]] = {
    "nsga2": lambda seed: NSGAIISampler(population_size=POPULATION, seed=seed),
    "nsga3": _nsga3,
    "tpe": lambda seed: TPESampler(multivariate=True, seed=seed, n_startup_trials=POPULATION),
    "random": lambda seed: RandomSampler(seed=seed),
}
"""Sampler by name, made from a seed."""


SAMPLER_REFERENCES: dict[str, tuple[str, ...]] = {
    "nsga2": ("deb2002fast",),
    "nsga3": ("deb2014evolutionary",),
    "tpe": ("bergstra2011algorithms", "ozaki2022multiobjective"),
    "random": (),
}
"""Where each sampler is described: keys of `costmodels.references.REFERENCES`."""


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
