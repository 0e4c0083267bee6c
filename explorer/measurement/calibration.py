"""Calibration: what unlabelled images say of the inputs of a network's layers, for fits, choices and biases.

Three in four images give the metrics that layers are fitted in. The fourth ones judge: of a layer's fit to its weights
alone and the one in the metric, that of less output error on images that neither saw is kept. All of them give the
means that biases are corrected by. Labels are never read. Inputs are those of the uncompressed network.
"""

import hashlib
import logging
from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from explorer.data.dataset import evenly, fewer_of_large
from explorer.forms.metric import Metric
from explorer.measurement.input_moments import MOST_FULL, InputSums, input_sums, step_between
from explorer.measurement.layer_calls import LayerCall, LayerCalls
from explorer.measurement.mean_takers import mean_takers
from explorer.measurement.moment_cache import KeptSums, MomentCache
from explorer.networks.trace import TracedNetwork
from explorer.system.errors import QualityError
from explorer.system.inputs import Batch, parts_of
from explorer.system.progress import Stage
from explorer.system.threads import torch_threads

__all__ = ["CALIBRATION_IMAGES", "Calibration", "LayerInputs", "StoredInputs", "calibrate"]

_log = logging.getLogger(__name__)

CALIBRATION_IMAGES = 1024
JUDGING_SHARE = 4
"""One in so many images judges."""

MOST_VALUES, MOST_IMAGES, LEAST_IMAGES = 2**15, 32, 4
"""Input values and images of a batch: patches take many times as much memory as images. So many are taken at least."""

MOST_HELD = 256 * 1024 * 1024
"""Bytes of sums, and of inputs of layers that were read, which are held at once; one layer at least."""


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

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        return sum(one.nbytes for one in (self.metric.matrix, self.judge.matrix, self.mean, self.moments))


@dataclass(frozen=True)
class StoredInputs:
    """Where the inputs of a layer are kept, for processes that read them there.

    Args:
        sums: of the network.
        layer: its name.
        is_centred: whether something takes up the mean.
    """

    sums: KeptSums
    layer: str
    is_centred: bool

    def load(self) -> LayerInputs:
        """The inputs; those that were read last are remembered, as many as `MOST_HELD` bytes hold.

        Raises:
            QualityError: they are damaged, or gone.
        """
        if self not in _held:
            _held[self] = _inputs(self.layer, self.sums.of(self.layer), self.is_centred)
        _held.move_to_end(self)
        while len(_held) > 1 and sum(one.nbytes for one in _held.values()) > MOST_HELD:
            _held.popitem(last=False)
        return _held[self]


_held: OrderedDict[StoredInputs, LayerInputs] = OrderedDict()


class _Layers(Mapping[str, LayerInputs]):
    """The inputs of layers, each read where it is asked for."""

    def __init__(self, stored: Mapping[str, LayerInputs | StoredInputs]) -> None:
        self.stored = stored

    def __getitem__(self, name: str) -> LayerInputs:
        found = self.stored[name]
        return found.load() if isinstance(found, StoredInputs) else found

    def __iter__(self) -> Iterator[str]:
        return iter(self.stored)

    def __len__(self) -> int:
        return len(self.stored)


class Calibration:
    """The inputs of a network's layers on calibration images.

    Args:
        images: how many there were.
        stored: inputs by name, or where they are kept; layers that never ran are left out.
        biases: the biases that compressed weights correct, by layer name, as `mean_takers` gives them.
    """

    def __init__(
        self,
        images: int,
        stored: Mapping[str, LayerInputs | StoredInputs],
        biases: Mapping[str, tuple[str, ...]],
    ) -> None:
        self.images, self.stored, self.biases = images, stored, biases
        self.layers: Mapping[str, LayerInputs] = _Layers(stored)
        """By name; one that is kept on disk is read where it is asked for."""

    @cached_property
    def _means(self) -> dict[str, np.ndarray]:
        """The mean of each layer's input patches, (g, D)."""
        return {name: inputs.mean for name, inputs in self.layers.items()}

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
            if layer in self.stored and self.biases.get(layer):
                mean = self._means[layer]
                missed = (originals[layer].astype(np.float64) - compressed).reshape(len(mean), -1, mean.shape[1])
                shift = torch.from_numpy((missed @ mean[:, :, None]).reshape(-1))
                added |= dict.fromkeys(self.biases[layer], shift)
        return added


