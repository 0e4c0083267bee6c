"""Tables in text for the terminal: a run's front and baselines, with the facts and the conventions they stand on."""

from collections.abc import Iterable, Sequence

import pandas as pd

from reports.ablation_text import ablation_columns, ablation_records, ablation_sentence
from reports.best_front_text import pair_columns, pair_records, pair_title
from reports.columns import OWN_STATISTICS, TEXT, Column, column
from reports.key_facts import key_facts, warnings
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
    "summary",
    "text_table",
    "tuned_table",
    "usual_columns",
]

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


def text_table(columns: Sequence[Column], rows: Iterable[dict[str, object]]) -> str:
    """Rows under headers, numbers to the right; under each header whether it is counted or measured."""
    heads = [[about.title for about in columns], [about.origin for about in columns]]
    cells = heads + [[format_cell(row[about.name], about) for about in columns] for row in rows]
    widths = [max(map(len, texts)) for texts in zip(*cells, strict=True)]
    lines = [
        "  ".join(
            text.ljust(width) if about.kind == TEXT else text.rjust(width)
            for text, width, about in zip(line, widths, columns, strict=True)
        ).rstrip()
        for line in cells
    ]
    return "\n".join([*lines[:2], "-" * (sum(widths) + 2 * (len(widths) - 1)), *lines[2:]])


def front_table(run: RunRecord, limit: int | None = None) -> str:
    """The front by its first objective, best first.

    Args:
        run: the run.
        limit: rows at most, spread evenly over the front with both ends; a last line says how many were left out.
    """
    ordered = best_first(run)
    shown = spread(ordered, limit)
    table = text_table(front_columns(run), shown.to_dict("records"))  # type: ignore[arg-type]
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


def baselines_table(run: RunRecord) -> str:
    """Uniform quantization at every width, and what it breaks."""
    return text_table(baseline_columns(run), run.baselines.to_dict("records"))  # type: ignore[arg-type]


def tuned_table(run: RunRecord) -> str:
    """The fine-tuned designs with their figures before and after."""
    return text_table(tuned_columns(run.tuned), run.tuned.to_dict("records"))  # type: ignore[arg-type]


def pair_tables(run: RunRecord, limit: int | None = None) -> list[str]:
    """For each pair of additive figures the designs of the front compared with the best possible."""
    texts = []
    for pair in run.info.gap.pairs if run.info.gap else ():
        records = pair_records(run, pair)
        shown = [records[place] for place in _places(len(records), limit)]
        left = f"\n({len(records) - len(shown)} more in gaps.csv)" if len(shown) < len(records) else ""
        texts.append(
            f"Distance to the best possible: {pair_title(pair)}\n{text_table(pair_columns(pair), shown)}{left}"
        )
    return texts


def ablation_table(run: RunRecord) -> str:
    """What each form saves; empty where that was not computed."""
    ablation = run.info.gap.ablation if run.info.gap else None
    if ablation is None:
        return ""
    table = text_table(ablation_columns(ablation), ablation_records(ablation))
    return f"What each form saves\n{table}\n{ablation_sentence(ablation)}"


def summary(run: RunRecord, limit: int | None = 20) -> str:
    """Everything that the terminal shows after a search: facts, front, baselines, warnings and conventions."""
    facts = [(f"{fact.title}:", f"{fact.value} [{fact.origin}]. {fact.detail}") for fact in key_facts(run)]
    width = max(len(title) for title, _ in facts)
    parts = ["\n".join(f"{title.ljust(width)} {text}" for title, text in facts)]
    parts += [f"Front\n{front_table(run, limit)}"] if len(run.front) else []
    parts += [f"Fine-tuned designs, before and after\n{tuned_table(run)}"] if len(run.tuned) else []
    parts += pair_tables(run, limit) if len(run.front) else []
    parts += [text for text in (ablation_table(run),) if text]
    parts += [f"Uniform quantization\n{baselines_table(run)}"] if len(run.baselines) else []
    parts += ["\n".join(f"Warning: {line}" for line in warnings(run))] if warnings(run) else []
    parts += ["Conventions\n" + "\n".join(f"- {item.key}: {item.statement}" for item in run.info.conventions)]
    return "\n\n".join(parts)
