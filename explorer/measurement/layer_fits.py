"""LayerFits: the layers of one network fitted under whatever schemes are asked for, each once."""

import math
import os
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, final

import joblib
import numpy as np
from threadpoolctl import threadpool_limits

from costmodels import ConvShape, LayerUsage, Scheme
from explorer.forms.fit_cache import FitCache
from explorer.forms.fitted_layer import DATA_FREE, FittedLayer
from explorer.forms.fitting import fit_shared
from explorer.forms.metric import Metric
from explorer.forms.scale_free import rescaled, with_scales, without_scales
from explorer.measurement.calibration import Calibration, LayerInputs, StoredInputs
from explorer.measurement.layer_part import LayerPart, part_of
from explorer.networks.trace import TracedNetwork
from explorer.system.interrupts import ignore_interrupts
from searches.space import LayerSpace

__all__ = ["LayerFit", "LayerFits"]

WEIGHTS_KEPT_BYTES = 256 * 1024 * 1024
"""Reconstructed weights kept in memory; older ones are read from the cache again."""

ALONE_SECONDS = 5.0
"""Fits are made by the process that asks for this long, before others are started: starting them takes longer than
reading fits from the cache, or than fitting a small network. Where a layer is fitted changes no bit of it."""

IDLE_SECONDS = 20
"""After so long without a fit the other processes end, also those of a notebook that stays open."""

EXACT = 1e-8
"""Distortion below which a fit is not improved: far less than what activations of 16 bits lose."""

Key = tuple[str, Scheme]
"""A layer's name and its scheme."""

Metrics = tuple[Metric, Metric] | None
Result = TypeVar("Result")

Inputs = LayerInputs | StoredInputs | None
"""A layer's inputs, in whose metric it is fitted, or where they are kept; None without a calibration."""


@dataclass(frozen=True)
class LayerFit:
    """What is remembered of a fitted layer.

    Args:
        distortion: see `explorer.forms.fitted_layer.relative_error`.
        usage: the counts that it really uses.
        kind: whether it is fitted to the weights alone or in the metric of its inputs, see
            `explorer.forms.fitted_layer`.
        noise: the output's error on the calibration images that judge, the mean left out where a bias or a
            normalization takes it up, as a share of the output's own variance or energy; None without a calibration.
    """

    distortion: float
    usage: LayerUsage
    kind: str = DATA_FREE
    noise: float | None = None

    @property
    def sqnr_db(self) -> float:
        """-10*log10(distortion) in dB; inf for an exact reconstruction."""
        return -10 * math.log10(self.distortion) if self.distortion > 0 else math.inf


