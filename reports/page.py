"""The report as one HTML file that works offline: everything is inside, names are escaped, nothing is fetched."""

from dataclasses import asdict
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from reports.ablation_text import ablation_columns, ablation_records, ablation_sentence
from reports.answer import answer, export_words
from reports.best_front_text import (
    epsilon_sentence,
    pair_columns,
    pair_records,
    pair_sentences,
    pair_title,
    single_sentence,
)
from reports.columns import TEXT, Column
from reports.front_info import best_front_infos, front_info, legend_of
from reports.key_facts import cautions, key_facts, limits, main_facts, nearest_misses, search_facts
from reports.layers_info import default_design, layers_info
from reports.layers_json import layers_json
from reports.palette import COMPONENT_STYLES, METHOD_STYLES, MethodStyle, method_style
from reports.picture import Picture, picture
from reports.records import Ablation
from reports.run_record import RunRecord
from reports.tables import baseline_columns, best_first, front_columns, usual_columns
from reports.text import format_cell, format_limit
from reports.theme import DARK, LIGHT, mirrored
from reports.tuned_designs import tuned_columns, tuned_word

__all__ = ["page_html"]

SCRIPTS = ("format", "scale", "state", "tip", "copy", "picture", "layers", "table", "start")
"""The parts of the page's program, in the order in which they run."""


def page_html(run: RunRecord, design: str | None = None, folder: str = "DIR") -> str:
    """The page of a run.

    Args:
        run: the run.
        design: whose layers are shown first; the recommended one by default.
        folder: of the run, for the commands that the page offers.

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
    shown = picture(run)
    parts = (_answer_part(run, folder), _picture_part(run, shown), _tables_part(run), _layers_part(run, design, folder))
    content = {name: value for part in parts for name, value in part.items()}
    styles = _styles(run)
    return environment.get_template("report.html.j2").render(
        info=run.info,
        gap=_gap(run),
        scripts=SCRIPTS,
        limit=format_limit,
        methods={name: {"place": at, "path": look.path} for at, (name, look) in enumerate(styles.items())},
        places={name: at for at, name in enumerate(styles)},
        style=method_style,
        **_colors(styles),
        **content,
    )


def _answer_part(run: RunRecord, folder: str) -> dict[str, Any]:
    misses = () if len(run.front) else nearest_misses(run)
    return {
        "answer": answer(run, folder),
        "cautions": cautions(run),
        "limits": limits(run),
        "facts": [fact for fact in main_facts(run) if fact not in misses],
        "misses": misses,
        "search_facts": search_facts(run),
    }


def _picture_part(run: RunRecord, shown: Picture) -> dict[str, Any]:
    front = front_info(run)
    return {
        "front": front,
        "picture": shown,
        "picture_json": shown.to_json(),
        "legend_info": legend_of(run, {(point.kind, point.feasible) for point in shown.points}),
    }


def _tables_part(run: RunRecord) -> dict[str, Any]:
    columns, others = front_columns(run), baseline_columns(run)
    return {
        "columns": columns,
        "usual": usual_columns(run),
        "rows": _rows(best_first(run).to_dict("records"), columns),
        "baseline_columns": others,
        "baselines": _rows(run.baselines.to_dict("records"), others),
        "tuned_columns": tuned_columns(run.tuned),
        "tuned_word": tuned_word(run.tuned["epochs"].max()) if len(run.tuned) else "",
        "tuned": _rows(run.tuned.to_dict("records"), tuned_columns(run.tuned)),
        "origins": sorted(
            {about.origin for about in columns if about.origin} | {fact.origin for fact in key_facts(run)}
        ),
    }


def _layers_part(run: RunRecord, design: str | None, folder: str) -> dict[str, Any]:
    recommended = default_design(run)
    first = design or recommended
    names = dict.fromkeys([*filter(None, [first]), *(str(name) for name in run.front["design"])])
    return {
        "components": COMPONENT_STYLES,
        "layers": {
            "first": first,
            "recommended": recommended,
            "export": export_words(run, folder),
            **layers_json({name: layers_info(run, name) for name in names}),
        },
    }


def _styles(run: RunRecord) -> dict[str, MethodStyle]:
    """How each method that the page may show is drawn; those of strangers have a style too."""
    tables = (run.layers["method"], run.trials["main_method"], run.front["main_method"], run.baselines["main_method"])
    others = (str(name) for table in tables for name in table.dropna().unique())
    return {name: method_style(name) for name in dict.fromkeys([*METHOD_STYLES, *others])}


def _colors(styles: dict[str, MethodStyle]) -> dict[str, Any]:
    """The colours on light and on dark ground."""
    methods = [look.color for look in styles.values()]
    components = {name: look.color for name, look in COMPONENT_STYLES.items()}
    return {
        "light": asdict(LIGHT),
        "dark": asdict(DARK),
        "method_colors": methods,
        "method_colors_dark": [mirrored(color) for color in methods],
        "component_colors": components,
        "component_colors_dark": {name: mirrored(color) for name, color in components.items()},
    }


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
        "not_worth_fitting": gap.not_worth_fitting,
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
