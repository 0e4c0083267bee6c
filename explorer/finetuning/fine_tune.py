"""Fine-tuning a design: its layers trained in their compressed form, to win back what compression lost.

The design stays what it was: the same schemes, selections and codes of the same widths, at no more flash, operations or
scratch (see the layers in `explorer.forms.trainable`). What is handed back packs, costs and runs as any fitted layer
does.
"""

import hashlib
import json
import logging
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np
import torch
from torch import nn

from explorer.data import Dataset, Metric
from explorer.data.quality import Quality
from explorer.finetuning.rounded_activations import RoundedActivations
from explorer.finetuning.tuner import Tuner
from explorer.finetuning.tuning_epoch import TuningEpoch
from explorer.forms.compress import compress, fitted_layers, plain_network
from explorer.forms.fitted_layer import FittedLayer
from explorer.measurement.batch_statistics import put_biases, put_statistics
from explorer.measurement.calibration import Calibration
from explorer.measurement.measured_parts import measured_parts
from explorer.measurement.quality_meter import STATISTICS_IMAGES, QualityMeter
from explorer.measurement.rounded_biases import rounded_biases, with_bias_bits
from explorer.measurement.sequential_fits import SequentialFits, fit_sequentially
from explorer.networks.trace import Example, TracedNetwork, trace
from explorer.system.errors import LayerError, TrainingError
from explorer.system.threads import torch_threads
from explorer.training.checkpoint import Checkpoint
from explorer.training.run_epochs import run_epochs
from explorer.training.train import training_device
from explorer.training.tuning_recipe import TuningRecipe

__all__ = ["FineTuned", "fine_tune"]

_LOG = logging.getLogger(__name__)
_AS_FITTED = "measuring the design as it was fitted"


@dataclass(frozen=True, eq=False)
class FineTuned:
    """A design after fine-tuning.

    Args:
        network: the network with its trainable layers at their best state, in evaluation mode.
        layers: by name, the arrays, weights and counts of the trained layers, in fitted form; distortion is against the
            float network's weights, which training does not follow.
        kinds: by layer name, how the fit came about that training began with, as `FittedLayer.kind`.
        before: by part of the data, the quality of the design as it was fitted, with the float network's batch
            statistics. As the next two it is measured with rounded activations from the arrays that would be stored;
            the test part chooses nothing.
        reestimated: the same with the batch statistics that a search gives it, and nothing trained.
        after: the same as it is now, biases and normalizations trained along.
        recipe: how it was trained.
        seed: as in `fine_tune`.
        curve: of every epoch, on the validation part, activations rounded only where the recipe says so.
        best_epoch: the one whose state was taken, from 1; 0 where none was better than the start.
        seconds: wall-clock time of the training, without what an earlier run spent.
        device: ``cpu`` or ``cuda``.
    """

    network: nn.Module
    layers: Mapping[str, FittedLayer]
    kinds: Mapping[str, str]
    before: Mapping[str, Quality]
    reestimated: Mapping[str, Quality]
    after: Mapping[str, Quality]
    recipe: TuningRecipe
    seed: int
    curve: tuple[TuningEpoch, ...]
    best_epoch: int
    seconds: float
    device: str = "cpu"


