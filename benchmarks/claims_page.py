"""The page and the picture of what `claims` found."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from sections import DOCS, replace_page

Result = Mapping[str, Any]

INTRODUCTION = """# The papers' claims, tested

`python benchmarks/claims.py` writes this page and its picture. Nothing here is a figure of the papers: the networks and
data are ours, and what a method loses on them need not be what it loses elsewhere. glyphs32 is synthetic, digits are
real scans.

Every method compresses all layers of a trained network alike, except the first and the last, which are stored with 8
bits. *Smaller by* is 32-bit weights over stored ones, of the whole network. Accuracies are of the test part with 8-bit
activations: *as fitted* with batch statistics renewed and nothing trained, then *fine-tuned* in compressed form
({epochs}); mean, and from least to greatest over the seeds. A seed of digits-cnn is a whole pipeline with a float
network of its own. ResNet-20 was trained once; its seeds are of fits and fine-tuning, and its settings and epochs are
chosen on 500 validation images.
"""

CLAIMS = {
    "stacked": (
        "Stacked binary filters go beyond 32x",
        "Claimed: binary weights are at most 32 times smaller; stacked low-dimensional binary filters are smaller\n"
        "still, at comparable accuracy (Lan & Lan, AAAI 2021).",
    ),
    "linear": (
        "The linear representation of kernels gives near 4x",
        "Claimed: convolution layers near 4x smaller at a tiny loss, templates fixed, only a and b trained (Chen et\n"
        "al., ICMV 2018). Here one codebook of 256 templates serves all kernels of the network, and biases and\n"
        "normalizations are trained along.",
    ),
    "equal-2": (
        "The sparse quantized basis at the storage of 2-bit weights",
        "Claimed: smaller at comparable accuracy than filter decomposition and quantization (Lan et al., TNNLS 2024).\n"
        "Here of each method the setting of least validation loss as fitted that needs no more storage than uniform\n"
        "2-bit weights.",
    ),
    "equal-3": ("The same at the storage of 3-bit weights", "As above, under the storage of uniform 3-bit weights."),
}
BASES = ("binary weights", "sparse quantized basis")
"""What the other methods of a claim stand beside."""

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


def write_page(results: Sequence[Result]) -> None:
    """docs/claims.md and docs/claims.png of all results."""
    networks = sorted({result["network"] for result in results}, reverse=True)
    epochs = ", ".join(f"{result['epochs']} epochs on {name}" for name in networks for result in _of(results, name)[:1])
    parts = [INTRODUCTION.format(epochs=epochs), "![Test accuracy against compression](claims.png)\n"]
    for claim, (title, text) in CLAIMS.items():
        found = [result for result in results if result["claim"] == claim]
        if found:
            parts.append(f"## {title}\n{text}\n")
            parts += [part for name in networks if (part := "\n".join(_table(name, _of(found, name))))]
    replace_page(DOCS / "claims.md", "\n".join(parts))
    _picture(results, networks)


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
    if not results:
        return
    floats = [result["float"] for result in {result["seed"]: result for result in results}.values()]
    images = results[0]["images"]
    yield f"**{network}** on {results[0]['data']}: float {_spread(floats)}% of {images:,} test images.\n"
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
    """The methods beside the one that the claim is about, in a sentence or two."""
    lost = {method: 100 * float(np.mean(_losses(own))) for method, own in methods.items()}
    base = next((method for method in BASES if method in methods), None)
    if base is None:
        return "; ".join(f"{method}: {points:.2f} points lost" for method, points in lost.items()) + "."
    others = {method: round(points - lost[base], 2) + 0.0 for method, points in lost.items() if method != base}
    less = [method for method, points in others.items() if points < 0]
    beside = "; ".join(f"{method} {points:+.2f}" for method, points in others.items())
    return f"Points lost beside {base}: {beside}. Lost less than {base}: {', '.join(less) or 'none'}."


def _picture(results: Sequence[Result], networks: Sequence[str]) -> None:
    """Test accuracy against compression, a panel for each network: hollow as fitted, filled fine-tuned."""
    figure = Figure(figsize=(10, 4.4), layout="constrained")
    panels = figure.subplots(1, len(networks), squeeze=False)[0]
    for axes, network in zip(panels, networks, strict=True):
        found = _of(results, network)
        level = 100 * float(np.mean([result["float"] for result in found]))
        axes.axhline(level, color="#888888", linewidth=1, label="float")
        for method, own in _methods(found).items():
            color, mark = STYLES[method]
            for number, claim in enumerate(sorted({result["claim"] for result in own})):
                part = [result for result in own if result["claim"] == claim]
                ratio = float(np.mean([result["compression_ratio"] for result in part]))
                before, after = (100 * np.array([result[key] for result in part]) for key in ("before", "after"))
                bars = [[after.mean() - after.min()], [after.max() - after.mean()]]
                label = method if number == 0 else None
                axes.errorbar(ratio, after.mean(), bars, color=color, marker=mark, capsize=3, linestyle="", label=label)
                axes.plot(ratio, before.mean(), color=color, marker=mark, fillstyle="none", linestyle="")
        axes.set(xscale="log", xlabel="weights smaller by", title=f"{network}, {found[0]['data']}")
        ticks = [4, 8, 16, 32, 64, 100]
        axes.set_xticks(ticks, [f"{tick}x" for tick in ticks])
        axes.minorticks_off()
    panels[0].set_ylabel("test accuracy, %: hollow as fitted, filled fine-tuned")
    panels[-1].legend(frameon=False, fontsize=8, loc="lower left")
    figure.savefig(DOCS / "claims.png", dpi=160)
