"""DesignEvaluator: the figures of a design, its layers fitted, its costs counted, its answers measured where there are
data."""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from costmodels import LayerCost, LayerUsage, NetworkCost, Scheme, network_cost
from costmodels.conventions import FLOAT_BITS
from costmodels.latency import LatencySource
from costmodels.schemes import COMPONENTS
from explorer.data.quality import Quality
from explorer.forms.fit_cache import FitCache
from explorer.forms.fitted_layer import FittedLayer
from explorer.measurement.calibration import Calibration
from explorer.measurement.compressed_module import CompressedModule
from explorer.measurement.layer_fits import LayerFit, LayerFits
from explorer.measurement.noise_to_signal import NoiseToSignal
from explorer.measurement.own_objective import DesignFacts, OwnObjective
from explorer.measurement.quality_meter import QualityMeter
from explorer.networks.trace import TracedNetwork
from searches.design import Design, methods_of
from searches.figures import COST_FIGURES, ENERGY, LATENCY, NOISE
from searches.space import LayerSpace

__all__ = ["DesignEvaluator"]


class DesignEvaluator:
    """Figures of designs of one network.

    Args:
        traced: the network.
        activation_bits: of designs that choose none.
        seed: of the fits.
        cache: of fitted layers.
        meter: measures answers; None without data.
        sram_limit_bytes: see `network_cost`.
        workers: processes that fit layers; one for each core by default.
        latency: gives times; without it designs have none.
        noise: gives noise-to-signal ratios; without it designs have none.
        calibration: in whose metrics layers are fitted; without it they are fitted to their weights alone.
        own: figures of the user's, in this order.
    """

    def __init__(
        self,
        traced: TracedNetwork,
        activation_bits: int,
        seed: int,
        cache: FitCache,
        meter: QualityMeter | None = None,
        sram_limit_bytes: int | None = None,
        workers: int | None = None,
        latency: LatencySource | None = None,
        noise: NoiseToSignal | None = None,
        calibration: Calibration | None = None,
        own: Sequence[OwnObjective] = (),
    ) -> None:
        self.traced, self.activation_bits, self.seed = traced, activation_bits, seed
        self.meter, self.sram_limit_bytes, self.latency, self.noise = meter, sram_limit_bytes, latency, noise
        self.calibration = calibration
        self.own = tuple(own)
        wants_module = any(item.wants_module for item in own)
        keeps_weights = meter is not None or noise is not None or wants_module
        self._layers = LayerFits(traced, seed, cache, keeps_weights, workers, calibration)
        self.worth_fitting: Mapping[str, tuple[Scheme, ...]] | None = None
        """The candidates of each layer that are worth a fit, once a search has found them."""
        self._meters: dict[int, QualityMeter] = {}
        self._modules: dict[int, CompressedModule] = {}
        self._times: dict[tuple[str, Scheme, str], float] = {}
        self._noises: dict[tuple[str, Scheme], float] = {}
        self.energy = {name: float(np.square(w, dtype=np.float64).sum()) for name, w in traced.weights.items()}

    def figures(self, design: Design) -> dict[str, Any]:
        """All figures of a design: costs, distortion, with data what its answers are worth, and its methods."""
        cost = self.cost(design)
        figures: dict[str, Any] = {name: getattr(cost, name) for name in COST_FIGURES}
        if design.activation_bits is not None:
            figures["activation_bits"] = design.activation_bits
        if self.latency is not None:
            seconds = sum(self._seconds(layer) for layer in cost.layers)
            figures[LATENCY] = 1e3 * seconds
            if self.latency.watts is not None:
                figures[ENERGY] = 1e6 * self.latency.watts * seconds
        figures["distortion"] = self.distortion(design)
        if self.gives_noise:
            figures[NOISE] = math.fsum(self.noise_part(name, scheme) for name, scheme in design.schemes.items())
        if self.meter is not None:
            figures |= self.quality(design, "validation").figures()
        facts = DesignFacts(design.id, figures, cost.layers, self.bits_of(design))
        for item in self.own:
            figures[item.name] = item.of(facts, self.module(design) if item.wants_module else None)
        methods = methods_of(self.traced.spec, design.schemes)
        return {**figures, "main_method": methods[0], "methods": ";".join(methods)}

    def cost(self, design: Design, fits: Mapping[str, LayerFit] | None = None) -> NetworkCost:
        """Costs with the counts that the fitted layers really use.

        Args:
            design: what is costed.
            fits: its layers by name, where they are others than `fits` gives: trained ones.
        """
        fits = self.fits(design) if fits is None else fits
        usages = {name: fit.usage for name, fit in fits.items()}
        return network_cost(self.traced.spec, design.schemes, self.bits_of(design), usages, self.sram_limit_bytes)

    def bits_of(self, design: Design) -> int:
        """The bits of a design's activations: those that it chooses, else those of the search."""
        return self.activation_bits if design.activation_bits is None else design.activation_bits

    @property
    def bias_bits(self) -> int:
        """The bits of stored biases, where layers can have them; see `explorer.measurement.rounded_biases`."""
        return min((layer.bias_bits for layer in self.traced.spec.layers), default=FLOAT_BITS)

    def meter_of(self, design: Design) -> QualityMeter | None:
        """What measures designs of its activation bits, calibrated on first use; None without data.

        Raises:
            QualityError: activations are not finite.
        """
        bits = self.bits_of(design)
        if self.meter is None or bits == self.activation_bits:
            return self.meter
        if bits not in self._meters:
            self._meters[bits] = self.meter.with_activation_bits(bits)
        return self._meters[bits]

    def distortion(self, design: Design) -> float:
        """Relative squared error of all weights together: sum of squared errors over sum of squares."""
        fits = self.fits(design)
        error = sum(fit.distortion * self.energy[name] for name, fit in fits.items() if fit.distortion)
        total = sum(self.energy.values())
        return error / total if total else 0.0

    def distortion_part(self, name: str, scheme: Scheme) -> float:
        """What a layer adds to `distortion`, which is the sum of these parts over the layers, up to rounding."""
        distortion, total = self._layers.fit(name, scheme).distortion, sum(self.energy.values())
        return distortion * self.energy[name] / total if distortion and total else 0.0

    def noise_part(self, name: str, scheme: Scheme) -> float:
        """The noise-to-signal ratio of a layer; a design's is the sum of its layers'. With a calibration it is that of
        the images that judge fits.

        Raises:
            RuntimeError: there is neither a calibration nor a meter.
        """
        if self.calibration is not None:
            return self._layers.fit(name, scheme).noise or 0.0
        if self.noise is None:
            raise RuntimeError("ratios are given where there are a calibration or a meter of noise")
        key = name, scheme
        if key not in self._noises:
            self._noises[key] = self.noise.of(name, self.reconstructed(name, scheme))
        return self._noises[key]

    @property
    def gives_noise(self) -> bool:
        """Whether designs have noise-to-signal ratios."""
        return self.noise is not None or self.calibration is not None

    def quality(self, design: Design, part: str, own_statistics: bool = False) -> Quality:
        """What the answers are worth with the compressed weights in place.

        Args:
            design: what is measured.
            part: of the data.
            own_statistics: whether the network's own batch statistics stay, which are re-estimated otherwise.

        Raises:
            DataError: there is no such part.
            QualityError: activations are not finite.
        """
        meter = self.meter_of(design)
        if meter is None:
            raise RuntimeError("a design is measured only where data were given")
        return meter.measure(self._all_reconstructed(design), part, own_statistics)

    def statistics(self, design: Design) -> dict[str, Tensor]:
        """The batch statistics that a design is measured with and belongs with, by the name of the buffer; none where
        the network's own stay, as they do without data."""
        meter = self.meter_of(design)
        return meter.statistics(self._all_reconstructed(design)) if meter else {}

    def biases(self, design: Design) -> dict[str, Tensor]:
        """The biases that a design is measured with and belongs with, corrected for the mean error of its weights and
        rounded where they have few bits, by the name of the parameter; none where the network's own stay."""
        meter = self.meter_of(design)
        return meter.biases(self._all_reconstructed(design)) if meter else {}

    def module(self, design: Design) -> nn.Module:
        """The network as a design is measured: compressed weights, and with data rounded activations and the biases and
        batch statistics that belong with them. It is the next design's when that is asked for."""
        meter, bits = self.meter_of(design), self.bits_of(design)
        if bits not in self._modules:
            self._modules[bits] = CompressedModule(meter.graph if meter else self.traced.graph)
        weights = self._all_reconstructed(design)
        if meter is not None:
            return self._modules[bits].with_parameters(meter.parameters(weights))
        layers = {layer.name: layer.weight for layer in self.traced.spec.layers}
        own = {layers[name]: torch.from_numpy(values) for name, values in weights.items()}
        shapes = {name: self.traced.graph.get_parameter(name).shape for name in own}
        return self._modules[bits].with_parameters({name: own[name].reshape(shapes[name]) for name in own})

    def fits(self, design: Design) -> dict[str, LayerFit]:
        """The fits of all layers by name; those that are not known yet are made, side by side."""
        self.prepare(design.schemes.items())
        return {name: self._layers.fit(name, scheme) for name, scheme in design.schemes.items()}

    def fitted_layers(self, design: Design) -> dict[str, FittedLayer]:
        """All layers by name as they are stored, from the cache, as
        `explorer.deployment.packed.network.pack_network` takes them."""
        self.prepare(design.schemes.items())
        return {name: self._layers.stored(name, scheme) for name, scheme in design.schemes.items()}

    def usage(self, name: str, scheme: Scheme) -> LayerUsage:
        """The counts that a fitted layer really uses."""
        return self._layers.fit(name, scheme).usage

    def prepare(self, wanted: Iterable[tuple[str, Scheme]], keep_weights: bool = True) -> None:
        """Fits the layers that are not known yet; see `LayerFits.prepare`."""
        self._layers.prepare(wanted, keep_weights)

    def part_errors(self, layer: LayerSpace, schemes: Collection[Scheme], is_larger: bool = False) -> np.ndarray | None:
        """What candidates do to a part of a layer; see `LayerFits.part_errors`."""
        return self._layers.part_errors(layer, schemes, is_larger)

    def reconstructed(self, name: str, scheme: Scheme) -> np.ndarray:
        """The weights of a fitted layer, (n, c/g, kh, kw) float32; only where designs are measured or have ratios of
        noise to signal."""
        return self._layers.reconstructed(name, scheme)

    def at_scale(self, name: str, scheme: Scheme) -> np.ndarray:
        """The same, at the size of the layer's own weights where a normalization gives a form without scales its
        size."""
        return self._layers.at_scale(name, scheme)

    def layer_rows(self, name: str, design: Design, fits: Mapping[str, LayerFit] | None = None) -> list[dict[str, Any]]:
        """One row for each layer of a design, for layers.csv.

        Args:
            name: of the design.
            design: its schemes.
            fits: as `cost`.
        """
        fits, rows = self.fits(design) if fits is None else fits, []
        for layer in self.cost(design, fits).layers:
            plain = layer.to_json()
            counts = ("macs", "additions", "multiplications", "bit_ops", "decoded", "execution", "scratch_bytes")
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
                    **({NOISE: self.noise_part(layer.name, layer.scheme)} if self.gives_noise else {}),
                    "fit": fits[layer.name].kind,
                }
            )
        return rows

    def _seconds(self, layer: LayerCost) -> float:
        """The time of a layer, asked once for each scheme and execution."""
        assert self.latency is not None  # noqa: S101
        key = layer.name, layer.scheme, layer.execution
        if key not in self._times:
            self._times[key] = self.latency.of_cost(layer)
        return self._times[key]

    def _all_reconstructed(self, design: Design) -> dict[str, np.ndarray]:
        return {name: self.reconstructed(name, scheme) for name, scheme in design.schemes.items()}