def calibrate(
    traced: TracedNetwork,
    images: Batch,
    reestimates: bool,
    most: int = CALIBRATION_IMAGES,
    cache: MomentCache | None = None,
) -> Calibration:
    """Runs the network on calibration images, with a progress bar. With a cache no more than `MOST_HELD` bytes of sums
    are held at once, or those of the largest layer: the network runs again for each so many.

    Args:
        traced: the network, with its own weights.
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
    kept = cache.read(traced, chosen) if cache else None
    takers = mean_takers(traced, reestimates)
    count = sum(len(part) for part in parts)
    if kept is None and cache is not None:
        kept = _written(cache, traced, chosen, parts)
    if kept is not None:
        return Calibration(count, {name: StoredInputs(kept, name, name in takers) for name in kept.layers}, takers)
    with Stage("calibrating fits", count, "image") as bar:
        sums = [_sums(traced, chosen, part, set(traced.weights), bar) for part in parts]
    layers = {name: _inputs(name, [part.get(name) for part in sums], name in takers) for name in sums[0]}
    return Calibration(count, layers, takers)


def _written(cache: MomentCache, traced: TracedNetwork, images: Batch, parts: Sequence[Tensor]) -> KeptSums | None:
    """Sums kept in a cache; None where it cannot be written, which is said."""
    runs, names = _runs(traced), []
    kept = cache.begin(traced, images, traced.weights, len(parts))
    count = sum(len(part) for part in parts) * len(runs)
    try:
        with Stage("calibrating fits", count, "image") as bar:
            for run in runs:
                for number, part in enumerate(parts):
                    found = _sums(traced, images, part, run, bar)
                    for name, sums in found.items():
                        _check_finite(name, sums)
                        kept.write(name, number, sums)
                    names += list(found) if not number else []
        kept = replace(kept, layers=tuple(names))
        kept.finish()
        cache.tidy(kept)
    except OSError as error:
        _log.warning("cannot keep the sums of layers in %s (%s): they are held in memory", cache.folder, error)
        return None
    return kept


def _runs(traced: TracedNetwork) -> list[set[str]]:
    """Layers whose sums are held together while the network runs."""
    runs: list[set[str]] = []
    room = 0
    for layer in traced.spec.layers:
        own = layer.shape.group_inputs * layer.shape.kernel_area
        needed = 8 * layer.shape.groups * own * (own if own <= MOST_FULL else 1)
        if not runs or needed > room:
            runs.append(set())
            room = MOST_HELD
        runs[-1].add(layer.name)
        room -= needed
    return runs


def _parts(traced: TracedNetwork, images: Batch) -> tuple[Tensor, ...]:
    """The places of the images that fits see, and of those that judge; all of them where they are too few to be
    parted."""
    every = torch.arange(len(images))
    judges = every % JUDGING_SHARE == JUDGING_SHARE - 1
    if int(judges.sum()) < (traced.fixed_batch or 1):
        return (every,)
    return every[~judges], every[judges]


def _sums(
    traced: TracedNetwork, images: Batch, chosen: Tensor, layers: Collection[str], bar: Stage
) -> dict[str, InputSums]:
    """Sums by layer, over all its calls, in one thread: the same ones, and so the same fits, whatever the cores.

    Args:
        traced: the network.
        images: (N, ...).
        chosen: places of those that count.
        layers: that are asked for.
        bar: moves on.
    """
    found: dict[str, InputSums] = {}

    def add(call: LayerCall) -> Tensor:
        if call.layer in layers:
            own = input_sums(call, step_between(call.shape, len(chosen)))
            found[call.layer] = found[call.layer].plus(own) if call.layer in found else own
        return call.outputs

    runner = LayerCalls(traced, add)
    size = traced.fixed_batch or fewer_of_large(MOST_IMAGES, images, MOST_VALUES, LEAST_IMAGES)
    whole = [places for places in chosen.split(size) if traced.fixed_batch in (None, len(places))]
    with torch.inference_mode(), torch_threads(1):
        for places in whole or [chosen]:
            batch = images[places]
            runner.run(*parts_of(batch if whole else _filled(batch, size)))
            bar.update(len(places))
    return found


def _filled(images: Batch, size: int) -> Batch:
    """The images and repetitions of the last one, as many as a fixed batch takes."""
    return images[torch.arange(size).clamp_max(len(images) - 1)]


def _inputs(name: str, parts: Sequence[InputSums | None], is_centred: bool) -> LayerInputs:
    """A layer's inputs from the sums of the part that fits and, where there is one, the part that judges."""
    own = [part for part in parts if part is not None]
    for part in own:
        _check_finite(name, part)
    moments = [_moments(part, is_centred) for part in own]
    total = own[0] if len(own) == 1 else own[0].plus(own[1])
    return LayerInputs(
        metric=Metric.of_moments(moments[0]),
        judge=Metric(moments[-1]),
        mean=(total.values / max(total.patches, 1)).numpy(),
        moments=_moments(total, is_centred),
    )


def _check_finite(name: str, sums: InputSums) -> None:
    """Refuses sums of a layer that are not finite.

    Raises:
        QualityError: they are not.
    """
    if not torch.isfinite(sums.squares).all():
        raise QualityError("the inputs of layers are finite", f"{name} reads others", "mend weights or images")


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