@final
class LayerFits:
    """The fits of one network's layers, and the weights that follow from them.

    Args:
        traced: the network.
        seed: of the fits.
        cache: of fitted layers.
        keeps_weights: whether reconstructed weights are kept in memory, for those who measure with them.
        workers: processes that fit; one for each core by default.
        calibration: the layers' inputs; without it layers are fitted to their weights alone.
    """

    def __init__(
        self,
        traced: TracedNetwork,
        seed: int,
        cache: FitCache,
        keeps_weights: bool,
        workers: int | None = None,
        calibration: Calibration | None = None,
    ) -> None:
        self._inputs = calibration.stored if calibration else {}
        taken = calibration.biases.items() if calibration else ()
        self._normalized = frozenset(name for name, biases in taken if not biases)
        self._traced, self._seed, self._cache, self._keeps_weights = traced, seed, cache, keeps_weights
        self._workers = workers or os.cpu_count() or 1
        pool = joblib.Parallel(n_jobs=self._workers, backend="loky", idle_worker_timeout=IDLE_SECONDS)
        self._pool, self._seconds_alone = pool, 0.0
        self._codebooks: dict[tuple[str, ...], np.ndarray | None] = {}
        self._fits: dict[Key, LayerFit] = {}
        self._weights: OrderedDict[Key, np.ndarray] = OrderedDict()
        self._weights_bytes = 0

    def prepare(self, wanted: Iterable[Key], keep_weights: bool = True) -> None:
        """Fits the layers that are not known yet, in as many processes as there are workers.

        Args:
            wanted: layers and schemes.
            keep_weights: whether reconstructed weights are kept, where they are at all; those that were not kept are
                made again where they are needed.
        """
        missing = [key for key in dict.fromkeys(wanted) if key not in self._fits]
        jobs = [self._job(*key, keep_weights) for key in missing]
        for key, (fitted, weights) in zip(missing, self._run(_fit, jobs), strict=True):
            self._fits[key] = fitted
            self._keep(key, weights)

    def fit(self, name: str, scheme: Scheme) -> LayerFit:
        """What is remembered of a layer, which is fitted where it is not known yet."""
        self.prepare([(name, scheme)])
        return self._fits[name, scheme]

    def part_errors(self, layer: LayerSpace, schemes: Collection[Scheme], is_larger: bool = False) -> np.ndarray | None:
        """The error of a part of a layer under each of its candidates, (candidates,), NaN where it cannot take one or
        is not asked for it; None of a layer without such a part.

        Args:
            layer: of the network, with its candidates.
            schemes: those that are asked for.
            is_larger: which part is meant, see `explorer.measurement.layer_part.part_of`.
        """
        metrics = _metrics(self._inputs.get(layer.name))
        part = part_of(layer, self._traced.weights[layer.name], metrics, is_larger)
        if part is None:
            return None
        places = [place for place, scheme in enumerate(layer.candidates) if scheme in schemes]
        is_normalized = layer.name in self._normalized
        errors = np.full(len(part.schemes), math.nan)
        jobs = [(self._cache, part, place, self._seed, is_normalized) for place in places]
        errors[places] = self._run(_part_error, jobs)
        return errors

    def stored(self, name: str, scheme: Scheme) -> FittedLayer:
        """A layer as it is stored, from the cache."""
        *job, inputs, is_normalized, _ = self._job(name, scheme)
        return _fitted(*[*job, _metrics(inputs), is_normalized])[0]

    def reconstructed(self, name: str, scheme: Scheme) -> np.ndarray:
        """The weights of a fitted layer, (n, c/g, kh, kw) float32; only where weights are kept."""
        key = name, scheme
        if key not in self._weights:
            self._keep(key, _fit(*self._job(name, scheme))[1])
        self._weights.move_to_end(key)
        return self._weights[key]

    def at_scale(self, name: str, scheme: Scheme) -> np.ndarray:
        """The weights of a fitted layer, brought to the size of the layer's own where it has none and a normalization
        takes it out: what proxies compare."""
        found = self.reconstructed(name, scheme)
        is_bare = name in self._normalized and with_scales(scheme) is not None
        return rescaled(self._traced.weights[name], found) if is_bare else found

    def _job(self, name: str, scheme: Scheme, keep_weights: bool = True) -> tuple[Any, ...]:
        """Arguments of `_fit` for a layer."""
        codebook = self._codebook(name, scheme)
        shape, weights = self._traced.spec.layer(name).shape, self._traced.weights[name]
        asked = name in self._normalized, keep_weights and self._keeps_weights
        return self._cache, weights, shape, scheme, self._seed, codebook, self._inputs.get(name), *asked

    def _run(self, function: Callable[..., Result], jobs: Sequence[tuple[Any, ...]]) -> list[Result]:
        """The results of a function, in order: the first ones from this process, for `ALONE_SECONDS` in all."""
        done: list[Result] = []
        for job in jobs:
            rest = len(jobs) - len(done)
            if self._workers > 1 and rest > 1 and self._seconds_alone >= ALONE_SECONDS:
                return [*done, *self._pool(joblib.delayed(_in_worker)(function, job) for job in jobs[len(done) :])]
            start = time.perf_counter()
            done.append(function(*job))
            self._seconds_alone += time.perf_counter() - start
        return done

    def _codebook(self, name: str, scheme: Scheme) -> np.ndarray | None:
        """What layers of one kernel size share, where the scheme stores something once for the network."""
        shape = self._traced.spec.layer(name).shape
        key = tuple(scheme.shared_storage(shape))
        if key and key not in self._codebooks:
            alike = [layer.name for layer in self._traced.spec.layers if layer.shape.kernel == shape.kernel]
            weights = {other: self._traced.weights[other] for other in alike}
            self._codebooks[key] = fit_shared(weights, scheme, self._seed)
        return self._codebooks.get(key)

    def _keep(self, key: Key, weights: np.ndarray | None) -> None:
        """Remembers reconstructed weights, the least recently used ones only as far as memory is set aside for them."""
        if weights is None:
            return
        self._weights[key] = weights
        self._weights_bytes += weights.nbytes
        while self._weights_bytes > WEIGHTS_KEPT_BYTES and len(self._weights) > 1:
            self._weights_bytes -= self._weights.popitem(last=False)[1].nbytes


