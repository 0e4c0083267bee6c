"""What a search needs before its first trial: network, data, space, budgets, and what measures designs."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor
from tqdm import tqdm

from costmodels import Dense, Device, LayerUsage, NetworkSpec, Scheme
from costmodels.latency import LatencySource
from explorer.config.budgets import make_budgets
from explorer.config.search import SearchConfig
from explorer.forms.fit_cache import FitCache
from explorer.latency.source import latency_source
from explorer.measurement.design_evaluator import DesignEvaluator
from explorer.measurement.noise_to_signal import NoiseToSignal, data_batches, random_batches
from explorer.measurement.quality_meter import STATISTICS_IMAGES, QualityMeter
from explorer.networks.cost_table import kept_layers
from explorer.search.fitted_space import is_fitted_unasked
from explorer.search.problem_tables import fitted_problem_tables
from explorer.search.space_grid import layer_schemes, search_grid
from explorer.search.workload import Workload, load_workload, open_data, open_network
from explorer.system.cache_folder import cache_folder
from searches.bounds import UsageOf, check_reachable
from searches.constraints import Budgets
from searches.errors import InfeasibleError
from searches.guided import MOST_OBJECTIVES
from searches.infeasibility import check_jointly_reachable
from searches.objectives import Objective, find_objectives
from searches.samplers import GUIDED, JOINT
from searches.space import Space, build_space
from searches.study import Problem

__all__ = ["Prepared", "make_quality", "prepare"]


@dataclass(frozen=True)
class Prepared:
    """All that is needed to measure designs of a configuration, which names its sampler now, and to search them."""

    config: SearchConfig
    workload: Workload
    device: Device | None
    problem: Problem
    evaluator: DesignEvaluator
    quality: QualityMeter | None
    kept: tuple[str, ...]


def prepare(config: SearchConfig, fit_workers: int | None = None, proposes: bool = True) -> Prepared:
    """Loads what the configuration names.

    Args:
        config: of a search.
        fit_workers: processes that fit layers. None is for the process that searches: a fit in each core, and a refusal
            of budgets that cannot be met.
        proposes: False for a process that measures designs and nothing else, which needs no tables.

    Raises:
        FilterfrontError: something asked for cannot be used.
        InfeasibleError: no design of the space meets a budget.
    """
    device, budgets = make_budgets(config)
    objectives = find_objectives(config.objective_names, has_data=config.data_name is not None)
    grid = search_grid(config)
    dataset = open_data(config)
    loaded, traced = open_network(config, dataset)
    network = traced.spec
    kept = {name: Dense(32) for name in kept_layers(network, config.keep or ())}
    space = build_space(network, grid, kept | layer_schemes(config, network), config.activation_widths)
    latency = latency_source(device) if config.wants_latency else None
    searching = fit_workers is None
    config = config.model_copy(update={"sampler": config.sampler or _default_sampler(config, space, objectives)})
    least_bits = config.least_activation_bits
    decided = not searching or _check_before_fits(network, space, budgets, least_bits, latency)
    if searching:
        check_jointly_reachable(network, space, budgets, least_bits, budgets.sram_bytes)
    workload = load_workload(config, loaded, traced, dataset)
    if not decided:
        fits = _evaluator(config, workload, None, budgets, latency)
        with tqdm(desc="fitting, to find the least reachable", unit="layer", disable=None) as bar:
            check_reachable(network, space, budgets, least_bits, _counted(fits.usage, bar), latency)
    quality = make_quality(config, workload)
    evaluator = _evaluator(config, workload, quality, budgets, latency, fit_workers)
    images = workload.dataset.train.inputs if workload.dataset else None
    guided = proposes and config.sampler == GUIDED
    tables = fitted_problem_tables(evaluator, space, objectives, budgets, images) if guided else None
    signature = _signature(config, workload, space, budgets, latency, quality)
    problem = Problem(space, objectives, budgets, evaluator.figures, signature, tables)
    return Prepared(config, workload, device, problem, evaluator, quality, tuple(sorted(kept)))


def _default_sampler(config: SearchConfig, space: Space, objectives: tuple[Objective, ...]) -> str:
    """`GUIDED` where it takes the problem and every candidate can be fitted soon.

    Nothing that a resumed search may be given anew, such as whether the gap is computed, decides it.
    """
    measured = sum(item.needs_data for item in objectives)
    takes = len(objectives) <= MOST_OBJECTIVES and measured <= 1 and not space.activation_bits
    return GUIDED if takes and is_fitted_unasked(space) else JOINT


def _check_before_fits(
    network: NetworkSpec,
    space: Space,
    budgets: Budgets,
    activation_bits: int,
    latency: LatencySource | None,
) -> bool:
    """Refuses what cannot be reached whatever the weights are; False where only fits can tell.

    Raises:
        InfeasibleError: as `check_reachable`; the least is then that of the schemes' own densities.
    """
    try:
        check_reachable(network, space, budgets, activation_bits, latency=latency)
    except InfeasibleError as at_own_densities:
        try:
            nothing_used = LayerUsage(0, 0, 0, 0)
            check_reachable(network, space, budgets, activation_bits, lambda name, scheme: nothing_used, latency)
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


def make_quality(config: SearchConfig, workload: Workload) -> QualityMeter | None:
    """What measures designs; nothing without data."""
    if workload.dataset is None:
        return None
    images = STATISTICS_IMAGES if config.batch_statistics else 0
    return QualityMeter(workload.traced, workload.dataset, config.activation_bits, statistics_images=images)


def _evaluator(
    config: SearchConfig,
    workload: Workload,
    quality: QualityMeter | None,
    budgets: Budgets,
    latency: LatencySource | None,
    workers: int | None = None,
) -> DesignEvaluator:
    cache, sram = FitCache(cache_folder() / "fits"), budgets.sram_bytes
    noise = _noise(workload, config.seed) if config.wants_noise else None
    return DesignEvaluator(
        workload.traced, config.activation_bits, config.seed, cache, quality, sram, workers, latency, noise
    )


def _noise(workload: Workload, seed: int) -> NoiseToSignal:
    """With training images, or random inputs where there are no data."""
    traced, example = workload.traced, workload.loaded.example_input
    if workload.dataset is not None and isinstance(example, Tensor):
        return NoiseToSignal(traced, data_batches(traced, workload.dataset.train.inputs))
    return NoiseToSignal(traced, random_batches(traced, example, seed))


def _signature(
    config: SearchConfig,
    workload: Workload,
    space: Space,
    budgets: Budgets,
    latency: LatencySource | None,
    quality: QualityMeter | None,
) -> dict[str, Any]:
    """Everything that a design's figures and the sampler's proposals depend on."""
    return {
        "network": workload.traced.spec.digest(),
        "weights": workload.weights_digest,
        "data": workload.dataset.digest if workload.dataset else None,
        "space": space.to_json(),
        "budgets": {budget.name: budget.limit for budget in budgets},
        "objectives": list(config.objective_names),
        "activation_bits": config.searched_bits,
        "sampler": config.sampler,
        "seed": config.seed,
        **({"latency": latency.key()} if latency else {}),
        **({"batch_statistics": quality.statistics_images} if quality and quality.statistics_images else {}),
    }
