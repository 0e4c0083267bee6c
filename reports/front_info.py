"""What the picture of a front shows: one source for matplotlib's drawing and for the page's."""

import itertools
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from reports.best_front_text import pair_title
from reports.panel import BASELINE, BROKEN, FITS, TUNED, Panel, history_panel, pair_panel
from reports.records import Objective
from reports.run_record import RunRecord
from reports.text import format_limit
from searches.figures import QUALITY_FIGURES

__all__ = ["FrontInfo", "best_front_infos", "front_info", "legend_of", "oriented", "pair_info"]

MOST_OBJECTIVES = 4
"""Pairs of more objectives than these would not be readable."""

_OTHERS = (
    (FITS, True, "measured, fits"),
    (BROKEN, False, "measured, breaks a budget"),
    (BASELINE, True, "uniform, with its bits"),
    (BASELINE, False, "uniform, breaks a budget"),
    (TUNED, True, "fine-tuned; the arrow comes from where it was"),
)


_AS_FITTED, _ALONE = "front as fitted, before training", "front with each layer fitted alone"


@dataclass(frozen=True)
class FrontInfo:
    """The whole picture: panels, a legend and notes in words.

    Args:
        title: of the picture.
        panels: from left to right.
        methods: those on the front, most frequent first.
        others: (kind, feasible, text) of the other marks there are.
        notes: a sentence each.
        best: what the line of the best front is called; "" where there is none.
        fitted: what the line of the designs as fitted is called; likewise.
    """

    title: str
    panels: tuple[Panel, ...]
    methods: tuple[str, ...]
    others: tuple[tuple[str, bool, str], ...]
    notes: tuple[str, ...]
    best: str = ""
    fitted: str = ""


def front_info(run: RunRecord) -> FrontInfo:
    """What the picture of a run's front shows.

    One objective is drawn over the trials, two against each other, three or four in pairs.
    """
    objectives = run.info.objectives[:MOST_OBJECTIVES]
    pairs = [oriented(*pair) for pair in itertools.combinations(objectives, 2)]
    panels = [pair_panel(run, across, up) for across, up in pairs] or [history_panel(run, objectives[0])]
    return _info(run, _title(run), panels, _notes(run, panels))


def pair_info(run: RunRecord, across: Objective, up: Objective) -> FrontInfo:
    """The picture of any two figures that the designs of a run have, whether they were searched for or not.

    Args:
        run: the run.
        across: the figure on the horizontal axis.
        up: the one on the vertical axis.
    """
    panels = [pair_panel(run, across, up)]
    return _info(run, _title(run), panels, _notes(run, panels))


def _title(run: RunRecord) -> str:
    facts, size = run.info, len(run.front)
    device = f" on {facts.device.name}" if facts.device else ""
    return f"{facts.network.name}{device}: {size} design{'' if size == 1 else 's'} on the front"


def best_front_infos(run: RunRecord) -> tuple[FrontInfo, ...]:
    """The pictures of pairs with a gap that the front does not show, as where distortion stands for accuracy."""
    shown = {objective.column for objective in run.info.objectives}
    infos = []
    for pair in run.info.gap.pairs if run.info.gap and len(run.front) else ():
        if {pair.first, pair.second} <= shown:
            continue
        across, up = (Objective(name=name, column=name, direction="minimize") for name in (pair.first, pair.second))
        title = f"{run.info.network.name}: {pair_title(pair)}, found and best possible"
        infos.append(_info(run, title, [pair_panel(run, across, up)], (_FOUND,)))
    return tuple(infos)


_FOUND = "The black line runs through the designs that no other one found dominates in these two figures."


def legend_of(run: RunRecord, present: Collection[tuple[str, bool]]) -> FrontInfo:
    """A legend alone, of the methods of the front and these other marks.

    Args:
        run: the run.
        present: (kind, feasible) of the marks.
    """
    others = tuple(entry for entry in _OTHERS if entry[:2] in present)
    return FrontInfo("", (), _methods(run), others, (), fitted=_before(run) if len(run.trained) else "")


def _before(run: RunRecord) -> str:
    """What the front is called behind that of trained designs, or of those fitted in sequence."""
    return _AS_FITTED if run.trained["epochs"].max() > 0 else _ALONE


def _methods(run: RunRecord) -> tuple[str, ...]:
    """Those of the front's designs, most frequent first."""
    return tuple(method for method, _ in Counter(run.front["main_method"]).most_common())


def _info(run: RunRecord, title: str, panels: Sequence[Panel], notes: tuple[str, ...]) -> FrontInfo:
    """The picture of these panels, with a legend of what is in them."""
    present = {(mark.kind, mark.feasible) for panel in panels for mark in panel.marks}
    origins = {panel.best_origin for panel in panels if panel.best}
    names = {"proven": "best possible [proven]", "bounded": "bound on the best possible [bounded]"}
    return FrontInfo(
        title=title,
        panels=tuple(panels),
        methods=_methods(run),
        others=tuple(entry for entry in _OTHERS if entry[:2] in present),
        notes=notes,
        best=" or ".join(names[origin] for origin in sorted(origins, reverse=True)),
        fitted=_before(run) if any(panel.fitted for panel in panels) else "",
    )


def oriented(first: Objective, second: Objective) -> tuple[Objective, Objective]:
    """(across, up): the quality goes up."""
    return (
        (second, first) if first.column in QUALITY_FIGURES and second.column not in QUALITY_FIGURES else (first, second)
    )


def _notes(run: RunRecord, panels: Sequence[Panel]) -> tuple[str, ...]:
    lines = {line.name for panel in panels for line in panel.lines}
    undrawn = [f"{budget.name} {format_limit(budget)}" for budget in run.info.budgets if budget.name not in lines]
    measured = run.trials[run.trials["state"] == "measured"]
    drawn = min(sum(mark.kind not in (BASELINE, TUNED) for mark in panel.marks) for panel in panels)
    outside = len(set(measured["design"]) | set(run.front["design"])) - drawn
    notes = []
    if undrawn:
        notes.append(f"Budgets outside the axes: {', '.join(undrawn)}.")
    if outside > 0:
        lie = "design lies" if outside == 1 else "designs lie"
        notes.append(f"{outside} measured {lie} outside the view{' of a panel' if len(panels) > 1 else ''}.")
    if not run.has_data:
        notes.append(
            "No data were given: accuracy is unknown, distortion is the relative squared error of the weights."
        )
    elif not run.has_labels:
        notes.append("The data have no labels: accuracy is unknown, agreement is with the float network's answers.")
    return tuple(notes)
