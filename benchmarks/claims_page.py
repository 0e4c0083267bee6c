"""The page and the pictures of what `claims` found.

The page's own words stand in docs/explanation/claims.md; each table is put between two comments of it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from claims_cases import CASES, SETUPS
from matplotlib.figure import Figure
from sections import DOCS, filled, replace_page

Result = Mapping[str, Any]

COLORS = ("#1c1c1c", "#d55e00", "#009e73", "#0072b2", "#cc79a7", "#8a6d00", "#56b4e9", "#f0a000", "#7f7f7f")
"""After Okabe & Ito."""

MARKS = "osv^Dxp*h"


def write_page(results: Sequence[Result]) -> None:
    """The tables and the pictures of the networks that have results; those of others stay as they are."""
    page = (DOCS / "explanation" / "claims.md").read_text(encoding="utf-8")
    for setup in SETUPS:
        found = [result for result in results if result["network"] == setup.name]
        for claim in _ordered((result["claim"] for result in found), [case.claim for case in CASES]):
            own = [result for result in found if result["claim"] == claim]
            page = filled(page, f"{claim}, {setup.name}", "\n".join(_table(own)))
        if found:
            _picture(found, setup.name)
    replace_page(DOCS / "explanation" / "claims.md", page)


def _ordered(names: Iterable[str], order: Sequence[str]) -> list[str]:
    """Each once, in an order."""
    return sorted(set(names), key=order.index)


def _methods(results: Sequence[Result]) -> dict[str, list[Result]]:
    """Results by method, in the order of the cases."""
    names = _ordered((result["method"] for result in results), [case.method for case in CASES])
    return {name: [result for result in results if result["method"] == name] for name in names}


def _spread(values: Sequence[float]) -> str:
    """In percent: the mean, and from least to greatest where there are several."""
    if not values:
        return ""
    mean = f"{100 * np.mean(values):.2f}"
    return f"{mean} ({100 * min(values):.2f} to {100 * max(values):.2f})" if values[1:] else mean


def _table(results: Sequence[Result]) -> Iterator[str]:
    """A table of one claim and network."""
    floats = list({result["seed"]: result["float"] for result in results}.values())
    epochs = sorted({result["epochs"] for result in results})
    heads = ["in sequence" if count == 0 else f"{count} epochs" for count in epochs]
    yield f"Float {_spread(sorted(set(floats)))}% of {results[0]['images']:,} test images.\n"
    yield f"| method | smaller by | seeds | as fitted, % | {' | '.join(heads)} | loss at the end |"
    yield "|---" * (5 + len(epochs)) + "|"
    for method, own in _methods(results).items():
        ratio = f"{np.mean([result['compression_ratio'] for result in own]):.1f}x"
        by_epochs = {count: [one for one in own if one["epochs"] == count] for count in epochs}
        cells = [_spread([one["accuracy"] for one in found]) for found in by_epochs.values()]
        last = next(found for found in reversed(by_epochs.values()) if found)
        fitted = _spread(list({one["seed"]: one["fitted"] for one in own}.values()))
        loss = f"{np.mean([one['loss'] for one in last]):.3f}"
        seeds = len({one["seed"] for one in own})
        yield f"| {method} | {ratio} | {seeds} | {fitted} | {' | '.join(cells)} | {loss} |"
    yield ""


def _picture(results: Sequence[Result], network: str) -> None:
    """Test accuracy against epochs, a panel for each claim."""
    claims = _ordered((result["claim"] for result in results), [case.claim for case in CASES])
    figure = Figure(figsize=(8, 3 * len(claims)), layout="constrained")
    panels = figure.subplots(len(claims), 1, squeeze=False).flat
    for axes, claim in zip(panels, claims, strict=True):
        own = [result for result in results if result["claim"] == claim]
        for number, (method, found) in enumerate(_methods(own).items()):
            _curve(axes, method, found, COLORS[number % len(COLORS)], MARKS[number % len(MARKS)])
        axes.axhline(100 * float(np.mean([one["float"] for one in own])), color="#888888", linewidth=1, linestyle="--")
        epochs = sorted({one["epochs"] for one in own})
        axes.set_xscale("symlog", base=2, linthresh=2)
        axes.set_xticks(epochs, map(str, epochs))
        axes.set(title=claim, xlabel="epochs of fine-tuning", ylabel="test accuracy, %")
        axes.minorticks_off()
        axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    name = network.split()[0].lower()
    figure.savefig(DOCS / "explanation" / f"claims-{name}.png", dpi=140)


def _curve(axes: Any, method: str, found: Sequence[Result], color: str, mark: str) -> None:
    epochs = sorted({one["epochs"] for one in found})
    values = [[100 * one["accuracy"] for one in found if one["epochs"] == count] for count in epochs]
    means = np.array([np.mean(own) for own in values])
    bars = [means - [min(own) for own in values], [max(own) for own in values] - means]
    ratio = np.mean([one["compression_ratio"] for one in found])
    label = f"{method}, {ratio:.1f}x"
    axes.errorbar(epochs, means, bars, color=color, marker=mark, markersize=4, capsize=2, linewidth=1, label=label)
