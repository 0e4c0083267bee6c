"""One mixed-precision problem, given to this project and to NVIDIA ModelOpt: ``python benchmarks/peers.py``.

Every layer takes weights of 2, 4 or 8 bits with a scale for each filter, activations stay floats, and the mean bits of
a weight have a cap. Each side chooses bits by its own means, on the same 1,024 training images:

- distortion, curved noise (`explorer.measurement.second_moments`): `searches.milp` on candidate tables with
  proxies that read no labels and measure nothing;
- guided: the best of ``--measurements`` designs that ``--sampler guided`` measures on the validation part;
- ModelOpt: `modelopt.torch.quantization.auto_quantize` with its gradient scores, labels included.

All choices are judged by one evaluator, this project's fits and the loss on the validation part; the choice of least
loss among all of them is found too where there are at most ``--all`` choices. Seconds are those of a whole answer on
one thread, imports and fitting left out on both sides.

ModelOpt wants an environment of its own, with this project in it:

    python3 -m venv peers && peers/bin/pip install --editable . nvidia-modelopt==0.47.0 huggingface_hub requests
    peers/bin/python benchmarks/peers.py [--network NAME] [--data NAME] [--caps 3 4 5] [--markdown PATH]

Without ModelOpt its rows are left out, and a line says so.
"""

import argparse
import copy
import importlib.util
import itertools
import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import torch
from optuna.storages import InMemoryStorage
from torch import nn
from torch.nn import functional

from costmodels import Dense
from explorer.config.search import make_config
from explorer.data.quality import Quality
from explorer.data.sources import load_data
from explorer.forms.fit_cache import FitCache
from explorer.measurement.design_evaluator import DesignEvaluator
from explorer.measurement.quality_meter import QualityMeter
from explorer.measurement.second_moments import layer_moments, noise_to_signal_ratios
from explorer.search.problem_tables import fitted_problem_tables
from explorer.search.workload import Workload, load_workload, open_network
from explorer.system.cache_folder import cache_folder
from reports.atomic_write import whole_file
from searches.candidate_tables import candidate_tables
from searches.candidates import Candidates
from searches.constraints import Budget
from searches.design import Design
from searches.milp import best_design
from searches.objectives import find_objectives
from searches.space import build_space
from searches.study import Problem, TrialRecord, open_study, run_study

BITS = (2, 4, 8)
IMAGES, BATCH = 1024, 32
Choice = Mapping[str, int]
"""Weight bits by layer."""


@dataclass(frozen=True)
class Case:
    """The problem.

    Args:
        others: stored bits that no choice changes: scales, biases, normalization.
        moments_s: seconds that the moments took, which are part of that answer.
    """

    module: nn.Module
    workload: Workload
    evaluator: DesignEvaluator
    tables: Candidates
    weights: int
    others: int
    moments_s: float

    def design(self, choice: Choice) -> Design:
        return Design({name: Dense(bits) for name, bits in choice.items()})

    def choice(self, design: Design) -> Choice:
        return {name: getattr(scheme, "weight_bits") for name, scheme in design.schemes.items()}

    def quality(self, choice: Choice) -> Quality:
        return self.evaluator.quality(self.design(choice), "validation")

    def mean_bits(self, choice: Choice) -> float:
        layers = self.workload.traced.spec.layers
        return sum(choice[layer.name] * layer.shape.weights for layer in layers) / self.weights

    def cap_bytes(self, mean: float) -> int:
        """Stored bytes of a network whose weights have so many bits on average."""
        return (math.floor(mean * self.weights) + self.others) // 8


def make_case(network: str, data: str) -> Case:
    config = make_config(network=network, data=data)
    dataset = load_data(data)
    loaded, traced = open_network(config, dataset)
    workload = load_workload(config, loaded, traced, dataset)
    assert workload.dataset is not None
    spec = workload.traced.spec
    quality = QualityMeter(workload.traced, workload.dataset, activation_bits=32)
    evaluator = DesignEvaluator(workload.traced, 32, 0, FitCache(cache_folder() / "fits"), quality, workers=1)
    schemes = {layer.name: [Dense(bits) for bits in BITS] for layer in spec.layers}
    evaluator.prepare([(name, scheme) for name, some in schemes.items() for scheme in some])
    proxies = {"distortion": {n: [evaluator.distortion_part(n, s) for s in some] for n, some in schemes.items()}}
    start = time.perf_counter()
    moments = layer_moments(workload.traced, workload.dataset.train.inputs[:IMAGES])
    proxies["curved noise"] = {
        name: noise_to_signal_ratios(
            moments[name],
            workload.traced.weights[name],
            (evaluator.reconstructed(name, scheme) for scheme in some),
        )[:, 1].tolist()
        for name, some in schemes.items()
    }
    seconds = time.perf_counter() - start
    tables = candidate_tables(spec, schemes, 32, evaluator.usage, None, proxies)
    weights = sum(layer.shape.weights for layer in spec.layers)
    uniform = Design({layer.name: Dense(8, "filter") for layer in spec.layers})
    return Case(
        loaded.module, workload, evaluator, tables, weights, evaluator.cost(uniform).storage_bits - 8 * weights, seconds
    )


def by_milp(case: Case, proxy: str, mean: float) -> Choice:
    found = best_design(case.tables, proxy, {"storage_bytes": case.cap_bytes(mean)})
    return case.choice(case.tables.design(found.choices))


