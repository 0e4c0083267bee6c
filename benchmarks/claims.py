"""The papers' claims, tested on trained networks; fills docs/explanation/claims.md.

    python benchmarks/claims.py [--networks resnet8,resnet20] [--claims NAME,...] [--methods TEXT,...] [--epochs 0,2,6]
                                [--seeds N] [--first-seed K] [--results benchmarks/claims.jsonl]

Every method compresses all layers of a trained network but the first and the last, and those that cannot take it, which
are stored with 8 bits. Layers are fitted to images, as a search does it, and measured with 8-bit activations; then they
are fitted in sequence, and trained in compressed form from there: for so many epochs each, under a schedule of that
length. Of a method with a choice of settings each layer has one of its own: the design of least output noise is taken
of those that need no more storage than the claim allows, which is found exactly.

Each result is added to ``--results`` as it comes. What is there is not computed again, and a training that was killed
goes on, so the work can be done in parts; ``--seeds 0`` writes the page of what is there.
"""

import argparse
import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from claims_cases import CASES, SETUPS, Case, Setup
from claims_page import write_page
from torch import Tensor

from costmodels import Dense, parse_scheme
from costmodels.errors import SchemeError
from costmodels.text import resolve_all
from explorer.config.search import make_config
from explorer.data.sources import load_data
from explorer.finetuning.fine_tune import fine_tune
from explorer.measurement.calibration import Calibration
from explorer.measurement.quality_meter import QualityMeter
from explorer.search.evaluators import make_calibration, make_evaluator, make_quality_meter
from explorer.search.fitted_space import fit_space
from explorer.search.workload import load_workload, open_network
from explorer.training.checkpoint import Checkpoint
from explorer.training.tuning_recipe import TuningRecipe
from searches.design import Design
from searches.errors import InfeasibleError
from searches.figures import NOISE, STORAGE
from searches.pairs import pair_front
from searches.space import build_space

BITS = 8
"""Of activations, and of the weights of layers that a method leaves out."""

AVERAGING = 0.99
KEY = ("network", "claim", "method", "seed", "epochs")
Key = tuple[str, str, str, int, int]


class Workbench:
    """A network of one seed, with what measures its designs."""

    def __init__(self, setup: Setup, seed: int) -> None:
        self.setup, self.seed = setup, seed
        images = {"validation_images": setup.validation_images} if setup.validation_images else {}
        own = seed if setup.weights is None else 0
        config = make_config(network=setup.network, weights=setup.weights, data=setup.data, seed=own, **images)
        dataset = load_data(setup.data)
        dataset = replace(dataset, train=dataset.train.of(slice(setup.train_images)))
        self.workload = load_workload(config, *open_network(config, dataset), dataset)
        assert self.workload.dataset is not None
        self.dataset = self.workload.dataset
        calibration, meter = make_calibration(config, self.workload), make_quality_meter(config, self.workload)
        assert calibration is not None
        assert meter is not None
        self.calibration: Calibration = calibration
        self.meter: QualityMeter = meter.calibrated(calibration)
        self.evaluator = make_evaluator(
            config, self.workload, None, quality=self.meter, calibration=calibration, workers=1
        )
        self.shapes = {layer.name: layer.shape for layer in self.workload.traced.spec.layers}
        self.ends = frozenset((next(iter(self.shapes)), next(reversed(self.shapes))))
        self.float = self.meter.measure({}, "test").accuracy

    def alike(self, text: str) -> Design:
        """The scheme on every layer but the first and the last, and those that cannot take it."""
        return Design(resolve_all(parse_scheme(text), self.shapes, self.ends, Dense(weight_bits=BITS))[0])

    def design(self, case: Case) -> Design | None:
        """The setting, or the design of least output noise within the limit; None where none is within it."""
        if case.setting:
            return self.alike(case.setting)
        spec, fixed = self.workload.traced.spec, dict.fromkeys(self.ends, Dense(weight_bits=BITS))
        space = build_space(spec, case.grid, fixed | dict.fromkeys(self._without(case), Dense(weight_bits=BITS)))
        tables = fit_space(space, self.evaluator)
        assert tables is not None
        limit = self.evaluator.cost(self.alike(case.limit)).storage_bytes
        try:
            front = pair_front(tables, (STORAGE, NOISE), {STORAGE: limit}).front
        except InfeasibleError:
            return None
        best = front.designs[-1]  # the first figure ascends and the second descends
        pairs = zip(tables.layers, best, strict=True)
        return Design({table.layer: table.schemes[int(choice)] for table, choice in pairs})

    def _without(self, case: Case) -> list[str]:
        """Layers that can take nothing of the grid."""
        return [name for name, shape in self.shapes.items() if not any(_takes(form, case, shape) for form in case.grid)]

    def result(self, design: Design, epochs: int, checkpoint: Path) -> dict[str, Any]:
        """Figures of a design before and after fine-tuning."""
        module, example = self.workload.loaded.module, self.workload.loaded.example_input
        assert isinstance(example, Tensor)
        kept = Checkpoint(checkpoint)
        tuned = fine_tune(
            *(module, example, self.evaluator.fitted_layers(design), self.dataset, BITS),
            recipe=TuningRecipe(epochs=epochs, averaging=AVERAGING),
            seed=self.seed,
            checkpoint=kept,
            calibration=self.calibration,
            bias_bits=self.evaluator.bias_bits,
            meter=self.meter,
        )
        kept.remove()
        cost = self.evaluator.cost(design)
        after = tuned.after["test"]
        return {
            "storage_bits": cost.storage_bits,
            "compression_ratio": round(cost.compression_ratio, 3),
            "float": self.float,
            "fitted": tuned.reestimated["test"].accuracy,
            "accuracy": after.accuracy,
            "loss": after.loss and round(after.loss, 5),
            "validation": tuned.after["validation"].accuracy,
            "images": len(self.dataset.part("test")),
            "best_epoch": tuned.best_epoch,
            "seconds": round(tuned.seconds, 1),
        }