def _in_worker(function: Callable[..., Result], job: tuple[Any, ...]) -> Result:
    """A function's result in a process of the pool."""
    ignore_interrupts()
    return function(*job)


def _fit(
    cache: FitCache,
    weights: np.ndarray,
    shape: ConvShape,
    scheme: Scheme,
    seed: int,
    codebook: np.ndarray | None,
    inputs: Inputs,
    is_normalized: bool,
    with_weights: bool,
) -> tuple[LayerFit, np.ndarray | None]:
    """A layer's fit, as what is remembered of it."""
    fitted, noise = _fitted(cache, weights, shape, scheme, seed, codebook, _metrics(inputs), is_normalized)
    known = LayerFit(fitted.distortion, fitted.usage, fitted.kind, noise)
    return known, fitted.weights if with_weights else None


def _metrics(inputs: Inputs) -> Metrics:
    """The metric that a layer is fitted in and the one that judges, read where they are kept."""
    read = inputs.load() if isinstance(inputs, StoredInputs) else inputs
    return None if read is None else (read.metric, read.judge)


def _part_error(cache: FitCache, part: LayerPart, place: int, seed: int, is_normalized: bool) -> float:
    """The noise of a part of a layer under the candidate at that place, or its distortion where layers are fitted to
    their weights alone; NaN where the part cannot take it."""
    scheme = part.schemes[place]
    if scheme is None:
        return math.nan
    fitted, noise = _fitted(cache, part.weights, part.shape, scheme, seed, None, part.metrics, is_normalized)
    return fitted.distortion if noise is None else noise


def _fitted(
    cache: FitCache,
    weights: np.ndarray,
    shape: ConvShape,
    scheme: Scheme,
    seed: int,
    codebook: np.ndarray | None,
    metrics: Metrics,
    is_normalized: bool,
) -> tuple[FittedLayer, float | None]:
    """A layer's fit, from the cache where it is there, and its noise. One thread: results do not depend on the number
    of cores.

    Of the fit to the weights alone and, where the layer's inputs are known, the one in their metric that of less output
    error on images that neither was fitted to; the first where the two are equal, or where it is all but exact. Of a
    form without scales before a normalization it is the error at the scales that this gives the filters.
    """
    scaled = with_scales(scheme) if is_normalized else None
    with threadpool_limits(1):
        free = cache.fit(weights, shape, scheme, seed, codebook)
        if metrics is None:
            return free, None
        metric, judge = metrics

        def error_of(made: np.ndarray) -> float:
            return judge.error(weights, made if scaled is None else rescaled(weights, made, judge))

        signal = judge.error(weights, np.zeros_like(weights))
        best, error = free, error_of(free.weights)
        if free.distortion > EXACT:
            start = free if scaled is None else cache.fit(weights, shape, scaled, seed, codebook)
            aware = cache.fit(weights, shape, start.scheme, seed, codebook, metric, start=start)
            bare = aware if scaled is None else without_scales(aware, scheme, weights)
            if bare is not None and (aware_error := error_of(bare.weights)) < error:
                best, error = bare, aware_error
    return best, error / signal if signal > 0 else 0.0
