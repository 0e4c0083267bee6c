"""Compares samplers: hypervolume against the number of measured designs, on a network under a stock device's budgets.

    python benchmarks/samplers.py [--samplers guided,nsga2,nsga3,tpe,random] [--seeds 5] [--measurements 1000]
                                  [--guided-measurements 200] [--out runs/samplers]

It takes --network, --data, --weights, --device and --validation-images as searches do. --statistics-images is how many
training images batch statistics are re-estimated on.

Every sampler runs through `searches.study` as ``filterfront search`` runs it, with accuracy and flash as objectives. A
measurement is a design measured for the first time in a run; repetitions cost none. The hypervolume is that of the
feasible measured designs, bounded by accuracy 0 and the flash budget, as a share of that box. A run ends at the asked
number of measurements, or after twice as many trials.

Measurements are kept in the folder by design, and shared by all runs: figures are the same, only the clock gains. A run
that is there is not run again, so the work can be done in parts: ``--samplers tpe --seeds 1 --first-seed 3``. At the
end the table of all runs in the folder is printed and their picture drawn; ``--seeds 0`` does nothing else.

The other samplers measure the initial designs first, as in every search; Optuna's GPSampler (``gp``) takes seconds a
trial, so give it few ``--measurements``.
"""

import argparse
import csv
import hashlib
import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from optuna.samplers import BaseSampler, GPSampler
from optuna.storages import InMemoryStorage

import searches.samplers
from explorer.config.budgets import make_budgets
from explorer.config.search import SearchConfig, make_config
from explorer.data.sources import load_data
from explorer.measurement.quality_meter import STATISTICS_IMAGES, QualityMeter
from explorer.search.evaluators import make_calibration, make_evaluator
from explorer.search.problem_tables import fitted_problem_tables
from explorer.search.workload import Workload, load_workload, open_network
from reports.front import hypervolume
from searches.constraints import exceeded
from searches.design import Design
from searches.objectives import find_objectives
from searches.samplers import GUIDED
from searches.space import DEFAULT_GRID, build_space
from searches.study import Problem, TrialRecord, open_study, run_study

COLUMNS = ("measurement", "trial", "design", "accuracy", "flash_bytes", "feasible", "hypervolume", "seconds")
MARKS = (20, 50, 100, 200, 500, 1000)
STYLES = (
    ("#1c1c1c", "-"),
    ("#d55e00", "--"),
    ("#0072b2", "-."),
    ("#009e73", ":"),
    ("#cc79a7", (0, (5, 1))),
    ("#8a6d00", (0, (1, 1))),
)
"""Colours after Okabe & Ito, each with dashes of its own."""


def gp(seed: int) -> BaseSampler:
    return GPSampler(seed=seed, deterministic_objective=True, n_startup_trials=searches.samplers.POPULATION)


class Memo:
    """Figures by design, in a file of lines that several processes may add to."""

    def __init__(self, path: Path) -> None:
        self._path, self._figures = path, dict[str, dict[str, Any]]()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        for line in path.read_text().splitlines():
            kept = json.loads(line)
            self._figures[kept["design"]] = kept["figures"]

    def get(self, design: Design, measure: Callable[[Design], Mapping[str, Any]]) -> Mapping[str, Any]:
        name = design.id
        if name not in self._figures:
            figures = {
                key: value.item() if isinstance(value, np.generic) else value for key, value in measure(design).items()
            }
            self._figures[name] = figures
            with self._path.open("a") as file:
                file.write(json.dumps({"design": name, "figures": figures}) + "\n")
        return self._figures[name]


