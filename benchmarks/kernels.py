"""Time of the kernels compared with torch's float32 conv2d of a layer, one thread: ``python benchmarks/kernels.py``.

Some runs of a kernel are followed by as many of torch, each after one that is not timed, so that both find the caches
as a run of their own left them. A figure is the median of the blocks' medians, a speed-up that of their ratios.
Packing of activations is part of a kernel's time, and so is reading its streams but where a plan of them is laid out
once (the two shared executions of linear representation); laying out weights is not.
What is printed is Markdown; ``--markdown PATH`` writes it to a file too. ``--quick`` takes fewer runs.

``NUMBA_CPU_NAME=generic`` shows the same kernels without this machine's instructions. For both sides limited to AVX2:
``NUMBA_CPU_NAME=haswell NUMBA_CPU_FEATURES=+avx2 ONEDNN_MAX_CPU_ISA=AVX2 ATEN_CPU_CAPABILITY=avx2``; without naming
the features numba would still use those of the machine. The first line says what held.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import llvmlite.binding as llvm
import numpy as np
import torch
from numba import njit
from numba.core.registry import cpu_target
from torch.nn import functional

from costmodels import ConvShape, Dense, LinearRepresentation, Pruned, SparseBasis, StackedBinary, layer_cost
from costmodels.kernels.engine.binary import SignBank
from costmodels.kernels.engine.planes import WORD_BITS, pack_planes
from costmodels.kernels.packing import pack_layer
from costmodels.kernels.run import prepare_layer
from costmodels.kernels.samples import random_arrays
from costmodels.schemes import Scheme
from explorer.measurement.latency.machine import cpu_model

LAYERS = ((64, 56), (128, 28), (256, 14), (512, 7))
"""(channels, map): the 3x3 layers of ResNet-18."""

RUNS_IN_A_BLOCK = 5

CONVOLVE_THEN_ADD, ADD_THEN_CONVOLVE, SHARED_MAPS, DIRECT = (
    "convolve-then-add",
    "add-then-convolve",
    "shared-maps",
    "direct",
)


def cases(channels: int) -> list[tuple[Scheme, str, int]]:
    """(scheme, execution, activation bits) of a layer's rows in the table."""
    half, quarter, eighth = channels // 2, channels // 4, channels // 8
    return [
        (Dense(1, "none"), DIRECT, 1),
        (Dense(1, "none"), DIRECT, 8),
        (Dense(2, "none"), DIRECT, 2),
        (Dense(4), DIRECT, 4),
        (Dense(8), DIRECT, 8),
        (Dense(32), DIRECT, 32),
        (Pruned(0.1, 8, "bitmap"), DIRECT, 8),
        (Pruned(0.1, 32, "index"), DIRECT, 32),
        (StackedBinary(half, quarter), SHARED_MAPS, 1),
        (StackedBinary(half, quarter), SHARED_MAPS, 8),
        (StackedBinary(half, quarter), DIRECT, 8),
        (StackedBinary(half, quarter), SHARED_MAPS, 32),
        (SparseBasis(half, quarter, 1, 0.1, 32, "bitmap"), SHARED_MAPS, 8),
        (SparseBasis(half, quarter, 1, 0.1, 32, "index"), SHARED_MAPS, 8),
        (SparseBasis(half, eighth, 4, 0.1, 8, "bitmap"), SHARED_MAPS, 8),
        (SparseBasis(half, quarter, 1, 0.1, 32, "bitmap"), SHARED_MAPS, 32),
        (SparseBasis(half, quarter, 8, 0.1, 8, "bitmap"), DIRECT, 32),
        (LinearRepresentation(256), DIRECT, 32),
        (LinearRepresentation(8), CONVOLVE_THEN_ADD, 32),
        (LinearRepresentation(16), CONVOLVE_THEN_ADD, 32),
        (LinearRepresentation(8), ADD_THEN_CONVOLVE, 32),
    ]


