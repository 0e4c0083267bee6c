"""What a design does to the network's answers: loss and accuracy with its weights in place and its activations rounded.

Legend: n output channels, c input channels, g groups, kh x kw kernel; N images.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call
from torch.nn import functional

from explorer.calibration import calibrate, quantized_graph
from explorer.data import Dataset, check_network
from explorer.errors import QualityError
from explorer.networks.trace import TracedNetwork
from explorer.training import count_correct

__all__ = ["Evaluator", "Quality"]

_BATCH = 100
_CALIBRATION_IMAGES = 1024


@dataclass(frozen=True)
class Quality:
    """Answers on one part of the data.

    Args:
        loss: mean cross-entropy in nats; NaN or infinite where the design's logits or weights are not finite.
        accuracy: share of 1 of the images whose largest logit is at their label; logits that are not finite are wrong.
        samples: number of images.
    """

    loss: float
    accuracy: float
    samples: int


class Evaluator:
    """Measures designs of one network on one set of data.

    The activation ranges are calibrated once, with the network's own weights, on up to ``calibration_images`` images
    evenly spaced over the training part (`explorer.calibration.calibrate`). A measurement leaves nothing behind:
    weights are put in place for its forward passes alone, also where it is interrupted, and the traced network is never
    changed. The same weights give the same result bit for bit on one machine with one number of threads.

    Args:
        traced: gives logits (N, classes or more) for one input (N, ...).
        dataset: where the loss is measured. activation_bits: 2 to 16, or 32 for no rounding.

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
    ) -> None:
        self._dataset = dataset
        self._layers = {layer.name: layer for layer in traced.spec.layers}
        self._fixed_batch = traced.fixed_batch
        self._graph = traced.graph
        check_network(lambda inputs: self._logits(inputs, {}), dataset)
        images = dataset.train.inputs
        chosen = torch.linspace(0, len(images) - 1, min(calibration_images, len(images)), dtype=torch.float64).long()
        self.ranges = calibrate(traced, images[chosen], activation_bits)
        self._graph = quantized_graph(traced, self.ranges)

    def measure(self, weights: Mapping[str, np.ndarray], part: str = "validation") -> Quality:
        """Loss and accuracy with these weights in place.

        Args:
            weights: layer name -> (n, c/g, kh, kw); layers that are not named keep the network's own weights.
            part: ``train``, ``validation`` or ``test``.

        Raises:
            QualityError: there is no such layer, or its weights have another shape.
            DataError: there is no such part.
        """
        split = self._dataset.part(part)
        parameters = self._parameters(weights)
        if not all(torch.isfinite(values).all() for values in parameters.values()):
            return Quality(math.nan, 0.0, len(split))
        loss, correct = 0.0, 0
        size = self._fixed_batch or _BATCH
        for inputs, labels in zip(split.inputs.split(size), split.labels.split(size), strict=True):
            logits = self._logits(inputs, parameters).double()
            loss += float(functional.cross_entropy(logits, labels, reduction="sum"))
            correct += count_correct(logits, labels)
        return Quality(loss / len(split), correct / len(split), len(split))

    def _parameters(self, weights: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
        """Parameter name -> values in the parameter's own shape."""
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
        return parameters

    def _logits(self, inputs: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
        """(N, classes) of the inputs; a fixed batch is filled up with repetitions of the last one."""
        count = len(inputs)
        if self._fixed_batch is not None and count < self._fixed_batch:
            inputs = inputs[torch.arange(self._fixed_batch).clamp_max(count - 1)]
        with torch.inference_mode():
            return functional_call(self._graph, dict(parameters), (inputs,))[:count]
