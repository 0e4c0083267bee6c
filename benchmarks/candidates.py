"""Prints, as a Markdown table, how many designs of ResNet-20's default space are costed a second.

    python benchmarks/candidates.py [--designs 2000000] [--repeats 5]

Four figures from candidate tables: a proxy, flash, bit operations and the SRAM peak. The squared errors are seeded and
synthetic: a benchmark of speed. They are compared with the same designs costed one by one by `network_cost`, and with
the rate at which fvcore's FlopCountAnalysis and torch's FlopCounterMode count the network again, as one does who asks
them for every design; they count its uncompressed MAC, and know no compressed form. One thread, processor time, median
of the repeats.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from fvcore.nn import FlopCountAnalysis
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from costmodels import NetworkSpec, network_cost
from explorer.networks.trace import Example, trace
from explorer.networks.zoo import build
from searches.candidate_tables import candidate_tables
from searches.candidates import Candidates
from searches.space import build_space
from searches.tabulated import tabulated_figures

NAMES = ("squared_error", "flash_bytes", "bit_ops", "sram_bytes")
TARGET = 10e6
COUNTED, COSTED = 10, 100
"""Networks that a counter counts, and designs that `network_cost` costs, in one repeat."""


def make_tables(network: NetworkSpec, generator: np.random.Generator) -> Candidates:
    schemes = {layer.name: layer.candidates for layer in build_space(network).layers}
    errors = {name: generator.exponential(size=len(own)) for name, own in schemes.items()}
    begin = time.perf_counter()
    tables = candidate_tables(network, schemes, proxies={"squared_error": errors})
    elapsed = time.perf_counter() - begin
    efficient = sum(int(table.efficient_in(("squared_error", "flash_bytes")).sum()) for table in tables.layers)
    print(
        f"tables of {sum(map(len, schemes.values()))} candidates of {len(schemes)} layers in {1e3 * elapsed:.0f} ms; "
        f"{efficient} are efficient in squared error (synthetic) and flash\n"
    )
    return tables


def count_with_fvcore(module: nn.Module, example: Example) -> None:
    for _ in range(COUNTED):
        analysis = FlopCountAnalysis(module, example)
        analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False).total()


def count_with_torch(module: nn.Module, example: Example) -> None:
    with torch.no_grad():
        for _ in range(COUNTED):
            with FlopCounterMode(display=False) as counter:
                module(example)
            counter.get_total_flops()


def rates_of(run: Callable[[], object], designs: int, repeats: int) -> list[float]:
    """Designs a second of processor time, after one run that compiles and fills caches."""
    run()
    rates = []
    for _ in range(repeats):
        begin = time.process_time()
        run()
        rates.append(designs / (time.process_time() - begin))
    return rates


def print_table(rows: list[tuple[str, str, list[float]]]) -> None:
    """Markdown; the last column is against the first row."""
    first = statistics.median(rows[0][2])
    print("| costed by | figures | designs a second (least to most) | our tables against it |\n|---|---|---|---|")
    for name, figures, rates in rows:
        middle = statistics.median(rates)
        spread = f"{middle:,.0f} ({min(rates):,.0f} to {max(rates):,.0f})" if middle >= 10 else f"{middle:.2g}"
        print(f"| {name} | {figures} | {spread} | {float(f'{first / middle:.2g}'):,.0f}x |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--designs", type=int, default=2_000_000)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    module, example = build("resnet20-cifar")
    module.eval()
    network, generator = trace(module, example, "resnet20-cifar").spec, np.random.default_rng(0)
    tables = make_tables(network, generator)
    counts = np.array([len(table.schemes) for table in tables.layers])
    designs = generator.integers(0, counts, (arguments.designs, len(counts)), dtype=np.uint16)
    ours = rates_of(lambda: tabulated_figures(tables, designs, NAMES), len(designs), arguments.repeats)
    singly = [tables.design(choices).schemes for choices in designs[:COSTED]]
    rows = [
        ("candidate tables", "a proxy, flash, bit-ops, SRAM peak", ours),
        (
            "`network_cost`, one by one",
            "all costs",
            rates_of(lambda: [network_cost(network, schemes) for schemes in singly], COSTED, arguments.repeats),
        ),
        (
            "fvcore `FlopCountAnalysis`, counted again",
            "MAC, uncompressed",
            rates_of(lambda: count_with_fvcore(module, example), COUNTED, arguments.repeats),
        ),
        (
            "torch `FlopCounterMode`, run again",
            "MAC, uncompressed",
            rates_of(lambda: count_with_torch(module, example), COUNTED, arguments.repeats),
        ),
    ]
    print_table(rows)
    target = "met" if statistics.median(ours) >= TARGET else "missed"
    print(f"\ntarget of {TARGET / 1e6:.0f} million designs a second: {target}")
    print(f"one thread, processor time; load average at the end {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
