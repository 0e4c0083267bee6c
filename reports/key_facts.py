"""The facts that a report opens with: the target, what fits, the best design compared with uniform quantization."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from reports.best_front_text import epsilon_sentence, pair_sentences, pair_title, single_sentence
from reports.columns import OWN_STATISTICS, column
from reports.front import losses
from reports.records import Data, Objective
from reports.run_record import RunRecord
from reports.text import UNKNOWN, format_cell, format_limit, format_value, in_words
from searches.constraints import Budget
from searches.figures import HELD_OUT, QUALITY_FIGURES

__all__ = ["KeyFact", "cautions", "key_facts", "limits", "main_facts", "nearest_misses", "search_facts", "warnings"]


_MANY_TIMES = 3
"""From so many times on a change is said as a factor, and not in per cent."""


@dataclass(frozen=True)
class KeyFact:
    """A fact: title, value in a few words, a sentence of detail, and whether it is counted, measured, proven,
    bounded or given."""

    title: str
    value: str
    detail: str
    origin: str


def key_facts(run: RunRecord) -> tuple[KeyFact, ...]:
    """All facts, most important first."""
    return (*main_facts(run), *search_facts(run))


def main_facts(run: RunRecord) -> tuple[KeyFact, ...]:
    """The target, what fits, and the best design compared with uniform quantization."""
    facts = [_target(run), _fits(run)]
    if not len(run.front):
        return (*facts, *nearest_misses(run))
    goal = next((goal for goal in run.info.objectives if goal.column in QUALITY_FIGURES), run.info.objectives[0])
    best = _best(run.front, goal)
    return (*facts, _best_within(run, goal, best), *_against_uniform(run, goal, best), *_layer_fits(run, best))


def search_facts(run: RunRecord) -> tuple[KeyFact, ...]:
    """How good the front is as a whole: its hypervolume, and how close it is to the best possible."""
    volume = run.info.hypervolume
    if not len(run.front):
        return ()
    if volume is None:
        return tuple(_gap_facts(run))
    worst = " and ".join(f"{in_words(name)} {format_cell(at, name)}" for name, at in volume.reference.items())
    about = "in the product of the columns' units; larger is better, only at the same reference point"
    detail = f"Against the reference point of {worst}, {about}."
    return (KeyFact("Hypervolume", f"{volume.value:,.6g}", detail, "measured"), *_gap_facts(run))


def _gap_facts(run: RunRecord) -> list[KeyFact]:
    """How close the designs found are to the best possible."""
    gap = run.info.gap
    facts = []
    for pair in gap.pairs if gap else ():
        value = UNKNOWN if pair.ratio is None else format_value(pair.ratio, "share")
        value = value if pair.origin == "proven" or pair.ratio is None else f"at least {value}"
        facts.append(
            KeyFact(f"Of the best {pair_title(pair)}", value, " ".join(pair_sentences(run, pair)), pair.origin)
        )
    if gap and gap.near:
        value = UNKNOWN if gap.near.most is None else f"within {format_value(gap.near.most, 'ratio')}"
        facts.append(KeyFact("Distance in all objectives", value, epsilon_sentence(gap.near), "bounded"))
    if gap and gap.single:
        share = 1 - gap.single.bound / gap.single.found if gap.single.found > 0 else 0.0
        at_most = "at most " if gap.single.origin == "bounded" else ""
        value = f"{at_most}{format_value(max(share, 0.0), 'share')} to gain"
        facts.append(KeyFact("Distance to the least", value, single_sentence(gap.single), gap.single.origin))
    return facts


def _target(run: RunRecord) -> KeyFact:
    name = run.info.device.name if run.info.device else "no device"
    budgets = "; ".join(
        f"{budget.name} at most {format_limit(budget)}{f' ({budget.origin})' if budget.origin else ''}"
        for budget in run.info.budgets
    )
    return KeyFact("Target", name, f"{budgets or 'No budget was set'}.", "given")


def _fits(run: RunRecord) -> KeyFact:
    counts = run.info.counts
    detail = f"Measured designs that keep every budget; {len(run.front)} of them are on the front."
    return KeyFact("Designs that fit", f"{counts.feasible} of {counts.measured}", detail, "counted")


def nearest_misses(run: RunRecord) -> tuple[KeyFact, ...]:
    """For each budget the least that any design measured needs, for a run of which no design fits."""
    return tuple(_short_of(run, budget) for budget in run.info.budgets)


def _short_of(run: RunRecord, budget: Budget) -> KeyFact:
    values = run.trials[budget.column].to_numpy(dtype=float, na_value=np.nan)
    least = format_cell(float(np.nanmin(values)) if np.isfinite(values).any() else float("nan"), budget.column)
    return KeyFact(f"Least {budget.name} measured", least, f"The budget is {format_limit(budget)}.", "counted")


def _best(table: pd.DataFrame, goal: Objective) -> dict[str, Any]:
    place = int(np.argmin(np.nan_to_num(losses(table, [goal])[:, 0], nan=np.inf)))
    return {str(name): value for name, value in table.iloc[place].items()}


def _best_fact(run: RunRecord, goal: Objective, best: dict[str, Any]) -> KeyFact:
    title = column(goal.column).title
    detail = f"Design {best['design']}, {format_value(best['storage_bytes'], 'bytes')} of weights"
    if run.info.data is not None:
        detail += f", on {_images(run.info.data)}"
        tested = HELD_OUT.get(goal.column) or next(iter(run.held_out), "")
        if tested in best:
            detail += f"; {format_cell(best[tested], tested)} on the test part, which the search never saw"
    detail += _beside_float(run, goal, best[goal.column])
    return KeyFact(
        f"Best {title.lower()} within budget", format_cell(best[goal.column], goal.column), f"{detail}.", "measured"
    )


def _best_within(run: RunRecord, goal: Objective, best: dict[str, Any]) -> KeyFact:
    """The best of what keeps every budget: a design, or uniform quantization where no design found is as good."""
    fitting = run.baselines[run.baselines["feasible"].astype(bool)]
    found = _best_fact(run, goal, best)
    if not len(fitting):
        return found
    uniform = _best(fitting, goal)
    mine, other = (losses(pd.DataFrame([row]), [goal])[0, 0] for row in (best, uniform))
    if not other < mine:
        return found
    size, value = format_value(uniform["storage_bytes"], "bytes"), format_cell(uniform[goal.column], goal.column)
    detail = f"Uniform quantization, {uniform['name']}, {size} of weights"
    detail += f", on {_images(run.info.data)}" if run.info.data is not None else ""
    detail += _beside_float(run, goal, uniform[goal.column])
    detail += f". The best design found, {best['design']}, reaches {found.value}; more trials may find one as good"
    return KeyFact(found.title, value, f"{detail}.", found.origin)


def _beside_float(run: RunRecord, goal: Objective, value: float) -> str:
    """The float network compared with a value that was measured as designs are: like with like, and both said."""
    whole = run.info.float_network
    own, alike = getattr(whole, goal.column, None), whole.as_designs(goal.column)
    if alike is None:
        return ""
    said = f". The float network: {format_cell(alike, goal.column)}"
    if goal.column in whole.reestimated:
        said += " with batch statistics re-estimated in the same way"
    said += f" ({_change(value, alike, goal)})"
    if goal.column in whole.reestimated and own is not None:
        said += f", {format_cell(own, goal.column)} with its own"
    return said


def _layer_fits(run: RunRecord, best: dict[str, Any]) -> list[KeyFact]:
    """How many layers of the best design were fitted to data; nothing in a run that fits weights alone."""
    if "fit" not in run.layers or run.info.data is None or not run.info.data.calibration_images:
        return []
    kinds = run.layers["fit"][run.layers["design"] == best["design"]]
    epochs = best.get("epochs", math.nan)
    if epochs == 0:
        detail = "Of the best design, each to what the layers before it leave; the others keep a fit of their own."
        return [
            KeyFact(
                "Layers fitted in sequence", f"{int((kinds == 'sequential').sum())} of {len(kinds)}", detail, "measured"
            )
        ]
    if epochs > 0:
        detail = f"Of the best design, for {int(epochs)} epochs at most."
        return [KeyFact("Layers trained", f"{int((kinds == 'trained').sum())} of {len(kinds)}", detail, "measured")]
    aware = int((kinds == "data-aware").sum())
    detail = "Of the best design; the others are fitted to their weights alone, which errs less on held-out images."
    return [KeyFact("Layers fitted to data", f"{aware} of {len(kinds)}", detail, "measured")]


def _images(data: Data) -> str:
    """The validation images that designs were measured on, in words."""
    some = f" of {data.validation_available:,}" if data.validation_available > data.validation else ""
    estimated = f", batch statistics re-estimated on {data.batch_statistics_images:,} training images"
    statistics = estimated if data.batch_statistics_images else ""
    calibrated = f", layers fitted to {data.calibration_images:,} training images without their labels"
    fits = calibrated if data.calibration_images else ""
    return f"{data.validation:,}{some} validation images of {data.name}{statistics}{fits}"


def _change(value: float, other: float, goal: Objective) -> str:
    if value == other:
        return "no difference"
    if column(goal.column).unit == "share":
        return f"{100 * (value - other):+.2f} points"
    if other > 0 and goal.direction == "minimize" and value / other >= _MANY_TIMES:
        times = value / other
        return f"{times:,.0f} times as high" if times >= 100 else f"{times:.3g} times as high"
    if other > 0 and goal.direction == "minimize":
        return f"{100 * abs(1 - value / other):.1f}% {'lower' if value <= other else 'higher'}"
    return f"{value - other:+.3g}"


def _against_uniform(run: RunRecord, goal: Objective, best: dict[str, Any]) -> list[KeyFact]:
    """The front compared with the best uniform quantization that fits: its quality, and its size at no less quality."""
    fitting = run.baselines[run.baselines["feasible"].astype(bool)]
    if not len(fitting):
        least = (
            "No width of uniform quantization keeps every budget."
            if len(run.baselines)
            else "No baseline was measured."
        )
        return [KeyFact("Uniform quantization", "does not fit" if len(run.baselines) else "–", least, "measured")]
    uniform = _best(fitting, goal)
    reached = format_cell(uniform[goal.column], goal.column)
    own = uniform.get(OWN_STATISTICS) if goal.column == "accuracy" else None
    if own is not None and not pd.isna(own):
        reached += (
            f" with batch statistics re-estimated ({format_cell(own, OWN_STATISTICS)} with those of the float network)"
        )
    if uniform.get("epochs") == 0:
        reached += ", its layers fitted in sequence too,"
    size = format_value(uniform["storage_bytes"], "bytes")
    facts = [
        KeyFact(
            "Compared with uniform",
            _change(best[goal.column], uniform[goal.column], goal),
            f"{uniform['name']}, the best uniform quantization that fits, reaches {reached} in {size}.",
            "measured",
        )
    ]
    equal = run.front[losses(run.front, [goal])[:, 0] <= losses(pd.DataFrame([uniform]), [goal])[0, 0]]
    small = equal.nsmallest(1, "storage_bytes").to_dict("records")
    if small and small[0]["storage_bytes"] < uniform["storage_bytes"]:
        ratio = format_value(uniform["storage_bytes"] / small[0]["storage_bytes"], "ratio")
        need, value = (format_cell(small[0][name], name) for name in ("storage_bytes", goal.column))
        mine = f"{small[0]['design']} needs {need} for {value}"
        facts.append(KeyFact("Smaller at no loss", ratio, f"{mine}; {uniform['name']} needs {size}.", "counted"))
    return facts


def warnings(run: RunRecord) -> tuple[str, ...]:
    """What a reader must know before trusting the numbers."""
    return (*cautions(run), *limits(run))


def cautions(run: RunRecord) -> tuple[str, ...]:
    """Those of the warnings that put the answer itself in doubt."""
    facts, lines = run.info, []
    if facts.status == "interrupted":
        lines.append(f"The search was interrupted after {facts.counts.trials} trials; everything finished is here.")
    if facts.data is None:
        lines.append(
            "No data were given: accuracy is unknown. The quality is distortion, the weights' relative squared error."
        )
    elif not facts.data.labels:
        lines.append(
            f"{facts.data.name} has no labels: accuracy is unknown. Agreement is the share of images that a design "
            "answers as the float network does, right or wrong."
        )
    if not len(run.front):
        lines.append("No measured design keeps every budget.")
    if facts.data is not None and facts.data.origin.lower().startswith("synthetic"):
        lines.append(f"The data are {facts.data.name} ({facts.data.origin}): accuracies say nothing of real images.")
    if facts.network.weights_origin.lower().startswith(("random", "synthetic")):
        lines.append(f"Weights: {facts.network.weights_origin}. Measured values say nothing of a trained network.")
    lines += [f"{note[:1].upper()}{note[1:]}." for note in facts.network.notes]
    return tuple(lines)


def limits(run: RunRecord) -> tuple[str, ...]:
    """What the numbers leave out."""
    facts = run.info
    lines: list[str] = []
    if facts.latency is not None:
        others = ", ".join(facts.latency.left_out) or "no operation"
        lines.append(f"Latency is {facts.latency.origin}; it leaves out the time of: {others}.")
        if facts.latency.watts is not None:
            drawn = f"{1e3 * facts.latency.watts:.4g} mW, which the chip draws while its core runs from flash"
            lines.append(f"Energy is latency times {drawn}; peripherals, sensors and sleep are not in it.")
    lines += [f"{note}." for note in facts.data.notes] if facts.data is not None else []
    lines += [
        f"Operation {operation.name} ({operation.kind}) is not counted: {operation.reason or 'no rule for it'}."
        for operation in facts.network.unknown_operations
    ]
    if facts.network.kept_dense:
        lines.append(f"Kept dense: {', '.join(facts.network.kept_dense)}.")
    if facts.gap is not None and facts.gap.reason:
        lines.append(f"The distance to the best possible was not computed: {facts.gap.reason}.")
    if facts.gap is not None and facts.gap.not_worth_fitting:
        left_out, fitted = facts.gap.not_worth_fitting, facts.gap.candidates
        lines.append(
            f"{left_out:,} of {left_out + fitted:,} candidates were not fitted: on a part of their layer another one, "
            "no larger, had less error by a wide margin, or within their form by a narrower one. What is proven is "
            "proven of the others."
        )
    if facts.gap is not None and facts.gap.skipped:
        lines.append(f"Nothing is proven of {', '.join(facts.gap.skipped)}: no table of candidates gives it.")
    if facts.counts.failed:
        lines.append(f"{facts.counts.failed} of {facts.counts.trials} trials failed; trials.csv lists them.")
    return tuple(lines)
