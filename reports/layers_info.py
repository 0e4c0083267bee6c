"""What the picture of a design's layers shows: one source for matplotlib's drawing and for the page's."""

from dataclasses import dataclass

import pandas as pd

from costmodels.schemes import FLOAT_BITS
from costmodels.units import format_count
from reports.errors import ReportError
from reports.front import knee, losses
from reports.palette import COMPONENT_STYLES
from reports.run_record import RunRecord
from reports.text import format_value

__all__ = ["LayerBar", "LayersInfo", "default_design", "layers_info"]


@dataclass(frozen=True)
class LayerBar:
    """One layer of a design.

    Args:
        layer: its name.
        method: name of its form.
        scheme: in text.
        shape: in text.
        parts: (component, bits), in the order of the palette, without empty ones.
        storage_bits: their sum.
        ratio: 32-bit weights over storage_bits.
        sqnr_db: measured; infinite for exact weights.
        tip: lines of detail.
    """

    layer: str
    method: str
    scheme: str
    shape: str
    parts: tuple[tuple[str, int], ...]
    storage_bits: int
    ratio: float
    sqnr_db: float
    tip: tuple[str, ...]


@dataclass(frozen=True)
class LayersInfo:
    """The layers of one design in execution order, and the components that any of them has."""

    design: str
    title: str
    bars: tuple[LayerBar, ...]
    components: tuple[str, ...]


def default_design(run: RunRecord) -> str | None:
    """The front's knee in the first two objectives; ``None`` where nothing fits."""
    place = knee(losses(run.front, run.info.objectives[:2]))
    return None if place is None else str(run.front["design"].iloc[place])


def layers_info(run: RunRecord, design: str) -> LayersInfo:
    """What the layers of a front design became and where their bits go.

    Raises:
        ReportError: the front has no such design.
    """
    if design not in set(run.front["design"]):
        raise ReportError("layers are shown of a front design", design, "choose one of front.csv")
    rows = run.layers[run.layers["design"] == design]
    bars = tuple(_bar(row) for _, row in rows.iterrows())
    used = {part for bar in bars for part, _ in bar.parts}
    weights = sum(int(count) for count in rows["weights"])
    total = sum(bar.storage_bits for bar in bars)
    ratio = format_value(FLOAT_BITS * weights / total, "ratio")
    size = format_value(total / 8, "bytes")
    title = f"{design}: {len(bars)} layers, {weights:,} weights in {size}, {ratio} smaller than float"
    return LayersInfo(design, title, bars, tuple(part for part in COMPONENT_STYLES if part in used))


def _bar(row: pd.Series) -> LayerBar:
    parts = tuple((part, int(row[f"bits_{part}"])) for part in COMPONENT_STYLES if row[f"bits_{part}"] > 0)
    bits = int(row["storage_bits"])
    ratio = FLOAT_BITS * int(row["weights"]) / bits if bits else float("inf")
    tip = (
        f"{row['layer']}: {row['shape']}",
        str(row["scheme"]),
        f"{int(row['weights']):,} weights in {bits:,} bits, {format_value(ratio, 'ratio')}",
        *(f"{part} {count:,} bits" for part, count in parts),
        f"{format_count(row['macs'])} MAC, {format_count(row['additions'])} additions, {row['execution']}",
        f"SQNR {format_value(row['sqnr_db'], 'dB')}",
    )
    return LayerBar(
        layer=str(row["layer"]),
        method=str(row["method"]),
        scheme=str(row["scheme"]),
        shape=str(row["shape"]),
        parts=parts,
        storage_bits=bits,
        ratio=ratio,
        sqnr_db=float(row["sqnr_db"]),
        tip=tip,
    )
