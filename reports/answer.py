"""The answer that a report opens with: one design, why this one, what it saves and loses, and whether it fits."""

import math
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from reports.named_figure import find_figure
from reports.proportion import wilson_interval
from reports.recommendation import Recommendation, recommended
from reports.records import Data
from reports.run_record import RunRecord
from reports.text import format_cell, format_limit, format_value, in_words
from reports.tuned_designs import front_as_tuned, tuned_word
from searches.figures import AGREEMENT, FLASH, QUALITY_FIGURES, STORAGE

__all__ = ["Answer", "Point", "Room", "answer", "design_answer", "export_words", "measured_on"]

ACCURACY, TEST_ACCURACY = "accuracy", "test_accuracy"
TEST_AGREEMENT = "test_agreement"


@dataclass(frozen=True)
class Point:
    """A line of an answer: its title, and a sentence or two."""

    title: str
    text: str


@dataclass(frozen=True)
class Room:
    """What a design needs of a budget.

    Args:
        name: of the budget.
        need: in text.
        limit: in text.
        left: in text, with its share of the limit.
        share: need over limit.
        origin: where the limit comes from, or "".
    """

    name: str
    need: str
    limit: str
    left: str
    share: float
    origin: str


@dataclass(frozen=True)
class Answer:
    """What a report opens with.

    Args:
        design: its id.
        headline: a sentence.
        points: why this design, what it saves and what it loses, and what that was measured on.
        rooms: one for each budget.
        export: the command that writes the design.
    """

    design: str
    headline: str
    points: tuple[Point, ...]
    rooms: tuple[Room, ...]
    export: str


def answer(run: RunRecord, folder: str) -> Answer | None:
    """The answer of a run; None where no design fits.

    Args:
        run: the run.
        folder: of the run, for the command that exports the design.
    """
    found = recommended(run)
    return None if found is None else design_answer(run, found, folder)


def design_answer(run: RunRecord, chosen: Recommendation, folder: str) -> Answer:
    """The answer that names a certain design of the front.

    Args:
        run: the run.
        chosen: the design, and why it.
        folder: as for `answer`.
    """
    front = front_as_tuned(run)
    row = front[front["design"] == chosen.design].to_dict("records")[0]
    figures = {str(name): value for name, value in row.items()}
    points = [Point("Why this one", chosen.rule), *_tuned(run, chosen.design)]
    points += [*_smaller(run, figures), *_lost(run, figures)]
    if run.info.data is not None:
        points.append(Point("Measured on", measured_on(run.info.data, figures)))
    return Answer(
        chosen.design,
        _headline(run, figures),
        tuple(points),
        tuple(_rooms(run, figures)),
        _export(run, chosen.design, folder),
    )


def _headline(run: RunRecord, figures: dict[str, Any]) -> str:
    """The answer in one sentence: where it fits, in how much, how good it is, and how much smaller."""
    device = f" fits {run.info.device.name}" if run.info.device else ""
    size = FLASH if run.info.device else STORAGE
    epochs = run.tuned["epochs"][run.tuned["design"] == figures["design"]]
    tuned = f", {tuned_word(epochs.iloc[0])}," if len(epochs) else ""
    start = f"{run.info.network.name}{tuned}{device} in {format_cell(figures[size], size)} of {_size_word(size)}"
    data, alike = run.info.data, run.info.float_network.as_designs(ACCURACY)
    if data is not None and not data.labels and _is_known(figures.get(AGREEMENT)):
        equal = f"{format_cell(figures[AGREEMENT], AGREEMENT)} of {data.validation:,} validation images answered"
        return f"{start}: {equal} as the float network does{_times_smaller(run, figures)}."
    if data is not None and _is_known(figures.get(ACCURACY)):
        right = f"{format_cell(figures[ACCURACY], ACCURACY)} of {data.validation:,} validation images right"
        lost = "" if alike is None else f" ({_beside(figures[ACCURACY], alike)} the float network)"
        return f"{start}: {right}{lost}{_times_smaller(run, figures)}."
    goal = next((goal for goal in run.info.objectives if goal.column in QUALITY_FIGURES), None)
    name = "distortion" if goal is None else goal.column
    value = f"{in_words(name)} {format_cell(figures[name], name)}"
    return f"{start}: {value}{_times_smaller(run, figures)}."


