"""What biases of 16 bits cost and save: flash and accuracy of uniform dense designs.

    python benchmarks/biases.py --network NETWORK --data DATA [--weight-bits 2,3,4,8]

Every layer is dense at the same width with scales of 8 bits, fitted to the training images; biases are corrected for
the mean error of the weights, or batch statistics are re-estimated, as in a search; activations have 8 bits.
"""

import argparse

from costmodels import Dense, network_cost
from costmodels.bias_values import BIAS_BITS
from explorer.data import load_data
from explorer.forms.fit_cache import FitCache
from explorer.measurement.calibration import calibrate
from explorer.measurement.layer_fits import LayerFits
from explorer.measurement.quality_meter import QualityMeter
from explorer.measurement.rounded_biases import with_bias_bits
from explorer.networks.load import load_network
from explorer.networks.trace import trace
from explorer.system.cache_folder import cache_folder


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--weight-bits", default="2,3,4,8")
    arguments = parser.parse_args()
    loaded, data = load_network(arguments.network), load_data(arguments.data)
    traced = trace(loaded.module, loaded.example_input, loaded.name)
    calibration = calibrate(traced, data.train.inputs, True)
    meters = {bits: QualityMeter(with_bias_bits(traced, bits), data, calibration=calibration) for bits in BIAS_BITS}
    fits = LayerFits(traced, 0, FitCache(cache_folder() / "fits"), True, 1, calibration)
    print("| weight bits | bias bits | flash, bytes | of it biases | loss | validation | test |")
    print("|---|---|---|---|---|---|---|")
    for weight_bits in map(int, arguments.weight_bits.split(",")):
        scheme = Dense(weight_bits, scale_bits=8)
        names = [layer.name for layer in traced.spec.layers]
        fits.prepare([(name, scheme) for name in names])
        weights = {name: fits.reconstructed(name, scheme) for name in names}
        for bits, meter in meters.items():
            cost = network_cost(traced.spec.with_bias_bits(bits), scheme)
            found = [meter.measure(weights, part) for part in ("validation", "test")]
            row = weight_bits, bits, f"{cost.flash_bytes:,}", f"{cost.extras['bias'] // 8:,}", f"{found[0].loss:.5f}"
            print("|", " | ".join(map(str, (*row, *(f"{one.accuracy:.2%}" for one in found)))), "|", flush=True)


if __name__ == "__main__":
    main()
