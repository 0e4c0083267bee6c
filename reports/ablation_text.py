"""What a reader is told of what each form saves: a short table, and the sentence that says what it compares."""

from typing import Any

from reports.columns import REAL, TEXT, Column, column
from reports.records import Ablation
from reports.text import format_cell, format_value, in_words

__all__ = ["ablation_columns", "ablation_records", "ablation_sentence"]

MOST_NAMED = 3
"""Layers that a cell names; of more it says how many there are."""


def ablation_columns(ablation: Ablation) -> tuple[Column, ...]:
    """The columns: a form, the layers it wins, and what it saves there and at most along the front."""
    short, unit = in_words(ablation.first), column(ablation.first).unit
    bounded = any(saving.origin == "bounded" for saving in ablation.forms)
    origin = "bounded" if bounded else "proven"
    return (
        Column("form", TEXT, "Form"),
        Column("count", "integer", "Layers won", "", origin),
        Column("layers", TEXT, "Which"),
        Column("without", REAL, f"Least {short} without it", unit, origin),
        Column("saved", REAL, "Saved", unit, origin),
        Column("most_share", REAL, "Most saved", "share", origin),
        Column("most_at", REAL, f"At {in_words(ablation.second)}", column(ablation.second).unit, origin),
        Column("out_of_reach", "integer", "Points out of reach", "", origin),
    )


def ablation_records(ablation: Ablation) -> list[dict[str, Any]]:
    """The rows: each form of the space, the one that saves most first."""
    return [
        {
            "form": saving.form,
            "count": len(saving.layers),
            "layers": _named(saving.layers),
            "without": saving.without,
            "saved": saving.saved,
            "most_share": saving.most_share,
            "most_at": saving.most_at,
            "out_of_reach": saving.out_of_reach,
        }
        for saving in ablation.forms
    ]


def ablation_sentence(ablation: Ablation) -> str:
    """What the table compares, and what of it is a bound."""
    first, second = in_words(ablation.first), in_words(ablation.second)
    level = format_cell(ablation.level, column(ablation.second))
    if ablation.least is None:
        start = f"No design of the best front has as little {second} as design {ablation.design} ({level})."
    else:
        least = format_value(ablation.least, column(ablation.first).unit)
        start = (
            f"At no more {second} than design {ablation.design} ({level}), the least {first} of the space is {least}; "
            "layers won are those of that design."
        )
    compared = (
        f"A saving is how much less {first} there is than on the best front of other forms. Most saved is along the "
        f"whole front of {ablation.points:,} points; those out of reach no design without the form gets down to. "
        "Nothing was measured for it."
    )
    bounds = [saving.form for saving in ablation.forms if saving.origin == "bounded"]
    bound = f" Bounds, without all budgets: {', '.join(bounds)}." if bounds else ""
    return f"{start} {compared}{bound}"


def _named(layers: tuple[str, ...]) -> str:
    shown = ", ".join(layers[:MOST_NAMED])
    return f"{shown} and {len(layers) - MOST_NAMED} more" if len(layers) > MOST_NAMED else shown
