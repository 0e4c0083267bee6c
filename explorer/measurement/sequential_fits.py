"""The layers of one design fitted one after the other, each to what the network computes from its inputs so far.

A layer that is fitted alone is fitted to inputs that it never gets: those of a network that is not compressed. Here
every layer is fitted to the outputs that it has there, from the inputs that the layers before it, compressed, leave it
(`explorer.measurement.paired_moments`). What they lost is made up for as far as it is linear. One pass over all layers
does it, without labels or gradients.

A layer keeps its fit where that has less error on images that neither was fitted to, where it is called more than
once, and where its filters are so large that there is no full metric.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch import Tensor

from costmodels import layer_cost
from explorer.data.dataset import evenly
from explorer.forms.fitted_layer import SEQUENTIAL, FittedLayer
from explorer.forms.fitting import fit, fitted_layer
from explorer.forms.scale_free import with_scales, without_scales
from explorer.measurement.activation_ranges import ActivationRanges
from explorer.measurement.calibration import JUDGING_SHARE
from explorer.measurement.input_moments import MOST_FULL
from explorer.measurement.layer_calls import LayerCall
from explorer.measurement.mean_takers import mean_takers
from explorer.measurement.paired_moments import PairedMoments, paired_sums
from explorer.measurement.paired_run import PairedRun
from explorer.networks.layer_nodes import weight_of
from explorer.networks.trace import TracedNetwork
from explorer.system.inputs import Batch, parts_of
from explorer.system.progress import Stage
from explorer.system.threads import torch_threads

__all__ = ["SEQUENTIAL_IMAGES", "SequentialFits", "fit_sequentially"]

SEQUENTIAL_IMAGES = 512
MOST_VALUES = 2**27
"""Elements of the largest tensor in all images, as 32-bit floats half a GiB; fewer images are taken above it."""


@dataclass(frozen=True, eq=False)
class SequentialFits:
    """A design whose layers were fitted one after the other.

    Args:
        layers: by name.
        biases: those that were corrected for the means of what compressed layers read and compute, by the name of the
            parameter.
    """

    layers: Mapping[str, FittedLayer]
    biases: Mapping[str, Tensor]


def fit_sequentially(
    traced: TracedNetwork,
    fitted: Mapping[str, FittedLayer],
    images: Batch,
    ranges: ActivationRanges,
    reestimates: bool,
    seed: int = 0,
    progress: bool | None = False,
) -> SequentialFits:
    """Fits the layers of a design again, in the order in which the network runs them.

    Args:
        traced: the network, of one input (N, ...), with its own weights.
        fitted: its layers as they were fitted each alone.
        images: (N, ...), of which up to 512, evenly spaced, are used; fewer of large networks.
        ranges: of rounded activations.
        reestimates: whether batch statistics are re-estimated for compressed weights.
        seed: of the fits.
        progress: whether a bar is shown; None shows it on a terminal only.

    Raises:
        FittingError: inputs of a layer are not finite.
    """
    bar = Stage("fitting layers in sequence", len(fitted), "layer", shown=progress)
    with bar, torch_threads(1), threadpool_limits(1), torch.inference_mode():  # the same fits, whatever the cores
        work = _Work(traced, fitted, reestimates, seed, bar)
        run = PairedRun(traced, ranges, reestimates, work.compress)
        run.run(*parts_of(_chosen(traced, images)), enable_io_processing=False)  # it gives nothing of the outputs' form
    return SequentialFits(work.layers, work.biases)


def _chosen(traced: TracedNetwork, images: Batch) -> Batch:
    """As many of the images, evenly spaced, as there is room for."""
    if traced.fixed_batch is not None:
        return evenly(images, traced.fixed_batch)
    largest = max(tensor.elements for tensor in traced.spec.tensors)
    return evenly(images, max(JUDGING_SHARE, min(SEQUENTIAL_IMAGES, MOST_VALUES // largest)))


class _Work:
    """Fits of layers in the order in which they are called."""

    def __init__(
        self, traced: TracedNetwork, fitted: Mapping[str, FittedLayer], reestimates: bool, seed: int, bar: Stage
    ) -> None:
        self._traced, self._fitted, self._seed, self._bar = traced, fitted, seed, bar
        self._takers = mean_takers(traced, reestimates)
        weights = (weight_of(node) for node in traced.graph.graph.nodes if node.op == "call_function")
        self._calls = Counter(str(weight.target) for weight in weights if weight is not None)
        self.layers = dict(fitted)
        self.biases: dict[str, Tensor] = {}

    def compress(self, own: LayerCall, compressed: LayerCall) -> dict[str, Tensor]:
        """The parameters of a layer that is compressed; none of one that is not."""
        name = own.layer
        if name not in self._fitted:
            return {}
        layer, before = self._traced.spec.layer(name), self._fitted[name]
        replaced: dict[str, Tensor] = {}
        if self._calls[layer.weight] == 1 and layer.shape.group_inputs * layer.shape.kernel_area <= MOST_FULL:
            fits, judges, both = self._moments(own, compressed)
            weights = self._traced.weights[name]
            is_normalized = self._takers.get(name) == ()
            again = _again(weights, before, fits, self._seed, is_normalized)
            self.layers[name] = _better(before, again, weights, judges, is_normalized)
            shift = both.shift(weights, self.layers[name].weights)
            for bias in self._takers.get(name, ()):
                parameter = self._traced.graph.get_parameter(bias)
                replaced[bias] = (parameter.double() + shift).to(parameter)
        self.biases |= replaced
        weight = self._traced.graph.get_parameter(layer.weight)
        found = torch.from_numpy(np.array(self.layers[name].weights))
        self._bar.update(1)
        return {**replaced, layer.weight: found.reshape(weight.shape).to(weight)}

    def _moments(self, own: LayerCall, compressed: LayerCall) -> tuple[PairedMoments, PairedMoments, PairedMoments]:
        """Moments of the images that the fit sees, of those that judge, and of both; the same where there are few."""
        judges = torch.arange(len(own.inputs)) % JUDGING_SHARE == JUDGING_SHARE - 1
        parts = (~judges, judges) if judges.any() else (~judges,)
        sums = [paired_sums(_some(own, part), _some(compressed, part)) for part in parts]
        is_centred = own.layer in self._takers
        both = sums[0] if len(sums) == 1 else sums[0].plus(sums[1])
        return sums[0].moments(is_centred), sums[-1].moments(is_centred), both.moments(is_centred)


def _some(call: LayerCall, images: Tensor) -> LayerCall:
    """A call on some of its images."""
    return replace(call, inputs=call.inputs[images], outputs=call.outputs[images])


def _again(
    weights: np.ndarray, before: FittedLayer, moments: PairedMoments, seed: int, is_normalized: bool
) -> FittedLayer:
    """The layer fitted to what makes up for the layers before it."""
    shape, scheme = before.shape, before.scheme
    codebook = before.arrays.get("templates") if scheme.shared_storage(shape) else None
    narrow = scheme.within(shape, before.usage)
    target, metric = moments.target(weights), moments.metric()
    scaled = with_scales(narrow) if is_normalized else None
    made = None
    if scaled is not None:
        made = without_scales(fit(target, shape, scaled, seed, codebook, metric), narrow, target)
    made = made or fit(target, shape, narrow, seed, codebook, metric)
    return fitted_layer(weights, shape, scheme, made.arrays, SEQUENTIAL)  # its distortion is that of the own weights


def _better(
    before: FittedLayer, again: FittedLayer, weights: np.ndarray, judges: PairedMoments, is_normalized: bool
) -> FittedLayer:
    """That of less error, unless it takes more bits."""
    bits, most = (layer_cost(one.shape, one.scheme, usage=one.usage).storage_bits for one in (again, before))
    if bits > most:
        return before
    errors = [judges.error(weights, one.weights, is_normalized) for one in (before, again)]
    return again if errors[1] < errors[0] else before