def make_problem(config: SearchConfig, workload: Workload, out: Path, images: int, guided: bool) -> Problem:
    _, budgets = make_budgets(config)
    traced, bits = workload.traced, config.activation_bits
    space, calibration = build_space(traced.spec, DEFAULT_GRID), make_calibration(config, workload)
    quality = QualityMeter(traced, workload.dataset, bits, statistics_images=images, calibration=calibration)
    sram = next((budget.limit for budget in budgets if budget.column == "sram_bytes"), None)
    evaluator = make_evaluator(config, workload, sram, quality=quality, calibration=calibration, workers=1)
    context = [workload.weights_digest, workload.dataset.digest, bits, config.seed, sram, images]
    context += [calibration.digest] if calibration else []
    digest = hashlib.sha256(json.dumps(context).encode()).hexdigest()[:10]
    memo = Memo(out / f"measured-{digest}.jsonl")
    objectives = find_objectives(("accuracy", "flash"), has_data=True)
    tables = (
        fitted_problem_tables(evaluator, space, objectives, budgets, workload.dataset.train.inputs) if guided else None
    )
    return Problem(space, objectives, budgets, lambda design: memo.get(design, evaluator.figures), tables=tables)


def run(problem: Problem, sampler: str, seed: int, measurements: int, path: Path) -> None:
    """One search; its rows are written at its end."""
    limit = next(budget.limit for budget in problem.budgets if budget.column == "flash_bytes")
    rows: list[tuple[Any, ...]] = []
    losses: list[tuple[float, float]] = []
    start = time.perf_counter()

    def note(record: TrialRecord) -> None:
        if record.state != "measured":
            return
        feasible = not exceeded(problem.budgets, record.figures)
        accuracy, flash = record.figures["accuracy"], record.figures["flash_bytes"]
        if feasible:
            losses.append((-accuracy, flash / limit))
        volume = hypervolume(losses or np.empty((0, 2)), (0, 1))
        rows.append(
            (
                len(rows) + 1,
                record.number,
                record.design_id,
                accuracy,
                flash,
                int(feasible),
                volume,
                time.perf_counter() - start,
            )
        )

    study = open_study(problem, InMemoryStorage(), "search", resume=False)
    run_study(study, problem, sampler, seed, 2 * measurements, note, lambda: len(rows) >= measurements)
    partial = path.with_suffix(".part")
    with partial.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(rows)
    partial.rename(path)
    said = f"{path.stem}: {len(rows)} measurements, hypervolume {rows[-1][6]:.5f}, {rows[-1][7]:.0f} s"
    print(said, file=sys.stderr, flush=True)


def read_runs(out: Path, name: str) -> dict[str, dict[int, np.ndarray]]:
    """Hypervolume after each measurement, by sampler and seed, of all runs in the folder."""
    runs: dict[str, dict[int, np.ndarray]] = {}
    for path in sorted(out.glob(f"{name}-*.csv")):
        sampler, seed = path.stem.removeprefix(f"{name}-").rsplit("-", 1)
        with path.open(newline="") as file:
            volumes = [float(row["hypervolume"]) for row in csv.DictReader(file)]
        runs.setdefault(sampler, {})[int(seed)] = np.array(volumes)
    return dict(sorted(runs.items(), key=lambda item: item[0] != GUIDED))


def table(runs: Mapping[str, Mapping[int, np.ndarray]]) -> list[str]:
    """Markdown: median (least to greatest) over seeds, and when guided reaches the best rival of the same seed."""
    lines = [
        "| sampler | seeds | " + " | ".join(f"{mark:,}" for mark in MARKS) + " |",
        "|---" * (len(MARKS) + 2) + "|",
    ]
    for sampler, seeds in runs.items():
        cells = []
        for mark in MARKS:
            values = [volumes[mark - 1] for volumes in seeds.values() if len(volumes) >= mark]
            spread = f"{np.median(values):.4f} ({min(values):.4f} to {max(values):.4f})" if values else "-"
            cells.append(spread if len(values) in (0, len(seeds)) else f"{spread}, {len(values)} seeds")
        lines.append(f"| {sampler} | {len(seeds)} | " + " | ".join(cells) + " |")
    lines += ["", "| seed | best rival at its end | guided reaches it after |", "|---|---|---|"]
    for seed, volumes in sorted(runs.get(GUIDED, {}).items()):
        rivals = [
            (own[seed][-1], sampler, len(own[seed]))
            for sampler, own in runs.items()
            if sampler != GUIDED and seed in own
        ]
        if rivals:
            value, sampler, count = max(rivals)
            reached = np.flatnonzero(volumes >= value)
            after = f"{reached[0] + 1} measurements" if len(reached) else f"not within {len(volumes)}"
            lines.append(f"| {seed} | {value:.4f} ({sampler}, {count:,} measurements) | {after} |")
    return lines


