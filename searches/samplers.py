"""Samplers by name: our own, and Optuna's with the settings that suit many categorical parameters and constraints.

``nsga2`` is the genetic algorithm NSGA-II [deb2002fast] and ``nsga3`` its successor for many objectives
[deb2014evolutionary]; ``tpe`` the tree-structured Parzen estimator [bergstra2011algorithms] for several objectives
[ozaki2022multiobjective]; ``random`` draws every parameter by itself. `searches.guided` says what ``guided`` is.

References:
    [deb2002fast] K. Deb, A. Pratap, S. Agarwal & T. Meyarivan. A fast and elitist multiobjective genetic algorithm:
        NSGA-II. IEEE Transactions on Evolutionary Computation 6(2), 2002.
    [deb2014evolutionary] K. Deb & H. Jain. An evolutionary many-objective optimization algorithm using
        reference-point-based nondominated sorting approach, part I: solving problems with box constraints. IEEE
        Transactions on Evolutionary Computation 18(4), 2014.
    [bergstra2011algorithms] J. Bergstra, R. Bardenet, Y. Bengio & B. Kégl. Algorithms for hyper-parameter optimization.
        NIPS 24, 2011.
    [ozaki2022multiobjective] Y. Ozaki, Y. Tanigaki, S. Watanabe, M. Nomura & M. Onishi. Multiobjective tree-structured
        Parzen estimator. Journal of Artificial Intelligence Research 73, 2022.
"""

import difflib
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, NSGAIIISampler, NSGAIISampler, RandomSampler, TPESampler

from searches.errors import SearchError
from searches.known_space import KnownSpace

if TYPE_CHECKING:
    from searches.guided import ProblemTables

__all__ = ["GUIDED", "JOINT", "SAMPLERS", "SAMPLER_REFERENCES", "check_sampler", "make_sampler"]

POPULATION = 40
"""Designs of a generation; a search of 300 trials has seven of them."""


def _nsga3(seed: int) -> BaseSampler:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="NSGAIIISampler is experimental", category=ExperimentalWarning)
        return NSGAIIISampler(population_size=POPULATION, seed=seed)


GUIDED = "guided"
"""The sampler of `searches.guided`, which needs problem tables."""

JOINT = "tpe"
"""The best of those that need none: it samples all parameters jointly."""

SAMPLERS: dict[str, Callable[[int], BaseSampler]] = {
    "nsga2": lambda seed: NSGAIISampler(population_size=POPULATION, seed=seed),
    "nsga3": _nsga3,
    "tpe": lambda seed: TPESampler(multivariate=True, seed=seed, n_startup_trials=POPULATION),
    "random": lambda seed: RandomSampler(seed=seed),
}
"""Sampler by name, made from a seed."""


SAMPLER_REFERENCES: dict[str, tuple[str, ...]] = {
    GUIDED: ("yang2019efficient", "martens2015optimizing"),
    "nsga2": ("deb2002fast",),
    "nsga3": ("deb2014evolutionary",),
    "tpe": ("bergstra2011algorithms", "ozaki2022multiobjective"),
    "random": (),
}
"""Where each sampler is described: keys of `costmodels.references.REFERENCES`."""


INDEPENDENT = frozenset({"random"})
"""Samplers that draw each parameter by itself, and so need no space."""


def check_sampler(name: str) -> None:
    """Refuses an unknown name.

    Raises:
        SearchError: the name is unknown.
    """
    names = (GUIDED, *SAMPLERS)
    if name not in names:
        close = difflib.get_close_matches(name, names, n=1)
        remedy = f"did you mean {close[0]}?" if close else f"choose one of {', '.join(names)}"
        raise SearchError("a sampler has a known name", name, remedy)


def make_sampler(
    name: str, seed: int, parameters: Mapping[str, Sequence[Any]] | None = None, tables: "ProblemTables | None" = None
) -> BaseSampler:
    """The sampler of that name.

    Args:
        name: ``guided`` or a key of `SAMPLERS`.
        seed: of its random choices.
        parameters: the choices of every parameter, where all trials have the same; it saves a joint sampler the search
            for them.
        tables: for ``guided``, which needs them.

    Raises:
        SearchError: the name is unknown, or ``guided`` has no tables.
    """
    check_sampler(name)
    if name == GUIDED:
        if tables is None:
            raise SearchError("the guided sampler has problem tables", "none", "give them, or choose another sampler")
        from searches.guided import GuidedSampler  # compiles loops, which only its searches need

        return GuidedSampler(tables, seed)
    sampler = SAMPLERS[name](seed)
    return sampler if parameters is None or name in INDEPENDENT else KnownSpace(sampler, parameters)
