"""Counts of architectures that nobody here wrote: ``python benchmarks/zoo.py [NAME ...] > table.md``.

The networks are those of pytorchcv 0.0.67 (no torchvision is needed), at the size that they were made for, with
random weights. For each, MAC are compared with FlopCounterMode's, weights with those of its modules, and SRAM with the
liveness of a run that reads no graph (`explorer.validation.module_counts`). Exit status 1 where a figure differs.
"""

import argparse
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy
import torch
from pytorchcv.model_provider import get_model

from explorer.system.errors import FilterfrontError
from explorer.validation.module_counts import count_module

warnings.simplefilter("ignore")
vars(numpy)["int"] = int  # a name that pytorchcv takes of an older NumPy

NETWORKS = Path(__file__).with_suffix(".txt").read_text(encoding="utf-8").split()
"""Of every family a small one or two."""

MOST_VALUES_THAT_ARE_RUN = 3 * 299 * 299


def counted(name: str) -> dict[str, Any]:
    """The figures of one network, or why there are none."""
    torch.manual_seed(0)
    module = get_model(name).eval()
    channels, side = getattr(module, "in_channels", 3), getattr(module, "in_size", (224, 224))
    image = torch.zeros(1, channels, *side)
    try:
        found = count_module(module, [image], name, runs=image.numel() <= MOST_VALUES_THAT_ARE_RUN)
    except FilterfrontError as error:
        return {"refused": str(error).partition(";")[0]}
    return {**vars(found), "input": "x".join(map(str, image.shape[1:])), "differences": found.differences}


def row(name: str, figures: dict[str, Any]) -> str:
    if "refused" in figures:
        return f"| {name} | refused: {figures['refused'][:150]} |" + " |" * 6
    steps = ", ".join(figures["not_compressed"]) or "–"
    unknown = ", ".join(figures["unknown"]) or "–"
    numbers = " | ".join(
        f"{own:,}" if own == other else f"**{own:,}**, torch {other:,}"
        for own, other in (figures["macs"], figures["weights"], figures["sram_bytes"])
    )
    return f"| {name} | {figures['input']} | {figures['layers']} | {numbers} | {steps} | {unknown} |"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="of pytorchcv; all families without any")
    arguments = parser.parse_args()
    print("| network | input | layers | MAC | weights | SRAM, bytes | counted, no compressed form | unknown |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    found = {}
    for name in arguments.names or NETWORKS:
        found[name] = counted(name)
        print(row(name, found[name]), flush=True)
    refused = [name for name, figures in found.items() if "refused" in figures]
    differ = [name for name, figures in found.items() if figures.get("differences")]
    print(f"\n{len(found) - len(refused)} of {len(found)} networks are counted; a figure differs in {len(differ)}.")
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
