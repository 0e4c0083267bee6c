"""What scales of few bits cost and save: flash, distortion and, with data, accuracy of uniform dense designs.

    python benchmarks/scales.py --network NETWORK [--data DATA] [--weight-bits 2,3,4]

Every layer is dense at the same width, fitted without data, with scales of 32, 16, 8 and 4 bits. The increase is that
of the squared error against scales of 32 bits, the mean over layers; activations have 8 bits where there are data.
"""

import argparse

import numpy as np

from costmodels import Dense, network_cost
from costmodels.scales import SCALE_BITS
from explorer.data import load_data
from explorer.forms.fitting import fit
from explorer.measurement.quality_meter import QualityMeter
from explorer.networks.load import load_network
from explorer.networks.trace import trace


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", required=True)
    parser.add_argument("--data")
    parser.add_argument("--weight-bits", default="2,3,4")
    arguments = parser.parse_args()
    loaded = load_network(arguments.network)
    traced = trace(loaded.module, loaded.example_input, loaded.name)
    meter = QualityMeter(traced, load_data(arguments.data)) if arguments.data else None
    print("| weight bits | scale bits | flash, bytes | of it scales | distortion | increase | validation | test |")
    print("|---|---|---|---|---|---|---|---|")
    for weight_bits in map(int, arguments.weight_bits.split(",")):
        first: dict[str, float] = {}
        for scale_bits in SCALE_BITS:
            scheme = Dense(weight_bits, scale_bits=scale_bits)
            fits = {layer.name: fit(traced.weights[layer.name], layer.shape, scheme) for layer in traced.spec.layers}
            first = first or {name: one.distortion for name, one in fits.items()}
            energy = {name: float(np.square(traced.weights[name], dtype=np.float64).sum()) for name in fits}
            distortion = sum(one.distortion * energy[name] for name, one in fits.items()) / sum(energy.values())
            more = np.mean([one.distortion / first[name] - 1 for name, one in fits.items()])
            cost = network_cost(traced.spec, scheme)
            weights = {name: one.weights for name, one in fits.items()}
            shares = [
                f"{meter.measure(weights, part).accuracy:.2%}" if meter else "-" for part in ("validation", "test")
            ]
            row = weight_bits, scale_bits, cost.flash_bytes, cost.storage["scales"] // 8, f"{distortion:.5f}"
            print("|", " | ".join(map(str, (*row, f"{more:+.2%}", *shares))), "|", flush=True)


if __name__ == "__main__":
    main()