def fine_tune(
    network: nn.Module,
    example: Example,
    fitted: Mapping[str, FittedLayer],
    dataset: Dataset,
    activation_bits: int = 8,
    recipe: TuningRecipe | None = None,
    seed: int = 0,
    checkpoint: Checkpoint | None = None,
    progress: bool | None = None,
    statistics_images: int = STATISTICS_IMAGES,
    calibration: Calibration | None = None,
    bias_bits: int = 32,
    metric: Metric | None = None,
    compares: bool = True,
    meter: QualityMeter | None = None,
) -> FineTuned:
    """Trains the compressed layers of a design, and all other parameters with them.

    On data without labels all is learned from the float network's answers (`Tuner`).

    It runs on ``cuda`` where there is such a device, else on the ``cpu``, where the result depends on network, fits,
    data, recipe and seed alone, bit for bit on one machine, also where it was interrupted after some epoch and taken up
    from the checkpoint. Random states are left as they were.

    Args:
        network: the trained float network; left as it is.
        example: an input (1, ...), or several as a tuple.
        fitted: by layer name.
        dataset: where it is trained and measured.
        activation_bits: as in `explorer.measurement.quality_meter.QualityMeter`.
        recipe: how it is trained; the defaults of `TuningRecipe` where None.
        seed: of the order of the images and of their shifts.
        checkpoint: where the state is kept after every epoch; it belongs to this one fine-tuning.
        progress: show a progress bar on stderr; None shows it on a terminal only.
        statistics_images: as in `explorer.measurement.quality_meter.QualityMeter`: training begins with the batch
            statistics that a search gives the design; after every epoch they are re-estimated on training images.
        calibration: as in `explorer.measurement.quality_meter.QualityMeter`: training begins with corrected biases.
        bias_bits: of biases, and of shifts of folded normalizations, as in `explorer.measurement.rounded_biases`: what
            comes out has rounded ones.
        meter: of this network, these data and settings, where there is one already.
        metric: of the user's, by which the state that is kept is chosen; None without one.
        compares: as in `QualityMeter`; outputs that are no class scores are learned by their squared error.

    Raises:
        LayerError: a layer cannot be trained in its compressed form.
        TrainingError: the loss is no longer finite, or the checkpoint is of another training.
        DataError, NetworkError, QualityError: as `trace` and `QualityMeter`.
    """
    recipe = (recipe or TuningRecipe()).for_data(dataset.is_labelled)
    device = training_device()
    with torch_threads(recipe.threads):
        measure = partial(
            QualityMeter, dataset=dataset, activation_bits=activation_bits, metric=metric, compares=compares
        )
        if meter is None:
            traced = with_bias_bits(trace(network, example, "network"), bias_bits)
            meter = measure(traced, statistics_images=statistics_images, calibration=calibration)
        traced = meter.traced
        rounds = recipe.round_activations and meter.ranges.by_tensor
        rounding = RoundedActivations.of(meter, network, dataset) if rounds else None
        _refuse_computed(network, traced, fitted)
        begun = _begun(meter, fitted, dataset, seed, progress, recipe.sequential and calibration is not None)
        compressed = compress(network, begun.layers)
        put_statistics(compressed, meter.statistics(_weights(begun.layers), begun.biases))
        put_biases(compressed, begun.biases)
        key = _key(compressed, network, dataset, recipe, seed, rounding, device, metric)
        judges = metric, meter.classifies
        tuner = Tuner(compressed.to(device), network, dataset, recipe, seed, rounding, *judges)
        _take_up(tuner, checkpoint, key)
        start = time.perf_counter()
        _learn(tuner, checkpoint, key, progress)
        seconds = time.perf_counter() - start
        best = tuner.take_best()
        _round_biases(best, example, bias_bits)
        layers = fitted_layers(best, {name: traced.weights[name] for name in fitted})
        measured = partial(measured_parts, dataset=dataset, progress=progress)
        own = meter.with_own_statistics()
        before, reestimated = (measured(one, _weights(fitted), title=_AS_FITTED) for one in (own, meter))
        tuned = trace(plain_network(best), example, "network")
        trained = measure(tuned, statistics_images=0, compared_with=traced)
        after = measured(trained, _weights(layers), title="measuring the fine-tuned design")
    ranks = [tuner.rank(epoch) for epoch in (tuner.start, *tuner.curve)]
    best_epoch = ranks.index(max(ranks))
    curve = tuple(tuner.curve)
    kinds = {name: layer.kind for name, layer in begun.layers.items()}
    return FineTuned(best, layers, kinds, before, reestimated, after, recipe, seed, curve, best_epoch, seconds, device)


