"""How well proxies that add up over layers order designs by their measured loss: ``python benchmarks/proxies.py``.

Random designs of the default space are measured as a search measures them, with batch statistics of their own, and
Spearman's rank correlation of each proxy with the validation loss is printed. ``uniform``: every candidate of a layer
is equally likely. ``levels``: a share between 0 and 1 is drawn for a design, and each layer takes a candidate that lies
near this share in the order of storage, so that designs are small, large, and between. A proxy's part of a layer, for
an error D of its weights W, and second moments A of its input and G of the gradients at its output
(`explorer.measurement.second_moments`):

- distortion: |D|^2 over that of all layers' weights;
- output error: tr(D A D^T);
- curvature: tr(G D A D^T);
- output noise: tr(D A D^T) / tr(W A W^T), the noise-to-signal ratio at the layer's output;
- log noise: log(1 + output noise), for noise that takes the place of signal;
- curved noise: curvature / tr(G W A W^T); log curved: log(1 + that);
- normalized noise, normalized curved: of what the normalization behind the layer does not take out again
  (`benchmarks/normalized_noise.py`);
- mean of ranks: of both of these among the designs;
- output noise, random inputs: A of normal random inputs in the place of training images
  (`explorer.measurement.noise_to_signal`).

None reads labels. They are compared with two yardsticks that do. ``layers weighed by the losses`` gives each layer's
curved noise the weight, none negative, with which the sum best fits the ranks of the measured losses
(`scipy.optimize.nnls`), judged on tenths of the designs that the weights were not fitted to. ``other images`` is the
correlation of the losses with those on test images, as many at most.

A is of centred inputs where a normalization or a bias takes up the mean, but for output error and curvature.

The loss is of at most ``--validation-images``. Measured designs are kept in ``--out`` and not measured again.
"""

import argparse
import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from normalized_noise import normalization_gains, normalized_noises
from scipy.optimize import nnls
from scipy.stats import rankdata, spearmanr
from tqdm import tqdm

from costmodels import Scheme
from explorer.config.search import make_config
from explorer.data import Dataset
from explorer.data.sources import load_data
from explorer.measurement.noise_to_signal import NoiseToSignal, random_batches
from explorer.measurement.second_moments import layer_moments, noise_to_signal_ratios, output_errors
from explorer.search.evaluators import make_calibration, make_evaluator, make_quality_meter
from explorer.search.workload import load_workload, open_network
from searches.design import Design
from searches.space import build_space

PROXIES = (
    *("distortion", "output error", "curvature", "output noise", "log noise", "curved noise", "log curved"),
    *("output noise, random inputs", "normalized noise", "normalized curved"),
)
MORE = ("mean of ranks",)
RANKED = ("normalized noise", "normalized curved")
LIMITS = ("layers weighed by the losses", "other images")
CURVED = PROXIES.index("curved noise")

KINDS = ("uniform", "levels")
SPREAD = 0.15
"""How far from a design's share its layers' candidates may lie."""


def _with_other_images(dataset: Dataset) -> Dataset:
    """The same with as many test images, or all, in the place of the validation images."""
    assert dataset.test is not None
    return replace(dataset, validation=dataset.test).with_validation(len(dataset.validation))


