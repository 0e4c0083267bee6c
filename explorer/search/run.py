"""``filterfront search``: from a configuration to everything that its run folder will say."""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from time import perf_counter

from costmodels import Device
from costmodels.program_need import ProgramNeed
from explorer.config.search import SearchConfig
from explorer.data.quality import Quality
from explorer.measurement.design_evaluator import DesignEvaluator
from explorer.measurement.measured_parts import measured_parts
from explorer.search.optimality_gap import GapResult, measure_gap
from explorer.search.rungs import Trainer
from explorer.search.setup import Prepared, prepare
from explorer.search.study_name import check_resumed
from explorer.search.trials import out_of_memory_said, run_trials
from explorer.search.workload import Workload
from explorer.system.errors import QualityError
from explorer.system.interrupts import StopRequest
from explorer.system.progress import Stage, staged
from reports.columns import OWN_STATISTICS
from searches.baselines import uniform_designs
from searches.design import Design
from searches.figures import DIVERGENCE, METRIC
from searches.study import Figures, Problem, SearchResult

__all__ = ["Outcome", "run_search"]


_FEW_BITS = 4
"""Uniform quantization of more bits loses next to nothing that a fit in sequence could make up for."""


@dataclass(frozen=True)
class Outcome:
    """A finished or interrupted search, before it is written.

    Args:
        config: of the search, with its sampler.
        workload: network and data.
        device: that budgets are of; None without one.
        problem: what was searched.
        evaluator: measured the designs.
        result: the trials.
        baselines: figures of the uniformly quantized designs by name.
        float_quality: of the uncompressed network by part of the data; empty without data.
        float_reestimated: the same with batch statistics re-estimated as for designs; empty where these keep its own.
        kept: names of the layers that stay dense at 32 bits.
        seconds: time by stage.
        gap: the distance to the best possible.
        needs: of the exported program, by processor; none where budgets do not depend on it.
        trainer: trained designs; None where none was.
    """

    config: SearchConfig
    workload: Workload
    device: Device | None
    problem: Problem
    evaluator: DesignEvaluator
    result: SearchResult
    baselines: Mapping[str, Figures]
    float_quality: Mapping[str, Quality]
    float_reestimated: Mapping[str, Quality]
    kept: tuple[str, ...]
    seconds: Mapping[str, float]
    gap: GapResult
    needs: tuple[ProgramNeed, ...] = ()
    trainer: Trainer | None = None


def run_search(
    config: SearchConfig,
    folder: Path,
    request: StopRequest | None = None,
    make_trainer: Callable[[Prepared], Trainer] | None = None,
) -> Outcome:
    """Runs the search of a configuration, with its study in a run folder.

    Args:
        config: what is asked for.
        folder: the run folder, which exists.
        request: of the user, to stop; without it nothing but Ctrl-C as Python has it stops the search.
        make_trainer: makes what trains designs; nothing is trained without it.

    Raises:
        FilterfrontError: something asked for cannot be used.
        InfeasibleError: no design of the space meets a budget.
    """
    seconds: dict[str, float] = {}
    request = StopRequest() if request is None else request
    with _timed(seconds, "load"), request.at_once(), Stage("reading network and data") as stage:
        ready = prepare(config, before_fits=partial(check_resumed, config, folder), begins=stage.note)
        stage.note("the float network's answers")
        with out_of_memory_said():
            float_quality, float_reestimated = _float_quality(ready), _float_quality(ready, reestimated=True)
        _check_finite(ready, float_quality)
        _try_own_objectives(ready)
        trainer = make_trainer(ready) if make_trainer else None
    with _timed(seconds, "search"):
        result = run_trials(ready.config, ready.problem, folder, request, trainer)
    with _timed(seconds, "baselines"):
        baselines = {} if result.interrupted or request.asked else _baselines(ready, request, trainer)
        result = replace(result, interrupted=result.interrupted or request.asked)
    with _timed(seconds, "gap"):
        gap = measure_gap(ready.config, ready.problem, ready.evaluator, result, request)
    return Outcome(
        config=ready.config,
        workload=ready.workload,
        device=ready.device,
        problem=ready.problem,
        evaluator=ready.evaluator,
        result=replace(result, interrupted=result.interrupted or gap.stopped),
        baselines=baselines,
        float_quality=float_quality,
        float_reestimated=float_reestimated,
        kept=ready.kept,
        seconds=seconds,
        gap=gap,
        needs=ready.needs,
        trainer=trainer,
    )


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    """Notes how long a stage takes."""
    start = perf_counter()
    yield
    seconds[stage] = perf_counter() - start