def _takes(form: str, case: Case, shape: Any) -> bool:
    try:
        space = {key: str(values[0]) for key, values in case.grid[form].items()}
        parse_scheme(f"{form}({', '.join(f'{key}={value}' for key, value in space.items())})").resolve(shape)
    except SchemeError:
        return False
    return True


def compute(setup: Setup, seed: int, asked: Sequence[tuple[int, Case]], results: Path) -> None:
    """What is missing of one network and seed: trainings of so many epochs."""
    known = {_key(one) for one in read(results)}
    keyed = [((setup.name, case.claim, case.method, seed, epochs), case) for epochs, case in asked]
    missing = [(key, case) for key, case in keyed if key not in known]
    bench = Workbench(setup, seed) if missing else None
    designs: dict[tuple[str, str], Design | None] = {}
    for key, case in missing:
        assert bench is not None
        if (case.claim, case.method) not in designs:
            designs[case.claim, case.method] = bench.design(case)
        design = designs[case.claim, case.method]
        if design is None:
            print(f"{', '.join(map(str, key))}: nothing within the storage of {case.limit}", flush=True)
            continue
        name = hashlib.sha256(json.dumps(key).encode()).hexdigest()[:16]
        found = bench.result(design, key[-1], results.with_name(f".{name}.checkpoint.pt"))
        schemes = {layer: str(scheme) for layer, scheme in design.schemes.items()}
        with results.open("a", encoding="utf-8") as file:
            file.write(json.dumps({**dict(zip(KEY, key, strict=True)), **found, "design": schemes}) + "\n")
        change = f"{found['fitted']:.2%} -> {found['accuracy']:.2%}, float {found['float']:.2%}"
        print(f"{', '.join(map(str, key))}: {found['compression_ratio']:.1f}x, {change}", flush=True)


def read(results: Path) -> list[dict[str, Any]]:
    """All results that were written whole."""
    lines = results.read_text(encoding="utf-8").splitlines() if results.exists() else []
    return [json.loads(line) for line in lines if line.endswith("}")]


def _key(result: dict[str, Any]) -> Key:
    network, claim, method, seed, epochs = (result[name] for name in KEY)
    return network, claim, method, seed, epochs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", default="", help="those whose names begin so, by commas; all by default")
    parser.add_argument("--claims", default=",".join(dict.fromkeys(case.claim for case in CASES)))
    parser.add_argument("--methods", default="", help="those that begin so, by commas; all by default")
    parser.add_argument("--epochs", help="by commas; all of a network by default")
    parser.add_argument("--seeds", type=int, help="how many; by default as many as the network has")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--results", type=Path, default=Path(__file__).with_name("claims.jsonl"))
    given = parser.parse_args()
    cases = [case for case in CASES if case.claim in given.claims.split(",") and _begins(case.method, given.methods)]
    chosen = [setup for setup in SETUPS if _begins(setup.name, given.networks)]
    for number in range(max(setup.seeds for setup in SETUPS) if given.seeds is None else given.seeds):
        for setup in chosen:
            if given.seeds is None and number >= setup.seeds:
                continue
            epochs = setup.epochs if given.epochs is None else [int(text) for text in given.epochs.split(",")]
            asked = [(count, case) for count in epochs for case in cases]
            compute(setup, given.first_seed + number, asked, given.results)
    write_page(read(given.results))


def _begins(name: str, texts: str) -> bool:
    return any(name.lower().startswith(text.lower()) for text in texts.split(","))


if __name__ == "__main__":
    main()
