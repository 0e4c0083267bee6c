"""QualityMeter: what a design does to the network's answers, its weights in place and its activations rounded.

Legend: n output channels, c input channels, g groups, kh x kw kernel; N images.
"""

import copy
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call
from torch.utils import _pytree as pytree

from costmodels.conventions import FLOAT_BITS
from explorer.data import Dataset, Metric, Quality, Split, check_network, class_scores, evenly, fewer_of_large
from explorer.measurement.activation_ranges import measure_activation_ranges
from explorer.measurement.batch_statistics import has_statistics, reestimated_statistics
from explorer.measurement.calibration import Calibration
from explorer.measurement.quantized_graph import quantized_graph
from explorer.measurement.rounded_biases import rounded_biases
from explorer.networks.trace import TracedNetwork
from explorer.system.errors import QualityError
from explorer.system.inputs import Batch, parts_of
from explorer.system.memory_layout import channels_last, takes_channels_last

__all__ = ["BATCH", "STATISTICS_IMAGES", "QualityMeter"]

STATISTICS_IMAGES = 256
BATCH = 100
"""Images that are measured at once; fewer large ones, see `MOST_VALUES`."""

MOST_VALUES, MOST_SEEN = 2**22, 2**23
"""Input values of a batch, and those of all images that ranges are calibrated and statistics re-estimated on: 27 and 64
images of 224 x 224, of which one shows a layer as many places as dozens of small ones."""

LEAST_SEEN = 64
"""Images that are seen whatever their size."""

_CALIBRATION_IMAGES = 1024
_STATISTICS_BATCH, _LEAST_BATCH = 128, 16

_STATISTICS_KEPT = 256
"""Designs whose statistics are remembered: one of the front is measured on two parts and described. ResNet-50's take
0.2 MiB each."""


