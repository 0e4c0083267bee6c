"""The papers' claims, tested on networks that train here; fills docs/explanation/claims.md.

    python benchmarks/claims.py [--networks resnet20-cifar,digits-cnn] [--claims NAME,...] [--seeds N] [--first-seed K]
                                [--work runs/claims]

Every method compresses all layers of a trained network alike, but for the first and the last, which are stored with 8
bits. It is measured as a search measures it (batch statistics reestimated, 8-bit activations), fine-tuned in its
compressed form, and measured again on the test part. Where a method has settings to choose, the one of least
validation loss before fine-tuning is taken among those that need no more storage than the claim allows; where none of
them does better than guessing, that of least distortion.

A seed of digits-cnn is a whole pipeline: float network, fits, fine-tuning. ResNet-20 is trained once, and a seed is one
of fits and fine-tuning. Results are kept in ``--work`` and not computed again, and a fine-tuning that was killed goes
on, so the work can be done in parts; ``--seeds 0`` writes the page of what is there.
"""

import argparse
import itertools
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from claims_page import write_page

from costmodels import Dense, parse_scheme
from costmodels.errors import SchemeError
from costmodels.text import resolve_all
from explorer.config.search import make_config
from explorer.data.sources import load_data
from explorer.finetuning.fine_tune import fine_tune
from explorer.forms.fit_cache import FitCache
from explorer.measurement.design_evaluator import DesignEvaluator
from explorer.measurement.quality_meter import QualityMeter
from explorer.search.workload import Workload, load_workload, open_network
from explorer.system.cache_folder import cache_folder
from explorer.training.checkpoint import Checkpoint
from explorer.training.tuning_recipe import TuningRecipe
from searches.design import Design

BITS = 8
"""Of activations, and of the weights of the first and the last layer."""

BANKS = ["1/2", "1/3", "1/4", "1/6", "1/8", "1/12", "1/16", "1/24", "1/32"]


@dataclass(frozen=True)
class Setup:
    """A network, its data, how many seeds, how long it is fine-tuned, and on how many images settings are chosen.

    Args:
        rival_epochs: of the methods that are compared at equal storage.
    """

    network: str
    data: str
    seeds: int
    epochs: int
    rival_epochs: int
    trained_each_seed: bool
    validation_images: int | None = None


@dataclass(frozen=True)
class Case:
    """A method within a claim.

    Args:
        settings: schemes in text, of which one is chosen.
        limit: a scheme in text whose storage they may not exceed.
    """

    claim: str
    method: str
    settings: tuple[str, ...]
    limit: str = ""

    @property
    def file(self) -> str:
        return f"{self.claim}-{self.method}".replace(" ", "-").replace(",", "")


SETUPS = (
    Setup(
        "resnet20-cifar", "glyphs32", seeds=2, epochs=2, rival_epochs=1, trained_each_seed=False, validation_images=500
    ),
    Setup("digits-cnn", "digits", seeds=5, epochs=12, rival_epochs=12, trained_each_seed=True),
)


def _all(template: str, **choices: Sequence[Any]) -> tuple[str, ...]:
    """The template filled in with every combination of the choices."""
    return tuple(
        template.format(**dict(zip(choices, values, strict=True))) for values in itertools.product(*choices.values())
    )


def _rivals(claim: str, limit: str) -> tuple[Case, ...]:
    basis = "sparse-basis(segments={segments}, filters={filters}, "
    sparse = basis + "basis_bits={bits}, density={density}, coefficient_bits=8)"
    segments, few = (1, 2, 4), BANKS[:5]
    return (
        Case(claim, "uniform quantization", (limit,)),
        Case(
            claim,
            "sparse quantized basis",
            _all(sparse, segments=segments, filters=few, bits=(1, 2, 4), density=(0.1, 0.2, 0.35)),
            limit,
        ),
        Case(
            claim,
            "learned filter basis",
            _all(
                basis + "basis_bits=32, density=1.0, coefficient_bits=32, coefficients=dense)",
                segments=segments,
                filters=BANKS,
            ),
            limit,
        ),
        Case(
            claim,
            "LegoNet",
            _all(
                "lego-net(segments={segments}, filters={filters}, scale={scale})",
                segments=(1, 2, 4, 8),
                filters=BANKS,
                scale=("none", "segment"),
            ),
            limit,
        ),
    )


CASES = (
    Case("stacked", "binary weights", ("dense(weight_bits=1, scale=none)",)),
    Case("stacked", "stacked binary, 1 segment", ("stacked-binary(segments=1, filters=3/4)",)),
    Case("stacked", "stacked binary, 2 segments", ("stacked-binary(segments=2, filters=3/4)",)),
    Case("stacked", "stacked binary, few filters", ("stacked-binary(segments=2, filters=1/2)",)),
    Case("linear", "linear representation", ("linear-representation(templates=256, codebook=network)",)),
    *_rivals("equal-2", "dense(weight_bits=2)"),
    *_rivals("equal-3", "dense(weight_bits=3)"),
)


