"""The figures of a design, each listed once: what it is, its unit, and whether it is counted, measured or estimated.

Everything that names figures derives from this list: the objectives, the costs that the evaluator reads, the columns of
candidate tables, and the columns of a run's tables.
"""

from dataclasses import dataclass

__all__ = [
    "AGREEMENT",
    "COST_FIGURES",
    "COUNTED",
    "DISTORTION",
    "ENERGY",
    "ESTIMATED",
    "FIGURES",
    "FLASH",
    "HELD_OUT",
    "LATENCY",
    "MEASURED",
    "METRIC",
    "NOISE",
    "QUALITY_FIGURES",
    "SRAM",
    "STORAGE",
    "TABULATED_FIGURES",
    "Figure",
]

COUNTED, MEASURED, ESTIMATED = "counted", "measured", "estimated"
"""Exact, from the formulas; from the fitted weights or the data; from a model of this machine or of the device."""

STORAGE, FLASH, SRAM = "storage_bytes", "flash_bytes", "sram_bytes"

LATENCY = "latency_ms"
"""The figure of a design's time for one image, in ms; a design has it where it is searched for or limited."""

ENERGY = "energy_uj"
"""The figure of what an inference of a design takes, in microjoules: its time times what the device draws meanwhile. A
design that is timed has it where that is known."""

DISTORTION = "distortion"

NOISE = "noise"
"""The noise-to-signal ratio at the layers' outputs, summed; a design has it where it is searched for."""

AGREEMENT = "agreement"
"""The share of images that a design answers as the float network does; a classifier's designs have it on any data."""

DIVERGENCE = "divergence"
"""The mean Kullback-Leibler divergence of a design's answers from those of the float network, in nats, likewise. The
guided sampler learns from it."""

METRIC = "metric"
"""What the user's own function says of a design's outputs; a design has it where a search is given one."""

SUM, PEAK = "sum", "peak"


@dataclass(frozen=True)
class Figure:
    """A number that is known of a design.

    Args:
        name: its column in tables and files.
        title: for people.
        quantity: what tables format it as: ``bytes``, ``count``, ``ratio``, ``share``, ``ms``, ``uJ`` or "", a plain
            number.
        unit: in words, as messages and run.json say it.
        origin: `COUNTED`, `MEASURED` or `ESTIMATED`.
        over_layers: how the counts of layers alone make the network's: ``sum`` or ``peak``; "" where they do not.
    """

    name: str
    title: str
    quantity: str
    unit: str
    origin: str
    over_layers: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether its values are integers."""
        return self.quantity in ("bytes", "count")


FIGURES: dict[str, Figure] = {
    figure.name: figure
    for figure in (
        Figure(STORAGE, "Storage", "bytes", "bytes", COUNTED, SUM),
        Figure(FLASH, "Flash", "bytes", "bytes", COUNTED, SUM),
        Figure(SRAM, "SRAM", "bytes", "bytes", COUNTED, PEAK),
        Figure("macs", "MAC", "count", "MAC", COUNTED, SUM),
        Figure("additions", "Additions", "count", "additions", COUNTED, SUM),
        Figure("multiplications", "Multiplications", "count", "multiplications", COUNTED, SUM),
        Figure("bit_ops", "Bit-ops", "count", "bit operations", COUNTED, SUM),
        Figure("traffic_bytes", "Traffic", "bytes", "bytes", COUNTED, SUM),
        Figure("compression_ratio", "Compression", "ratio", "32-bit weights over storage", COUNTED),
        Figure(DISTORTION, "Distortion", "", "relative squared error of the weights", MEASURED),
        Figure(NOISE, "Output noise", "", "sum over the layers of noise over signal at their outputs", MEASURED),
        Figure("loss", "Loss", "", "mean cross-entropy in nats", MEASURED),
        Figure("accuracy", "Accuracy", "share", "share of validation images", MEASURED),
        Figure("test_accuracy", "Test accuracy", "share", "share of test images", MEASURED),
        Figure(AGREEMENT, "Agreement", "share", "share of validation images answered as the float network", MEASURED),
        Figure("test_agreement", "Test agreement", "share", "share of test images", MEASURED),
        Figure(DIVERGENCE, "Divergence", "", "mean KL divergence from the float network's answers in nats", MEASURED),
        Figure(METRIC, "Metric", "", "the user's own function of the outputs", MEASURED),
        Figure("test_metric", "Test metric", "", "the same on the test part", MEASURED),
        Figure(LATENCY, "Latency", "ms", "ms", ESTIMATED),
        Figure(ENERGY, "Energy", "uJ", "microjoules", ESTIMATED),
    )
}
"""Every figure by its name, in the order of tables."""

COST_FIGURES = tuple(name for name, figure in FIGURES.items() if figure.origin == COUNTED)
"""What a design costs, exactly: each is an attribute of `costmodels.NetworkCost`."""

TABULATED_FIGURES = tuple(name for name, figure in FIGURES.items() if figure.over_layers)
"""Costs that follow from those of the layers, so that candidate tables give them for whole designs."""

HELD_OUT = {"accuracy": "test_accuracy", METRIC: "test_metric", AGREEMENT: "test_agreement"}
"""The figures that designs of the front are measured in on the test part too, with the names that they have there."""

QUALITY_FIGURES = tuple(name for name, figure in FIGURES.items() if figure.origin == MEASURED)
"""How good a design is, not what it costs."""
