"""Where labels stand next to their marks: on the side that covers least. Places are shares of a panel, y upwards."""

from collections.abc import Iterable, Sequence

__all__ = ["SIDES", "place_labels", "plain"]

SIDES = ("left", "right", "above-left", "above-right", "below-left", "below-right", "high-left", "high-right")
"""The first of those that cover least is taken; ``high`` is as far above again as needed to clear a row of marks."""

LETTER, HEIGHT, GAP = 0.0095, 0.04, 0.014
"""Shares of a panel: a letter's width, a line's height, and how far a label stands next to its mark."""

LIFTS = {"above": 0.04, "below": -0.04, "high": 0.1}
"""Shares of a panel: how far a label stands above its mark."""

MARK_WIDTH, MARK_HEIGHT = 0.008, 0.012
"""Half a mark's size, in shares of a panel: a label keeps off all of it."""

Box = tuple[float, float, float, float]
Weighted = tuple[float, float, float]


def plain(text: str) -> str:
    r"""Text of others for matplotlib, which takes what is between two dollar signs for a formula.

    >>> plain("$x^{2$")
    '\\$x^{2\\$'
    """
    return text.replace("$", r"\$")


def _box(x: float, y: float, length: int, side: str) -> Box:
    """(left, bottom, right, top) of a label of ``length`` letters next to (x, y)."""
    width = LETTER * length
    left = x - GAP - width if side.endswith("left") else x + GAP
    lift = LIFTS.get(side.partition("-")[0], 0.0)
    return left, y + lift - HEIGHT / 2, left + width, y + lift + HEIGHT / 2


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def place_labels(labels: Sequence[tuple[float, float, str]], obstacles: Iterable[Weighted]) -> list[str]:
    """The side of each label (x, y, text), chosen one after another.

    Args:
        labels: marks with a text.
        obstacles: (x, y, weight): what a label should not cover, and how much that matters.
    """
    points, sides = list(obstacles), []
    taken: list[Box] = []
    for x, y, text in labels:
        costs = {}
        for side in SIDES:
            left, bottom, right, top = box = _box(x, y, len(text), side)
            covered = sum(
                weight
                for a, b, weight in points
                if left - MARK_WIDTH <= a <= right + MARK_WIDTH and bottom - MARK_HEIGHT <= b <= top + MARK_HEIGHT
            )
            outside = left < 0 or bottom < 0 or right > 1 or top > 1
            costs[side] = covered + 10_000 * outside + 100 * sum(_overlap(box, other) for other in taken)
        side = min(SIDES, key=costs.__getitem__)
        taken.append(_box(x, y, len(text), side))
        sides.append(side)
    return sides
