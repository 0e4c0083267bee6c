"""Drawing a training's learning curve with matplotlib."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from reports.labels import plain
from reports.palette import FAINT, INK, SOFT

__all__ = ["CurveInfo", "draw_curve"]

_LOSS, _ACCURACY = "#d55e00", "#0072b2"


@dataclass(frozen=True)
class CurveInfo:
    """What is drawn.

    Args:
        title: network, data and what was reached.
        losses: mean training loss of each epoch, in nats.
        accuracies: on the validation part after each epoch, shares of 1.
        test_accuracy: share of 1 at the end; None without a test part.
    """

    title: str
    losses: Sequence[float]
    accuracies: Sequence[float]
    test_accuracy: float | None = None


def draw_curve(info: CurveInfo) -> Figure:
    """Training loss and validation accuracy by epoch, side by side; 10 x 3.6 inches."""
    figure = Figure(figsize=(10, 3.6), layout="constrained")
    loss, accuracy = figure.subplots(1, 2)
    epochs = range(1, len(info.losses) + 1)
    for axes, values, color, label in (
        (loss, info.losses, _LOSS, "Training loss, nats (measured)"),
        (accuracy, info.accuracies, _ACCURACY, "Validation accuracy (measured)"),
    ):
        axes.plot(epochs, values, color=color, marker="o", markersize=3.5, linewidth=1.5, gid=label)
        _dress(axes, label)
    accuracy.yaxis.set_major_formatter(PercentFormatter(1, decimals=None))
    if info.test_accuracy is not None:
        accuracy.axhline(info.test_accuracy, color=SOFT, linewidth=1, linestyle=(0, (4, 3)))
        text = f"test, at the end: {info.test_accuracy:.2%}"
        accuracy.annotate(
            text, (1, info.test_accuracy), (0, 3), textcoords="offset points", fontsize=8.5, color=SOFT, va="bottom"
        )
    figure.suptitle(plain(info.title), x=0.008, ha="left", fontsize=11, color=INK, fontweight="bold")
    return figure


def _dress(axes: Axes, label: str) -> None:
    axes.set_xlabel("Epoch", fontsize=9, color=INK)
    axes.set_ylabel(label, fontsize=9, color=INK)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["bottom", "left"]].set_color(FAINT)
    axes.tick_params(colors=SOFT, labelsize=8.5, length=0)
    axes.grid(color="#eeeeee", linewidth=0.7)
    axes.set_axisbelow(True)
