"""The layers of many designs as JSON for the page, what is the same in several of them once.

A page of 110 designs of 54 layers has 5,940 of them: named and described each time, they are several MB.
"""

import math
from collections.abc import Mapping
from typing import Any

from reports.layers_info import LayerBar, LayersInfo
from reports.palette import COMPONENT_STYLES

__all__ = ["EXACT", "layers_json"]

EXACT = "exact"
"""What stands for an infinite signal-to-noise ratio, which JSON has no number for."""


def layers_json(infos: Mapping[str, LayersInfo]) -> dict[str, Any]:
    """Plain data.

    Args:
        infos: of each design.

    Returns:
        ``components``: their names; ``layers``: (name, shape, weights); ``forms``: (method, scheme, execution);
        ``designs``: by id the title, the places, and for each layer its index, that of its form, its bits by component,
        MAC, additions, bit-ops, SQNR in dB, time in ms and noise over signal, None for what is not known.
    """
    layers: dict[tuple[str, str, int], int] = {}
    forms: dict[tuple[str, str, str], int] = {}
    designs = {
        name: {
            "title": info.title,
            "places": list(info.places),
            "bars": [_bar(bar, layers, forms) for bar in info.bars],
        }
        for name, info in infos.items()
    }
    return {"components": list(COMPONENT_STYLES), "layers": list(layers), "forms": list(forms), "designs": designs}


def _bar(bar: LayerBar, layers: dict[tuple[str, str, int], int], forms: dict[tuple[str, str, str], int]) -> list[Any]:
    """A layer's numbers, and the places of what it shares with others, which are added where they are new."""
    layer = layers.setdefault((bar.layer, bar.shape, bar.weights), len(layers))
    form = forms.setdefault((bar.method, bar.scheme, bar.execution), len(forms))
    parts = dict(bar.parts)
    bits = [parts.get(part, 0) for part in COMPONENT_STYLES]
    counts = [bar.macs, bar.additions, bar.bit_ops]
    return [layer, form, bits, *counts, *map(_number, (bar.sqnr_db, bar.latency_ms, bar.noise))]


def _number(value: float | None) -> float | str | None:
    """A measured value with four digits; None where it is not known."""
    if value is None or math.isnan(value) or value == -math.inf:
        return None
    return EXACT if math.isinf(value) else float(f"{value:.4g}")
