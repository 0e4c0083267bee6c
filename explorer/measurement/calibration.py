"""Calibration: what unlabelled images say of the inputs of a network's layers, for fits, choices and biases.

Three in four images give the metrics that layers are fitted in. The fourth ones judge: of a layer's fit to its weights
alone and the one in the metric, that of less output error on images that neither saw is kept. All of them give the
means that biases are corrected by. Labels are never read. Inputs are those of the uncompressed network.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from explorer.data.dataset import evenly
from explorer.forms.metric import Metric
from explorer.measurement.input_moments import InputSums, input_sums
from explorer.measurement.layer_calls import LayerCall, LayerCalls
from explorer.measurement.mean_takers import mean_takers
from explorer.measurement.moment_cache import MomentCache
from explorer.networks.trace import TracedNetwork
from explorer.system.errors import QualityError
from explorer.system.threads import torch_threads

__all__ = ["CALIBRATION_IMAGES", "Calibration", "LayerInputs", "calibrate"]

CALIBRATION_IMAGES = 1024
JUDGING_SHARE = 4
"""One in so many images judges."""

MOST_VALUES, MOST_IMAGES = 2**15, 32
"""Input values and images of a batch: patches take many times as much memory as images."""


@dataclass(frozen=True, eq=False)
class LayerInputs:
    """The inputs of a layer.

    Args:
        metric: that the layer is fitted in, damped.
        judge: of the images that judge, as it is.
        mean: of all images, (g, D).
        moments: of all images, (g, D, D) or the diagonal (g, D): the covariance, or E x x^T where nothing takes up the
            mean.
    """

    metric: Metric
    judge: Metric
    mean: np.ndarray
    moments: np.ndarray


@dataclass(frozen=True, eq=False)
class Calibration:
    """The inputs of a network's layers on calibration images.

    Args:
        images: how many there were.
        layers: by name; layers that never ran are left out.
        biases: the biases that compressed weights correct, by layer name, as `mean_takers` gives them.
    """

    images: int
    layers: Mapping[str, LayerInputs]
    biases: Mapping[str, tuple[str, ...]]

    @cached_property
    def digest(self) -> str:
        """SHA-256 over all that fits and corrections depend on."""
        content = hashlib.sha256()
        for name, inputs in sorted(self.layers.items()):
            content.update(f"{name} {inputs.metric.digest} {inputs.judge.digest}\n".encode())
            content.update(np.ascontiguousarray(inputs.mean).data)
            content.update(" ".join(self.biases.get(name, ("-",))).encode())
        return content.hexdigest()

    def corrections(self, originals: Mapping[str, np.ndarray], weights: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
        """What is added to biases, (n,) float64 by the name of the bias, so that mean outputs stay what they were.

        Args:
            originals: the network's own weights by layer name, (n, c/g, kh, kw).
            weights: those that take their place; layers that are not named keep their own.
        """
        added: dict[str, Tensor] = {}
        for layer, compressed in weights.items():
            if layer in self.layers and self.biases.get(layer):
                mean = self.layers[layer].mean
                missed = (originals[layer].astype(np.float64) - compressed).reshape(len(mean), -1, mean.shape[1])
                shift = torch.from_numpy((missed @ mean[:, :, None]).reshape(-1))
                added |= dict.fromkeys(self.biases[layer], shift)
        return added


def calibrate(
    traced: TracedNetwork,
    images: Tensor,
    reestimates: bool,
    most: int = CALIBRATION_IMAGES,
    cache: MomentCache | None = None,
) -> Calibration:
    """Runs the network on calibration images, with a progress bar.

    Args:
        traced: the network, of one input (N, ...), with its own weights.
        images: (N, ...), of which up to ``most``, evenly spaced, are used; what fills no fixed batch is left out.
        reestimates: whether batch statistics are re-estimated for compressed weights.
        most: at least 1.
        cache: where the sums are kept; nowhere, if not given.

    Raises:
        QualityError: there are no images, or a layer's input is not finite.
    """
    chosen = evenly(images, most)
    if not len(chosen):
        raise QualityError("fits are calibrated on at least one image", "none", "give training data")
    parts = _parts(traced, chosen)
    sums = cache.read(traced, chosen) if cache else None
    if sums is None:
        with torch_threads(1):  # the same sums, and so the same fits, however many cores there are
            sums = tuple(_sums(traced, part) for part in parts)
        if cache:
            cache.write(traced, chosen, sums)
    takers = mean_takers(traced, reestimates)
    layers = {name: _inputs(name, [part.get(name) for part in sums], name in takers) for name in sums[0]}
    return Calibration(sum(len(part) for part in parts), layers, takers)


def _parts(traced: TracedNetwork, images: Tensor) -> tuple[Tensor, ...]:
    """The images that fits see, and those that judge; the same ones where they are too few to be parted."""
    judges = torch.arange(len(images)) % JUDGING_SHARE == JUDGING_SHARE - 1
    if int(judges.sum()) < (traced.fixed_batch or 1):
        return (images,)
    return images[~judges], images[judges]


def _sums(traced: TracedNetwork, images: Tensor) -> dict[str, InputSums]:
    """Sums by layer, over all its calls."""
    found: dict[str, InputSums] = {}

    def add(call: LayerCall) -> Tensor:
        own = input_sums(call)
        found[call.layer] = found[call.layer].plus(own) if call.layer in found else own
        return call.outputs

    runner = LayerCalls(traced, add)
    size = traced.fixed_batch or max(1, min(MOST_IMAGES, MOST_VALUES // max(1, images[:1].numel())))
    batches = [batch for batch in images.split(size) if traced.fixed_batch in (None, len(batch))] or [
        _filled(images, size)
    ]
    with torch.inference_mode(), tqdm(total=len(images), desc="calibrating fits", unit="image", disable=None) as bar:
        for batch in batches:
            runner.run(batch)
            bar.update(len(batch))
    return found


def _filled(images: Tensor, size: int) -> Tensor:
    """The images and repetitions of the last one, as many as a fixed batch takes."""
    return images[torch.arange(size).clamp_max(len(images) - 1)]


def _inputs(name: str, parts: Sequence[InputSums | None], is_centred: bool) -> LayerInputs:
    """A layer's inputs from the sums of the part that fits and, where there is one, the part that judges."""
    own = [part for part in parts if part is not None]
    if not all(torch.isfinite(part.squares).all() for part in own):
        raise QualityError("the inputs of layers are finite", f"{name} reads others", "mend weights or images")
    moments = [_moments(part, is_centred) for part in own]
    total = own[0] if len(own) == 1 else own[0].plus(own[1])
    return LayerInputs(
        metric=Metric.of_moments(moments[0]),
        judge=Metric(moments[-1]),
        mean=(total.values / max(total.patches, 1)).numpy(),
        moments=_moments(total, is_centred),
    )


def _moments(sums: InputSums, is_centred: bool) -> np.ndarray:
    """C = E x x^T - mu mu^T, or E x x^T where nothing takes the mean up; never below zero on the diagonal."""
    second: np.ndarray = (sums.squares / max(sums.patches, 1)).numpy().copy()
    mean = (sums.values / max(sums.patches, 1)).numpy()
    if is_centred:
        second -= mean[:, :, None] * mean[:, None, :] if second.ndim == 3 else np.square(mean)
    if second.ndim == 3:
        places = np.arange(second.shape[1])
        second[:, places, places] = np.maximum(second[:, places, places], 0.0)
        return second
    diagonal: np.ndarray = np.maximum(second, 0.0)
    return diagonal
