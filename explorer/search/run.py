"""``filterfront search``: from a network and a device to a run folder with its report."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter

from tqdm import tqdm

from costmodels import Device
from explorer.config.search import SearchConfig
from explorer.data.quality import Quality
from explorer.measurement.design_evaluator import DesignEvaluator
from explorer.search.optimality_gap import GapResult, measure_gap
from explorer.search.setup import prepare
from explorer.search.trials import run_trials
from explorer.search.workload import Workload
from searches.baselines import uniform_designs
from searches.study import Figures, Problem, SearchResult

__all__ = ["Outcome", "run_search"]


@dataclass(frozen=True)
class Outcome:
    """A finished or interrupted search, before it is written.

    Args:
        float_quality: of the uncompressed network by part of the data; empty without data.
        baselines: figures of the uniformly quantized designs by name.
        seconds: time by stage.
        gap: the distance to the best possible.
    """

    config: SearchConfig
    workload: Workload
    device: Device | None
    problem: Problem
    evaluator: DesignEvaluator
    result: SearchResult
    baselines: Mapping[str, Figures]
    float_quality: Mapping[str, Quality]
    kept: tuple[str, ...]
    seconds: Mapping[str, float]
    gap: GapResult


def run_search(config: SearchConfig, folder: Path) -> Outcome:
    """Runs the search of the configuration with its study in ``folder``.

    Raises:
        FilterfrontError: something asked for cannot be used.
        InfeasibleError: no design of the space meets a budget.
    """
    start = perf_counter()
    ready = prepare(config)
    config, workload, quality = ready.config, ready.workload, ready.quality
    seconds = {"load": perf_counter() - start}
    start = perf_counter()
    result = run_trials(config, ready.problem, folder)
    seconds["search"] = perf_counter() - start
    start = perf_counter()
    evaluator, problem = ready.evaluator, ready.problem
    baselines = {} if result.interrupted else _baselines(evaluator)
    seconds["baselines"] = perf_counter() - start
    start = perf_counter()
    gap = measure_gap(config, problem, evaluator, result)
    seconds["gap"] = perf_counter() - start
    result = replace(result, interrupted=result.interrupted or gap.stopped)
    parts = workload.dataset.parts if workload.dataset else {}
    float_quality = {part: quality.measure({}, part) for part in parts if part != "train"} if quality else {}
    return Outcome(
        config, workload, ready.device, problem, evaluator, result, baselines, float_quality, ready.kept, seconds, gap
    )


def _baselines(evaluator: DesignEvaluator) -> dict[str, Figures]:
    """Figures of uniform quantization at every width."""
    designs = uniform_designs(evaluator.traced.spec)
    return {
        name: evaluator.figures(design)
        for name, design in tqdm(designs.items(), desc="uniform quantization", unit="design", disable=None)
    }
