"""The report as one HTML file that works offline: everything is inside, names are escaped, nothing is fetched."""

import math
from dataclasses import asdict
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from reports.ablation_text import ablation_columns, ablation_records, ablation_sentence
from reports.best_front_text import (
    epsilon_sentence,
    pair_columns,
    pair_records,
    pair_sentences,
    pair_title,
    single_sentence,
)
from reports.columns import TEXT, Column, column
from reports.front_info import best_front_infos, front_info
from reports.key_facts import key_facts, warnings
from reports.layers_info import LayersInfo, default_design, layers_info
from reports.palette import BEST, COMPONENT_STYLES, METHOD_STYLES, MOVED, method_style
from reports.records import Ablation
from reports.run_record import RunRecord
from reports.tables import best_first, front_columns
from reports.text import format_cell, format_limit
from reports.tuned_designs import tuned_columns

__all__ = ["page_html"]


def page_html(run: RunRecord, design: str | None = None) -> str:
    """The page of a run.

    Args:
        run: the run.
        design: whose layers are shown first; the knee of the front by default.

    Raises:
        ReportError: the front has no such design.
    """
    environment = Environment(
        loader=PackageLoader("reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    first = design or default_design(run)
    designs = [str(name) for name in run.front["design"]]
    layers = {name: _layers_json(layers_info(run, name)) for name in dict.fromkeys([*filter(None, [first]), *designs])}
    columns = front_columns(run)
    baseline_columns = (column("name"), column("feasible"), column("violated"), *columns[1:-1])
    return environment.get_template("report.html.j2").render(
        info=run.info,
        front=front_info(run),
        facts=key_facts(run),
        warnings=warnings(run),
        gap=_gap(run),
        best_color=BEST,
        moved_color=MOVED,
        columns=columns,
        rows=_rows(best_first(run).to_dict("records"), columns),
        baseline_columns=baseline_columns,
        baselines=_rows(run.baselines.to_dict("records"), baseline_columns),
        tuned_columns=tuned_columns(),
        tuned=_rows(run.tuned.to_dict("records"), tuned_columns()),
        layers={"first": first, "designs": layers},
        components=COMPONENT_STYLES,
        methods={name: asdict(method_style(name)) for name in (*METHOD_STYLES, *run.layers["method"].unique())},
        style=method_style,
        limit=format_limit,
        origins=sorted({about.origin for about in columns if about.origin} | {fact.origin for fact in key_facts(run)}),
    )


def _gap(run: RunRecord) -> dict[str, Any] | None:
    """The section on the distance to the best possible; None where nothing is known of it."""
    gap = run.info.gap
    if gap is None or gap.reason or not len(run.front):
        return None
    pairs = [
        {
            "title": pair_title(pair)[:1].upper() + pair_title(pair)[1:],
            "text": " ".join(pair_sentences(run, pair)),
            "columns": pair_columns(pair),
            "rows": _rows(pair_records(run, pair), pair_columns(pair)),
        }
        for pair in gap.pairs
    ]
    texts = [epsilon_sentence(gap.near)] if gap.near else []
    texts += [single_sentence(gap.single)] if gap.single else []
    pictures = best_front_infos(run)
    return {
        "pairs": pairs,
        "texts": texts,
        "pictures": pictures,
        "candidates": gap.candidates,
        "ablation": _ablation(gap.ablation),
    }


def _ablation(ablation: Ablation | None) -> dict[str, Any] | None:
    """The table of what each form saves; None where it was not computed."""
    if ablation is None:
        return None
    columns = ablation_columns(ablation)
    rows = _rows(ablation_records(ablation), columns)
    return {"text": ablation_sentence(ablation), "columns": columns, "rows": rows}


def _rows(records: list[Any], columns: tuple[Column, ...]) -> list[list[dict[str, Any]]]:
    """Cells as (text, sort value, whether a number)."""
    return [
        [
            {
                "text": format_cell(row[about.name], about),
                "value": "" if row[about.name] is None else row[about.name],
                "number": about.kind != TEXT,
            }
            for about in columns
        ]
        for row in records
    ]


def _layers_json(info: LayersInfo) -> dict[str, Any]:
    """The layers of a design as JSON values; an infinite or unknown SQNR is null, its text is in the tip."""
    content = asdict(info)
    for bar in content["bars"]:
        bar["sqnr_db"] = bar["sqnr_db"] if math.isfinite(bar["sqnr_db"]) else None
        bar["ratio"] = bar["ratio"] if math.isfinite(bar["ratio"]) else None
    return content