def _size_word(size: str) -> str:
    return in_words(size) if size == FLASH else "weights"


def _beside(value: float, other: float) -> str:
    """An accuracy beside another one, in words."""
    gap = 100 * (value - other)
    return "as many as" if abs(gap) < 0.005 else f"{abs(gap):.2f} points {'more' if gap > 0 else 'fewer'} than"


def _times_smaller(run: RunRecord, figures: dict[str, Any]) -> str:
    ratio = _ratio(run, figures)
    return f", its weights {format_value(ratio, 'ratio')} smaller" if ratio else ""


def _ratio(run: RunRecord, figures: dict[str, Any]) -> float | None:
    """The float network's storage over the design's: in bits, as the tables have it, where they do."""
    whole, own = run.info.float_network.storage_bytes, figures[STORAGE]
    if not whole or not own:
        return None
    known = figures.get("compression_ratio")
    return whole / own if known is None or pd.isna(known) else float(known)


def _tuned(run: RunRecord, design: str) -> Iterator[Point]:
    """What fine-tuning did for the design, where it was fine-tuned."""
    for row in run.tuned[run.tuned["design"] == design].to_dict("records"):
        quality = next((name for name in _qualities(run) if _is_known(row.get(f"{name}_before"))), None)
        if quality is not None:
            before, after = (format_cell(row[name], quality) for name in (f"{quality}_before", quality))
            text = f"{in_words(quality)} {before} before, {after} after, at no more cost"
            word = tuned_word(row["epochs"])
            yield Point(word.capitalize(), f"{text[:1].upper()}{text[1:]}; the export is of this state.")


def _smaller(run: RunRecord, figures: dict[str, Any]) -> Iterator[Point]:
    """How much smaller than the float network, and than uniform quantization that is as good."""
    ratio = _ratio(run, figures)
    if ratio:
        whole, own = run.info.float_network.storage_bytes, figures[STORAGE]
        sizes = (format_value(value, "bytes") for value in (whole, own))
        text = f"Weights {format_value(ratio, 'ratio')} smaller than the float network's: {' to '.join(sizes)}."
        yield Point("Smaller", f"{text} {_beside_uniform(run, figures)}".strip())


def _beside_uniform(run: RunRecord, figures: dict[str, Any]) -> str:
    """The smallest uniform quantization that is as good, measured in the same way."""
    quality = next((name for name in _qualities(run) if name in run.baselines), None)
    if quality is None or not len(run.baselines):
        return ""
    sign = -1 if find_figure(run, quality).direction == "maximize" else 1
    equal = run.baselines[sign * run.baselines[quality].astype(float) <= sign * figures[quality]]
    if not len(equal):
        return f"No width of uniform quantization reaches its {in_words(quality)}."
    size = FLASH if run.info.device else STORAGE
    other = equal.sort_values([size, "name"]).to_dict("records")[0]
    reached, need = format_cell(other[quality], quality), format_cell(other[size], size)
    fits = "" if other["feasible"] else " and does not fit"
    said = f"Uniform quantization of no less quality, {other['name']}, needs {need} for {reached}{fits}"
    ratio = other[size] / figures[size] if figures[size] else math.inf
    if ratio < 1 and other["feasible"]:
        return f"{said}: less than this design; more trials may find a smaller one."
    return f"{said}: {format_value(ratio, 'ratio')} as much {in_words(size)}." if ratio >= 1 else f"{said}."


def _qualities(run: RunRecord) -> list[str]:
    """What designs are compared by, most telling first: accuracy where there are data, else the objective's quality."""
    goals = [goal.column for goal in run.info.objectives if goal.column in QUALITY_FIGURES]
    return ([ACCURACY] if run.has_labels else []) + goals + ["distortion"]