class QualityMeter:
    """Measures designs of one network on one set of data.

    The activation ranges are calibrated once, with the network's own weights, on up to ``calibration_images`` images
    evenly spaced over the training part (`explorer.measurement.activation_ranges`). A measurement leaves nothing
    behind: weights are put in place for its forward passes alone, also where it is interrupted, and the traced
    network is never changed. The same weights give the same result bit for bit on one machine with one number of
    threads. Images lie in memory with their channels last where the network takes them so, which rounds sums in
    another order.

    Weights that take the place of the network's own come with batch statistics of their own, re-estimated with rounded
    activations (`explorer.measurement.batch_statistics`) on up to ``statistics_images`` images evenly spaced over the
    training part. The network itself, `measure` of no weights, keeps those that it was trained with.

    Biases of few bits (`explorer.measurement.rounded_biases`) are rounded with the weights that take the place of the
    network's own, after they are corrected and statistics are re-estimated.

    Without labels there are no loss and no accuracy; agreement and divergence compare a classifier's answers with those
    of the network itself, its weights and activations in floats.

    Args:
        traced: gives logits (N, classes or more) for its inputs (N, ...), as its first output; others only on data
            without labels.
        dataset: where designs are measured.
        activation_bits: 1 to 16, or 32 for no rounding.
        calibration_images: of the training part at most, which activation ranges are taken from.
        statistics_images: 0 leaves the network's own statistics in place for all weights. So does a network without
            batch normalization, and one that runs on fewer than 16 images at a time, which have no statistics.
        calibration: by which biases are corrected for the mean error of compressed weights; without one they stay.
        compared_with: the network whose answers are those of floats; ``traced`` itself by default.
        metric: what the user judges outputs by.
        compares: whether the first output is to be taken for class scores where it has the shape of such.

    Raises:
        DataError: the network does not fit the data.
        QualityError: other bits are asked for, or the network's own activations are not finite.
    """

    def __init__(
        self,
        traced: TracedNetwork,
        dataset: Dataset,
        activation_bits: int = 8,
        calibration_images: int = _CALIBRATION_IMAGES,
        statistics_images: int = STATISTICS_IMAGES,
        calibration: Calibration | None = None,
        compared_with: TracedNetwork | None = None,
        metric: Metric | None = None,
        compares: bool = True,
    ) -> None:
        self._traced, self._dataset = traced, dataset
        self._compared_with, self.metric, self.compares = compared_with or traced, metric, compares
        self._images, self.calibration = (calibration_images, statistics_images), calibration
        self._layers = {layer.name: layer for layer in traced.spec.layers}
        self._is_narrow = any(layer.bias_bits < FLOAT_BITS for layer in traced.spec.layers)
        self._fixed_batch = traced.fixed_batch
        self._graph = traced.graph
        self._answers: dict[str, Tensor] = {}
        check_network(lambda inputs: self._outputs(inputs, {}), dataset)
        self.classifies = compares and class_scores(self._outputs(dataset.train.inputs[:1], {})) is not None
        """Whether the network's first output is a score for each of several classes."""
        self._is_channels_last = takes_channels_last(self._graph, dataset.train.inputs[: self._fixed_batch or 1])
        self._batch = self._fixed_batch or fewer_of_large(BATCH, dataset.train.inputs, MOST_VALUES)
        count = fewer_of_large(calibration_images, dataset.train.inputs, MOST_SEEN, LEAST_SEEN)
        seen = self._laid_out(evenly(dataset.train.inputs, count))
        self.ranges = measure_activation_ranges(traced, seen, activation_bits)
        self._graph = quantized_graph(traced, self.ranges)
        wanted = fewer_of_large(statistics_images, dataset.train.inputs, MOST_SEEN, LEAST_SEEN)
        wanted = wanted if has_statistics(self._graph) else 0
        self._batches = _statistics_batches(self._laid_out(evenly(dataset.train.inputs, wanted)), traced.fixed_batch)
        self._known_statistics: OrderedDict[bytes, dict[str, Tensor]] = OrderedDict()

    def with_activation_bits(self, activation_bits: int) -> "QualityMeter":
        """One for the same network and data whose activations have so many bits.

        Raises:
            QualityError: as for the class.
        """
        return QualityMeter(
            self._traced,
            self._dataset,
            activation_bits,
            *self._images,
            calibration=self.calibration,
            compared_with=self._compared_with,
            metric=self.metric,
            compares=self.compares,
        )

    def with_own_statistics(self) -> "QualityMeter":
        """One that leaves the network's own statistics and biases in place for all weights."""
        plain = copy.copy(self)
        plain.calibration, plain._batches, plain._known_statistics = None, (), OrderedDict()
        plain._images = self._images[0], 0
        return plain

    def calibrated(self, calibration: Calibration | None) -> "QualityMeter":
        """One that corrects biases by a calibration, or by none.

        Args:
            calibration: as for the class.
        """
        other = copy.copy(self)
        other.calibration, other._known_statistics = calibration, OrderedDict()
        return other

    @property
    def traced(self) -> TracedNetwork:
        """The network."""
        return self._traced

    @property
    def statistics_images(self) -> int:
        """How many training images batch statistics are re-estimated on; 0 where the network's own stay."""
        return sum(len(batch) for batch in self._batches)

    @property
    def reestimates(self) -> bool:
        """Whether batch statistics are re-estimated for compressed weights."""
        return bool(self._batches)

    @property
    def validation_images(self) -> int:
        """How many images designs are measured on."""
        return len(self._dataset.part("validation"))

    def statistics(
        self, weights: Mapping[str, np.ndarray], biases: Mapping[str, Tensor] | None = None
    ) -> dict[str, Tensor]:
        """The batch statistics that these weights are measured with, where they are not the network's own.

        Args:
            weights: as in `measure`.
            biases: by the name of the parameter, where they are others than `biases` gives.

        Returns:
            By the name of the buffer, float tensors of one value per channel; empty where the network's own stay.

        Raises:
            QualityError: as `measure`.
        """
        return self._statistics(self._parameters(weights) | dict(biases or {}))

    def biases(self, weights: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
        """The biases that these weights are measured with, where they are not the network's own.

        Args:
            weights: as in `measure`.

        Returns:
            By the name of the parameter, in its type: corrected where there is a calibration, then rounded where the
            network's layers store biases of few bits.

        Raises:
            QualityError: as `measure`.
        """
        parameters = self._parameters(weights)
        return self._corrected(weights) | self._rounded(parameters | self._statistics(parameters))

    @property
    def graph(self) -> torch.fx.GraphModule:
        """The network with rounded activations."""
        return self._graph

    def parameters(self, weights: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
        """Everything that these weights are measured with, where it is not the network's own, by the name of the
        parameter or buffer.

        Args:
            weights: as in `measure`.

        Raises:
            QualityError: as `measure`.
        """
        parameters = self._parameters(weights)
        if not all(torch.isfinite(values).all() for values in parameters.values()):
            return parameters
        parameters |= self._statistics(parameters)
        return parameters | self._rounded(parameters)

    def _corrected(self, weights: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
        """Biases corrected for the mean error of these weights; empty without a calibration."""
        if self.calibration is None:
            return {}
        added = self.calibration.corrections(self._traced.weights, weights)
        own = {name: self._graph.get_parameter(name).detach() for name in added}
        return {name: (own[name].double() + shift.to(own[name].device)).to(own[name]) for name, shift in added.items()}

    def measure(
        self,
        weights: Mapping[str, np.ndarray],
        part: str = "validation",
        own_statistics: bool = False,
        biases: Mapping[str, Tensor] | None = None,
        on_batch: Callable[[int], object] = lambda images: None,
    ) -> Quality:
        """What the answers are worth with these weights in place: loss and accuracy where there are labels; on all but
        the training part also agreement with the float network's answers and divergence from them; and the metric.

        Args:
            weights: layer name -> (n, c/g, kh, kw); layers that are not named keep the network's own weights.
            part: ``train``, ``validation`` or ``test``.
            own_statistics: whether the network's own batch statistics stay.
            biases: by the name of the parameter, where they are others than `biases` gives.
            on_batch: called with the number of images of every batch that is run (`images_run`).

        Raises:
            QualityError: there is no such layer, or its weights have another shape.
            DataError: there is no such part.
        """
        split = self._dataset.part(part)
        parameters = self._parameters(weights) | dict(biases or {})
        compares = self.classifies and part != "train"
        if not all(torch.isfinite(values).all() for values in parameters.values()):
            return Quality.undefined(split, compares, self.metric is not None)
        parameters |= {} if own_statistics else self._statistics(parameters, on_batch)
        parameters |= self._rounded(parameters)
        images = Split(self._laid_out(split.inputs), split.labels, split.targets)
        others = self._float_answers(part, images.inputs, on_batch) if compares else None
        return Quality.of(
            lambda inputs: self._outputs(inputs, parameters), images, self._batch, on_batch, others, self.metric
        )

    def images_run(self, weights: Mapping[str, np.ndarray], parts: Sequence[str]) -> int:
        """How many images are run by measuring weights that were not measured before.

        Args:
            weights: as of `measure`; with their own, batch statistics are re-estimated once.
            parts: each is run once, and once more for the float network's answers where these are not known.
        """
        compared = [self.classifies and part not in {"train", *self._answers} for part in parts]
        images = (len(self._dataset.part(part)) * (1 + again) for part, again in zip(parts, compared, strict=True))
        return sum(images) + (self.statistics_images if weights else 0)

    def _float_answers(self, part: str, images: Batch, on_batch: Callable[[int], object]) -> Tensor:
        """The logits (N, classes) of the network with its own weights and float activations, computed once."""
        if part not in self._answers:
            found = []
            for batch in images.split(self._batch):
                found.append(class_scores(self._outputs(batch, {}, self._compared_with.graph)))
                on_batch(len(batch))
            self._answers[part] = torch.cat([scores for scores in found if scores is not None])
        return self._answers[part]

    def _laid_out(self, images: Batch) -> Batch:
        return channels_last(images) if self._is_channels_last else images

    def _statistics(
        self, parameters: Mapping[str, Tensor], on_batch: Callable[[int], object] = lambda images: None
    ) -> dict[str, Tensor]:
        """Re-estimated statistics, remembered by the content of the parameters."""
        if not parameters or not self._batches:
            return {}
        key = _digest(parameters)
        if key not in self._known_statistics:
            self._known_statistics[key] = reestimated_statistics(self._graph, parameters, self._batches, on_batch)
        self._known_statistics.move_to_end(key)
        while len(self._known_statistics) > _STATISTICS_KEPT:
            self._known_statistics.popitem(last=False)
        return dict(self._known_statistics[key])

    def _rounded(self, parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Biases rounded as the layers store them; the network itself keeps its own."""
        return rounded_biases(self._traced, parameters) if parameters and self._is_narrow else {}

    def _parameters(self, weights: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
        """Parameter name -> values in the parameter's own shape; corrected biases are among them."""
        parameters = {}
        for name, array in weights.items():
            if name not in self._layers:
                raise QualityError(
                    "weights are of a layer of the network", name, f"choose from {', '.join(self._layers)}"
                )
            layer = self._layers[name]
            if np.shape(array) != layer.shape.weight_shape:
                raise QualityError(
                    f"the weights of {name} have the shape {layer.shape.weight_shape}", np.shape(array), "reshape them"
                )
            own = self._graph.get_parameter(layer.weight)
            parameters[layer.weight] = torch.tensor(array, dtype=own.dtype, device=own.device).reshape(own.shape)
        return parameters | self._corrected(weights)

    def _outputs(
        self, inputs: Batch, parameters: Mapping[str, Tensor], graph: torch.fx.GraphModule | None = None
    ) -> Any:
        """The network's outputs for the inputs; a fixed batch is filled up with repetitions of the last one."""
        count = len(inputs)
        if self._fixed_batch is not None and count < self._fixed_batch:
            inputs = inputs[torch.arange(self._fixed_batch).clamp_max(count - 1)]
        with torch.inference_mode():
            made = functional_call(graph or self._graph, dict(parameters), parts_of(inputs))
        if len(inputs) == count:
            return made
        size = len(inputs)
        return pytree.tree_map_only(Tensor, lambda part: part[:count] if part.shape[:1] == (size,) else part, made)


def _digest(parameters: Mapping[str, Tensor]) -> bytes:
    """SHA-256 of the names and values of parameters."""
    content = hashlib.sha256()
    for name, values in parameters.items():
        content.update(f"{len(name)} {name}".encode())
        content.update(values.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return content.digest()


def _statistics_batches(images: Batch, fixed_batch: int | None) -> tuple[Batch, ...]:
    """The images in batches of one size, so that all weigh alike; none where a batch has too few for statistics."""
    size = fixed_batch or min(fewer_of_large(_STATISTICS_BATCH, images, MOST_VALUES, _LEAST_BATCH), len(images))
    return tuple(batch for batch in images.split(size) if len(batch) == size) if size >= _LEAST_BATCH else ()
