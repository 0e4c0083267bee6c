"""Time of a whole network run from packed layers, compared with torch in float32: ``python benchmarks/network.py``.

The network is ResNet-20 for CIFAR with random weights (`explorer.networks.zoo`, seed 0), each form fitted to them; a
time does not depend on what was learned. Every run is one image on one thread, and is followed by one of the torch
module; a time is the median of all runs, the ratio that of the pairs. Where rounded activations meet an edge between
two levels, sums in another order may take the other one: then the outputs differ by more than float32's rounding.
"""

import argparse
import os
import time
from collections.abc import Mapping

import numpy as np
import torch
from kernels import machine, paired
from torch.func import functional_call

from costmodels import Dense, parse_scheme
from costmodels.text import resolve_all
from explorer.deployment.packed.network import PackedNetwork, pack_network
from explorer.forms.fit_cache import fit_cached
from explorer.forms.fitting import FittedLayer
from explorer.measurement.activation_ranges import ActivationRanges, measure_activation_ranges
from explorer.measurement.quantized_graph import quantized_graph
from explorer.networks.trace import TracedNetwork, trace
from explorer.networks.zoo import build

NETWORK = "resnet20-cifar"
FORMS = (
    ("dense(weight_bits=32)", 32),
    ("dense(weight_bits=8)", 8),
    ("dense(weight_bits=1)", 8),
    ("dense(weight_bits=1)", 2),
    ("pruned(density=0.1, weight_bits=8)", 8),
    ("stacked-binary(segments=2, filters=1/4, scale=filter)", 8),
    ("stacked-binary(segments=2, filters=1/4, scale=filter)", 2),
    ("sparse-basis(segments=2, filters=1/4, basis_bits=1, density=0.1, coefficient_bits=8)", 8),
    ("linear-representation(templates=8, coefficient_bits=8)", 32),
)
"""(scheme, activation bits) of the rows; the first and the last layer stay dense at 8 bits, or as the form is dense."""


def fitted_form(traced: TracedNetwork, scheme: str) -> dict[str, FittedLayer]:
    """Layer name -> the layer fitted."""
    pattern = parse_scheme(scheme)
    shapes = {layer.name: layer.shape for layer in traced.spec.layers}
    ends = (
        frozenset() if scheme == FORMS[0][0] else frozenset({traced.spec.layers[0].name, traced.spec.layers[-1].name})
    )
    schemes, _ = resolve_all(pattern, shapes, ends, Dense(8))
    return {name: fit_cached(traced.weights[name], shapes[name], schemes[name]) for name in shapes}


def deviation(
    traced: TracedNetwork,
    ranges: ActivationRanges,
    fitted: Mapping[str, FittedLayer],
    network: PackedNetwork,
    images: torch.Tensor,
) -> float:
    """Largest difference from torch on the reconstructed weights, activations rounded alike, by the largest output."""
    graph = quantized_graph(traced, ranges)
    parameters = {
        layer.weight: torch.tensor(fitted[layer.name].weights).reshape(graph.get_parameter(layer.weight).shape)
        for layer in traced.spec.layers
    }
    expected = functional_call(graph, parameters, (images,))
    return float((network(images) - expected).abs().max() / expected.abs().max())


def seconds_in_layers(network: PackedNetwork, image: torch.Tensor, runs: int) -> float:
    """Median seconds of a run that the packed layers take, levels and output scaling included."""
    started, total = [0.0], [0.0]

    def begin(*_: object) -> None:
        started[0] = time.perf_counter()

    def end(*_: object) -> None:
        total[0] += time.perf_counter() - started[0]

    hooks = [
        hook
        for step in network.steps.values()
        for hook in (step.register_forward_pre_hook(begin), step.register_forward_hook(end))
    ]
    found = []
    for _ in range(runs):
        total[0] = 0.0
        network(image)
        found.append(total[0])
    for hook in hooks:
        hook.remove()
    return float(np.median(found))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="11 runs of each instead of 101")
    runs = 11 if parser.parse_args().quick else 101
    torch.set_num_threads(1)
    module, example = build(NETWORK)
    traced = trace(module.eval(), example, NETWORK)
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(16, *example.shape[1:], generator=generator)
    image = images[:1]
    print(f"{machine()}; torch {torch.__version__}, one thread; {runs} pairs of runs; load {os.getloadavg()[0]:.1f}")
    dense = sum(weights.nbytes for weights in traced.weights.values()) / 1024
    print(f"{NETWORK}, random weights, {dense:.1f} KiB at 32 bits\n")
    print(
        "| form | activation bits | storage KiB | packed ms | of it in layers | torch ms | torch / packed | deviation |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    with torch.inference_mode():
        for scheme, bits in FORMS:
            fitted, ranges = fitted_form(traced, scheme), measure_activation_ranges(traced, images, bits)
            network = pack_network(traced, fitted, ranges)
            mine, others, ratio = paired(lambda network=network: network(image), lambda: module(image), runs)
            layers = seconds_in_layers(network, image, runs)
            away = deviation(traced, ranges, fitted, network, images)
            stored = sum(layer.storage_bits for layer in network.layers.values()) / 8 / 1024
            print(
                f"| `{scheme}` | {bits} | {stored:.2f} | {mine * 1e3:.2f} | {layers * 1e3:.2f} | {others * 1e3:.2f} "
                f"| {ratio:.2f} | {away:.1e} |",
                flush=True,
            )
    print("\nstorage: counted. times: measured. deviation: measured on 16 images, by the largest output.")


if __name__ == "__main__":
    main()
