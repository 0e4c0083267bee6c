"""``filterfront search``: from a network and a device to a run folder with its report."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from tqdm import tqdm

from costmodels import Dense, Device, LayerUsage, NetworkSpec, Scheme
from explorer.budgets import make_budgets
from explorer.cache_folder import cache_folder
from explorer.config import SearchConfig
from explorer.costing import kept_layers
from explorer.designs import DesignEvaluator
from explorer.errors import ConfigError
from explorer.fitting.cache import FitCache
from explorer.quality import Evaluator, Quality
from explorer.subject import Subject, load_subject, open_network
from explorer.trials import run_trials
from searches.baselines import uniform_designs
from searches.bounds import UsageOf, check_reachable
from searches.constraints import Budget
from searches.errors import InfeasibleError
from searches.objectives import find_objectives
from searches.space import DEFAULT_GRID, Grid, Space, build_space
from searches.study import Figures, Problem, SearchResult

__all__ = ["Outcome", "run_search"]


@dataclass(frozen=True)
class Outcome:
    """A finished or interrupted search, before it is written.

    Args:
        float_quality: of the uncompressed network by part of the data; empty without data.
        baselines: figures of the uniformly quantized designs by name. seconds: time by stage.
    """

    config: SearchConfig
    subject: Subject
    device: Device | None
    problem: Problem
    evaluator: DesignEvaluator
    result: SearchResult
    baselines: Mapping[str, Figures]
    float_quality: Mapping[str, Quality]
    kept: tuple[str, ...]
    seconds: Mapping[str, float]


def run_search(config: SearchConfig, folder: Path) -> Outcome:
    """Runs the search of the configuration with its study in ``folder``.

    Raises:
        FilterfrontError: something asked for cannot be used.
        InfeasibleError: no design of the space meets a budget.
    """
    start = perf_counter()
    device, budgets = make_budgets(config)
    objectives = find_objectives(config.objective_names, has_data=config.data_name is not None)
    grid = _grid(config)
    loaded, traced = open_network(config)
    network = traced.spec
    kept = {name: Dense(32) for name in kept_layers(network, config.keep or ())}
    space = build_space(network, grid, kept)
    decided = _check_before_fits(network, space, budgets, config.activation_bits)
    subject = load_subject(config, loaded, traced)
    if not decided:
        fits = _evaluator(config, subject, None, budgets)
        with tqdm(desc="fitting, to find the least reachable", unit="layer", disable=None) as bar:
            check_reachable(network, space, budgets, config.activation_bits, _counted(fits.usage, bar))
    seconds = {"load": perf_counter() - start}
    quality = Evaluator(subject.traced, subject.dataset, config.activation_bits) if subject.dataset else None
    evaluator = _evaluator(config, subject, quality, budgets)
    problem = Problem(space, objectives, budgets, evaluator, _signature(config, subject, space, budgets))
    start = perf_counter()
    result = run_trials(config, problem, folder)
    seconds["search"] = perf_counter() - start
    start = perf_counter()
    baselines = {} if result.interrupted else _baselines(evaluator)
    seconds["baselines"] = perf_counter() - start
    parts = [part for part in ("validation", "test") if subject.dataset and getattr(subject.dataset, part)]
    float_quality = {part: quality.measure({}, part) for part in parts} if quality else {}
    return Outcome(
        config, subject, device, problem, evaluator, result, baselines, float_quality, tuple(sorted(kept)), seconds
    )


def _check_before_fits(network: NetworkSpec, space: Space, budgets: tuple[Budget, ...], activation_bits: int) -> bool:
    """Refuses what cannot be reached whatever the weights are; False where only fits can tell.

    Raises:
        InfeasibleError: as `check_reachable`; the least is then that of the schemes' own densities.
    """
    try:
        check_reachable(network, space, budgets, activation_bits)
    except InfeasibleError as at_own_densities:
        try:
            check_reachable(network, space, budgets, activation_bits, lambda name, scheme: LayerUsage(0, 0, 0, 0))
        except InfeasibleError:
            raise at_own_densities from None
        return False
    return True


def _counted(usage: UsageOf, bar: "tqdm[Any]") -> UsageOf:
    """The same, moving the bar."""

    def ask(name: str, scheme: Scheme) -> LayerUsage:
        bar.update()
        return usage(name, scheme)

    return ask


def _grid(config: SearchConfig) -> Grid:
    """The design space of ``--space``, else the default, less the schemes that ``--schemes`` leaves out.

    Raises:
        ConfigError: the file cannot be read, or a scheme that is asked for is not in the space.
    """
    grid: Grid = DEFAULT_GRID
    if config.space is not None:
        try:
            grid = tomllib.loads(config.space.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ConfigError("--space is a TOML file", f"{config.space} ({error})", "see docs/search.md") from error
    missing = [name for name in config.schemes or () if name not in grid]
    if missing:
        raise ConfigError("--schemes names schemes of the space", ", ".join(missing), f"choose of {', '.join(grid)}")
    return {name: values for name, values in grid.items() if config.schemes is None or name in config.schemes}


def _evaluator(
    config: SearchConfig, subject: Subject, quality: Evaluator | None, budgets: tuple[Budget, ...]
) -> DesignEvaluator:
    sram = next((budget.limit for budget in budgets if budget.column == "sram_bytes"), None)
    cache = FitCache(cache_folder() / "fits")
    return DesignEvaluator(subject.traced, config.activation_bits, config.seed, cache, quality, sram)


def _signature(config: SearchConfig, subject: Subject, space: Space, budgets: tuple[Budget, ...]) -> dict[str, Any]:
    """Everything that a design's figures and the sampler's proposals depend on."""
    return {
        "network": subject.traced.spec.digest(),
        "weights": subject.weights_digest,
        "data": subject.dataset.digest if subject.dataset else None,
        "space": space.to_json(),
        "budgets": {budget.name: budget.limit for budget in budgets},
        "objectives": list(config.objective_names),
        "activation_bits": config.activation_bits,
        "sampler": config.sampler,
        "seed": config.seed,
    }


def _baselines(evaluator: DesignEvaluator) -> dict[str, Figures]:
    """Figures of uniform quantization at every width."""
    designs = uniform_designs(evaluator.traced.spec)
    return {
        name: evaluator(design)
        for name, design in tqdm(designs.items(), desc="uniform quantization", unit="design", disable=None)
    }
