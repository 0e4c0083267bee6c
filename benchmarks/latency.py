"""The latency model judged on layers of the zoo that it was not calibrated on: ``python benchmarks/latency.py``.

Calibrates this machine (or reads the kept calibration), measures held-out layers twice in turns, and prints for each
kernel the share predicted within 10%, next to it the share of second measurements within 10% of the first, the mean
absolute error and Kendall's tau. ``--out DIR`` writes a table and a picture.
"""

import argparse
import os
from pathlib import Path

import pandas as pd

from costmodels import ConvShape
from explorer.config.search import make_config
from explorer.measurement.latency.calibration import calibrate_latency, latency_calibration
from explorer.measurement.latency.judge import Judgement, held_out, judge
from explorer.networks.zoo import ZOO
from explorer.search.workload import open_network
from reports.figures import figure_bytes
from reports.latency_figure import draw_latency, latency_info


def zoo_shapes() -> list[ConvShape]:
    """The distinct layers of all networks of the zoo."""
    networks = [open_network(make_config(network=name), None)[1].spec for name in ZOO]
    return list(dict.fromkeys(layer.shape for network in networks for layer in network.layers))


def print_scores(judgement: Judgement) -> None:
    """A line for each kernel."""
    print("| kernel | cases | within 10% | second measurement within 10% | MAPE | Kendall tau |")
    print("|---|---:|---:|---:|---:|---:|")
    for score in (*judgement.kernels, judgement.overall):
        figures = f"{score.within:.0%} | {score.repeatable:.0%} | {score.mape:.1%} | {score.tau:.3f}"
        print(f"| {score.kernel} | {score.cases} | {figures} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fresh", action="store_true", help="calibrate again, and keep nothing")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    calibration = calibrate_latency() if arguments.fresh else latency_calibration()
    facts = calibration.model.machine
    print(f"{facts['cpu']} ({facts['target']}), one thread; load {os.getloadavg()[0]:.1f}")
    print(f"calibrated on {calibration.cases} drawn layers in {calibration.seconds:.0f} s; ", end="")
    print(f"median error on them {calibration.error:.1%}")
    judgement = judge(calibration.model, held_out(zoo_shapes(), arguments.cases, arguments.seed))
    print_scores(judgement)
    print(f"load at the end {os.getloadavg()[0]:.1f}")
    if arguments.out:
        arguments.out.mkdir(parents=True, exist_ok=True)
        pd.DataFrame([row.to_json() for row in judgement.rows]).to_csv(arguments.out / "latency.csv", index=False)
        (arguments.out / "latency.png").write_bytes(
            figure_bytes(draw_latency(latency_info(judgement.rows)), "png", 160)
        )


if __name__ == "__main__":
    main()
