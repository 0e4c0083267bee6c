"""What a search needs before its first trial: network, data, space, budgets, and what measures designs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from costmodels import Dense, Device, NetworkSpec
from costmodels.conventions import FLOAT_BITS
from costmodels.latency import LatencySource
from costmodels.program_need import ProgramNeed
from explorer.config.budgets import DeviceRoom, chosen_device, make_budgets
from explorer.config.own_objectives import own_objectives
from explorer.config.search import SearchConfig
from explorer.measurement.design_evaluator import DesignEvaluator
from explorer.measurement.latency.source import latency_source
from explorer.measurement.quality_meter import QualityMeter
from explorer.networks.cost_table import kept_layers
from explorer.search.evaluators import make_calibration, make_evaluator, make_noise_meter, make_quality_meter
from explorer.search.fitted_space import is_fitted_unasked
from explorer.search.problem_tables import fitted_problem_tables
from explorer.search.program import check_deployable, deployable_grid, known_program
from explorer.search.reachability import Reachability
from explorer.search.remedies import Remedies
from explorer.search.space_grid import layer_schemes, search_grid
from explorer.search.statistics_choice import choose_statistics
from explorer.search.workload import Workload, load_workload, open_data, open_metric, open_network, open_own_objectives
from explorer.system.errors import DataError
from searches.constraints import Budgets
from searches.figures import AGREEMENT, DIVERGENCE
from searches.objectives import MOST_OBJECTIVES, Objective, find_objectives
from searches.samplers import GUIDED, JOINT
from searches.space import Space, build_space
from searches.study import Problem

__all__ = ["Prepared", "prepare"]


@dataclass(frozen=True)
class Prepared:
    """All that is needed to measure designs of a configuration, and to search them.

    Args:
        config: which names its sampler now.
        workload: network and data.
        device: that budgets are of; None without one.
        problem: what is searched.
        evaluator: measures designs.
        quality: measures loss and accuracy; None without data.
        kept: names of the layers that stay dense at 32 bits.
        needs: of the exported program, by processor; none where budgets do not depend on it.
    """

    config: SearchConfig
    workload: Workload
    device: Device | None
    problem: Problem
    evaluator: DesignEvaluator
    quality: QualityMeter | None
    kept: tuple[str, ...]
    needs: tuple[ProgramNeed, ...] = ()


def prepare(
    config: SearchConfig,
    fit_workers: int | None = None,
    proposes: bool = True,
    before_fits: Callable[[Mapping[str, Any]], None] | None = None,
    begins: Callable[[str], object] = lambda step: None,
) -> Prepared:
    """Loads what the configuration names.

    Args:
        config: of a search.
        fit_workers: processes that fit layers. None is for the process that searches: a fit in each core, and a refusal
            of budgets that cannot be met.
        proposes: False for a process that measures designs and nothing else, which needs no tables.
        before_fits: is told the signature of the search before candidates are fitted, and may refuse it.
        begins: is told what is done next, in a few words.

    Raises:
        FilterfrontError: something asked for cannot be used.
        InfeasibleError: no design of the space meets a budget.
    """
    device = chosen_device(config)
    has_data = config.data_name is not None
    own = own_objectives(config.objective)
    find_objectives(config.objective_names, has_data, metric="maximize" if config.metric else "", own=own)
    metric, own_figures = open_metric(config), open_own_objectives(config)
    own = tuple(Objective(item.name, item.name, item.direction, source=item.text) for item in own_figures)
    grid = search_grid(config)
    begins("the data")
    dataset = open_data(config)
    is_labelled = dataset is not None and dataset.is_labelled
    config = config.for_data(is_labelled)
    if metric is not None:
        config = config.model_copy(update={"metric_direction": metric.direction})
    direction = metric.direction if metric else ""
    objectives = find_objectives(config.objective_names, has_data, is_labelled, direction, own)
    if metric is not None and dataset is not None and not dataset.has_targets:
        remedy = "give parts as pairs (inputs, targets), or choose agreement in its place"
        raise DataError("a metric compares outputs with targets", f"{dataset.name} without any", remedy)
    if dataset is not None and config.trains_here:
        remedy = "give --weights of a trained network, or data with labels"
        dataset.check_labelled(f"{config.network} of the zoo is trained on labelled data first", remedy)
    begins("the network")
    loaded, traced = open_network(config, dataset)
    network = traced.spec
    if config.deployable:
        check_deployable(traced)
        grid = deployable_grid(grid)
    kept = {name: Dense(32) for name in kept_layers(network, config.keep or ())}
    space = build_space(network, grid, kept | layer_schemes(config, network), config.activation_widths)
    program = known_program(config, device, traced, space)
    budgets = make_budgets(config, device, program.needs, program.why_not)
    latency = (program.time or latency_source(device)) if config.wants_latency else None
    config = config.model_copy(update={"sampler": config.sampler or _default_sampler(config, space, objectives)})
    reachability = Reachability(
        network,
        space,
        budgets,
        config.least_activation_bits,
        latency,
        _remedies(config, network, space, budgets, device, program.needs),
    )
    begins("what the budgets leave")
    is_decided = fit_workers is not None or reachability.check_before_fits()
    begins("its weights")
    workload = load_workload(config, loaded, traced, dataset)
    begins("how far it keeps its answers with rounded activations")
    sram = budgets.sram_bytes
    quality = make_quality_meter(config, workload, metric=metric)
    config, workload, quality = choose_statistics(config, workload, quality)
    begins("what its layers read")
    calibration = make_calibration(config, workload)
    quality = quality.calibrated(calibration) if quality else None
    if not is_decided:
        reachability.check_with_fits(
            make_evaluator(config, workload, sram, latency=latency, calibration=calibration).usage
        )
    _check_compared(objectives, quality)
    noise = make_noise_meter(config, workload, calibration)
    evaluator = make_evaluator(
        *(config, workload, sram),
        quality=quality,
        latency=latency,
        noise=noise,
        calibration=calibration,
        workers=fit_workers,
        own=own_figures,
    )
    images = workload.dataset.train.inputs if workload.dataset else None
    is_guided = proposes and config.sampler == GUIDED
    signature = _signature(config, workload, space, budgets, latency, quality)
    if own_figures:
        signature["objective"] = [[item.name, item.direction, item.digest] for item in own_figures]
    if calibration:
        signature["calibration"] = calibration.images
    if before_fits is not None:
        before_fits(signature)
    begins("what its layers lose in each form")
    tables = fitted_problem_tables(evaluator, space, objectives, budgets, images) if is_guided else None
    problem = Problem(space, objectives, budgets, evaluator.figures, signature, tables)
    return Prepared(config, workload, device, problem, evaluator, quality, tuple(sorted(kept)), program.needs)


def _remedies(
    config: SearchConfig,
    network: NetworkSpec,
    space: Space,
    budgets: Budgets,
    device: Device | None,
    needs: tuple[ProgramNeed, ...],
) -> Remedies | None:
    """What would make a design fit the device; None without one."""
    if device is None:
        return None
    room = DeviceRoom(device, needs, config.reserve_flash, config.reserve_ram)
    return Remedies(network, space, budgets, room, config.least_activation_bits)


def _check_compared(objectives: tuple[Objective, ...], quality: QualityMeter | None) -> None:
    """Refuses objectives that compare the answers of a classifier, of a network that is none.

    Raises:
        DataError: it is none.
    """
    asked = [item.name for item in objectives if item.column in (AGREEMENT, DIVERGENCE)]
    if asked and quality is not None and not quality.classifies:
        rule = f"{' and '.join(asked)} compare a score for each of several classes, the first output (N, classes)"
        remedy = "give --objectives noise,storage, which take any output"
        raise DataError(rule, "an output of another shape", remedy)


def _default_sampler(config: SearchConfig, space: Space, objectives: tuple[Objective, ...]) -> str:
    """`GUIDED` where it takes the problem and every candidate can be fitted soon.

    What a resumed search may be given in another way, such as whether the gap is computed, has no part in it.
    """
    measured = sum(item.needs_data for item in objectives)
    takes = len(objectives) <= MOST_OBJECTIVES and measured <= 1 and not space.activation_bits and not config.objective
    return GUIDED if takes and is_fitted_unasked(space) else JOINT


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
        **({"bias_bits": config.bias_bits} if config.bias_bits < FLOAT_BITS else {}),
        "sampler": config.sampler,
        "seed": config.seed,
        **({"latency": latency.key()} if latency else {}),
        **({"batch_statistics": quality.statistics_images} if quality and quality.statistics_images else {}),
        **({"metric": [quality.metric.direction, quality.metric.digest]} if quality and quality.metric else {}),
        **({"sequential": True} if config.sequential else {}),
        **({"trained": config.trained} if config.trained else {}),
    }