def _begun(
    meter: QualityMeter,
    fitted: Mapping[str, FittedLayer],
    dataset: Dataset,
    seed: int,
    progress: bool | None,
    sequential: bool,
) -> SequentialFits:
    """The layers and biases that training begins with: those of the search or, where the validation part finds them no
    worse, fitted in sequence."""
    alone = SequentialFits(fitted, meter.biases(_weights(fitted)))
    if not sequential:
        return alone
    images, reestimates = dataset.train.inputs, meter.reestimates
    begun = fit_sequentially(meter.traced, fitted, images, meter.ranges, reestimates, seed, progress)
    others = meter.biases(_weights(begun.layers))  # of layers that kept their fits
    found = SequentialFits(begun.layers, others | dict(begun.biases))
    qualities = [meter.measure(_weights(one.layers), biases=one.biases) for one in (found, alone)]
    ranks = [TuningEpoch.of(quality).rank(meter.metric) for quality in qualities]
    return found if ranks[0] >= ranks[1] else alone


def _refuse_computed(network: nn.Module, traced: TracedNetwork, fitted: Mapping[str, FittedLayer]) -> None:
    """Refuses layers whose weights are not their module's own: what is trained would be computed from once more."""
    for name in fitted:
        own = network.get_submodule(name).get_parameter("weight").detach().cpu().numpy()
        if not np.array_equal(own.reshape(traced.weights[name].shape), traced.weights[name]):
            rule, remedy = "a trained layer convolves with the weights that its module has", "leave it as it is"
            raise LayerError(rule, f"{name} computes others from them", remedy)


def _round_biases(network: nn.Module, example: Example, bits: int) -> None:
    """Puts biases as they are stored in the place of trained ones."""
    trained = with_bias_bits(trace(plain_network(network), example, "network"), bits)
    put_biases(network, rounded_biases(trained, {}))


def _learn(tuner: Tuner, checkpoint: Checkpoint | None, key: str, progress: bool | None) -> None:
    """The epochs that are missing; the state is kept after each."""

    def save() -> None:
        if checkpoint is not None:
            checkpoint.save({"key": key, **tuner.state()})

    title = f"fine-tuning on {tuner.dataset.name}"
    run_epochs(tuner, title, tuner.recipe.epochs, len(tuner.dataset.train), progress, save)


def _take_up(tuner: Tuner, checkpoint: Checkpoint | None, key: str) -> None:
    """Puts the tuner where the checkpoint left it, if there is one.

    Raises:
        TrainingError: it is of another training.
    """
    state = checkpoint.load() if checkpoint else None
    if checkpoint is None or state is None:
        return
    if state.get("key") != key:
        remedy = "name another file, or remove this one"
        raise TrainingError("the checkpoint belongs to this fine-tuning", str(checkpoint.path), remedy)
    tuner.restore(state)
    _LOG.info("%s: goes on after epoch %d", checkpoint.path, len(tuner.curve))


def _weights(layers: Mapping[str, FittedLayer]) -> dict[str, np.ndarray]:
    return {name: layer.weights for name, layer in layers.items()}


def _key(
    compressed: nn.Module,
    network: nn.Module,
    dataset: Dataset,
    recipe: TuningRecipe,
    seed: int,
    rounding: nn.Module | None,
    device: str,
    metric: Metric | None,
) -> str:
    """SHA-256 of everything that the result depends on."""
    facts = {
        "structure": [repr(compressed), repr(network), repr(rounding)],
        "data": dataset.digest,
        "recipe": asdict(recipe),
        "seed": seed,
        "device": device,
        "torch": torch.__version__,
        **({"metric": metric.digest} if metric else {}),
    }
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    for part in (compressed, network, rounding or nn.Identity()):
        for name, tensor in sorted(part.state_dict().items()):
            values = np.ascontiguousarray(tensor.detach().cpu().numpy())
            digest.update(f"{name} {values.shape} {values.dtype}".encode() + values.tobytes())
    return digest.hexdigest()
