"""The figures of a design: its layers fitted, its costs counted, its loss and accuracy measured where there are
data."""

import math
import os
import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import joblib
import numpy as np
from threadpoolctl import threadpool_limits
from torch import Tensor

from costmodels import ConvShape, LayerCost, LayerUsage, NetworkCost, Scheme, network_cost
from costmodels.latency import LatencySource
from costmodels.schemes import COMPONENTS
from explorer.data.quality import Quality
from explorer.forms.fit_cache import FitCache
from explorer.forms.fitted_layer import FittedLayer
from explorer.forms.fitting import fit_shared
from explorer.measurement.noise_to_signal import NoiseToSignal
from explorer.measurement.quality_meter import QualityMeter
from explorer.networks.trace import TracedNetwork
from explorer.system.interrupts import ignore_interrupts
from searches.design import Design, methods_of
from searches.figures import COST_FIGURES, LATENCY, NOISE

__all__ = ["DesignEvaluator", "LayerFit"]

LayerTime = tuple[str, Scheme, str]
WEIGHTS_KEPT_BYTES = 256 * 1024 * 1024
"""Reconstructed weights kept in memory; older ones are read from the cache again."""
ALONE_SECONDS = 2.0
"""Fits are made by the process that asks for this long, before others are started: starting them takes longer than
reading fits from the cache, or than fitting a small network. Where a layer is fitted changes no bit of it."""


@dataclass(frozen=True)
class LayerFit:
    """What a search remembers of a fitted layer: its distortion and the counts it really uses."""

    distortion: float
    usage: LayerUsage

    @property
    def sqnr_db(self) -> float:
        """-10*log10(distortion) in dB; inf for an exact reconstruction."""
        return -10 * math.log10(self.distortion) if self.distortion > 0 else math.inf


