"""Tables in text for the terminal: a run's front and baselines, with the facts and the conventions they stand on."""

import textwrap
from collections.abc import Iterable, Sequence

import pandas as pd

from reports.ablation_text import ablation_columns, ablation_records, ablation_sentence
from reports.best_front_text import pair_columns, pair_records, pair_title
from reports.columns import OWN_STATISTICS, TEXT, Column, column
from reports.run_record import RunRecord
from reports.text import format_cell
from reports.tuned_designs import tuned_columns

__all__ = [
    "ablation_table",
    "baseline_columns",
    "baselines_table",
    "best_first",
    "front_columns",
    "front_table",
    "pair_tables",
    "spread",
    "text_table",
    "tuned_table",
    "usual_columns",
]

LEAST_WRAPPED = 30
"""Letters that a line of a text has at least, where it is broken into lines."""

_SHOWN = (
    "storage_bytes",
    "flash_bytes",
    "sram_bytes",
    "macs",
    "additions",
    "bit_ops",
    "compression_ratio",
    "distortion",
)


def front_columns(run: RunRecord) -> tuple[Column, ...]:
    """The columns that tables of this run show: name, objectives, then costs, quality and method, each once."""
    quality = (*(("accuracy",) if run.has_labels else ()), *run.held_out)
    own = [goal.column for goal in run.info.objectives] + [budget.column for budget in run.info.budgets]
    chosen = ("activation_bits",) if run.info.activation_widths else ()
    names = dict.fromkeys(("design", *own, *chosen, *_SHOWN, *quality, "main_method"))
    return tuple(column(name) for name in names)


def usual_columns(run: RunRecord) -> tuple[str, ...]:
    """Those of `front_columns` that are shown where there is no room for all: name, objectives, budgets, quality."""
    own = [goal.column for goal in run.info.objectives] + [budget.column for budget in run.info.budgets]
    quality = (*(("accuracy",) if run.has_labels else ()), *run.held_out) if run.has_data else ("distortion",)
    return tuple(dict.fromkeys(("design", *own, *quality, "compression_ratio", "main_method")))


def text_table(
    columns: Sequence[Column],
    rows: Iterable[dict[str, object]],
    width: int | None = None,
    first: Sequence[str] = (),
    wrapped: str = "",
) -> str:
    """Rows under headers, numbers to the right; under each header whether it is counted or measured.

    Args:
        columns: of the table.
        rows: values by column.
        width: of the terminal; columns that do not fit are left out, and a last line says how many. None for no limit.
        first: names of the columns that are kept longest, in this order; the first column always is.
        wrapped: the column whose texts are broken into lines where they are too long for the terminal.
    """
    records = list(rows)
    shown = columns if width is None else _fitting(columns, records, width, first, wrapped)
    cells = _cells(shown, records)
    names = [about.name for about in shown]
    if width is not None and wrapped in names:
        cells = _broken(cells, names.index(wrapped), width)
    widths = _widths(cells)
    lines = [
        "  ".join(
            text.ljust(size) if about.kind == TEXT else text.rjust(size)
            for text, size, about in zip(line, widths, shown, strict=True)
        ).rstrip()
        for line in cells
    ]
    left = len(columns) - len(shown)
    note = [f"({left} column{'' if left == 1 else 's'} more in a wider terminal)"] if left else []
    return "\n".join([*lines[:2], "-" * (sum(widths) + 2 * (len(widths) - 1)), *lines[2:], *note])


def _cells(columns: Sequence[Column], records: Sequence[dict[str, object]]) -> list[list[str]]:
    heads = [[about.title for about in columns], [about.origin for about in columns]]
    return heads + [[format_cell(row[about.name], about) for about in columns] for row in records]


def _widths(cells: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(len, texts)) for texts in zip(*cells, strict=True)]


def _broken(cells: list[list[str]], place: int, width: int) -> list[list[str]]:
    """The cells with the texts of one column broken into lines, so that all columns have room in a width."""
    others = [size for at, size in enumerate(_widths(cells)) if at != place]
    room = max(width - sum(others) - 2 * len(others), LEAST_WRAPPED)
    broken = []
    for line in cells:
        pieces = textwrap.wrap(line[place], room) or [""]
        broken.append([*line[:place], pieces[0], *line[place + 1 :]])
        broken += [[*[""] * place, piece, *[""] * (len(line) - place - 1)] for piece in pieces[1:]]
    return broken


