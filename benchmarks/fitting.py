"""Fits every candidate of ResNet-20's default design space and prints the time of each scheme.

    python benchmarks/fitting.py [--processes 2] [--layers 20]

Weights are seeded Gaussians with a scale of their own for every filter: a benchmark of speed, not of distortion.
"""

import argparse
import collections
import multiprocessing
import os
import tempfile
import time
from pathlib import Path

import numpy as np

from costmodels.schemes import Dense, Scheme
from costmodels.shapes import ConvShape
from explorer.forms.fit_cache import FitCache
from explorer.forms.fitting import fit
from explorer.networks.trace import trace
from explorer.networks.zoo import build
from searches.space import Space, build_space

TARGET_S = 90


def resnet20_space() -> Space:
    module, example = build("resnet20-cifar")
    return build_space(trace(module, example, "resnet20-cifar").spec)


def seeded_weights(shape: ConvShape, seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    scales = generator.uniform(0.5, 2, (shape.out_channels, 1, 1, 1))
    return (generator.standard_normal(shape.weight_shape) * scales).astype(np.float32)


def fit_layer(task: tuple[int, ConvShape, tuple[Scheme, ...]]) -> list[tuple[str, float]]:
    """(scheme, processor seconds) of every candidate of a layer."""
    number, shape, candidates = task
    weights, rows = seeded_weights(shape, number), []
    for scheme in candidates:
        begin = time.process_time()
        fit(weights, shape, scheme)
        rows.append((scheme.name, time.process_time() - begin))
    return rows


def cache_times(shape: ConvShape, fits: int = 500) -> tuple[float, float]:
    """Processor seconds that keeping a fit adds to it, and that reading one takes; the quickest fit shows them best."""
    weights, seconds = seeded_weights(shape, 0), []
    with tempfile.TemporaryDirectory() as folder:
        cache = FitCache(Path(folder))
        for fit_one in (fit, cache.fit, cache.fit):  # without, keeping, reading
            begin = time.process_time()
            for seed in range(fits):
                fit_one(weights, shape, Dense(1), seed)
            seconds.append((time.process_time() - begin) / fits)
    alone, keeping, reading = seconds
    return keeping - alone, reading


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--layers", type=int, default=20, help="only the last so many layers, the largest")
    arguments = parser.parse_args()
    for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = "1"  # for the processes started below: one thread each
    layers = resnet20_space().layers
    tasks = [(number, layer.shape, layer.candidates) for number, layer in enumerate(layers)][-arguments.layers :][::-1]
    begin = time.perf_counter()
    with multiprocessing.get_context("spawn").Pool(arguments.processes) as pool:
        rows = [row for layer in pool.imap_unordered(fit_layer, tasks) for row in layer]
        elapsed = time.perf_counter() - begin
        added, read = pool.apply(cache_times, (layers[8].shape,))
    by_scheme = collections.defaultdict(list)
    for name, seconds in rows:
        by_scheme[name].append(seconds)
    for name, times in by_scheme.items():
        print(f"{name:<24}{len(times):>6} fits{1e3 * np.mean(times):>9.2f} ms each{sum(times):>9.2f} s of a core")
    total = sum(seconds for _, seconds in rows)
    print(f"{len(rows)} fits: {total:.1f} s of a core, {elapsed:.1f} s with {arguments.processes} processes")
    print(f"target {TARGET_S} s with 2 processes on 2 idle cores; load average at the end {os.getloadavg()[0]:.1f}")
    print(f"cache, a layer of 32 channels: {1e3 * added:.2f} ms more to keep a fit, {1e3 * read:.2f} ms to read one")


if __name__ == "__main__":
    main()