class DesignEvaluator:
    """Figures of designs of one network.

    Args:
        traced: the network.
        activation_bits: of designs that choose none.
        seed: of the fits.
        cache: of fitted layers.
        quality: measures loss and accuracy; None without data.
        sram_limit_bytes: see `network_cost`.
        workers: processes that fit layers; one for each core by default.
        latency, noise: what give times and output noise; without them designs have none.
    """

    def __init__(
        self,
        traced: TracedNetwork,
        activation_bits: int,
        seed: int,
        cache: FitCache,
        quality: QualityMeter | None = None,
        sram_limit_bytes: int | None = None,
        workers: int | None = None,
        latency: LatencySource | None = None,
        noise: NoiseToSignal | None = None,
    ) -> None:
        self.traced, self.activation_bits, self.seed = traced, activation_bits, seed
        self.quality, self.sram_limit_bytes, self._cache = quality, sram_limit_bytes, cache
        self.latency, self._times = latency, dict[LayerTime, float]()
        self.noise, self._noises = noise, dict[tuple[str, Scheme], float]()
        self._qualities: dict[int, QualityMeter] = {}
        self._workers = workers or os.cpu_count() or 1
        self._pool, self._seconds_alone = joblib.Parallel(n_jobs=self._workers), 0.0
        self._codebooks: dict[tuple[str, ...], np.ndarray | None] = {}
        self._weights_bytes = 0
        self._fits: dict[tuple[str, Scheme], LayerFit] = {}
        self._weights: OrderedDict[tuple[str, Scheme], np.ndarray] = OrderedDict()
        self.energy = {name: float(np.square(w, dtype=np.float64).sum()) for name, w in traced.weights.items()}

    def __call__(self, design: Design) -> dict[str, Any]:
        """All figures of a design: costs, distortion, with data loss and accuracy, and its methods."""
        cost = self.cost(design)
        figures: dict[str, Any] = {name: getattr(cost, name) for name in COST_FIGURES}
        if design.activation_bits is not None:
            figures["activation_bits"] = design.activation_bits
        if self.latency is not None:
            figures[LATENCY] = 1e3 * sum(self._seconds(layer) for layer in cost.layers)
        figures["distortion"] = self.distortion(design)
        if self.noise is not None:
            figures[NOISE] = math.fsum(self.noise_part(name, scheme) for name, scheme in design.schemes.items())
        if self.quality is not None:
            measured = self.measure(design, "validation")
            figures |= {"loss": measured.loss, "accuracy": measured.accuracy}
        methods = methods_of(self.traced.spec, design.schemes)
        return {**figures, "main_method": methods[0], "methods": ";".join(methods)}

    def _seconds(self, layer: LayerCost) -> float:
        """The time of a layer, asked once for each scheme and execution."""
        assert self.latency is not None  # noqa: S101
        key = layer.name, layer.scheme, layer.execution
        if key not in self._times:
            self._times[key] = self.latency.of_cost(layer)
        return self._times[key]

    def cost(self, design: Design) -> NetworkCost:
        """Costs with the counts that the fitted layers really use."""
        fits = self.fits(design)
        usages = {name: fit.usage for name, fit in fits.items()}
        return network_cost(self.traced.spec, design.schemes, self.bits_of(design), usages, self.sram_limit_bytes)

    def bits_of(self, design: Design) -> int:
        """The bits of a design's activations: those that it chooses, else those of the search."""
        return self.activation_bits if design.activation_bits is None else design.activation_bits

    def quality_of(self, design: Design) -> QualityMeter | None:
        """What measures designs of its activation bits, calibrated on first use; None without data.

        Raises:
            QualityError: activations are not finite.
        """
        bits = self.bits_of(design)
        if self.quality is None or bits == self.activation_bits:
            return self.quality
        if bits not in self._qualities:
            self._qualities[bits] = self.quality.with_activation_bits(bits)
        return self._qualities[bits]

    def distortion(self, design: Design) -> float:
        """Relative squared error of all weights together: sum of squared errors over sum of squares."""
        fits = self.fits(design)
        error = sum(fit.distortion * self.energy[name] for name, fit in fits.items() if fit.distortion)
        total = sum(self.energy.values())
        return error / total if total else 0.0

    def distortion_part(self, name: str, scheme: Scheme) -> float:
        """What a layer adds to `distortion`, which is the sum of these parts over the layers, up to rounding."""
        self.prepare([(name, scheme)])
        distortion, total = self._fits[name, scheme].distortion, sum(self.energy.values())
        return distortion * self.energy[name] / total if distortion and total else 0.0

    def noise_part(self, name: str, scheme: Scheme) -> float:
        """The output noise of a layer, of which a design's is the sum."""
        assert self.noise is not None  # noqa: S101
        key = name, scheme
        if key not in self._noises:
            self._noises[key] = self.noise.of(name, self.reconstructed(name, scheme))
        return self._noises[key]

    def measure(self, design: Design, part: str) -> Quality:
        """Loss and accuracy with the compressed weights in place.

        Raises:
            QualityError: there are no data of that part.
        """
        quality = self.quality_of(design)
        if quality is None:
            raise RuntimeError("a design is measured only where data were given")
        return quality.measure(self._reconstructed(design), part)

    def statistics(self, design: Design) -> dict[str, Tensor]:
        """The batch statistics that a design is measured with and belongs with, by the name of the buffer; none where
        the network's own stay, as they do without data."""
        quality = self.quality_of(design)
        return quality.statistics(self._reconstructed(design)) if quality else {}

    def fits(self, design: Design) -> dict[str, LayerFit]:
        """The fits of all layers by name; those that are not known yet are made, side by side."""
        self.prepare(design.schemes.items())
        return {name: self._fits[name, scheme] for name, scheme in design.schemes.items()}

    def fitted_layers(self, design: Design) -> dict[str, FittedLayer]:
        """All layers by name as they are stored, from the cache: what `explorer.packed.network.pack_network` takes."""
        self.prepare(design.schemes.items())
        fitted = {}
        for name, scheme in design.schemes.items():
            cache, *arguments, _ = self._job(name, scheme)
            with threadpool_limits(1):
                fitted[name] = cache.fit(*arguments)
        return fitted

    def usage(self, name: str, scheme: Scheme) -> LayerUsage:
        """The counts that a fitted layer really uses."""
        self.prepare([(name, scheme)])
        return self._fits[name, scheme].usage

    def prepare(self, wanted: Iterable[tuple[str, Scheme]], keep_weights: bool = True) -> None:
        """Fits the layers that are not known yet, in as many processes as there are workers.

        Args:
            wanted: layers and schemes.
            keep_weights: whether reconstructed weights are kept for measuring, where there are data; those that were
                not kept are made again where they are needed.
        """
        missing = [key for key in dict.fromkeys(wanted) if key not in self._fits]
        jobs = [self._job(*key, keep_weights) for key in missing]
        for key, (fitted, weights) in zip(missing, self._run(jobs), strict=True):
            self._fits[key] = fitted
            self._keep(key, weights)

    def layer_rows(self, name: str, design: Design) -> list[dict[str, Any]]:
        """One row for each layer of a design, for layers.csv."""
        fits, rows = self.fits(design), []
        for layer in self.cost(design).layers:
            plain = layer.to_json()
            counts = ("macs", "additions", "multiplications", "bit_ops", "execution", "scratch_bytes")
            rows.append(
                {
                    "design": name,
                    "layer": layer.name,
                    "method": layer.scheme.name,
                    "scheme": layer.scheme.brief(),
                    "shape": plain["shape"],
                    "weights": layer.shape.weights,
                    "storage_bits": layer.storage_bits,
                    **{f"bits_{part}": layer.storage.get(part, 0) for part in COMPONENTS},
                    **{count: plain[count] for count in counts},
                    **({LATENCY: 1e3 * self._seconds(layer)} if self.latency else {}),
                    "distortion": fits[layer.name].distortion,
                    "sqnr_db": fits[layer.name].sqnr_db,
                }
            )
        return rows

    def _job(self, name: str, scheme: Scheme, keep_weights: bool = True) -> tuple[Any, ...]:
        """Arguments of `_fit` for a layer."""
        codebook = self._codebook(name, scheme)
        shape = self.traced.spec.layer(name).shape
        with_weights = keep_weights and (self.quality is not None or self.noise is not None)
        return self._cache, self.traced.weights[name], shape, scheme, self.seed, codebook, with_weights

    def _run(self, jobs: Sequence[tuple[Any, ...]]) -> Iterable[tuple[LayerFit, np.ndarray | None]]:
        """The results of `_fit`, in order: the first ones from this process, for `ALONE_SECONDS` in all."""
        done: list[tuple[LayerFit, np.ndarray | None]] = []
        for job in jobs:
            rest = len(jobs) - len(done)
            if self._workers > 1 and rest > 1 and self._seconds_alone >= ALONE_SECONDS:
                return [*done, *self._pool(joblib.delayed(_fit_in_worker)(*job) for job in jobs[len(done) :])]
            start = time.perf_counter()
            done.append(_fit(*job))
            self._seconds_alone += time.perf_counter() - start
        return done

    def _codebook(self, name: str, scheme: Scheme) -> np.ndarray | None:
        """What layers of one kernel size share, where the scheme stores something once for the network."""
        shape = self.traced.spec.layer(name).shape
        key = tuple(scheme.shared_storage(shape))
        if key and key not in self._codebooks:
            alike = [layer.name for layer in self.traced.spec.layers if layer.shape.kernel == shape.kernel]
            weights = {other: self.traced.weights[other] for other in alike}
            self._codebooks[key] = fit_shared(weights, scheme, self.seed)
        return self._codebooks.get(key)

    def _keep(self, key: tuple[str, Scheme], weights: np.ndarray | None) -> None:
        """Remembers reconstructed weights, the least recently used ones only as far as memory is set aside for them."""
        if weights is None:
            return
        self._weights[key] = weights
        self._weights_bytes += weights.nbytes
        while self._weights_bytes > WEIGHTS_KEPT_BYTES and len(self._weights) > 1:
            self._weights_bytes -= self._weights.popitem(last=False)[1].nbytes

    def _reconstructed(self, design: Design) -> dict[str, np.ndarray]:
        return {name: self.reconstructed(name, scheme) for name, scheme in design.schemes.items()}

    def reconstructed(self, name: str, scheme: Scheme) -> np.ndarray:
        """The weights of a fitted layer, (n, c/g, kh, kw) float32; only where designs are measured or have noise."""
        key = (name, scheme)
        if key not in self._weights:
            self._keep(key, _fit(*self._job(name, scheme))[1])
        self._weights.move_to_end(key)
        return self._weights[key]


def _fit_in_worker(*job: Any) -> tuple[LayerFit, np.ndarray | None]:
    """`_fit` in a process of the pool."""
    ignore_interrupts()
    return _fit(*job)


def _fit(
    cache: FitCache,
    weights: np.ndarray,
    shape: ConvShape,
    scheme: Scheme,
    seed: int,
    codebook: np.ndarray | None,
    with_weights: bool,
) -> tuple[LayerFit, np.ndarray | None]:
    """A layer's fit, from the cache where it is there. One thread: results do not depend on the number of cores."""
    with threadpool_limits(1):
        fitted = cache.fit(weights, shape, scheme, seed, codebook)
    return LayerFit(fitted.distortion, fitted.usage), fitted.weights if with_weights else None
