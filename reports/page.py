"""The report as one HTML file that works offline: everything is inside, names are escaped, nothing is fetched."""

import math
from dataclasses import asdict
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from reports.columns import TEXT, Column, column
from reports.front_info import front_info
from reports.headline import headline, warnings
from reports.layers_info import LayersInfo, default_design, layers_info
from reports.palette import COMPONENT_STYLES, METHOD_STYLES, method_style
from reports.run import Run
from reports.tables import best_first, front_columns
from reports.text import format_cell, format_limit

__all__ = ["page_html"]


def page_html(run: Run, design: str | None = None) -> str:
    """The page of a run.

    Args:
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
        info=run.facts,
        front=front_info(run),
        facts=headline(run),
        warnings=warnings(run),
        columns=columns,
        rows=_rows(best_first(run).to_dict("records"), columns),
        baseline_columns=baseline_columns,
        baselines=_rows(run.baselines.to_dict("records"), baseline_columns),
        layers={"first": first, "designs": layers},
        components=COMPONENT_STYLES,
        methods={name: asdict(method_style(name)) for name in (*METHOD_STYLES, *run.layers["method"].unique())},
        style=method_style,
        limit=format_limit,
        origins=sorted({about.origin for about in columns if about.origin}),
    )


def _rows(records: list[Any], columns: tuple[Column, ...]) -> list[list[dict[str, Any]]]:
    """Cells as (text, sort value, whether a number)."""
    return [
        [
            {"text": format_cell(row[about.name], about), "value": row[about.name], "number": about.kind != TEXT}
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
