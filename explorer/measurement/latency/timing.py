"""Times of prepared layers: passes over all of them in turn, so that a slow minute of the machine is shared by all."""

from collections.abc import Callable, Sequence
from time import perf_counter, thread_time

import numpy as np

from costmodels.kernels.run import PreparedLayer

__all__ = ["one_pass", "quartile_seconds", "settle_memory"]

LEAST_RUNS, MOST_RUNS = 3, 40
SETTLING_BYTES = 1 << 25


def settle_memory() -> None:
    """Brings the C library's allocator into the state that it has in a process that ran large layers before.

    glibc gives memory of large blocks back to the system until one has been freed; later runs then keep it, and do not
    pay for its pages again. Without this the first layers of a benchmark look slower than the same layers later on.
    """
    np.ones(SETTLING_BYTES, np.uint8)


def quartile_seconds(run: Callable[[], object], seconds: float, clock: Callable[[], float] = thread_time) -> float:
    """The lower quartile of the times of runs that take about so many seconds together, after one that is not counted.

    What other programs do to the caches makes runs longer, never shorter: the quartile stays where the median of a busy
    machine moves.
    """
    run()
    times: list[float] = []
    end = clock() + seconds
    while len(times) < LEAST_RUNS or (clock() < end and len(times) < MOST_RUNS):
        start = clock()
        run()
        times.append(clock() - start)
    return float(np.quantile(times, 0.25))


def one_pass(
    layers: Sequence[tuple[PreparedLayer, np.ndarray]],
    seconds: float,
    threads: int,
    generator: np.random.Generator,
    step: Callable[[], object],
) -> np.ndarray:
    """Seconds of every layer, (layers,), timed in a random order.

    One thread is timed by its own clock, which stands still while other programs have the core; more threads by the
    clock on the wall.

    Args:
        layers: with an image each.
        seconds: for a layer.
        threads: that compute a layer.
        generator: draws the order.
        step: called after every layer.
    """
    times = np.empty(len(layers))
    clock = thread_time if threads == 1 else perf_counter
    for place in generator.permutation(len(layers)):
        layer, image = layers[place]
        times[place] = quartile_seconds(lambda: layer.run(image, threads), seconds, clock)  # noqa: B023
        step()
    return times
