"""Data-free against data-aware fits: ``python benchmarks/fits.py --network N --data D [--weights F]``.

Every layer of a network takes one scheme after the other (layers that cannot take it stay in 8 bits), fitted to its
weights alone and to the data as a search does it, and accuracy is measured on the validation and the test part:
``free`` has neither, ``biases`` the fits to weights alone with biases corrected, ``aware`` both, and ``sequence`` the
layers of ``aware`` fitted once more, each to what the layers before it leave. ``noise`` is the mean over layers of the
output error on held-out calibration images, aware as a share of free; ``kept`` how many layers are fitted to data
because they err less there; seconds are of the processor, with nothing in the cache.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from torch import Tensor

from costmodels import Dense, FilterfrontError, Scheme, parse_scheme
from explorer.config.search import make_config
from explorer.forms.fit_cache import FitCache
from explorer.measurement.calibration import CALIBRATION_IMAGES, Calibration, calibrate
from explorer.measurement.layer_fits import LayerFits
from explorer.measurement.quality_meter import QualityMeter
from explorer.measurement.sequential_fits import fit_sequentially
from explorer.networks.trace import TracedNetwork
from explorer.search.workload import load_workload, open_data, open_network

SCHEMES = (
    *(f"dense(weight_bits={bits})" for bits in (1, 2, 3, 4, 6)),
    "ternary",
    "pruned(density=0.25, weight_bits=4)",
    "stacked-binary(segments=2, filters=1/2, scale=filter)",
    "linear-representation(templates=16, coefficient_bits=4, template_bits=4)",
    "sparse-basis(segments=2, filters=1/2, basis_bits=1, density=0.5, coefficient_bits=4)",
)


def resolved(text: str, traced: TracedNetwork) -> dict[str, Scheme]:
    """The scheme of every layer."""
    found: dict[str, Scheme] = {}
    for layer in traced.spec.layers:
        try:
            scheme = parse_scheme(text).resolve(layer.shape)
            scheme.check(layer.shape)
        except FilterfrontError:
            scheme = Dense(8)
        found[layer.name] = scheme
    return found


def fitted(fits: LayerFits, schemes: dict[str, Scheme]) -> tuple[dict[str, np.ndarray], float]:
    """The weights of all layers, and the processor's seconds."""
    start = time.process_time()
    fits.prepare(schemes.items())
    return {name: fits.reconstructed(name, scheme) for name, scheme in schemes.items()}, time.process_time() - start


def row(
    text: str,
    traced: TracedNetwork,
    images: Tensor,
    calibration: Calibration,
    meters: tuple[QualityMeter, QualityMeter],
) -> str:
    """A line of the table."""
    schemes = resolved(text, traced)
    with tempfile.TemporaryDirectory() as folder:
        cache = FitCache(Path(folder))
        free, free_seconds = fitted(LayerFits(traced, 0, cache, True, 1), schemes)
        both = LayerFits(traced, 0, cache, True, 1, calibration)
        aware, aware_seconds = fitted(both, schemes)
        layers = {name: both.stored(name, scheme) for name, scheme in schemes.items()}
    plain, corrected = meters
    shares = []
    for name, inputs in calibration.layers.items():
        errors = [inputs.judge.error(traced.weights[name], weights[name]) for weights in (aware, free)]
        shares.append(errors[0] / errors[1] if errors[1] else 1.0)
    kept = sum(both.fit(name, scheme).kind == "data-aware" for name, scheme in schemes.items())
    cells = []
    for meter, weights in ((plain, free), (corrected, free), (corrected, aware)):
        accuracies = [f"{100 * meter.measure(weights, part).accuracy:.2f}" for part in ("validation", "test")]
        cells.append(" / ".join(accuracies))
    start = time.process_time()
    found = fit_sequentially(traced, layers, images, corrected.ranges, corrected.reestimates)
    seconds = time.process_time() - start
    weights = {name: layer.weights for name, layer in found.layers.items()}
    parts = (corrected.measure(weights, part, biases=found.biases) for part in ("validation", "test"))
    cells.append(" / ".join(f"{100 * quality.accuracy:.2f}" for quality in parts))
    noise = (
        f"{np.mean(shares):.3f} | {kept} of {len(schemes)} | {free_seconds:.1f} | {aware_seconds:.1f} | {seconds:.1f}"
    )
    return f"| {text} | {' | '.join(cells)} | {noise} |"


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="digits-cnn")
    parser.add_argument("--data", default=None)
    parser.add_argument("--weights", type=Path, default=None)
    parser.add_argument("--activation-bits", type=int, default=8)
    parser.add_argument("--calibration-images", type=int, default=CALIBRATION_IMAGES)
    parser.add_argument("--schemes", nargs="*", default=SCHEMES)
    options = parser.parse_args()
    config = make_config(network=options.network, data=options.data, weights=options.weights)
    dataset = open_data(config)
    workload = load_workload(config, *open_network(config, dataset), dataset)
    assert workload.dataset is not None
    traced, data, bits = workload.traced, workload.dataset, options.activation_bits
    start = time.process_time()
    calibration = calibrate(traced, data.train.inputs, True, options.calibration_images)
    seconds = time.process_time() - start
    meters = QualityMeter(traced, data, bits), QualityMeter(traced, data, bits, calibration=calibration)
    float_accuracy = meters[0].measure({}).accuracy
    print(f"{options.network}: float {100 * float_accuracy:.2f}%, {calibration.images} images in {seconds:.1f} s\n")
    print(
        "| every layer | free | biases | aware | sequence | noise | kept | free, s | aware, s | sequence, s |"
        "\n|---|---|---|---|---|---|---|---|---|---|"
    )
    for text in options.schemes:
        print(row(text, traced, data.train.inputs, calibration, meters), flush=True)


if __name__ == "__main__":
    main()
