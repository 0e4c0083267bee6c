"""Figures that papers and repositories publish, each with the rule under which the formulas reproduce it."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from costmodels.schemes import Dense, LegoNet, LinearRepresentation, Scheme, learned_filter_basis
from costmodels.shapes import ConvShape
from costmodels.validation.reference_networks import (
    RESNET18,
    RESNET18_3X3,
    RESNET20,
    RESNET56,
    VGG16_CHANNELS,
    VGG16_CIFAR,
    VGG16_IMAGENET,
)
from costmodels.validation.results import Check, Tally

__all__ = ["PUBLISHED", "Figure", "check_published", "macs", "stored_bits", "weights"]

VGG16_LINEAR = ((512 * 49, 4096), (4096, 4096), (4096, 1000))
"""(input, output) features on ImageNet."""


@dataclass(frozen=True)
class Figure:
    """A published figure.

    Args:
        source: where it is printed.
        quantity: what it is.
        rule: what is counted.
        published: as printed.
        tolerance: how far the exact value may be above or below it by its rounding; infinite where the source says
            "more than".
        exact: the value under the rule, to ``digits`` decimals.
        digits: decimals of ``exact``.
        compute: the value from the formulas.
    """

    source: str
    quantity: str
    rule: str
    published: float
    tolerance: float
    exact: float
    digits: int
    compute: Callable[[], float]

    @property
    def as_printed(self) -> bool:
        """Whether the exact value is what the source prints."""
        if math.isinf(self.tolerance):
            return self.exact > self.published
        return abs(self.exact - self.published) <= self.tolerance

    @property
    def computed(self) -> float:
        """The formulas' value at the digits of the exact one."""
        return round(self.compute(), self.digits)


def weights(layers: tuple[ConvShape, ...]) -> int:
    """Weights of all layers."""
    return sum(shape.weights for shape in layers)


def macs(layers: tuple[ConvShape, ...]) -> int:
    """Multiply-accumulates of all layers, dense."""
    return sum(shape.dense_macs for shape in layers)


def stored_bits(scheme: Scheme, shape: ConvShape, leave_out: tuple[str, ...] = ()) -> int:
    """Storage bits of a layer, without some components."""
    return sum(int(bits) for name, bits in scheme.storage(shape).items() if name not in leave_out)


