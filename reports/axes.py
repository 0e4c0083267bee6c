"""Axis: the range, scale and ticks of a picture's axis, the same for every way of drawing it."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.ticker import MaxNLocator

from costmodels.units import KIB, MIB
from reports.columns import column

__all__ = ["DECADE", "Axis", "make_axis"]

LINEAR, LOG, ERROR = "linear", "log", "error"

DECADE = 10.0
"""A range that spans more than this factor gets a logarithmic scale; shares by their distance from 1 (the error)."""


@dataclass(frozen=True)
class Axis:
    """One axis of a picture.

    Args:
        column: whose values it shows.
        label: its title, unit and scale.
        direction: ``minimize``, ``maximize`` or "".
        scale: ``linear``, ``log``, or ``error``: the logarithm of 1 - value, for shares.
        low: its low end, in the column's own unit.
        high: its high end, in the column's own unit.
        ticks: (value, text), values in the column's own unit.
    """

    column: str
    label: str
    direction: str
    scale: str
    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]

    def position(self, value: float) -> float:
        """Place of a value: 0 at the low end, 1 at the high end; infinite where the scale has no place for it.

        A share of 1 on the error scale, which would be infinitely far, stands at the high end.
        """
        if self.scale == ERROR and value == 1:
            return 1.0
        low, high = _scaled(self.low, self.scale), _scaled(self.high, self.scale)
        return (_scaled(value, self.scale) - low) / (high - low)


def _scaled(value: float, scale: str) -> float:
    if scale == LOG:
        return math.log(value) if value > 0 else -math.inf
    if scale == ERROR:
        return -math.log(1 - value) if value < 1 else math.inf
    return value


def _unscaled(place: float, scale: str) -> float:
    return {LINEAR: lambda: place, LOG: lambda: math.exp(place), ERROR: lambda: 1 - math.exp(-place)}[scale]()


def make_axis(name: str, core: Iterable[float], rest: Iterable[float] = (), direction: str = "") -> Axis:
    """The axis of a column that shows all of ``core``, and of ``rest`` as much as leaves the core most of the room.

    Values that are not finite are passed over; without any the axis runs from 0 to 1.
    """
    about = column(name)
    values = [float(value) for value in core if math.isfinite(value)]
    others = [float(value) for value in rest if math.isfinite(value)]
    values = values or others or [0.0, 1.0]
    scale = _scale(about.unit, values)
    low, high = _range(values, others, scale)
    if about.unit == "share":
        high = min(high, 1.0) if scale == LINEAR else high
    factor, unit = _display(about.unit, max(abs(low), abs(high)))
    note = {LINEAR: "", LOG: " (log scale)", ERROR: " (log scale of the error)"}[scale]
    ticks = [(tick * factor, f"{tick:,.10g}") for tick in _ticks(low / factor, high / factor, scale, about.unit)]
    if scale == ERROR and max(values) == 1:
        ticks.append((1.0, "100"))
    return Axis(name, f"{about.title}{', ' + unit if unit else ''}{note}", direction, scale, low, high, tuple(ticks))


def _scale(unit: str, values: Sequence[float]) -> str:
    if unit == "share":
        errors = [1 - value for value in values if value < 1]
        return ERROR if errors and min(errors) > 0 and max(errors) > DECADE * min(errors) else LINEAR
    return LOG if min(values) > 0 and max(values) > DECADE * min(values) else LINEAR


def _range(core: Sequence[float], rest: Sequence[float], scale: str) -> tuple[float, float]:
    """The core with a margin, widened towards the middle nine tenths of the rest by at most a third on each side."""
    places = [place for place in (_scaled(value, scale) for value in core) if math.isfinite(place)]
    low, high = min(places), max(places)
    others = [place for place in (_scaled(value, scale) for value in rest) if math.isfinite(place)]
    span = (high - low) or abs(high) or 1.0
    if others:
        least, most = np.quantile(others, [0.05, 0.95])
        low, high = max(min(low, least), low - span / 3), min(max(high, most), high + span / 3)
    margin = 0.07 * ((high - low) or abs(high) or 1.0)
    room = 2 * margin if scale == ERROR and max(core) == 1 else margin
    return _unscaled(low - margin, scale), _unscaled(high + room, scale)


def _display(unit: str, largest: float) -> tuple[float, str]:
    """(factor, text) of the unit that an axis shows."""
    if unit == "bytes":
        return (MIB, "MiB") if largest >= 10 * MIB else (KIB, "KiB")
    if unit == "count":
        return next(
            (step for step in ((1e9, "billions"), (1e6, "millions"), (1e3, "thousands")) if largest >= step[0]), (1, "")
        )
    return (0.01, "%") if unit == "share" else (1, {"ratio": "times"}.get(unit, unit))


def _ticks(low: float, high: float, scale: str, unit: str) -> list[float]:
    """Round values between the ends: powers of two for sizes, else 1, 2, 5; for shares, of the error."""
    if scale == LINEAR:
        return [
            float(tick)
            for tick in MaxNLocator(7, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
            if low <= tick <= high
        ]
    if scale == ERROR:
        return sorted(100 - tick for tick in _ticks(100 - high, 100 - low, LOG, ""))
    if unit == "bytes":
        ticks = [2.0**power for power in range(math.ceil(math.log2(low)), math.floor(math.log2(high)) + 1)]
    else:
        decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        ticks = [tick for power in decades for step in (1, 2, 5) if low <= (tick := float(f"{step}e{power}")) <= high]
    return ticks[:: math.ceil(len(ticks) / 9)] if ticks else []
