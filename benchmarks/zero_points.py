"""Output noise of dense layers with zero points against that without, at equal stored bits, layer by layer.

    python benchmarks/zero_points.py --network digits-cnn --data digits
    python benchmarks/zero_points.py --network NETWORKS.py:ds_cnn --data DATA.py:kws

Networks and data are named as for `benchmarks/forms.py`, and fits and noise are its: of the fit that sees three in four
of 400 images and the one that sees none the better one, judged on the fourth ones. Without zero points a layer has the
settings of `PLAIN`, between whose front the logarithm of the noise is interpolated. An entry is the least noise with
zero points, of any of `ZERO_BITS`, as a share of the noise without at the same bits, and the bits of the zero points;
above 1 these are better spent otherwise. ``one side`` is the mean over filters of |sum of weights| / sum of |weights|:
1 where all weights of a filter have one sign.
"""

import argparse
from itertools import product

import numpy as np
from forms import Layer, front, layers_with_inputs
from tqdm import tqdm

from costmodels import Dense

WEIGHT_BITS, SCALE_BITS, ZERO_BITS = (1, 2, 3, 4), (4, 8), (3, 4, 6)
PLAIN = [Dense(bits, "filter", scale_bits) for bits in (1, 2, 3, 4, 5, 6) for scale_bits in SCALE_BITS]


def one_side(layer: Layer) -> float:
    """As the head of this file says."""
    rows = layer.weights.reshape(len(layer.weights), -1)
    sizes = np.abs(rows).sum(axis=1)
    return float(np.mean(np.abs(rows.sum(axis=1)) / np.where(sizes > 0, sizes, 1.0)))


def shares(layer: Layer) -> list[str]:
    """The entries of a layer, by bits of a weight."""
    kept = front([(*layer.error(scheme), scheme) for scheme in PLAIN])
    places, noises = [point[0] for point in kept], np.log([max(point[1], 1e-12) for point in kept])
    cells = []
    for bits in WEIGHT_BITS:
        found = []
        for scale_bits, zero_bits in product(SCALE_BITS, ZERO_BITS):
            stored, noise = layer.error(Dense(bits, "filter", scale_bits, zero_bits))
            found.append((noise / float(np.exp(np.interp(stored, places, noises))), zero_bits))
        share, zero_bits = min(found)
        cells.append(f"{share:.2f} ({zero_bits})")
    return cells


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", required=True)
    parser.add_argument("--data", required=True)
    arguments = parser.parse_args()
    print(f"| layer | weights | one side | {' | '.join(f'{bits} bits' for bits in WEIGHT_BITS)} |")
    print(f"|---|---:|---:|{'---:|' * len(WEIGHT_BITS)}")
    for name, layer in tqdm(layers_with_inputs(arguments.network, arguments.data).items(), disable=None):
        cells = " | ".join(shares(layer))
        print(f"| {name}, {layer.shape} | {layer.shape.weights:,} | {one_side(layer):.2f} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
