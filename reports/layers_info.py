"""What the picture of a design's layers shows: one source for matplotlib's drawing and for the page's."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from costmodels.schemes import FLOAT_BITS
from reports.errors import ReportError
from reports.palette import COMPONENT_STYLES
from reports.recommendation import recommended
from reports.run_record import RunRecord
from reports.text import format_value
from searches.figures import LATENCY, NOISE

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
        bit_ops: counted.
        latency_ms: estimated; None where designs are not timed.
        noise: measured noise over signal at its output; None where it was not.
        weights: of the layer.
        macs: counted.
        additions: likewise.
        execution: that its cost is of.
    """

    layer: str
    method: str
    scheme: str
    shape: str
    parts: tuple[tuple[str, int], ...]
    storage_bits: int
    ratio: float
    sqnr_db: float
    bit_ops: int
    latency_ms: float | None
    noise: float | None
    weights: int
    macs: int
    additions: int
    execution: str


@dataclass(frozen=True)
class LayersInfo:
    """The layers of one design in execution order, and the components that any of them has.

    Args:
        design: its id.
        title: in words.
        bars: a layer each.
        components: that any of them has.
        places: where most bytes and most of the work go, and which layer hurts most: a sentence each.
    """

    design: str
    title: str
    bars: tuple[LayerBar, ...]
    components: tuple[str, ...]
    places: tuple[str, ...]


def default_design(run: RunRecord) -> str | None:
    """The recommended design; ``None`` where nothing fits."""
    found = recommended(run)
    return None if found is None else found.design


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
    components = tuple(part for part in COMPONENT_STYLES if part in used)
    return LayersInfo(design, title, bars, components, tuple(_places(rows)))


_WHERE = (
    ("storage_bits", "Most bytes"),
    (LATENCY, "Most time"),
    ("bit_ops", "Most bit-ops"),
    (NOISE, "Most noise at its output, so the layer that hurts most"),
)


def _places(rows: pd.DataFrame) -> Iterator[str]:
    """The layer with the most of each figure that is known, and its share of all."""
    for name, said in _WHERE:
        values = rows[name].to_numpy(float, na_value=np.nan) if name in rows else np.empty(0)
        total = float(np.nansum(values))
        if total > 0:
            place = int(np.nanargmax(values))
            yield f"{said}: {rows['layer'].iloc[place]}, {100 * values[place] / total:.0f}%."


def _bar(row: pd.Series) -> LayerBar:
    parts = tuple((part, int(row[f"bits_{part}"])) for part in COMPONENT_STYLES if row[f"bits_{part}"] > 0)
    bits = int(row["storage_bits"])
    ratio = FLOAT_BITS * int(row["weights"]) / bits if bits else float("inf")
    latency, noise = (_known(row.get(name)) for name in (LATENCY, NOISE))
    return LayerBar(
        layer=str(row["layer"]),
        method=str(row["method"]),
        scheme=str(row["scheme"]),
        shape=str(row["shape"]),
        parts=parts,
        storage_bits=bits,
        ratio=ratio,
        sqnr_db=float(row["sqnr_db"]),
        bit_ops=int(row["bit_ops"]),
        latency_ms=latency,
        noise=noise,
        weights=int(row["weights"]),
        macs=int(row["macs"]),
        additions=int(row["additions"]),
        execution=str(row["execution"]),
    )


def _known(value: Any) -> float | None:
    """A number, or None where it is unknown or not finite."""
    return float(value) if value is not None and np.isfinite(float(value)) else None
