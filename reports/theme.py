"""Colours of the page on light and on dark ground, and their contrast as the accessibility guidelines have it.

Source: WCAG 2.2, success criteria 1.4.3 (text, 4.5 to 1) and 1.4.11 (marks and edges, 3 to 1).
"""

import colorsys
from dataclasses import dataclass

from reports.palette import BEST, MOVED, lightness, relative_luminance

__all__ = ["DARK", "EDGE_CONTRAST", "LIGHT", "TEXT_CONTRAST", "Theme", "contrast", "mirrored"]

TEXT_CONTRAST, EDGE_CONTRAST = 4.5, 3.0

BISECTIONS = 20
"""Of a lightness, which is found to far less than a step of 8 bits."""


def mirrored(color: str) -> str:
    """The colour of the same hue that is as light, in L* of CIE 1976, as this one is dark, for the other ground.

    >>> mirrored("#000000"), mirrored("#004a99")
    ('#ffffff', '#58a9ff')
    """
    hue, _, saturation = colorsys.rgb_to_hls(*(int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)))
    wanted, least, most = 100 - lightness(color), 0.0, 1.0
    for _ in range(BISECTIONS):
        middle = (least + most) / 2
        is_darker = lightness(_hexadecimal(hue, middle, saturation)) < wanted
        least, most = (middle, most) if is_darker else (least, middle)
    return _hexadecimal(hue, most, saturation)


def _hexadecimal(hue: float, light: float, saturation: float) -> str:
    return "#" + "".join(f"{round(255 * part):02x}" for part in colorsys.hls_to_rgb(hue, light, saturation))


def contrast(one: str, other: str) -> float:
    """How much lighter one colour ``#rrggbb`` is than another, 1 to 21.

    >>> contrast("#000000", "#ffffff")
    21.0
    """
    dark, light = sorted(relative_luminance(color) for color in (one, other))
    return (light + 0.05) / (dark + 0.05)


@dataclass(frozen=True)
class Theme:
    """The colours of the page by what they are of.

    Args:
        paper: the ground.
        wash: the ground of what stands out.
        chosen: the ground of the row that is chosen.
        ink: text and lines.
        soft: secondary text.
        edge: edges of bars and of controls, and marks of designs that are not on the front.
        line: what parts rows, and grids; nothing depends on seeing it.
        accent: links and what can be pressed.
        warm: the edge of warnings.
        good: the bar of what a budget is used of.
        best: the line of the best front.
        moved: the arrow to a fine-tuned design.
    """

    paper: str
    wash: str
    chosen: str
    ink: str
    soft: str
    edge: str
    line: str
    accent: str
    warm: str
    good: str
    best: str
    moved: str


LIGHT = Theme(
    paper="#ffffff",
    wash="#f5f5f2",
    chosen="#e4edf8",
    ink="#1c1c1c",
    soft="#5a5a5a",
    edge="#868686",
    line="#dedede",
    accent="#004a99",
    warm="#b45309",
    good="#2a7d5a",
    best=BEST,
    moved=MOVED,
)
DARK = Theme(
    paper="#16181b",
    wash="#202327",
    chosen="#22344d",
    ink="#ececec",
    soft="#a9afb6",
    edge="#7d848c",
    line="#363b41",
    accent="#8fbcff",
    warm="#f0a35a",
    good="#5cc398",
    best=mirrored(BEST),
    moved=mirrored(MOVED),
)
