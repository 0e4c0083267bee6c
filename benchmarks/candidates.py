"""Builds the candidate tables of ResNet-20's default design space and prints how many designs a second they evaluate.

    python benchmarks/candidates.py [--designs 2000000] [--repeats 5]

Four figures: a proxy, flash, bit operations and the SRAM peak. One thread. The squared errors are seeded and synthetic:
a benchmark of speed. The same design costed by `network_cost` is timed beside it.
"""

import argparse
import os
import time

import numpy as np

from costmodels import network_cost
from explorer.networks.trace import trace
from explorer.networks.zoo import build
from searches.candidates import candidate_tables
from searches.evaluation import evaluate
from searches.space import build_space

NAMES = ("squared_error", "flash_bytes", "bit_ops", "sram_bytes")
TARGET = 10e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--designs", type=int, default=2_000_000)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    module, example = build("resnet20-cifar")
    network = trace(module, example, "resnet20-cifar").spec
    schemes = {layer.name: layer.candidates for layer in build_space(network).layers}
    generator = np.random.default_rng(0)
    errors = {name: generator.exponential(size=len(own)) for name, own in schemes.items()}
    begin = time.perf_counter()
    tables = candidate_tables(network, schemes, proxies={"squared_error": errors})
    elapsed = time.perf_counter() - begin
    counts = np.array([len(own) for own in schemes.values()])
    print(f"tables: {counts.sum()} candidates of {len(counts)} layers in {1e3 * elapsed:.0f} ms")
    efficient = sum(int(table.efficient_in(("squared_error", "flash_bytes")).sum()) for table in tables.layers)
    print(f"efficient in squared error (synthetic) and flash: {efficient}")
    designs = generator.integers(0, counts, (arguments.designs, len(counts)), dtype=np.uint16)
    evaluate(tables, designs[:10], NAMES)  # compiles
    times = []
    for _ in range(arguments.repeats):
        begin = time.process_time()
        evaluate(tables, designs, NAMES)
        times.append(time.process_time() - begin)
    rate = arguments.designs / np.array(times)
    print(
        f"evaluate: {np.median(rate) / 1e6:.1f} million designs a second on one core "
        f"({rate.min() / 1e6:.1f} to {rate.max() / 1e6:.1f}), target {TARGET / 1e6:.0f}"
    )
    begin = time.process_time()
    for choices in designs[:100]:
        network_cost(network, tables.design(choices))
    print(f"network_cost: {100 / (time.process_time() - begin):,.0f} designs a second")
    print(f"load average at the end {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
