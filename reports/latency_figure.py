"""Predicted against measured times of layers, both axes logarithmic, with the band of 10% around equality."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from matplotlib.figure import Figure

from reports.labels import plain
from reports.palette import FAINT, INK, SOFT, method_style

__all__ = ["LatencyInfo", "draw_latency", "latency_info"]

BAND = 0.10


class TimedLayer(Protocol):
    """A layer's times in seconds, and the kernel that ran it: scheme, execution and arithmetic, ``/`` between them."""

    @property
    def kernel(self) -> str:
        """Its kernel."""

    @property
    def predicted(self) -> float:
        """Of the model."""

    @property
    def measured(self) -> float:
        """The lower quartile of repeated runs."""


@dataclass(frozen=True)
class LatencyInfo:
    """What the picture shows: for each scheme (measured, predicted) in milliseconds, and a title."""

    points: Mapping[str, tuple[tuple[float, float], ...]]
    title: str


def latency_info(rows: Sequence[TimedLayer]) -> LatencyInfo:
    """The points of these layers, at least one, by scheme."""
    points: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        points.setdefault(row.kernel.split(" / ")[0], []).append((row.measured * 1e3, row.predicted * 1e3))
    near = sum(abs(row.predicted / row.measured - 1) <= BAND for row in rows)
    title = f"{near / len(rows):.0%} of {len(rows)} held-out layers within {BAND:.0%} of the measured time"
    return LatencyInfo({name: tuple(found) for name, found in points.items()}, title)


def draw_latency(info: LatencyInfo) -> Figure:
    """Draws the picture, 6.4 inches square."""
    figure = Figure(figsize=(6.4, 6.4), layout="constrained")
    axes = figure.subplots()
    values = [value for points in info.points.values() for point in points for value in point]
    low, high = min(values) / 1.3, max(values) * 1.3
    ends = [low, high]
    axes.fill_between(
        ends, [end * (1 - BAND) for end in ends], [end * (1 + BAND) for end in ends], color=FAINT, label="within 10%"
    )
    axes.plot(ends, ends, color=SOFT, linewidth=0.8)
    for name, points in info.points.items():
        style = method_style(name)
        axes.scatter(
            [measured for measured, _ in points],
            [predicted for _, predicted in points],
            s=22,
            color=style.color,
            marker=style.marker,
            edgecolors=INK,
            linewidths=0.3,
            label=name,
            zorder=3,
        )
    axes.set(xscale="log", yscale="log", xlim=(low, high), ylim=(low, high))
    axes.set_xlabel("measured, ms (lower quartile of repeated runs)", fontsize=9, color=INK)
    axes.set_ylabel("predicted, ms", fontsize=9, color=INK)
    axes.tick_params(colors=SOFT, labelsize=8, length=3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.legend(frameon=False, fontsize=8)
    figure.suptitle(plain(info.title), x=0.012, ha="left", fontsize=11, color=INK, fontweight="bold")
    return figure
