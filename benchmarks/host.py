"""Time of a whole network compiled for this machine, beside onnxruntime: ``python benchmarks/host.py``.

The network is ResNet-20 for CIFAR with random weights (`explorer.networks.zoo`, seed 0), each form fitted to them; a
time does not depend on what was learned. All ways take one image on one thread in turns, so that they share what else
the machine does; a time is the median of all turns, a ratio that of the ratios of one turn each to onnxruntime's int8.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from kernels import machine
from network import NETWORK, fitted_form

import filterfront as ff
from explorer.deployment.packed.network import pack_network
from explorer.deployment.packed.quantized_onnx import qdq_content
from explorer.deployment.packed.reading import read_packed
from explorer.deployment.packed.writing import packed_content
from explorer.measurement.activation_ranges import measure_activation_ranges
from explorer.networks.onnx_file import onnx_content
from explorer.networks.trace import trace
from explorer.networks.zoo import build

DENSE = "dense(weight_bits=8)"
FORMS = (
    DENSE,
    "dense(weight_bits=4)",
    "ternary(packing=base3)",
    "palettized(bits=3)",
    "stacked-binary(segments=2, filters=1/4, scale=filter)",
    "sparse-basis(segments=2, filters=1/4, basis_bits=1, density=0.1, coefficient_bits=8)",
    "pruned(density=0.1, weight_bits=8)",
)
"""The first and the last layer stay dense at 8 bits."""

INT8, FLOAT = "onnxruntime int8 (QDQ, per channel)", "onnxruntime float32"


def session(content: bytes, image: torch.Tensor) -> Callable[[], object]:
    """A run of an ONNX file on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    made = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    given = {made.get_inputs()[0].name: image.numpy()}
    return lambda: made.run(None, given)


def times(ways: dict[str, Callable[[], object]], turns: int) -> dict[str, np.ndarray]:
    """Seconds of every turn, by way."""
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(turns):
        for name, run in ways.items():
            started = time.perf_counter()
            run()
            found[name].append(time.perf_counter() - started)
    return {name: np.array(seconds) for name, seconds in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=301)
    turns = parser.parse_args().turns
    torch.set_num_threads(1)
    module, example = build(NETWORK)
    traced = trace(module.eval(), example, NETWORK)
    images = torch.randn(16, *example.shape[1:], generator=torch.Generator().manual_seed(0))
    ranges, image = measure_activation_ranges(traced, images, 8), images[:1]
    ways: dict[str, Callable[[], object]] = {}
    sizes: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number, form in enumerate(FORMS):
            path = Path(folder) / f"{number}.safetensors"
            path.write_bytes(packed_content(pack_network(traced, fitted_form(traced, form), ranges), traced.spec))
            packed, compiled = read_packed(path).network(), ff.load(path, compiled=True)
            assert torch.equal(compiled(images[:4]), ff.load(path, integers=True)(images[:4])), form
            name = f"`{form}`, compiled"
            ways[name] = lambda compiled=compiled: compiled(image)
            sizes[name] = sum(layer.payload_bytes for layer in packed.layers.values())
            if form == DENSE:
                ways[f"`{form}`, packed kernels in Python"] = lambda packed=packed: packed(image)
                ways[INT8] = session(qdq_content(packed), image)
        ways[FLOAT] = session(onnx_content(module, example, any_batch=True), image)
        times(ways, 10)
        found = times(ways, turns)
    print(f"{machine()}; onnxruntime {onnxruntime.__version__}, torch {torch.__version__}, one thread; {turns} turns;")
    print(f"load {os.getloadavg()[0]:.1f}; {NETWORK}, one image\n")
    print("| way | weights KiB | median ms | least ms | of onnxruntime's int8 |")
    print("|---|---:|---:|---:|---:|")
    for name, seconds in found.items():
        size = f"{sizes[name] / 1024:.1f}" if name in sizes else ""
        ratio = np.median(seconds / found[INT8])
        print(f"| {name} | {size} | {np.median(seconds) * 1e3:.3f} | {seconds.min() * 1e3:.3f} | {ratio:.2f} |")
    print("\nweights: counted. times: measured.")


if __name__ == "__main__":
    main()