def _lost(run: RunRecord, figures: dict[str, Any]) -> Iterator[Point]:
    """What is lost against the float network measured in the same way; its figures with its own statistics beside."""
    whole = run.info.float_network
    alike = whole.as_designs(ACCURACY)
    if not run.has_labels or alike is None:
        yield Point("Lost", f"Accuracy is unknown: no labelled images were given.{_otherwise(figures)}")
        return
    text = f"{_points(figures[ACCURACY], alike)} against the float network"
    if ACCURACY in whole.reestimated:
        text += f" measured in the same way ({format_cell(alike, ACCURACY)}, batch statistics re-estimated)"
        if whole.accuracy is not None:
            text += f"; with its own statistics the float network has {format_cell(whole.accuracy, ACCURACY)}"
    else:
        text += f" ({format_cell(alike, ACCURACY)})"
    tested = whole.as_designs(TEST_ACCURACY)
    if tested is not None and _is_known(figures.get(TEST_ACCURACY)):
        text += f". On the test part: {_points(figures[TEST_ACCURACY], tested, short=True)}"
    yield Point("Lost", f"{text}.")


def _otherwise(figures: dict[str, Any]) -> str:
    """How many images are answered otherwise than by the float network; nothing where that was not measured."""
    if not _is_known(figures.get(AGREEMENT)):
        return ""
    text = f" {format_value(1 - figures[AGREEMENT], 'share')} of the validation images"
    if _is_known(figures.get(TEST_AGREEMENT)):
        text += f" and {format_value(1 - figures[TEST_AGREEMENT], 'share')} of the test images"
    return f"{text} are answered otherwise than by the float network."


def _points(value: float, other: float, short: bool = False) -> str:
    """A difference of two shares in words."""
    gap = 100 * (other - value)
    if abs(gap) < 0.005:
        return "nothing" if short else "Nothing"
    said = f"{abs(gap):.2f} points"
    return said if gap > 0 else f"{said} gained" if short else f"Nothing: {said} gained"


def measured_on(data: Data, figures: dict[str, Any]) -> str:
    """On how many images a design was measured, and how far the figures may be from those of all such images.

    Args:
        data: of the run.
        figures: of the design, by column.
    """
    share, tested = (ACCURACY, TEST_ACCURACY) if data.labels else (AGREEMENT, TEST_AGREEMENT)
    parts = [_sampled(figures.get(share), data.validation, f"validation images of {data.name}")]
    if data.test and _is_known(figures.get(tested)):
        parts.append(_sampled(figures[tested], data.test, "test images, which the search never saw"))
    text = "; ".join(part for part in parts if part)
    return f"{text}. The search chose among many designs by the validation images, which flatters the chosen one."


def _sampled(share: Any, count: int, what: str) -> str:
    if not _is_known(share) or not count:
        return f"{count:,} {what}"
    low, high = (f"{100 * end:.1f}" for end in wilson_interval(float(share), count))
    return f"{count:,} {what}: {format_value(share, 'share')}, 95% interval {low} to {high}%"


def _rooms(run: RunRecord, figures: dict[str, Any]) -> Iterator[Room]:
    for budget in run.info.budgets:
        need = figures.get(budget.column)
        if need is None or pd.isna(need) or not budget.limit:
            continue
        free = budget.limit - need
        left = f"{format_cell(free, budget.column)} free, {100 * free / budget.limit:.0f}%"
        share = float(need / budget.limit)
        yield Room(budget.name, format_cell(need, budget.column), format_limit(budget), left, share, budget.origin)


def _export(run: RunRecord, design: str, folder: str) -> str:
    before, after = export_words(run, folder)
    return f"{before}{shlex.quote(design)}{after}"


def export_words(run: RunRecord, folder: str) -> tuple[str, str]:
    """What stands before and after a design's id in the command that exports it; as C too where the budgets are those
    of an exported program.

    Args:
        run: the run.
        folder: of the run.
    """
    target = _target(run)
    after = f" --c --target {shlex.quote(target)}" if target else ""
    return f"filterfront export {shlex.quote(folder)} --design ", after


def _target(run: RunRecord) -> str:
    """The processor whose program the budgets allow for, by the name that ``export --target`` has for it; or ""."""
    if run.info.device is None:
        return ""
    core = run.info.device.core.lower().removesuffix("f").replace("+", "plus")
    return next((need.target for need in run.info.needs if need.target == core), "")


def _is_known(value: Any) -> bool:
    return value is not None and not pd.isna(value)