class Workbench:
    """A network of one seed, with what measures its designs."""

    def __init__(self, setup: Setup, seed: int) -> None:
        self.setup, self.seed = setup, seed
        own = seed if setup.trained_each_seed else 0
        images = {"validation_images": setup.validation_images} if setup.validation_images else {}
        config = make_config(network=setup.network, data=setup.data, seed=own, **images)
        dataset = load_data(setup.data)
        self.workload: Workload = load_workload(config, *open_network(config, dataset), dataset)
        assert self.workload.dataset is not None
        self.quality = QualityMeter(self.workload.traced, self.workload.dataset, BITS)
        cache = FitCache(cache_folder() / "fits")
        self.evaluator = DesignEvaluator(self.workload.traced, BITS, seed, cache, self.quality, workers=1)

    def design(self, text: str) -> Design:
        """The scheme on every layer but the first and the last, and those that cannot take it."""
        shapes = {layer.name: layer.shape for layer in self.workload.traced.spec.layers}
        ends = frozenset((next(iter(shapes)), next(reversed(shapes))))
        return Design(resolve_all(parse_scheme(text), shapes, ends, Dense(weight_bits=BITS))[0])

    def designs(self, case: Case) -> Iterator[tuple[str, Design]]:
        """Every setting that all layers but the ends can take, within the limit."""
        most = self.evaluator.cost(self.design(case.limit)).storage_bits if case.limit else None
        for text in case.settings:
            try:
                design = self.design(text)
            except SchemeError:
                continue
            if most is None or self.evaluator.cost(design).storage_bits <= most:
                yield text, design

    def choose(self, case: Case) -> tuple[str, Design]:
        """The setting of least validation loss with nothing trained; of least distortion where all are at chance."""
        assert self.workload.dataset is not None
        found = list(self.designs(case))
        values = [self.evaluator.quality(design, "validation").loss for _, design in found] if found[1:] else [0.0]
        if min(values) >= math.log(self.workload.dataset.classes):
            values = [self.evaluator.distortion(design) for _, design in found]
        return found[values.index(min(values))]

    def result(self, case: Case, checkpoint: Path) -> dict[str, Any]:
        """Figures of one case, before and after fine-tuning."""
        text, design = self.choose(case)
        module, example = self.workload.loaded.module, self.workload.loaded.example_input
        assert isinstance(example, torch.Tensor)
        assert self.workload.dataset is not None
        epochs = self.setup.rival_epochs if case.limit else self.setup.epochs
        recipe = TuningRecipe(epochs=epochs)
        fitted = self.evaluator.fitted_layers(design)
        kept = Checkpoint(checkpoint)
        tuned = fine_tune(module, example, fitted, self.workload.dataset, BITS, recipe, self.seed, kept)
        cost = self.evaluator.cost(design)
        kept.remove()
        return {
            **asdict(self.setup),
            "epochs": epochs,
            "claim": case.claim,
            "method": case.method,
            "seed": self.seed,
            "setting": text,
            "storage_bits": cost.storage_bits,
            "compression_ratio": cost.compression_ratio,
            "float": self.quality.measure({}, "test").accuracy,
            "before": tuned.reestimated["test"].accuracy,
            "after": tuned.after["test"].accuracy,
            "images": len(self.workload.dataset.part("test")),
            "best_epoch": tuned.best_epoch,
            "seconds": tuned.seconds,
        }


def compute(setup: Setup, seed: int, cases: Sequence[Case], work: Path) -> None:
    """What is missing of one network and seed."""
    missing = [case for case in cases if not (work / f"{setup.network}-{case.file}-{seed}.json").exists()]
    bench = Workbench(setup, seed) if missing else None
    for case in missing:
        assert bench is not None
        path = work / f"{setup.network}-{case.file}-{seed}.json"
        facts = bench.result(case, path.with_suffix(".checkpoint.pt"))
        part = path.with_suffix(".part")
        part.write_text(json.dumps(facts, indent=2) + "\n")
        part.replace(path)
        change = f"{facts['before']:.2%} -> {facts['after']:.2%}"
        print(f"{path.stem}: {facts['compression_ratio']:.1f}x, {change}, float {facts['float']:.2%}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", default=",".join(setup.network for setup in SETUPS))
    parser.add_argument("--claims", default=",".join(dict.fromkeys(case.claim for case in CASES)))
    parser.add_argument("--seeds", type=int, help="how many; by default 2 of ResNet-20 and 5 of digits-cnn")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--work", type=Path, default=Path("runs/claims"))
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    cases = [case for case in CASES if case.claim in arguments.claims.split(",")]
    chosen = [setup for setup in SETUPS if setup.network in arguments.networks.split(",")]
    rounds = [
        (seed, setup)
        for setup in chosen
        for seed in range(
            arguments.first_seed, arguments.first_seed + (setup.seeds if arguments.seeds is None else arguments.seeds)
        )
    ]
    for seed, setup in sorted(rounds, key=lambda one: one[0]):
        compute(setup, seed, cases, arguments.work)
    write_page([json.loads(path.read_text()) for path in sorted(arguments.work.glob("*.json"))])


if __name__ == "__main__":
    main()