def _fitting(
    columns: Sequence[Column], records: Sequence[dict[str, object]], width: int, first: Sequence[str], wrapped: str
) -> list[Column]:
    """The columns that fit side by side, those named first before the others, in the table's order."""
    sizes = dict(zip((about.name for about in columns), _widths(_cells(columns, records)), strict=True))
    sizes |= {wrapped: min(sizes[wrapped], LEAST_WRAPPED)} if wrapped in sizes else {}
    names = list(dict.fromkeys([columns[0].name, *(name for name in first if name in sizes), *sizes]))
    kept, room = {names[0]}, width - sizes[names[0]]
    for name in names[1:]:
        if sizes[name] + 2 > room:
            break
        kept.add(name)
        room -= sizes[name] + 2
    return [about for about in columns if about.name in kept]


def front_table(run: RunRecord, limit: int | None = None, width: int | None = None) -> str:
    """The front by its first objective, best first.

    Args:
        run: the run.
        limit: rows at most, spread evenly over the front with both ends; a last line says how many were left out.
        width: as in `text_table`.
    """
    ordered = best_first(run)
    shown = spread(ordered, limit)
    rows = shown.to_dict("records")
    table = text_table(front_columns(run), rows, width, usual_columns(run))  # type: ignore[arg-type]
    left = len(ordered) - len(shown)
    return f"{table}\n({left} more in front.csv)" if left else table


def best_first(run: RunRecord) -> pd.DataFrame:
    """The front by its first objective, best first."""
    goal = run.info.objectives[0]
    return run.front.sort_values(goal.column, ascending=goal.direction == "minimize", kind="stable")


def spread(table: pd.DataFrame, limit: int | None) -> pd.DataFrame:
    """Rows of a table, spread evenly over it with both ends.

    Args:
        table: of any kind.
        limit: rows at most; None for all.
    """
    return table.iloc[_places(len(table), limit)]


def _places(count: int, limit: int | None) -> list[int]:
    """Places of ``limit`` rows at most, spread evenly with both ends."""
    if limit is None or count <= limit:
        return list(range(count))
    return [round(step * (count - 1) / max(limit - 1, 1)) for step in range(limit)]


def baseline_columns(run: RunRecord) -> tuple[Column, ...]:
    """The columns that tables of baselines show: those of the front, what is broken, and where designs have statistics
    of their own the accuracy with the network's."""
    own = (column(OWN_STATISTICS),) if OWN_STATISTICS in run.baselines else ()
    return (column("name"), column("feasible"), column("violated"), *front_columns(run)[1:-1], *own)


def baselines_table(run: RunRecord, width: int | None = None) -> str:
    """Uniform quantization at every width, and what it breaks.

    Args:
        run: the run.
        width: as in `text_table`.
    """
    rows, first = run.baselines.to_dict("records"), ("feasible", "violated", *usual_columns(run)[1:])
    return text_table(baseline_columns(run), rows, width, first)  # type: ignore[arg-type]


def tuned_table(run: RunRecord, width: int | None = None) -> str:
    """The fine-tuned designs with their figures before and after.

    Args:
        run: the run.
        width: as in `text_table`.
    """
    return text_table(tuned_columns(run.tuned), run.tuned.to_dict("records"), width)  # type: ignore[arg-type]


def pair_tables(run: RunRecord, limit: int | None = None, width: int | None = None) -> list[str]:
    """For each pair of additive figures the designs of the front compared with the best possible.

    Args:
        run: the run.
        limit: rows at most, as in `front_table`.
        width: as in `text_table`.
    """
    texts = []
    for pair in run.info.gap.pairs if run.info.gap else ():
        records = pair_records(run, pair)
        shown = [records[place] for place in _places(len(records), limit)]
        left = f"\n({len(records) - len(shown)} more in gaps.csv)" if len(shown) < len(records) else ""
        texts.append(
            f"Distance to the best possible: {pair_title(pair)}\n{text_table(pair_columns(pair), shown, width)}{left}"
        )
    return texts


def ablation_table(run: RunRecord, width: int | None = None) -> str:
    """What each form saves; empty where that was not computed.

    Args:
        run: the run.
        width: as in `text_table`.
    """
    ablation = run.info.gap.ablation if run.info.gap else None
    if ablation is None:
        return ""
    table = text_table(ablation_columns(ablation), ablation_records(ablation), width)
    return f"What each form saves\n{table}\n{ablation_sentence(ablation)}"
