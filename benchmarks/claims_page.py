"""The page and the pictures of what `claims` found.

The page's own words stand in docs/explanation/claims.md; each table is put between two comments of it.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from sections import DOCS, filled, replace_page

Result = Mapping[str, Any]

BASES = ("binary weights", "sparse quantized basis")
"""What the other methods of a claim are compared with."""

STYLES = {
    "binary weights": ("#1c1c1c", "s"),
    "stacked binary, 1 segment": ("#d55e00", "v"),
    "stacked binary, 2 segments": ("#d55e00", "o"),
    "stacked binary, few filters": ("#d55e00", "^"),
    "linear representation": ("#009e73", "D"),
    "uniform quantization": ("#8a6d00", "s"),
    "sparse quantized basis": ("#0072b2", "o"),
    "learned filter basis": ("#cc79a7", "v"),
    "LegoNet": ("#56b4e9", "^"),
}
"""Colours after Okabe & Ito, and a mark for each method of a colour."""


TICKS = (4, 8, 16, 32, 64, 100)


def write_page(results: Sequence[Result]) -> None:
    """The tables and the pictures of the networks that have results; those of others stay as they are."""
    page = (DOCS / "explanation" / "claims.md").read_text(encoding="utf-8")
    for network in sorted({result["network"] for result in results}):
        found = _of(results, network)
        for claim in dict.fromkeys(result["claim"] for result in found):
            rows = [result for result in found if result["claim"] == claim]
            page = filled(page, f"{claim}, {network}", "\n".join(_table(network, rows)))
        _picture(found, network)
    replace_page(DOCS / "explanation" / "claims.md", page)


def _of(results: Sequence[Result], network: str) -> list[Result]:
    return [result for result in results if result["network"] == network]


def _methods(results: Sequence[Result]) -> dict[str, list[Result]]:
    """Results by method, in the order of `STYLES`."""
    return {name: own for name in STYLES if (own := [result for result in results if result["method"] == name])}


def _spread(values: Sequence[float], sign: str = "") -> str:
    mean = f"{100 * np.mean(values):{sign}.2f}"
    return f"{mean} ({100 * min(values):{sign}.2f} to {100 * max(values):{sign}.2f})"


def _losses(results: Sequence[Result]) -> list[float]:
    """Test accuracy lost against the float network of the same seed."""
    return [result["float"] - result["after"] for result in results]


def _table(network: str, results: Sequence[Result]) -> Iterator[str]:
    """A table of one claim and network, and what it says."""
    floats = [result["float"] for result in {result["seed"]: result for result in results}.values()]
    images = results[0]["images"]
    epochs = results[0]["epochs"]
    taken = f"{epochs} {'epoch' if epochs == 1 else 'epochs'} of fine-tuning"
    yield f"**{network}** on {results[0]['data']}, {taken}: float {_spread(floats)}% of {images:,} test images.\n"
    yield "| method | smaller by | seeds | as fitted, % | fine-tuned, % | lost against float, points |"
    yield "|---|---|---|---|---|---|"
    methods = _methods(results)
    for method, own in methods.items():
        ratio = f"{np.mean([result['compression_ratio'] for result in own]):.1f}x"
        cells = [_spread([result[key] for result in own]) for key in ("before", "after")]
        yield f"| {method} | {ratio} | {len(own)} | {cells[0]} | {cells[1]} | {_spread(_losses(own), '+')} |"
    yield ""
    yield _finding(methods) + "\n"
    chosen = {method: sorted({result["setting"] for result in own}) for method, own in methods.items()}
    yield "\n".join(f"- {method}: {', '.join(f'`{one}`' for one in settings)}" for method, settings in chosen.items())
    yield ""


def _finding(methods: Mapping[str, Sequence[Result]]) -> str:
    """The methods compared with the one that the claim is about, in a sentence or two."""
    lost = {method: 100 * float(np.mean(_losses(own))) for method, own in methods.items()}
    base = next((method for method in BASES if method in methods), None)
    if base is None:
        return "; ".join(f"{method}: {points:.2f} points lost" for method, points in lost.items()) + "."
    others = {method: round(points - lost[base], 2) + 0.0 for method, points in lost.items() if method != base}
    less = [method for method, points in others.items() if points < 0]
    compared = "; ".join(f"{method} {points:+.2f}" for method, points in others.items())
    return f"Points lost compared with {base}: {compared}. Lost less than {base}: {', '.join(less) or 'none'}."


def _picture(results: Sequence[Result], network: str) -> None:
    """Test accuracy against compression: hollow as fitted, filled fine-tuned."""
    figure = Figure(figsize=(8, 4.4), layout="constrained")
    axes = figure.subplots()
    level = 100 * float(np.mean([result["float"] for result in results]))
    axes.axhline(level, color="#888888", linewidth=1, label="float")
    for method, own in _methods(results).items():
        color, mark = STYLES[method]
        for number, claim in enumerate(sorted({result["claim"] for result in own})):
            part = [result for result in own if result["claim"] == claim]
            ratio = float(np.mean([result["compression_ratio"] for result in part]))
            before, after = (100 * np.array([result[key] for result in part]) for key in ("before", "after"))
            bars = [[after.mean() - after.min()], [after.max() - after.mean()]]
            label = method if number == 0 else None
            axes.errorbar(ratio, after.mean(), bars, color=color, marker=mark, capsize=3, linestyle="", label=label)
            axes.plot(ratio, before.mean(), color=color, marker=mark, fillstyle="none", linestyle="")
    axes.set(xscale="log", xlabel="weights smaller by", title=f"{network}, {results[0]['data']}")
    axes.set_ylabel("test accuracy, %: hollow as fitted, filled fine-tuned")
    axes.set_xticks(TICKS, [f"{tick}x" for tick in TICKS])
    axes.minorticks_off()
    axes.legend(frameon=False, fontsize=8, loc="lower left")
    figure.savefig(DOCS / "explanation" / f"claims-{network}.png", dpi=160)
