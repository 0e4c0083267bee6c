"""Prints the size of the complete front of flash and a proxy for ResNet-20 and ResNet-56, and the time it takes; then
the time of a best design under three caps, and of a front of three figures within a factor.

    python benchmarks/exact.py [--candidates 200] [--repeats 3]

The proxies are synthetic: a squared error of 4^-bits a weight, bits being what a candidate takes, times a seeded factor
a layer and another a candidate of up to ``spread``. The greater the spread, the fewer candidates are efficient; at 1
nearly all are, which is the hardest case. Random candidates take 1 to 8 bits a weight; those of the default space take
the flash that the cost models count.
"""

import argparse
import os
import time

import numpy as np

from costmodels import Dense, NetworkSpec
from explorer.networks.trace import trace
from explorer.networks.zoo import build
from searches.candidate_tables import candidate_tables
from searches.candidates import Candidates, CandidateTable
from searches.epsilon_pareto import epsilon_pareto_set
from searches.exact import exact_front
from searches.milp import best_design
from searches.space import DEFAULT_GRID, build_space
from searches.table_columns import COLUMNS
from searches.tabulated import tabulated_figures

OBJECTIVES = ("flash_bytes", "error")
TARGET_S = 5


def spec_of(name: str) -> NetworkSpec:
    module, example = build(name)
    return trace(module, example, name).spec


def on_grid(errors: list[np.ndarray]) -> list[np.ndarray]:
    """Multiples of a power of two whose sums are exact."""
    step = np.frexp(sum(part.max() for part in errors))[1] - 52
    return [np.ldexp(np.rint(np.ldexp(part, -step)), step) for part in errors]


def random_candidates(network: NetworkSpec, count: int, spread: float, seed: int) -> Candidates:
    generator = np.random.default_rng(seed)
    flash, errors = [], []
    for layer in network.layers:
        bits = generator.uniform(1, 8, count)
        factor = generator.uniform(0.5, 2) * spread ** generator.uniform(0, 1, count)
        flash.append(np.rint(bits * layer.shape.weights / 8).astype(np.int64))
        errors.append(layer.shape.weights * 4.0**-bits * factor)
    zeros = {name: np.zeros(count, np.int64) for name in COLUMNS}
    return Candidates(
        tuple(
            CandidateTable(
                layer.name, (Dense(),) * count, {**zeros, "flash_bytes": f, "error": e}, (frozenset(),) * count
            )
            for layer, f, e in zip(network.layers, flash, on_grid(errors), strict=True)
        ),
        {},
    )


def space_candidates(network: NetworkSpec, codebooks: str, seed: int) -> Candidates:
    """The default space, its linear representations with a codebook a layer or for the network."""
    linear = {**DEFAULT_GRID["linear-representation"], "codebook": (codebooks,)}
    if codebooks == "network":
        linear |= {"templates": (16, 64, 256)}
    space = build_space(network, {**DEFAULT_GRID, "linear-representation": linear})
    schemes = {layer.name: layer.candidates for layer in space.layers}
    generator = np.random.default_rng(seed)
    counted = candidate_tables(network, schemes)
    errors = {}
    for layer, table in zip(network.layers, counted.layers, strict=True):
        bits = table.columns["storage_bits"] / layer.shape.weights
        errors[layer.name] = (
            layer.shape.weights * generator.uniform(0.5, 2) * 4.0**-bits * 4 ** generator.uniform(0, 1, len(bits))
        )
    return candidate_tables(network, schemes, proxies={"error": errors})


def time_capped(candidates: Candidates) -> None:
    """The complete front of digits-cnn under a cap on a third sum."""
    free = exact_front(candidates, OBJECTIVES)
    cap = int(np.median(tabulated_figures(candidates, free.designs, ["bit_ops"])["bit_ops"]))
    begin = time.process_time()
    front = exact_front(candidates, OBJECTIVES, {"bit_ops": cap})
    elapsed = time.process_time() - begin
    print(
        f"digits-cnn, default space: {len(free.designs):,} points; with bit-ops up to their median "
        f"{len(front.designs):,} points, {elapsed:.2f} s",
        flush=True,
    )


def time_programs(name: str, candidates: Candidates, factor: float) -> None:
    """The least error under caps half way between the smallest and the largest, and a front of three figures."""
    names = ("flash_bytes", "bit_ops", "sram_bytes")
    ends = [[int(pick(table.columns[names[0]])) for table in candidates.layers] for pick in (np.argmin, np.argmax)]
    figures = tabulated_figures(candidates, np.array(ends), names)
    caps = {cap: int(values.mean()) for cap, values in figures.items()}
    begin = time.process_time()
    best = best_design(candidates, "error", caps)
    elapsed = time.process_time() - begin
    print(f"{name:<60}least error under {len(caps)} caps: {elapsed:.2f} s, proven within {100 * best.gap:.4f}%")
    begin = time.process_time()
    front = epsilon_pareto_set(candidates, ("error", "flash_bytes", "bit_ops"), factor)
    elapsed = time.process_time() - begin
    print(
        f"{name:<60}front of error, flash and bit-ops within {factor}: {len(front.designs)} points, "
        f"{front.solved} MILPs, {elapsed:.1f} s",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candidates", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    networks = {name: spec_of(name) for name in ("resnet20-cifar", "resnet56-cifar")}
    problems = {
        f"{name}, {arguments.candidates} random, spread {spread}": random_candidates(
            network, arguments.candidates, spread, 0
        )
        for name, network in networks.items()
        for spread in (16, 4, 1)
    }
    for name, network in networks.items():
        for codebooks in ("layer", "network"):
            problems[f"{name}, default space, codebooks of the {codebooks}"] = space_candidates(network, codebooks, 0)
    exact_front(random_candidates(networks["resnet20-cifar"], 5, 4, 0), OBJECTIVES)  # compiles
    print(f"the proxies are synthetic; target for ResNet-56 with 200 candidates a layer: {TARGET_S} s")
    for name, candidates in problems.items():
        efficient = np.mean([table.efficient_in(OBJECTIVES).sum() for table in candidates.layers])
        times = []
        for _ in range(arguments.repeats):
            begin = time.process_time()
            front = exact_front(candidates, OBJECTIVES, most_points=10**7)
            times.append(time.process_time() - begin)
        print(
            f"{name:<60}{efficient:>6.0f} efficient a layer{len(front.designs):>10,} points"
            f"{np.median(times):>8.2f} s ({min(times):.2f} to {max(times):.2f})",
            flush=True,
        )
    time_capped(space_candidates(spec_of("digits-cnn"), "layer", 0))
    for name, network in networks.items():
        time_programs(f"{name}, default space", space_candidates(network, "layer", 0), 1.5 if "20" in name else 2.0)
    print(f"processor time, one thread; load average at the end {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
