"""What a reader is told of the distance to the best possible, in words and as a table."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from reports.best_front import pair_name
from reports.columns import REAL, TEXT, Column, column
from reports.front import non_dominated
from reports.records import EpsilonGap, PairGap, SingleGap
from reports.run_record import RunRecord
from reports.text import format_cell, format_value, in_words

__all__ = [
    "epsilon_sentence",
    "found_front",
    "gap_sentence",
    "pair_columns",
    "pair_records",
    "pair_sentences",
    "pair_title",
    "single_sentence",
]


def pair_title(pair: PairGap) -> str:
    """The pair within a sentence, the quality first."""
    return f"{in_words(pair.second)} against {in_words(pair.first)}"


def rows_of(table: pd.DataFrame, pair: PairGap) -> pd.DataFrame:
    """The rows of a table of gaps that belong to a pair."""
    return table[table["pair"] == pair_name(pair.first, pair.second)]


def found_front(run: RunRecord, pair: PairGap) -> pd.DataFrame:
    """The designs found that no other one found dominates in the pair, by the first figure."""
    rows = rows_of(run.gaps, pair)
    kept = rows[non_dominated(rows[["first", "second"]].to_numpy(float), distinct=True)]
    return kept.sort_values("first", kind="stable")


def pair_columns(pair: PairGap) -> tuple[Column, ...]:
    """The columns of a pair's table: a design's two figures, the least possible of each, and how much less that is."""
    first, second = column(pair.first), column(pair.second)
    short, other = in_words(pair.first), in_words(pair.second)
    return (
        Column("design", TEXT, "Design"),
        Column("first", REAL, first.title, first.unit, first.origin),
        Column("second", REAL, second.title, second.unit, second.origin),
        Column("least_second", REAL, f"Least {other}, no more {short}", second.unit, pair.origin),
        Column("spare_second", REAL, "Less by", second.unit, pair.origin),
        Column("gap_second", REAL, "Gap", "share", pair.origin),
        Column("least_first", REAL, f"Least {short}, no more {other}", first.unit, pair.origin),
        Column("spare_first", REAL, "Less by", first.unit, pair.origin),
        Column("gap_first", REAL, "Gap", "share", pair.origin),
    )


def pair_records(run: RunRecord, pair: PairGap) -> list[dict[str, Any]]:
    """The rows of a pair's table: the designs of the run's front, in the order of the first figure."""
    rows = rows_of(run.gaps, pair)
    rows = rows[rows["design"].isin(run.front["design"])].sort_values(["first", "second"], kind="stable")
    rows = rows.assign(
        spare_first=rows["first"] - rows["least_first"], spare_second=rows["second"] - rows["least_second"]
    )
    return [{str(name): value for name, value in row.items()} for row in rows.to_dict("records")]


def gap_sentence(run: RunRecord, pair: PairGap) -> str:
    """By how much the second figure of the designs on the front could be lower; nothing where none has a gap."""
    records = pair_records(run, pair)
    if not records:
        return ""
    first, second = in_words(pair.first), in_words(pair.second)
    shares = pd.Series([row["gap_second"] for row in records])
    at_most = "" if pair.origin == "proven" else "at most "
    least, middle, most = (format_value(v, "share") for v in (shares.min(), shares.median(), shares.max()))
    whose = f"the {len(shares)} designs" if len(shares) > 1 else "the design"
    spread = f"{least} to {most}, {middle} in the middle" if len(shares) > 1 else most
    return f"At no more {first}, {second} of {whose} on the front could be lower by {at_most}{spread}."


def pair_sentences(run: RunRecord, pair: PairGap) -> tuple[str, ...]:
    """What the ratio and the gaps of a pair are, and what they are not."""
    second = in_words(pair.second)
    worst = " and ".join(f"{in_words(name)} {format_cell(at, name)}" for name, at in pair.reference.items())
    kind = "complete front" if pair.origin == "proven" else "bound on the complete front"
    points = f"{pair.points:,} point{'' if pair.points == 1 else 's'}"
    lines = [f"Hypervolume found over that of the {kind} ({points}), reference point {worst}."]
    lines += filter(None, [gap_sentence(run, pair)])
    if pair.stands_for:
        lines.append(
            f"{pair.stands_for.capitalize()} is no sum over layers: nothing is proven of it; {second} stands in for it."
        )
    if pair.left_out:
        lines.append(f"{_without(pair.left_out)} left out of the bound: it may lie below what these allow.")
    return tuple(lines)


def epsilon_sentence(near: EpsilonGap) -> str:
    """What holds of three or more figures."""
    names = ", ".join(in_words(name) for name in near.columns)
    if near.most is None:
        return f"No factor covers all designs in {names}: one of them reaches 0 where no design found does."
    text = (
        f"Every design of the space has a found one at most {near.most:.4g} times as large in each of {names}; "
        f"{near.designs} designs within {near.eps:g} of all others show that {near.least:.4g} times is needed."
    )
    return text + (f" {_without(near.left_out)} left out." if near.left_out else "")


def single_sentence(single: SingleGap) -> str:
    """What holds of one figure."""
    about = column(single.column)
    found, bound = (format_cell(value, about) for value in (single.found, single.bound))
    text = f"The least {in_words(single.column)} found is {found}; no design of the space has less than {bound}."
    return text + (f" {_without(single.left_out)} left out." if single.left_out else "")


def _without(names: Sequence[str]) -> str:
    known = [in_words(name) for name in names]
    return f"The budget{'s' if len(known) > 1 else ''} of {' and '.join(known)} {'are' if len(known) > 1 else 'is'}"