def _baselines(ready: Prepared, request: StopRequest, trainer: Trainer | None) -> dict[str, Figures]:
    """Figures of uniform quantization at every width, or at those that were measured before the user stopped it; of few
    bits fitted in sequence where the promising designs are."""
    designs = uniform_designs(ready.evaluator.traced.spec, ready.problem.space)
    found: dict[str, Figures] = {}
    with suppress(KeyboardInterrupt), request.at_once():
        for name, design in staged(designs.items(), "measuring uniform quantization", len(designs), "design"):
            bits = next(iter(design.schemes.values())).parameters()["weight_bits"]
            if trainer is not None and ready.config.sequential and bits <= _FEW_BITS:
                found[name] = {**trainer.figures_alone(design, 0), "epochs": 0}
            else:
                found[name] = {**ready.evaluator.figures(design), **_own_statistics(ready, design)}
    return found


def _own_statistics(ready: Prepared, design: Design) -> dict[str, float]:
    """The accuracy with the float network's batch statistics; nothing where these stay for all designs, or where there
    are no labels."""
    if ready.quality is None or not ready.quality.statistics_images:
        return {}
    accuracy = ready.evaluator.quality(design, "validation", own_statistics=True).accuracy
    return {} if accuracy is None else {OWN_STATISTICS: accuracy}


def _float_quality(ready: Prepared, reestimated: bool = False) -> dict[str, Quality]:
    """Loss and accuracy of the uncompressed network on each part of the data that there is, but for the training part.

    Args:
        ready: for the search.
        reestimated: whether with batch statistics re-estimated as for designs; nothing then where designs keep the
            network's own.
    """
    meter, dataset = ready.quality, ready.workload.dataset
    if meter is None or dataset is None or (reestimated and not meter.statistics_images):
        return {}
    weights = ready.workload.traced.weights if reestimated else {}  # of none the statistics stay
    title = "measuring the float network" + (", statistics re-estimated" if reestimated else "")
    return measured_parts(meter, weights, dataset, title)


def _try_own_objectives(ready: Prepared) -> None:
    """Measures a first design where there are objectives of the user's own, whose faults are so said before any trial.

    Raises:
        QualityError: one raises, or gives something else than a number.
    """
    if ready.evaluator.own:
        designs = uniform_designs(ready.evaluator.traced.spec, ready.problem.space)
        ready.evaluator.figures(list(designs.values())[-1])


def _check_finite(ready: Prepared, quality: Mapping[str, Quality]) -> None:
    """Refuses data on which the float network's own answers are not finite, before any trial.

    Raises:
        QualityError: they are not on the validation part.
    """
    found = quality["validation"].figures() if quality else {}
    if ready.quality is not None and ready.quality.metric is not None:
        ready.quality.metric.check_finite(found[METRIC], "the float network")
    wrong = next((name for name in ("loss", DIVERGENCE) if not math.isfinite(found.get(name, 0.0))), "")
    if wrong:
        bits = ready.config.activation_bits
        rule = f"the float network has a finite {wrong} on the validation images"
        value = f"a {wrong} of {found[wrong]} with activations of {bits} bits"
        remedy = "scale the inputs as in training, or give --activation-bits 32 to leave activations as they are"
        raise QualityError(rule, value, remedy)
