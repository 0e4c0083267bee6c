"""Drawing a design's layers with matplotlib; what is drawn is in `reports.layers_info`."""

import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from costmodels.units import KIB
from reports.labels import plain
from reports.layers_info import LayersInfo
from reports.palette import COMPONENT_STYLES, FAINT, INK, SOFT, method_style
from reports.text import format_value

__all__ = ["draw_layers"]

ROW = 0.27
"""Height of a layer's row, inches."""


def draw_layers(info: LayersInfo) -> Figure:
    """Draws each layer's bits as stacked bars, with its signal-to-noise ratio and its scheme; 13 inches wide."""
    rows = max(len(info.bars), 3)
    figure = Figure(figsize=(13, ROW * rows + 1.7), layout="constrained")
    bars, noise, words = figure.subplots(1, 3, width_ratios=(4.8, 1.6, 5.6), sharey=True)
    for axes in (bars, noise, words):
        axes.set_ylim(rows - 0.4, -0.6)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.spines["bottom"].set_color(FAINT)
        axes.tick_params(colors=SOFT, labelsize=8, length=0)
        axes.set_axisbelow(True)
    _draw_bars(bars, info)
    _draw_noise(noise, info)
    _draw_words(words, info)
    figure.suptitle(plain(info.title), x=0.008, ha="left", fontsize=11, color=INK, fontweight="bold")
    handles = [
        Patch(facecolor=style.color, hatch=style.hatch, edgecolor="white", label=part)
        for part, style in COMPONENT_STYLES.items()
        if part in info.components
    ]
    figure.legend(handles=handles, loc="outside lower left", ncols=7, frameon=False, fontsize=8, handleheight=1.1)
    return figure


def _draw_bars(axes: Axes, info: LayersInfo) -> None:
    largest = max((bar.storage_bits for bar in info.bars), default=1) / 8 / KIB
    for row, bar in enumerate(info.bars):
        left = 0.0
        for part, bits in bar.parts:
            style, width = COMPONENT_STYLES[part], bits / 8 / KIB
            axes.barh(
                row,
                width,
                left=left,
                height=0.72,
                color=style.color,
                hatch=style.hatch,
                edgecolor="white",
                linewidth=0.3,
            )
            left += width
        axes.text(left + 0.01 * largest, row, format_value(bar.ratio, "ratio"), va="center", fontsize=7.5, color=INK)
    axes.set_yticks(range(len(info.bars)), [plain(bar.layer) for bar in info.bars], color=INK)
    axes.set_xlim(0, 1.12 * largest)
    axes.set_xlabel("Storage, KiB (counted); compression at the end", fontsize=8.5, color=INK)
    axes.grid(axis="x", color="#eeeeee", linewidth=0.7)


def _draw_noise(axes: Axes, info: LayersInfo) -> None:
    finite = [bar.sqnr_db for bar in info.bars if math.isfinite(bar.sqnr_db)]
    low, high = min([0.0, *finite]), max([1.0, *finite])
    for row, bar in enumerate(info.bars):
        if math.isfinite(bar.sqnr_db):
            axes.plot([low, bar.sqnr_db], [row, row], color="#c4c4c4", linewidth=1.2, zorder=1)
            axes.plot(bar.sqnr_db, row, marker="o", markersize=4, color=INK, zorder=2)
        else:
            axes.text(low, row, "exact" if bar.sqnr_db > 0 else "unknown", va="center", fontsize=7.5, color=SOFT)
    axes.set_xlim(low, low + 1.08 * (high - low))
    axes.set_xlabel("SQNR, dB (measured)", fontsize=8.5, color=INK)
    axes.grid(axis="x", color="#eeeeee", linewidth=0.7)


def _draw_words(axes: Axes, info: LayersInfo) -> None:
    axes.set_xlim(0, 1)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    for row, bar in enumerate(info.bars):
        style = method_style(bar.method)
        axes.plot(
            0.015, row, marker=style.marker, color=style.color, markeredgecolor=INK, markeredgewidth=0.6, markersize=5
        )
        axes.text(0.04, row, plain(bar.scheme), va="center", fontsize=7.5, color=INK)