def picture(runs: Mapping[str, Mapping[int, np.ndarray]], title: str, path: Path) -> None:
    """Median over seeds with the least and the greatest as a band, measurements on a logarithmic axis."""
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.subplots()
    for (sampler, seeds), style in zip(runs.items(), STYLES, strict=False):
        length = min(len(volumes) for volumes in seeds.values())
        values = np.stack([volumes[:length] for volumes in seeds.values()])
        numbers = np.arange(1, length + 1)
        color, dashes = style
        axes.fill_between(numbers, values.min(axis=0), values.max(axis=0), color=color, alpha=0.15, linewidth=0)
        label = f"{sampler} ({len(seeds)} seeds)" if len(seeds) > 1 else f"{sampler} (1 seed)"
        axes.plot(numbers, np.median(values, axis=0), color=color, linestyle=dashes, label=label)
    ends = [volumes for seeds in runs.values() for volumes in seeds.values()]
    greatest = max(volumes[-1] for volumes in ends)
    axes.set(xscale="log", xlabel="measured designs", ylabel="hypervolume, share of the box", title=title)
    axes.set(xlim=(5, max(map(len, ends))), ylim=(greatest - 0.1, greatest + 0.005))
    axes.legend(frameon=False)
    figure.savefig(path, dpi=160)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samplers", default="guided,nsga2,nsga3,tpe,random")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--measurements", type=int, default=1000)
    parser.add_argument("--guided-measurements", type=int, default=200)
    parser.add_argument("--out", type=Path, default=Path("runs/samplers"))
    parser.add_argument("--network", default="digits-cnn")
    parser.add_argument("--data")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--device")
    parser.add_argument("--validation-images", type=int)
    parser.add_argument("--statistics-images", type=int, default=STATISTICS_IMAGES)
    arguments = parser.parse_args()
    searches.samplers.SAMPLERS["gp"] = gp
    options = {name: getattr(arguments, name) for name in ("network", "data", "weights", "device", "validation_images")}
    config = make_config(**{name: value for name, value in options.items() if value is not None})
    dataset = load_data(config.data_name) if config.data_name else None
    workload = load_workload(config, *open_network(config, dataset), dataset)
    wanted = arguments.samplers.split(",") if arguments.seeds else []
    count = arguments.statistics_images
    problems = {kind: make_problem(config, workload, arguments.out, count, kind) for kind in {GUIDED in wanted, False}}
    name = workload.traced.spec.name
    for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds):
        for sampler in arguments.samplers.split(","):
            path = arguments.out / f"{name}-{sampler}-{seed}.csv"
            if not path.exists():
                guided = sampler == GUIDED
                measurements = arguments.guided_measurements if guided else arguments.measurements
                run(problems[guided], sampler, seed, measurements, path)
    runs = read_runs(arguments.out, name)
    box = ", ".join(f"{budget.name} up to {budget.limit:,} {budget.unit}" for budget in problems[False].budgets)
    images = f"{len(workload.dataset.validation):,} validation images" if workload.dataset else "no data"
    images += f", batch statistics of {count}"
    print(f"{name}, {box}, {images}: hypervolume after so many measured designs, median (least to most)\n")
    print("\n".join(table(runs)))
    picture(runs, f"{name}, {box}", arguments.out / f"{name}.png")


if __name__ == "__main__":
    main()