def machine() -> str:
    """CPU model and instruction sets."""
    features = llvm.get_host_cpu_features()
    flags = [flag for flag in ("avx2", "avx512f", "avx512vpopcntdq") if features.get(flag)]
    return f"{cpu_model()} with {', '.join(flags) or 'no AVX2'}"


def limits() -> list[str]:
    """What the kernels are compiled for, and what torch may use."""
    _, target, features = cpu_target.target_context.codegen().magic_tuple()
    has_wide = "with" if "+avx512f" in features.split(",") else "without"
    environment = {name: os.environ.get(name, "not set") for name in ("ONEDNN_MAX_CPU_ISA", "ATEN_CPU_CAPABILITY")}
    return [
        f"kernels compiled for {target} {has_wide} AVX-512 features",
        f"torch {torch.__version__} with ATen at {torch.backends.cpu.get_cpu_capability()}",
        *(f"{name} {value}" for name, value in environment.items()),
    ]


def paired(kernel: Callable[[], object], other: Callable[[], object], runs: int) -> tuple[float, float, float]:
    """Median seconds of both, and the median of their ratios, over ``runs`` pairs of blocks in turns."""
    pairs = [(block(kernel), block(other)) for _ in range(runs)]
    mine, others = zip(*pairs, strict=True)
    return statistics.median(mine), statistics.median(others), statistics.median(b / a for a, b in pairs)


def block(run: Callable[[], object]) -> float:
    """Median seconds of `RUNS_IN_A_BLOCK` runs in a row, after one that is not timed."""
    run()
    seconds = []
    for _ in range(RUNS_IN_A_BLOCK):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


