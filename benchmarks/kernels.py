"""Time of the kernels beside torch's float32 conv2d of the same layer, on one thread: ``python benchmarks/kernels.py``.

Every run of a kernel is followed by one of torch; a figure is the median of many runs, a speed-up that of the pairs.
Packing of activations and reading of streams are part of a kernel's time, laying out its weights is not.
``--quick`` takes fewer runs. ``NUMBA_CPU_NAME=generic`` shows the same kernels without this machine's instructions.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numba import njit
from torch.nn import functional

from costmodels import ConvShape, Dense, LinearRepresentation, Pruned, SparseBasis, StackedBinary, layer_cost
from costmodels.kernels.binary import SignBank
from costmodels.kernels.packing import pack_layer
from costmodels.kernels.planes import WORD_BITS, pack_planes
from costmodels.kernels.run import prepare_layer
from costmodels.kernels.samples import random_arrays
from costmodels.schemes import Scheme

LAYERS = ((64, 56), (128, 28), (256, 14), (512, 7))
"""(channels, map): the 3x3 layers of ResNet-18."""

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
    information = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    lines = dict(line.split("\t: ", 1) for line in information if "\t: " in line.replace("\t\t", "\t"))
    lines = {key.strip(): value for key, value in lines.items()}
    flags = [flag for flag in ("avx2", "avx512f", "avx512_vpopcntdq") if flag in lines.get("flags", "").split()]
    target = os.environ.get("NUMBA_CPU_NAME", "host")
    return f"{lines.get('model name', 'unknown CPU')}; {', '.join(flags) or 'no AVX2'}; compiled for {target}"


def paired(kernel: Callable[[], object], other: Callable[[], object], runs: int) -> tuple[float, float, float]:
    """Median seconds of both, and the median of their ratios, run in turns."""
    kernel(), other()
    pairs = []
    for _ in range(runs):
        start = time.perf_counter()
        kernel()
        middle = time.perf_counter()
        other()
        pairs.append((middle - start, time.perf_counter() - middle))
    mine, others = zip(*pairs, strict=True)
    return statistics.median(mine), statistics.median(others), statistics.median(b / a for a, b in pairs)


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


def print_layer(channels: int, size: int, peak: float, runs: int) -> None:
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
        saved = shape.dense_macs / (operations.macs + operations.additions)
        share = ""
        if isinstance(scheme, Dense) and scheme.weight_bits * bits <= 16:
            inputs, out = layer.kernel.read(image), np.empty((channels, shape.positions), layer.kernel.output_dtype)
            alone, _, _ = paired(partial(layer.kernel.run, inputs, 0, shape.positions, out), other, runs)
            share = f"{operations.bit_ops / alone / peak:6.0%}"
        row = f"{channels:4} {size:3}  {scheme.brief()[:78]:78} {execution:17} {bits:2} "
        print(f"{row} {mine * 1e6:8.0f} {others * 1e6:8.0f} {ratio:6.2f} {saved:6.2f} {share}", flush=True)


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="5 runs of each instead of 25")
    parser.add_argument("--channels", type=int, nargs="*", default=[channels for channels, _ in LAYERS])
    arguments = parser.parse_args()
    runs = 5 if arguments.quick else 25
    torch.set_num_threads(1)
    peak = popcount_peak(runs)
    print(f"{machine()}; torch {torch.__version__}, one thread; load {os.getloadavg()[0]:.1f}; {runs} pairs of runs")
    print(f"measured popcount peak: {peak / 1e12:.2f} Tbit/s")
    print("  c  map  scheme" + 73 * " " + "execution     bits   kernel    torch  times  saved  peak")
    for channels, size in LAYERS:
        if channels in arguments.channels:
            print_layer(channels, size, peak, runs)
    print("kernel, torch: microseconds. times: torch over kernel. saved: dense MACs over MACs and additions.")
    print(f"peak: bit-ops a second, without packing, over the popcount peak; load at the end {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
