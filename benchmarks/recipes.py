"""What each ingredient of fine-tuning gains: ``python benchmarks/recipes.py RUN --epochs 100 --seeds 3``.

Designs of a finished search are trained from their fits by several recipes that differ in one ingredient each from
the first, under several seeds. Each result is written as it comes, one line of JSON; one that is there is not trained
again, so that the command goes on where it was stopped.
"""

import argparse
import json
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from statistics import mean

import numpy as np
from torch import Tensor

from explorer.finetuning.fine_tune import fine_tune
from explorer.runs.reopen import Reopened, reopen
from explorer.training.tuning_recipe import TuningRecipe
from reports.run_folder import read_run

RECIPES = {
    "as it is": {},
    "distillation alone": {"distillation": 1.0},
    "labels alone": {"distillation": 0.0},
    "mixing": {"distillation": 1.0, "mixing": 0.5},
    "averaging": {"distillation": 1.0, "averaging": 0.99},
    "mixing, averaging": {"distillation": 1.0, "mixing": 0.5, "averaging": 0.99},
    "no shifts": {"distillation": 1.0, "shift_pixels": 0},
    "temperature 1": {"distillation": 1.0, "temperature": 1.0},
    "half the rate": {"distillation": 1.0, "peak_learning_rate": 0.01},
    "twice the rate": {"distillation": 1.0, "peak_learning_rate": 0.04},
}
"""Each changes the defaults of `TuningRecipe`."""


def main() -> None:
    """Trains what is missing and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder of a finished search with data")
    parser.add_argument("--designs", type=int, default=3, help="so many of its front, spread over their flash")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--recipes", nargs="*", default=list(RECIPES), choices=RECIPES)
    parser.add_argument("--results", type=Path, default=Path("recipes.jsonl"))
    asked = parser.parse_args()
    known = _known(asked.results)
    for name in _designs(asked.run, asked.designs):
        opened = reopen(asked.run, name)
        for recipe in asked.recipes:
            for seed in range(asked.seeds):
                key = f"{asked.run.resolve().name} {name} {recipe} {asked.epochs} {seed}"
                if key not in known:
                    known[key] = _train(opened, name, TuningRecipe(epochs=asked.epochs), recipe, seed)
                    with asked.results.open("a") as file:
                        file.write(json.dumps({"key": key, **known[key]}) + "\n")
                print(f"{key}: {known[key]}", flush=True)
    _print_table(known, asked.epochs)


def _known(path: Path) -> dict[str, dict[str, float]]:
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return {line.pop("key"): line for line in lines}


def _designs(folder: Path, count: int) -> list[str]:
    front = read_run(folder).front.sort_values("flash_bytes")
    places = np.unique(np.linspace(0, len(front) - 1, count + 2).round().astype(int)[1:-1])
    return [str(name) for name in front["design"].iloc[places]]


def _train(opened: Reopened, name: str, recipe: TuningRecipe, ingredient: str, seed: int) -> dict[str, float]:
    design, evaluator = opened.design(name), opened.evaluator
    example, dataset = opened.workload.loaded.example_input, opened.workload.dataset
    if dataset is None or not isinstance(example, Tensor):
        raise SystemExit("a run with data, of a network of one input, is needed")
    found = fine_tune(
        *(opened.workload.loaded.module, example, evaluator.fitted_layers(design), dataset, evaluator.bits_of(design)),
        replace(recipe, **RECIPES[ingredient]),
        seed,
        calibration=evaluator.calibration,
        bias_bits=evaluator.bias_bits,
        meter=evaluator.meter_of(design),
        progress=False,
    )
    parts = {part: found.after[part].accuracy for part in ("validation", "test")}
    last = found.curve[-1].validation_accuracy
    return {**parts, "last": last, "before": found.reestimated["validation"].accuracy, "seconds": found.seconds}


def _print_table(known: dict[str, dict[str, float]], epochs: int) -> None:
    """Means over designs and seeds, in percent."""
    rows = defaultdict(list)
    for key, found in known.items():
        _, _, *recipe, trained, _ = key.split(" ")
        if int(trained) == epochs:
            rows[" ".join(recipe)].append(found)
    print("| recipe | trainings | validation | test | seconds |\n|---|---|---|---|---|")
    for recipe, found in rows.items():
        shares = [f"{100 * mean(one[part] for one in found):.2f}" for part in ("validation", "test")]
        print(f"| {recipe} | {len(found)} | {' | '.join(shares)} | {mean(one['seconds'] for one in found):.0f} |")


if __name__ == "__main__":
    main()
