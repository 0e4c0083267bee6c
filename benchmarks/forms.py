"""Least distortion, or output noise, of every compressed form at equal bits a weight, on layers of trained networks.

    python benchmarks/forms.py [--forms dense palettized] [--layers resnet8:layers.7 ds-cnn:layers.4]
    python benchmarks/forms.py --network networks.py:ds_cnn --data data.py:kws --layers layers.4 [--forms ...]

Bits are all that a layer stores: codes, places, codebooks and scales. A form is fitted with every setting of `AXES`, or
of its search grid where it has no axes here, whose bits lie near those asked for; the settings that no other of the
form is better than in both bits and distortion are its front. Between two settings of a front the logarithm of the
distortion is interpolated, since a network mixes settings; below its fewest bits a form has no entry. Distortion is the
squared error of the weights over their energy. Fits see no data, and layers are read from ../shared/mlperf-tiny, which
the project does not hold.

With a network and data of the user's, fits see three in four of 400 images, and what is listed is the noise at the
layer's output on the fourth ones, as a share of the output's variance; of the fit that sees the data and the one that
does not the better one counts, as in a search.
"""

import argparse
import itertools
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors.numpy
from tqdm import tqdm

from costmodels import SCHEMES, ConvShape, Scheme, parse_scheme
from costmodels.errors import SchemeError
from explorer.config.search import make_config
from explorer.forms.fitting import fit
from explorer.measurement.calibration import LayerInputs, calibrate
from explorer.search.workload import load_workload, open_data, open_network

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "mlperf-tiny"
BITS = (0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
MARGIN = 0.4
"""Settings are fitted up to so many bits a weight beyond those asked for, so that the last entry is between two."""

LAYERS = ("resnet8:layers.4", "resnet8:layers.7", "ds-cnn:layers.3", "ds-cnn:layers.4")
IMAGES = 400
DEPTHWISE = {"ds-cnn:layers.1", "ds-cnn:layers.3", "ds-cnn:layers.5", "ds-cnn:layers.7"}

AXES: dict[str, Mapping[str, Sequence[object]]] = {
    "dense": {"weight_bits": (1, 2, 3, 4), "scale": ("filter", "layer"), "scale_bits": (4, 8)},
    "dense with zero points": {
        "weight_bits": (1, 2, 3, 4),
        "scale": ("filter", "layer"),
        "scale_bits": (4, 8),
        "zero_bits": (3, 4, 6),
    },
    "ternary": {"scale": ("filter", "layer"), "scale_bits": (4, 8)},
    "pruned": {"density": (0.05, 0.1, 0.2, 0.35, 0.5), "weight_bits": (3, 4), "scale_bits": (4, 8)},
    "stacked-binary": {
        "segments": (1, 2, 4, 8),
        "filters": ("1/8", "1/4", "1/2", "1/1"),
        "scale": ("filter", "segment"),
        "scale_bits": (4, 8),
    },
    "linear-representation": {
        "templates": (2, 4, 8, 16, 32, 64),
        "coefficient_bits": (2, 3, 4),
        "template_bits": (4,),
        "offset": (True, False),
    },
    "sparse-basis": {
        "segments": (1, 4),
        "filters": ("1/8", "1/4", "1/2", "1/1"),
        "basis_bits": (1, 2, 4),
        "density": (0.1, 0.25, 0.5),
        "coefficient_bits": (3, 4),
        "scale_bits": (8,),
    },
    "nm-sparse": {
        "pattern": ("1:2", "1:4", "2:4", "3:4", "1:8", "2:8", "4:8", "1:16"),
        "weight_bits": (1, 2, 3, 4),
        "scale_bits": (4, 8),
    },
    "low-rank": {
        "filters": ("1/8", "1/4", "3/8", "1/2", "3/4", "1/1"),
        "basis_bits": (1, 2, 3, 4),
        "coefficient_bits": (2, 3, 4),
        "scale_bits": (8,),
    },
    "palettized": {"bits": (1, 2, 3, 4), "scale": ("filter", "layer"), "scale_bits": (4, 8)},
    "entropy-coded": {"bits_per_weight": (0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0), "scale_bits": (4, 8)},
    "vector-quantized": {
        "codewords": (4, 8, 16, 32, 64, 128, 256),
        "codebooks": (1, 2),
        "value_bits": (3, 4, 6),
        "vector_channels": (0, 1, 2, 8),
        "scale_bits": (8,),
    },
}
"""The settings of a form by parameter, as text has them, under its name and what they have in common; another form gets
those of its own search grid."""

FORMS = tuple(dict.fromkeys((*AXES, *SCHEMES)))


@dataclass(frozen=True, eq=False)
class Layer:
    """A trained layer: weights (n, c/g, kh, kw), shape, and what its inputs are like, where that is known."""

    weights: np.ndarray
    shape: ConvShape
    inputs: LayerInputs | None = None

    def error(self, scheme: Scheme) -> tuple[float, float]:
        """Bits a weight and distortion of a fit, or output noise of the better one of two."""
        fitted = fit(self.weights, self.shape, scheme)
        bits = sum(scheme.storage(self.shape, fitted.usage).values()) / self.shape.weights
        if self.inputs is None:
            return bits, fitted.distortion
        judge = self.inputs.judge
        energy = judge.error(self.weights, np.zeros_like(self.weights))
        aware = fit(self.weights, self.shape, scheme, metric=self.inputs.metric)
        error, best = min(
            ((judge.error(self.weights, one.weights), one) for one in (fitted, aware)), key=lambda e: e[0]
        )
        return sum(scheme.storage(self.shape, best.usage).values()) / self.shape.weights, error / energy


def layer(folder: Path, name: str) -> Layer:
    """A layer of a stored network; the size of the input does not matter to a fit."""
    file, _, key = name.partition(":")
    weights = safetensors.numpy.load_file(folder / f"{file}.safetensors")[f"{key}.weight"]
    weights = weights.reshape(*weights.shape, *(1,) * (4 - weights.ndim))
    groups = len(weights) if name in DEPTHWISE else 1
    kernel = weights.shape[2:]
    return Layer(weights, ConvShape(len(weights), weights.shape[1] * groups, kernel, kernel, groups=groups))


def layers_with_inputs(network: str, data: str) -> dict[str, Layer]:
    """The layers of a network, and their inputs."""
    config = make_config(network=network, data=data)
    dataset = open_data(config)
    workload = load_workload(config, *open_network(config, dataset), dataset)
    assert workload.dataset is not None
    traced = workload.traced
    calibration = calibrate(traced, workload.dataset.train.inputs, True, IMAGES)
    shapes = {one.name: one.shape for one in traced.spec.layers}
    return {name: Layer(traced.weights[name], shapes[name], inputs) for name, inputs in calibration.layers.items()}


def settings(form: str, shape: ConvShape, most_bits: float) -> Iterator[Scheme]:
    """Every setting of a form that the layer can take, in no more bits a weight, without repetitions."""
    name, found = form.partition(" ")[0], set()
    axes = AXES.get(form) or SCHEMES[name].grid
    for values in itertools.product(*axes.values()):
        text = f"{name}({', '.join(f'{key}={value}' for key, value in zip(axes, values, strict=True))})"
        try:
            scheme = parse_scheme(text).resolve(shape)
        except SchemeError:
            continue
        if scheme not in found and sum(scheme.storage(shape).values()) <= most_bits * shape.weights:
            found.add(scheme)
            yield scheme


def front(points: Sequence[tuple[float, float, Scheme]]) -> list[tuple[float, float, Scheme]]:
    """(bits a weight, distortion, setting) by bits, each of less distortion than those before it."""
    kept: list[tuple[float, float, Scheme]] = []
    for point in sorted(points, key=lambda point: point[:2]):
        if not kept or point[1] < kept[-1][1]:
            kept.append(point)
    return kept


def entries(form: str, layer: Layer) -> tuple[list[str], int]:
    """The cells of a form's row, and how many settings were fitted."""
    points = []
    for scheme in tqdm(list(settings(form, layer.shape, BITS[-1] + MARGIN)), desc=form, disable=None, leave=False):
        bits, error = layer.error(scheme)
        points.append((bits, max(error, 1e-12), scheme))
    kept, cells = front(points), []
    for bits in BITS:
        if not kept or bits < kept[0][0]:
            cells.append("")
            continue
        logarithm = np.interp(bits, [point[0] for point in kept], np.log([point[1] for point in kept]))
        cells.append(f"{np.exp(logarithm):.4f}")
    return cells, len(points)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--forms", nargs="+", choices=FORMS, default=FORMS)
    parser.add_argument("--layers", nargs="+", default=LAYERS, help="FILE:NAME, such as resnet8:layers.7")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="of the networks' weights")
    parser.add_argument("--network", help="FILE:CALLABLE, whose layers are named by --layers")
    parser.add_argument("--data", help="FILE:CALLABLE, with --network")
    arguments = parser.parse_args()
    if (arguments.network is None) != (arguments.data is None):
        sys.exit("got one of --network and --data; output noise needs both; name both or neither")
    if arguments.network is None and not arguments.folder.is_dir():
        sys.exit(f"got no folder {arguments.folder}; the layers are read from it; name it with --folder")
    known = layers_with_inputs(arguments.network, arguments.data) if arguments.network else {}
    for name in arguments.layers:
        if known and name not in known:
            sys.exit(f"got the layer {name}; --layers names layers of the network; choose of {', '.join(known)}")
        found = known[name] if known else layer(arguments.folder, name)
        print(f"\n{name}, {found.shape}\n\n| form | {' | '.join(map(str, BITS))} | settings | processor s |")
        print(f"|---|{'---:|' * (len(BITS) + 2)}")
        for form in arguments.forms:
            begin = time.process_time()
            cells, count = entries(form, found)
            if count:
                print(f"| {form} | {' | '.join(cells)} | {count} | {time.process_time() - begin:.1f} |", flush=True)


if __name__ == "__main__":
    main()
