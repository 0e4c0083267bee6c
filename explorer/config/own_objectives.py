"""The user's own objectives as they are written."""

from collections.abc import Sequence

from explorer.system.own_names import own_direction, own_name, own_place
from searches.objectives import Objective

__all__ = ["own_objectives"]


def own_objectives(texts: Sequence[str]) -> tuple[Objective, ...]:
    """The user's own objectives as far as they are known without their code."""
    return tuple(
        Objective(own_name(text), own_name(text), own_direction(text) or "minimize", source=own_place(text))
        for text in texts
    )
