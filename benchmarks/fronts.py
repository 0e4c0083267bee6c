"""Fronts of several runs in one picture, drawn from their front.csv alone: also of runs that earlier versions wrote.

    python benchmarks/fronts.py 0.1.0=runs/kws-before 0.2.0=runs/kws-now --title 'DS-CNN, 300 trials' --out picture.png

`filterfront compare` does more, for runs of one version. Here designs are taken as the tables have them.
"""

import argparse
from pathlib import Path

import pandas as pd

from reports.axes import Axis, make_axis
from reports.comparison_figure import ComparisonInfo, draw_comparison, run_curve
from searches.objectives import OBJECTIVES


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", metavar="NAME=FOLDER")
    parser.add_argument("--title", required=True)
    parser.add_argument("--x", default="flash", choices=OBJECTIVES)
    parser.add_argument("--y", default="accuracy", choices=OBJECTIVES)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    named = dict(run.split("=", 1) for run in arguments.runs)
    fronts = {name: pd.read_csv(Path(folder) / "front.csv") for name, folder in named.items()}
    x, y = (axis_of(name, fronts) for name in (arguments.x, arguments.y))
    curves = tuple(run_curve(name, front.sort_values(x.column), x, y) for name, front in fronts.items())
    draw_comparison(ComparisonInfo(arguments.title, x, y, curves)).savefig(arguments.out, dpi=150)


def axis_of(name: str, fronts: dict[str, pd.DataFrame]) -> Axis:
    """The axis of an objective, which reaches over all fronts."""
    goal = OBJECTIVES[name]
    values = [value for front in fronts.values() for value in front[goal.column]]
    return make_axis(goal.column, values, (), goal.direction)


if __name__ == "__main__":
    main()