def by_search(case: Case, mean: float, measurements: int) -> Choice:
    """The choice of least measured loss within the cap."""
    space = build_space(case.workload.traced.spec, {"dense": {"weight_bits": BITS}})
    limit = case.cap_bytes(mean)
    budgets = (Budget("storage", "storage_bytes", limit, "bytes", "the cap"),)
    objectives = find_objectives(("loss", "storage"), has_data=True)
    tables = fitted_problem_tables(
        case.evaluator, space, objectives, budgets, case.workload.dataset.train.inputs[:IMAGES]
    )
    problem = Problem(space, objectives, budgets, case.evaluator.figures, tables=tables)
    found: list[TrialRecord] = []
    study = open_study(problem, InMemoryStorage(), "peers", resume=False)

    def is_enough() -> bool:
        return sum(record.state == "measured" for record in found) >= measurements

    run_study(study, problem, "guided", 0, 2 * measurements, found.append, is_enough)
    within = [r for r in found if r.state == "measured" and r.figures["storage_bytes"] <= limit]
    return case.choice(min(within, key=lambda record: record.figures["loss"]).design)


def by_modelopt(case: Case, mean: float, method: str) -> Choice:
    """auto_quantize over the same three formats, its own calibration and scores included."""
    import modelopt.torch.quantization as mtq

    part = case.workload.dataset.train
    batches = list(zip(part.inputs[:IMAGES].split(BATCH), part.labels[:IMAGES].split(BATCH), strict=True))
    module = copy.deepcopy(case.module).eval()
    formats = [
        {
            "quant_cfg": [
                {"quantizer_name": "*", "enable": False},
                {"quantizer_name": "*weight_quantizer", "cfg": {"num_bits": bits, "axis": 0}, "enable": True},
            ],
            "algorithm": "max",
        }
        for bits in BITS
    ]
    every = {"module_name_patterns": ["*"], "quantization_formats": formats, "allow_no_quant": False}
    with redirect_stdout(sys.stderr):
        found, _ = mtq.auto_quantize(
            module,
            constraints={"effective_bits": mean},
            quantization_formats=formats,
            module_search_spaces=[every],
            data_loader=batches,
            forward_step=lambda network, batch: network(batch[0]),
            loss_func=lambda output, batch: functional.cross_entropy(output, batch[1]),
            num_calib_steps=len(batches),
            num_score_steps=len(batches),
            method=method,
        )
    layers = {layer.name: found.get_submodule(layer.name) for layer in case.workload.traced.spec.layers}
    assert all(layer.weight_quantizer.is_enabled for layer in layers.values())
    return {name: int(layer.weight_quantizer.num_bits) for name, layer in layers.items()}


def by_all(case: Case, mean: float) -> Choice:
    """The choice of least loss among all within the cap, each measured."""
    names = [layer.name for layer in case.workload.traced.spec.layers]
    choices = (dict(zip(names, bits, strict=True)) for bits in itertools.product(BITS, repeat=len(names)))
    within = [choice for choice in choices if case.mean_bits(choice) <= mean]
    return min(within, key=lambda choice: case.quality(choice).loss)


def answers(case: Case, mean: float, arguments: argparse.Namespace) -> dict[str, Callable[[], Choice]]:
    found: dict[str, Callable[[], Choice]] = {
        "milp, distortion": lambda: by_milp(case, "distortion", mean),
        "milp, curved noise": lambda: by_milp(case, "curved noise", mean),
        f"guided, {arguments.measurements} measurements": lambda: by_search(case, mean, arguments.measurements),
    }
    if importlib.util.find_spec("modelopt"):
        found["ModelOpt, gradient"] = lambda: by_modelopt(case, mean, "gradient")
        found["ModelOpt, kl_div"] = lambda: by_modelopt(case, mean, "kl_div")
    if len(BITS) ** len(case.tables.layers) <= arguments.all:
        found["all choices measured"] = lambda: by_all(case, mean)
    return found


def rows(case: Case, arguments: argparse.Namespace) -> Iterator[str]:
    """The table, as Markdown."""
    own = case.evaluator.meter
    assert own is not None
    plain = own.measure({})
    yield f"{arguments.network} on {arguments.data}: {case.weights:,} weights, {len(case.tables.layers)} layers; "
    yield f"validation loss {plain.loss:.4f}, accuracy {plain.accuracy:.2%} before."
    yield ""
    yield "| cap, bits | answer of | mean bits | validation loss | accuracy | distortion | seconds |"
    yield "|---:|---|---:|---:|---:|---:|---:|"
    for mean in arguments.caps:
        for name, answer in answers(case, mean, arguments).items():
            start = time.perf_counter()
            choice = answer()
            seconds = time.perf_counter() - start + (case.moments_s if name == "milp, curved noise" else 0)
            quality, distortion = case.quality(choice), case.evaluator.distortion(case.design(choice))
            figures = f"{quality.loss:.4f} | {quality.accuracy:.2%} | {distortion:.5f} | {seconds:.2f}"
            yield f"| {mean:g} | {name} | {case.mean_bits(choice):.3f} | {figures} |"
    if not importlib.util.find_spec("modelopt"):
        yield ""
        yield "ModelOpt is not installed here: its rows are left out."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="digits-cnn")
    parser.add_argument("--data", default="digits")
    parser.add_argument("--caps", type=float, nargs="*", default=[2.5, 3.0, 4.0, 5.0])
    parser.add_argument("--measurements", type=int, default=50)
    parser.add_argument("--all", type=int, default=3000, help="most choices that are all measured")
    parser.add_argument("--markdown", type=Path, help="write what is printed to this file too")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    lines = []
    for line in rows(make_case(arguments.network, arguments.data), arguments):
        print(line, flush=True)
        lines.append(line + "\n")
    if arguments.markdown:
        with whole_file(arguments.markdown) as unfinished:
            unfinished.write_text("".join(lines))


if __name__ == "__main__":
    main()