class Workloads:
    """A network with its designs, their proxies and their losses."""

    def __init__(self, network: str, data: str, images: int) -> None:
        config = make_config(network=network, data=data, validation_images=images)
        dataset = load_data(data)
        workload = load_workload(config, *open_network(config, dataset), dataset)
        assert workload.dataset is not None
        self.traced = workload.traced
        calibration = make_calibration(config, workload)
        assert calibration is not None
        quality = make_quality_meter(config, workload, calibration)
        self.evaluator = make_evaluator(config, workload, None, quality=quality, calibration=calibration)
        others = replace(workload, dataset=_with_other_images(workload.dataset))
        self.other = make_quality_meter(config, others, calibration)
        self.space = build_space(self.traced.spec)
        self.gains = normalization_gains(self.traced)
        self.digest = calibration.digest[:8]
        self.raw = layer_moments(self.traced, workload.dataset.train.inputs)
        inputs = {name: layer.moments for name, layer in calibration.layers.items()}
        self.moments = {name: replace(moments, inputs=inputs[name]) for name, moments in self.raw.items()}
        self.blind = NoiseToSignal(self.traced, random_batches(self.traced, workload.loaded.example_input, 0))
        self._parts: dict[tuple[str, Scheme], np.ndarray] = {}

    def design(self, kind: str, generator: np.random.Generator) -> Design:
        share, chosen = generator.random(), {}
        for layer in self.space.layers:
            schemes = list(layer.candidates)
            if kind == "levels":
                schemes.sort(key=lambda scheme: sum(scheme.storage(layer.shape).values()))
                place = np.clip(share + SPREAD * generator.uniform(-1, 1), 0, 1) * (len(schemes) - 1)
                chosen[layer.name] = schemes[round(place)]
            else:
                chosen[layer.name] = schemes[generator.integers(len(schemes))]
        return Design(chosen)

    def parts(self, design: Design) -> np.ndarray:
        """(layers, proxies); each proxy is the sum over the layers."""
        return np.array([self._part(name, scheme) for name, scheme in design.schemes.items()])

    def loss(self, design: Design) -> float:
        return self.evaluator.quality(design, "validation").loss

    def other_loss(self, design: Design) -> float:
        weights = {name: self.evaluator.reconstructed(name, scheme) for name, scheme in design.schemes.items()}
        return self.other.measure(weights).loss

    def _part(self, name: str, scheme: Scheme) -> np.ndarray:
        if (name, scheme) not in self._parts:
            weights = self.traced.weights[name]
            reconstructed = self.evaluator.reconstructed(name, scheme)
            error, curved = output_errors(self.raw[name], weights, reconstructed)
            noise, curved_noise = noise_to_signal_ratios(self.moments[name], weights, [reconstructed])[0]
            blind = self.blind.of(name, reconstructed)
            normalized = normalized_noises(self.moments[name], weights, [reconstructed], self.gains.get(name))[0]
            parts = [error, curved, noise, math.log1p(noise), curved_noise, math.log1p(curved_noise), blind]
            parts += list(normalized)
            self._parts[name, scheme] = np.array([self.evaluator.distortion_part(name, scheme), *parts])
        return self._parts[name, scheme]


def measured(measure: Callable[[Design], float], designs: Sequence[Design], path: Path) -> np.ndarray:
    """The loss of every design, those in the file read from there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    known = dict(json.loads(line) for line in path.read_text().splitlines())
    with path.open("a") as file:
        for design in tqdm(designs, desc="measuring designs", unit="design", disable=None):
            name = design.id
            if name not in known:
                known[name] = measure(design)
                file.write(json.dumps([name, known[name]]) + "\n")
                file.flush()
    return np.array([known[design.id] for design in designs])


def weighed(noises: np.ndarray, losses: np.ndarray) -> float:
    """Spearman's correlation of the losses with weighed sums of the layers' noises, each design's from weights fitted
    to the other nine tenths.

    Args:
        noises: (designs, layers).
        losses: (designs,).
    """
    tenths = np.random.default_rng(0).permutation(len(losses)) % 10
    sums, with_constant = np.empty(len(losses)), np.column_stack([noises, np.ones(len(losses))])
    for tenth in range(10):
        fitted = tenths != tenth
        weights, _ = nnls(with_constant[fitted], rankdata(losses[fitted]))
        sums[~fitted] = with_constant[~fitted] @ weights
    return float(spearmanr(sums, losses).statistic)


def rows(arguments: argparse.Namespace) -> Iterator[str]:
    yield "| network | designs | loss, least to most | " + " | ".join((*PROXIES, *MORE, *LIMITS)) + " |"
    yield "|---|---:|---:|" + "---:|" * len(PROXIES + MORE + LIMITS)
    for network, data in (pair.split("/") for pair in arguments.networks):
        workloads = Workloads(network, data, arguments.validation_images)
        for kind in KINDS:
            generator = np.random.default_rng(0)
            designs = [workloads.design(kind, generator) for _ in range(arguments.designs)]
            path = arguments.out / f"{network}-{kind}-{workloads.digest}.jsonl"
            losses = measured(workloads.loss, designs, path)
            again = measured(workloads.other_loss, designs, path.with_suffix(".other.jsonl"))
            values = np.array([workloads.parts(design) for design in designs])
            sums = values.sum(axis=1).T
            ranks = [spearmanr(column, losses).statistic for column in sums]
            both = sum(rankdata(sums[PROXIES.index(name)]) for name in RANKED)
            ranks += [spearmanr(both, losses).statistic]
            ranks += [weighed(values[:, :, CURVED], losses), spearmanr(again, losses).statistic]
            figures = " | ".join(f"{rank:.3f}" for rank in ranks)
            yield f"| {network} | {len(designs)} {kind} | {losses.min():.2f} to {losses.max():.2f} | {figures} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="*", default=["digits-cnn/digits", "resnet20-cifar/glyphs32"])
    parser.add_argument("--designs", type=int, default=200)
    parser.add_argument("--validation-images", type=int, default=500)
    parser.add_argument("--out", type=Path, default=Path("runs/proxies"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for line in rows(arguments):
        print(line, flush=True)


if __name__ == "__main__":
    main()
