"""What `claims` trains: networks with their data, and the methods of each claim with their settings."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from searches.space import DEFAULT_GRID, Grid

BANKS = ("1/2", "1/3", "1/4", "1/6", "1/8", "1/12", "1/16", "1/24", "1/32")


@dataclass(frozen=True)
class Setup:
    """A network, its data, and how it is trained.

    Args:
        name: in words of the page.
        network: as ``--network``.
        data: as ``--data``.
        weights: of the float network; None where each seed trains one of its own.
        epochs: each is a training of its own, with a schedule of that length; 0 is a design fitted in sequence.
        train_images: that designs are fine-tuned on; None for all.
        validation_images: that epochs and settings are chosen on; None for all.
        seeds: so many, from 0.
    """

    name: str
    network: str
    data: str
    weights: str | None
    epochs: tuple[int, ...]
    train_images: int | None = None
    validation_images: int | None = None
    seeds: int = 3


@dataclass(frozen=True)
class Case:
    """A method within a claim.

    Args:
        claim: a key of the page.
        method: in words.
        setting: a scheme in text that all layers take.
        grid: in place of a setting: each layer takes one of these, and the design is that of least output noise of
            those that are within the limit, found exactly.
        limit: a scheme in text whose storage may not be exceeded.
    """

    claim: str
    method: str
    setting: str = ""
    grid: Grid = field(default_factory=dict)
    limit: str = ""


SETUPS = (
    Setup(
        "ResNet-8 on Fashion-MNIST",
        "examples/resnet8.py:build",
        "fashion-mnist",
        "examples/resnet8-fashion-mnist.safetensors",
        (0, 2, 6, 16, 30),
        train_images=12_000,
        validation_images=2_000,
    ),
    Setup(
        "ResNet-20 on Fashion-MNIST",
        "examples/resnet20.py:build",
        "fashion-mnist",
        "examples/resnet20-fashion-mnist.safetensors",
        (0, 2, 6, 16),
        train_images=12_000,
        validation_images=2_000,
        seeds=2,
    ),
    Setup("digits-cnn on digits", "digits-cnn", "digits", None, (0, 2, 6, 16, 30)),
)

_LEARNED_BASIS: Grid = {
    "sparse-basis": {
        "segments": (1, 2, 4),
        "filters": BANKS,
        "basis_bits": (8,),
        "density": (1.0,),
        "coefficient_bits": (8,),
        "coefficients": ("dense",),
    }
}
_LEGO: Grid = {"lego-net": {"segments": (1, 2, 4, 8), "filters": BANKS, "scale": ("none", "segment")}}


def _of(form: str, **more: Sequence[Any]) -> Grid:
    """The values that a search offers of a form, with others in their place."""
    return {form: {**DEFAULT_GRID[form], **more}}


STACKED = "stacked-binary(segments={}, filters={})"
ONE_SEGMENT, TWO_SEGMENTS, FEW = STACKED.format(1, "3/4"), STACKED.format(2, "3/4"), STACKED.format(2, "1/2")


def _beyond(limit: str, ratio: str) -> tuple[Case, ...]:
    """Other forms at the storage of stacked filters."""
    streams = {"bits_per_weight": (0.25, 0.375, 0.5, 0.75, 1.0), "coder": ("rans",)}  # Huffman's codes have a bit
    return (
        Case("stacked", f"entropy-coded, at {ratio}", grid=_of("entropy-coded", **streams), limit=limit),
        Case(
            "stacked", f"vector-quantized, at {ratio}", grid=_of("vector-quantized", codewords=(4, 16, 64)), limit=limit
        ),
        Case("stacked", f"all forms, at {ratio}", grid=DEFAULT_GRID, limit=limit),
    )


def _equal(bits: int) -> tuple[Case, ...]:
    """The sparse basis and its rivals at the storage of uniform quantization."""
    claim, limit = f"equal-{bits}", f"dense(weight_bits={bits})"
    densities = {"density": (0.1, 0.25, 0.5), "basis_bits": (1, 2, 4)}
    grids: dict[str, Grid] = {
        "sparse quantized basis": _of("sparse-basis", **densities),
        "learned filter basis, 8 bits": _LEARNED_BASIS,
        "LegoNet": _LEGO,
        "palettized": _of("palettized", bits=(1, 2, 3, 4)),
        "vector-quantized": _of("vector-quantized"),
        "entropy-coded": _of("entropy-coded", bits_per_weight=(0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0)),
    }
    searched = (Case(claim, method, grid=grid, limit=limit) for method, grid in grids.items())
    return (Case(claim, "uniform quantization", limit), *searched)


LINEAR = "linear-representation(templates=256, codebook=network{})"

CASES = (
    Case("stacked", "stacked binary, 1 segment", ONE_SEGMENT),
    Case("stacked", "stacked binary, 2 segments", TWO_SEGMENTS),
    Case("linear", "linear representation", LINEAR.format("")),
    Case("stacked", "binary weights", "dense(weight_bits=1, scale=none)"),
    Case("stacked", "stacked binary, few filters", FEW),
    *_beyond(TWO_SEGMENTS, "2 segments"),
    Case("linear", "with 8-bit values", LINEAR.format(", coefficient_bits=8, template_bits=8")),
    Case("linear", "with 4-bit coefficients", LINEAR.format(", coefficient_bits=4, template_bits=8")),
    *itertools.chain.from_iterable(map(_equal, (2, 1, 3))),
)
"""In the order in which they are trained."""
