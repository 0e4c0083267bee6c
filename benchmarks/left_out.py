"""What a search of a large space loses by fitting only those candidates that parts of its layers leave.

    python benchmarks/left_out.py [--least 1000]
    python benchmarks/left_out.py --network NETWORKS.py:ds_cnn --data DATA.py:kws --least 1000

Every candidate of a small network is fitted, and under every candidate a part of each layer. The complete front of
storage and output noise is found with all of them, and with those that are left at margins between candidates of one
form and of two (`explorer.search.worth_fitting`; the first row is of a search): the share of its points that stay as
they are, and how much more the least noise at no more storage is. ``--least`` are the weights of a part: at the number
of a search, the default, layers of a small network have none.
"""

import argparse

import numpy as np

from costmodels import Scheme
from explorer.config.search import make_config
from explorer.measurement import layer_part
from explorer.measurement.design_evaluator import DesignEvaluator
from explorer.search.candidate_tables import fitted_candidate_tables
from explorer.search.evaluators import make_calibration, make_evaluator
from explorer.search.workload import load_workload, open_data, open_network
from explorer.search.worth_fitting import MARGINS, left_by_part
from searches.candidate_tables import candidate_tables
from searches.pairs import pair_front
from searches.space import LayerSpace, Space, build_space

TRIED = (MARGINS[0], (1.05, 2.0), (1.5, 2.0), (2.0, 2.0), (1.1, 1.5))
Found = tuple[LayerSpace, np.ndarray | None, np.ndarray]
"""A layer with the errors of its part and the costs of its candidates."""


def evaluator_of(network: str, data: str) -> tuple[DesignEvaluator, Space]:
    config = make_config(network=network, data=data)
    dataset = open_data(config)
    workload = load_workload(config, *open_network(config, dataset), dataset)
    calibration = make_calibration(config, workload)
    evaluator = make_evaluator(config, workload, None, calibration=calibration, workers=1)
    return evaluator, build_space(workload.traced.spec)


def front(evaluator: DesignEvaluator, schemes: dict[str, tuple[Scheme, ...]]) -> tuple[np.ndarray, np.ndarray]:
    """Storage, ascending, and noise of the complete front."""
    figures = pair_front(fitted_candidate_tables(evaluator, schemes), ("storage_bytes", "noise"), {}).front.figures
    order = np.argsort(figures["storage_bytes"])
    return np.asarray(figures["storage_bytes"], float)[order], np.asarray(figures["noise"], float)[order]


def row(
    found: list[Found],
    evaluator: DesignEvaluator,
    whole: tuple[np.ndarray, np.ndarray],
    margins: tuple[float, float],
) -> str:
    """A line of the table."""
    kept = {layer.name: left_by_part(layer, layer.candidates, errors, costs, margins) for layer, errors, costs in found}
    storage, noise = front(evaluator, kept)
    places = np.searchsorted(storage, whole[0], side="right") - 1
    reached = places >= 0
    more = noise[places[reached]] / whole[1][reached] - 1
    share = np.count_nonzero(more <= 0) / len(whole[0])
    count = sum(map(len, kept.values()))
    shares = f"{100 * share:.1f}% | {100 * more.mean():.2f}% | {100 * more.max():.1f}%"
    return f"| {margins[0]} | {margins[1]} | {count} | {shares} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="digits-cnn")
    parser.add_argument("--data", default="digits")
    parser.add_argument("--least", type=int, default=layer_part.LEAST_WEIGHTS)
    arguments = parser.parse_args()
    layer_part.LEAST_WEIGHTS = arguments.least
    evaluator, space = evaluator_of(arguments.network, arguments.data)
    every = {layer.name: layer.candidates for layer in space.layers}
    tables = candidate_tables(evaluator.traced.spec, every, evaluator.activation_bits).layers
    found: list[Found] = []
    for layer, table in zip(space.layers, tables, strict=True):
        costs = [table.columns[name].astype(np.float64) for name in ("storage_bits", "flash_bytes")]
        found.append((layer, evaluator.part_errors(layer, layer.candidates), np.stack(costs, axis=1)))
    whole = front(evaluator, every)
    parts = sum(errors is not None for _, errors, _ in found)
    print(f"{arguments.network}: {parts} of {len(found)} layers have parts of {arguments.least:,} weights at least")
    print(f"all {sum(map(len, every.values()))} candidates: {len(whole[0]):,} points\n")
    print("| within a form | between forms | kept | unchanged | mean | most |\n|---|---|---|---|---|---|")
    for margins in TRIED:
        print(row(found, evaluator, whole, margins), flush=True)


if __name__ == "__main__":
    main()