def _lfb_vgg16() -> int:
    scheme = learned_filter_basis(segment_channels=128, filters=128)
    return weights(VGG16_CIFAR[:3]) + sum(stored_bits(scheme, shape) // 32 for shape in VGG16_CIFAR[3:])


def _k_means(layers: tuple[ConvShape, ...], scheme: LinearRepresentation) -> int:
    """Two parameters a kernel and the network's codebook, if it counts; the index is left out."""
    shared = {key: bits for shape in layers for key, bits in scheme.shared_storage(shape).items()}
    return (sum(stored_bits(scheme, shape, ("index",)) for shape in layers) + sum(shared.values())) // 32


def _lfb_vgg16_k_means() -> int:
    return _k_means(VGG16_CIFAR, LinearRepresentation(templates=256, codebook="uncounted"))


def _lfb_resnet56_k_means() -> int:
    return _k_means(RESNET56, LinearRepresentation(templates=128, codebook="network"))


def _lego_vgg16(segments: int, share: float) -> list[tuple[ConvShape, LegoNet]]:
    """The stem, whose 3 channels do not divide, is one segment; the count of MACs does not depend on S."""
    own = [segments if shape.in_channels % segments == 0 else 1 for shape in VGG16_CIFAR]
    return [
        (shape, LegoNet(shape.in_channels // count, round(share * shape.out_channels)))
        for shape, count in zip(VGG16_CIFAR, own, strict=True)
    ]


def _lego_macs(segments: int, share: float) -> float:
    work = (scheme.executions(shape, 32)["shared-maps"] for shape, scheme in _lego_vgg16(segments, share))
    return float(sum(operations.macs for operations in work) / 2**20)


def _lego_parameters(segments: int, share: float) -> float:
    return float(sum(scheme.storage(shape)["basis"] // 32 for shape, scheme in _lego_vgg16(segments, share)) / 1e6)


def _lego_vgg_gap(share: float) -> float:
    stem, *layers = VGG16_IMAGENET
    parameters = stem.weights + 512 * 1000 + 1000 + 4 * sum(n for _, n in VGG16_CHANNELS)
    for shape in layers:
        scheme = LegoNet(shape.in_channels // 2, round(share * shape.out_channels), selection="uncounted")
        parameters += stored_bits(scheme, shape) // 32
    return parameters / 1e6


def _binary_ratio(layers: tuple[ConvShape, ...]) -> float:
    stored = sum(stored_bits(Dense(weight_bits=1), shape, ("scales",)) for shape in layers)
    return 32 * weights(layers) / stored


def _vgg16_megabytes() -> float:
    biases = sum(n for _, n in (*VGG16_CHANNELS, *VGG16_LINEAR))
    return 4 * (weights(VGG16_IMAGENET) + sum(c * n for c, n in VGG16_LINEAR) + biases) / 1e6


Pair = tuple[float, float]
"""MACs and parameters."""


def _lego_table_1(segments: int, share: float, printed: Pair, exact: Pair) -> list[Figure]:
    """A row of the table: MACs, and parameters."""
    source, row = "LegoNet table 1", f"VGG-16 CIFAR, o{segments} m{share}"
    return [
        Figure(
            source,
            f"{row}, MAC in units of 2^20",
            "merge additions uncounted",
            printed[0],
            0.1,
            exact[0],
            2,
            lambda: _lego_macs(segments, share),
        ),
        Figure(
            source,
            f"{row}, parameters in millions",
            "lego filters alone",
            printed[1],
            0.1,
            exact[1],
            2,
            lambda: _lego_parameters(segments, share),
        ),
    ]


LFB, GAP = "LFB, ICCV 2019", "LegoNet table 2"
GAP_RULE = "dense stem, linear layer, 4 values of normalization a channel and n*S coefficients; mask uncounted"
K_MEANS_RULE = "2 parameters a 3x3 kernel, index uncounted"

PUBLISHED: tuple[Figure, ...] = (
    Figure(
        LFB,
        "VGG-16 CIFAR, basis of 128, parameters",
        "m = s = 128, first 3 convolutions dense, convolution weights only",
        3.21e6,
        0.005e6,
        3_208_896,
        0,
        _lfb_vgg16,
    ),
    Figure(
        LFB,
        "VGG-16 CIFAR, basis of 128, percent",
        "of 14,710,464 convolution weights",
        21.8,
        0.05,
        21.81,
        2,
        lambda: 100 * _lfb_vgg16() / weights(VGG16_CIFAR),
    ),
    Figure(
        LFB,
        "VGG-16 CIFAR, k-means, parameters",
        f"{K_MEANS_RULE}, codebook uncounted",
        3.27e6,
        0.005e6,
        3_268_992,
        0,
        _lfb_vgg16_k_means,
    ),
    Figure(
        LFB,
        "VGG-16 CIFAR, k-means, percent",
        "of 14,710,464 convolution weights",
        22.2,
        0.05,
        22.22,
        2,
        lambda: 100 * _lfb_vgg16_k_means() / weights(VGG16_CIFAR),
    ),
    Figure(
        LFB,
        "ResNet-56, k-means, codebook of 128, parameters",
        f"{K_MEANS_RULE}, one codebook counted",
        190e3,
        0.5e3,
        189_664,
        0,
        _lfb_resnet56_k_means,
    ),
    Figure(
        LFB,
        "ResNet-56, k-means, codebook of 128, percent",
        "of 848,304 convolution weights",
        22.4,
        0.05,
        22.36,
        2,
        lambda: 100 * _lfb_resnet56_k_means() / weights(RESNET56),
    ),
    *_lego_table_1(2, 0.5, (149.4, 3.7), (149.34, 3.68)),
    *_lego_table_1(2, 0.25, (74.7, 1.9), (74.67, 1.84)),
    *_lego_table_1(4, 0.5, (149.4, 1.9), (149.34, 1.84)),
    *_lego_table_1(4, 0.25, (74.7, 0.9), (74.67, 0.92)),
    Figure(GAP, "VGG-GAP ImageNet, o2 m0.5, millions", GAP_RULE, 4.2, 0.05, 4.217, 3, lambda: _lego_vgg_gap(0.5)),
    Figure(GAP, "VGG-GAP ImageNet, o2 m0.6, millions", GAP_RULE, 5.0, 0.05, 4.951, 3, lambda: _lego_vgg_gap(0.6)),
    Figure(
        "Clustering kernels, README",
        "ResNet-18, 3x3 kernels",
        "n*c of the 3x3 convolutions",
        1.2e6,
        0.05e6,
        1_220_608,
        0,
        lambda: sum(shape.kernels for shape in RESNET18_3X3),
    ),
    *(
        Figure(
            "XNOR-Net, abstract",
            f"memory of {name}, ratio",
            "convolution weights at one bit, scales left out",
            32,
            0,
            32,
            6,
            lambda layers=layers: _binary_ratio(layers),  # type: ignore[misc]
        )
        for name, layers in (("VGG-16 CIFAR", VGG16_CIFAR), ("ResNet-20", RESNET20), ("ResNet-18", RESNET18))
    ),
    Figure(
        "Paper 1, introduction",
        "VGG-16 ImageNet, more than 500 MB",
        "all 138,357,544 parameters at 4 bytes, MB = 10^6",
        500,
        math.inf,
        553.43,
        2,
        _vgg16_megabytes,
    ),
    Figure(
        "Paper 1, introduction",
        "VGG-16 ImageNet, more than 15 G operations",
        "MAC of convolutions and linear layers",
        15,
        math.inf,
        15.47,
        2,
        lambda: (macs(VGG16_IMAGENET) + sum(c * n for c, n in VGG16_LINEAR)) / 1e9,
    ),
)
"""In the order of the sources. No table of the three papers themselves is among them."""


def check_published(tick: Callable[[], object] = lambda: None) -> tuple[Check, ...]:
    """Every figure computed from the formulas: it is the exact value, and that is what was printed.

    Args:
        tick: called after each figure.
    """
    tally = Tally("published figures")
    for figure in PUBLISHED:
        tally.compare(figure.source, figure.quantity, figure.computed, figure.exact, figure.rule)
        if not figure.as_printed:
            tally.compare(figure.source, figure.quantity, figure.exact, figure.published, "as printed")
        tick()
    return tally.checks()
