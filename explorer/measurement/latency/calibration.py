"""The micro-benchmark: layers of drawn shapes, timed in passes, and the rates that explain their times."""

from time import perf_counter

import numpy as np

from costmodels.latency import LatencyModel
from explorer.measurement.latency.cases import balanced, calibration_shapes, prepared
from explorer.measurement.latency.machine import machine_facts
from explorer.measurement.latency.rates import fit_rates
from explorer.measurement.latency.store import Calibration, read_calibration, write_calibration
from explorer.measurement.latency.timing import one_pass, settle_memory
from explorer.system.progress import Stage

__all__ = ["calibrate_latency", "latency_calibration"]

CASES, PASSES, SECONDS_OF_CASE = 1100, 3, 0.004
LAYING_OUT_SECONDS, ALL_SECONDS = 18, 40
"""Where a busy machine is slow: no more layers are laid out, and no further pass is begun, after so long."""

SEED = 0


def latency_calibration(threads: int = 1, progress: bool | None = None) -> Calibration:
    """The kept calibration of this machine, or a new one, which takes less than a minute.

    Args:
        threads: that compute a layer.
        progress: whether a bar is shown; by default on a terminal.
    """
    facts = machine_facts(threads)
    found = read_calibration(facts)
    if found is None:
        found = calibrate_latency(threads, progress)
        write_calibration(found)
    return found


def calibrate_latency(threads: int = 1, progress: bool | None = None, cases: int = CASES) -> Calibration:
    """Times the kernels on this machine.

    Args:
        threads: that compute a layer.
        progress: whether a bar is shown; by default on a terminal.
        cases: layers timed.
    """
    start = perf_counter()
    generator = np.random.default_rng(SEED)
    chosen = balanced(calibration_shapes(generator), cases, generator)
    settle_memory()
    with Stage("calibrating the kernels", cases * (PASSES + 1), "run", shown=progress) as bar:
        layers, works = [], []
        for case in chosen:
            if perf_counter() - start > LAYING_OUT_SECONDS:
                break
            layer, image, usage = prepared(case, generator)
            layer.run(image, threads)
            layers.append((layer, image))
            works.append(case.work(usage))
            bar.update()
        times: list[np.ndarray] = []
        while len(times) < PASSES and (not times or perf_counter() - start < ALL_SECONDS):
            times.append(one_pass(layers, SECONDS_OF_CASE, threads, generator, bar.update))
    seconds = np.min(times, axis=0)
    model = LatencyModel(fit_rates(works, seconds), machine_facts(threads))
    predicted = np.array([model.seconds(work) for work in works])
    error = float(np.median(np.abs(predicted / seconds - 1)))
    return Calibration(model, len(works), perf_counter() - start, error)