@njit(cache=True)
def count_words(words: np.ndarray, rounds: int) -> int:
    """Popcount of every word xor a number, over and over, as a plain loop."""
    total = 0
    for turn in range(rounds):
        for place in range(len(words)):
            bits = words[place] ^ np.uint64(turn)
            bits -= (bits >> np.uint64(1)) & np.uint64(0x5555555555555555)
            bits = (bits & np.uint64(0x3333333333333333)) + ((bits >> np.uint64(2)) & np.uint64(0x3333333333333333))
            bits = (bits + (bits >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
            total += np.int64((bits * np.uint64(0x0101010101010101)) >> np.uint64(56))
    return total


def popcount_peak(runs: int) -> float:
    """Bits a second, from words in the first-level cache: the best run of a plain loop, or of the kernels' own tile."""
    generator = np.random.default_rng(0)
    words = generator.integers(0, 1 << 63, 1024, np.uint64)
    shape = ConvShape(64, 32 * WORD_BITS, (1, 1), (8, 8))  # weights of 16 KiB
    bank = SignBank(shape, generator.integers(0, 2, (1, 64, shape.in_channels, 1, 1)))
    planes = pack_planes(generator.integers(0, 2, (shape.in_channels, 8, 8)), 1, shape, 1)
    out = np.empty((1, 64, shape.positions), np.int32)
    loop = best(lambda: count_words(words, 100), runs)
    tile = best(lambda: bank.maps(planes, 0, shape.positions, out), runs)
    return max(words.size * WORD_BITS * 100 / loop, shape.weights * shape.positions / tile)


def best(run: Callable[[], object], runs: int) -> float:
    """Seconds of the fastest of ``runs`` runs in a row."""
    run()
    seconds = []
    for _ in range(4 * runs):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def image_of(shape: ConvShape, bits: int, generator: np.random.Generator) -> np.ndarray:
    """Random activations: floats, unsigned integers, or with one bit -1 and 1."""
    sizes = shape.in_channels, *shape.input_size
    if bits == 32:
        return generator.standard_normal(sizes, np.float32)
    if bits == 1:
        return (2 * generator.integers(0, 2, sizes) - 1).astype(np.int8)
    return generator.integers(0, 1 << bits, sizes, np.uint8)


def layer_rows(channels: int, size: int, peak: float, runs: int) -> Iterator[str]:
    """The rows of one layer."""
    shape = ConvShape(channels, channels, (3, 3), (size, size), padding=(1, 1))
    generator = np.random.default_rng(channels)
    weights = torch.randn(shape.weight_shape)
    for scheme, execution, bits in cases(channels):
        layer = prepare_layer(
            pack_layer(shape, scheme, arrays_of(shape, scheme, generator)), execution, activation_bits=bits
        )
        image, floats = image_of(shape, bits, generator), torch.randn(1, channels, size, size)
        other = partial(functional.conv2d, floats, weights, padding=1)
        mine, others, ratio = paired(partial(layer.run, image), other, runs)
        work = layer_cost(shape, scheme, bits).executions
        operations = work[execution if execution in work else SHARED_MAPS]
        saved = shape.dense_macs / (operations.macs + operations.additions + operations.multiplications)
        share = ""
        if isinstance(scheme, Dense) and scheme.weight_bits * bits <= 16:
            inputs, out = layer.kernel.read(image), np.empty((channels, shape.positions), layer.kernel.output_dtype)
            alone, _, _ = paired(partial(layer.kernel.run, inputs, 0, layer.kernel.units, out), other, runs)
            share = f"{operations.bit_ops / alone / peak:.0%}"
        times = f"{mine * 1e6:8.0f} | {others * 1e6:8.0f} | {ratio:6.2f} | {saved:5.2f} | {share:>4}"
        yield f"| {channels:3} | {size:3} | {scheme.brief():103} | {execution:17} | {bits:4} | {times} |"


def arrays_of(shape: ConvShape, scheme: Scheme, generator: np.random.Generator) -> dict[str, np.ndarray]:
    """Random arrays with the density that the scheme names."""
    density = getattr(scheme, "density", None)
    while True:
        arrays = random_arrays(shape, scheme, generator)
        if density is None:
            return arrays
        places = arrays["mask"].size if "mask" in arrays else arrays["counts"].size * row_places(shape, scheme)
        kept = arrays["weights" if "weights" in arrays else "coefficients"].size
        if abs(kept / places - density) < 0.02:
            return arrays


def row_places(shape: ConvShape, scheme: Scheme) -> int:
    """Places of a row of sparse values."""
    return scheme.filters if isinstance(scheme, SparseBasis) else shape.group_inputs * shape.kernel_area


def report(layers: Sequence[tuple[int, int]], runs: int) -> Iterator[str]:
    """The lines of the table and what is to be known about it, as Markdown."""
    torch.set_num_threads(1)
    peak, pairs = popcount_peak(runs), f"{runs} pairs of {RUNS_IN_A_BLOCK} runs"
    yield f"{machine()}; {'; '.join(limits())}; one thread; load {os.getloadavg()[0]:.1f}; {pairs}."
    yield f"Measured popcount peak: {peak / 1e12:.2f} Tbit/s."
    yield ""
    yield f"| c   | map | {'scheme':103} | execution         | bits | kernel   | torch    | times  | saved | peak |"
    yield f"|----:|----:|{'-' * 105}|-------------------|-----:|---------:|---------:|-------:|------:|-----:|"
    for channels, size in layers:
        yield from layer_rows(channels, size, peak, runs)
    yield ""
    yield "kernel, torch: microseconds, medians. times: torch over kernel, the median of the pairs."
    yield "saved: MACs of the dense layer over MACs, additions and multiplications, counted by the formulas."
    yield f"peak: bit-ops a second, without packing, over the popcount peak. Load at the end: {os.getloadavg()[0]:.1f}."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="3 pairs of runs instead of 15")
    parser.add_argument("--channels", type=int, nargs="*", default=[channels for channels, _ in LAYERS])
    parser.add_argument("--markdown", type=Path, help="write what is printed to this file too")
    arguments = parser.parse_args()
    lines = []
    layers = [layer for layer in LAYERS if layer[0] in arguments.channels]
    for line in report(layers, 3 if arguments.quick else 15):
        print(line, flush=True)
        lines.append(line + "\n")
    if arguments.markdown:
        unfinished = arguments.markdown.with_name(arguments.markdown.name + ".part")
        unfinished.write_text("".join(lines))
        unfinished.replace(arguments.markdown)


if __name__ == "__main__":
    main()
