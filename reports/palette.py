"""Colours and markers as data: told apart with colour-vision deficiencies, and in greyscale by lightness and marker.

Colours follow Okabe & Ito, "Color Universal Design", 2008, moved so that every two of one set differ in lightness.
"""

from dataclasses import dataclass

__all__ = [
    "BEST",
    "COMPONENT_STYLES",
    "FAINT",
    "INK",
    "METHOD_STYLES",
    "MOVED",
    "OTHER_STYLE",
    "SOFT",
    "ComponentStyle",
    "MethodStyle",
    "lightness",
    "method_style",
    "relative_luminance",
]


INK, SOFT, FAINT = "#1c1c1c", "#5f5f5f", "#d9d9d9"
"""Text and lines, secondary text, and frames."""

BEST = "#a0308f"
"""The line of the best possible front: no method's colour."""


MOVED = "#3d7a3d"
"""The arrow to a fine-tuned design."""


@dataclass(frozen=True)
class MethodStyle:
    """How a method's designs are drawn.

    Args:
        color: fill, ``#rrggbb``.
        marker: matplotlib's name.
        path: the same marker as an SVG path around (0, 0), radius about 5.
    """

    color: str
    marker: str
    path: str


@dataclass(frozen=True)
class ComponentStyle:
    """How a storage component is drawn: fill, ``#rrggbb``, and matplotlib's hatch."""

    color: str
    hatch: str


METHOD_STYLES = {
    "dense": MethodStyle("#1d1d1d", "s", "M-4.4-4.4H4.4V4.4H-4.4Z"),
    "entropy-coded": MethodStyle("#3e1564", "<", "M-5.6,0L4.2-5.4V5.4Z"),
    "stacked-binary": MethodStyle("#003a79", "o", "M-5,0A5,5 0 1 1 5,0A5,5 0 1 1-5,0Z"),
    "palettized": MethodStyle("#6c421b", "d", "M0-6.4L3.8,0L0,6.4L-3.8,0Z"),
    "sparse-basis": MethodStyle("#a5371b", "^", "M0-5.6L5.4,4.2H-5.4Z"),
    "ternary": MethodStyle(
        "#007a84", "*", "M0-6.2L1.5-2.1L5.9-1.9L2.5,.8L3.6,5L0,2.6L-3.6,5L-2.5,.8L-5.9-1.9L-1.5-2.1Z"
    ),
    "pruned": MethodStyle("#00926b", "v", "M0,5.6L5.4-4.2H-5.4Z"),
    "vector-quantized": MethodStyle("#db6fa4", ">", "M5.6,0L-4.2-5.4V5.4Z"),
    "linear-representation": MethodStyle("#dd9800", "D", "M0-6L6,0L0,6L-6,0Z"),
    "nm-sparse": MethodStyle("#b3c160", "p", "M0-5.6L5.3-1.7L3.3,4.5H-3.3L-5.3-1.7Z"),
    "lego-net": MethodStyle("#9dd4f5", "P", "M-2-5.6H2V-2H5.6V2H2V5.6H-2V2H-5.6V-2H-2Z"),
    "low-rank": MethodStyle("#f3e27c", "8", "M4.9,2L2,4.9H-2L-4.9,2V-2L-2-4.9H2L4.9-2Z"),
}
"""Method name -> style, one for each form; lightness rises from entry to entry."""

OTHER_STYLE = MethodStyle(
    "#f5f5f5", "X", "M-5.4-3L-3-5.4L0-2.4L3-5.4L5.4-3L2.4,0L5.4,3L3,5.4L0,2.4L-3,5.4L-5.4,3L-2.4,0Z"
)
"""The style of a method that has none of its own: one of designs that other versions wrote."""

COMPONENT_STYLES = {
    "weights": ComponentStyle("#3a3a3a", ""),
    "basis": ComponentStyle("#1c66b5", "///"),
    "coefficients": ComponentStyle("#d5653f", "\\\\\\"),
    "selection": ComponentStyle("#2fae87", "..."),
    "index": ComponentStyle("#e6a92e", "xxx"),
    "codebook": ComponentStyle("#a6d5f2", "ooo"),
    "scales": ComponentStyle("#eaeaea", "|||"),
}
"""Storage component -> style, in the order in which bars are stacked; lightness rises from entry to entry."""


def method_style(method: str) -> MethodStyle:
    """The style of a method by its scheme's name."""
    return METHOD_STYLES.get(method, OTHER_STYLE)


def lightness(color: str) -> float:
    """CIE 1976 lightness L*, 0 (black) to 100 (white), of an sRGB colour ``#rrggbb``; what is left of it in greyscale.

    >>> round(lightness("#ffffff")), round(lightness("#000000"))
    (100, 0)
    """
    luminance = relative_luminance(color)
    return 116 * luminance ** (1 / 3) - 16 if luminance > (6 / 29) ** 3 else luminance * (29 / 3) ** 3


def relative_luminance(color: str) -> float:
    """The light of an sRGB colour ``#rrggbb`` over that of white, 0 to 1.

    >>> relative_luminance("#ffffff")
    1.0
    """
    channels = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
