"""What ``filterfront validate`` runs: exact sections, the other counters, the judged times; and their tables."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from costmodels.network import NetworkSpec
from costmodels.schemes import SCHEMES
from costmodels.validation.checks import counted_operations, network_packing, packed_bits, packing_cases
from costmodels.validation.published import PUBLISHED, check_published
from costmodels.validation.results import Check
from costmodels.validation.torch_counts import torch_operations
from explorer.measurement.latency.calibration import latency_calibration
from explorer.measurement.latency.judge import Judgement, held_out, judge
from explorer.networks.trace import trace
from explorer.networks.zoo import ZOO, build
from explorer.system.progress import Stage
from explorer.validation.kernel_outputs import check_kernels
from explorer.validation.qonnx_counts import qonnx_missing
from explorer.validation.reconcile import Reconciliation, reconcile
from reports.atomic_write import write_files
from reports.csv_tables import rows_csv
from reports.figures import figure_bytes
from reports.latency_figure import draw_latency, latency_info

__all__ = ["Effort", "Validation", "validate", "write_validation"]

DPI = 160


@dataclass(frozen=True)
class Effort:
    """How much is checked.

    Args:
        packed: random layers of each scheme that are packed.
        counted: those that are run in plain loops, which count.
        expanded: those whose torch operations are counted by torch.
        run: those that the compiled kernels run.
        largest: most weights of a layer of the zoo that is packed; without limit if none.
        exported: most weights of a network that qonnx counts; without limit if none.
        timed: layers of the zoo whose predicted time is held against the measured one; 0 for none.
        seed: of the random layers.
    """

    packed: int = 500
    counted: int = 400
    expanded: int = 100
    run: int = 90
    largest: int | None = None
    exported: int | None = None
    timed: int = 220
    seed: int = 0

    @classmethod
    def quick(cls, seed: int = 0) -> "Effort":
        """Well under a minute on one core."""
        return cls(packed=100, counted=60, expanded=20, run=18, largest=150_000, exported=500_000, timed=0, seed=seed)


@dataclass(frozen=True)
class Validation:
    """What was found."""

    checks: tuple[Check, ...]
    networks: tuple[Reconciliation, ...]
    times: Judgement | None = None

    @property
    def agrees(self) -> bool:
        """Nothing is off by anything; times are measured, and have no part in it."""
        return all(check.agrees for check in self.checks) and all(network.agrees for network in self.networks)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "agrees": self.agrees,
            "checks": [check.to_json() for check in self.checks],
            "networks": [network.to_json() for network in self.networks],
            "times": None if self.times is None else self.times.to_json(),
        }


@dataclass(frozen=True)
class _Section:
    """A part of the validation: how many steps its progress has, and what gives its checks."""

    steps: int
    run: Callable[[Callable[[], object]], tuple[Check, ...]]


def validate(effort: Effort) -> Validation:
    """Runs every section, with a progress bar on a terminal."""
    networks, specs = [], []
    with Stage("reconciling networks", len(ZOO), "network") as bar:
        for name in ZOO:
            module, example = build(name)
            spec = trace(module, example, name).spec
            within = effort.exported is None or spec.weights <= effort.exported
            networks.append(reconcile(module, example, spec, qonnx=within and not qonnx_missing()))
            specs.append(spec)
            bar.update()
    sections = _sections(effort, specs)
    checks: list[Check] = []
    with Stage("checking", sum(part.steps for part in sections), "layer") as bar:
        for part in sections:
            checks += part.run(bar.update)
    return Validation(tuple(checks), tuple(networks), _times(effort, specs) if effort.timed else None)


def _times(effort: Effort, specs: Sequence[NetworkSpec]) -> Judgement:
    """Calibrates the kernels' times first, where that was not done on this machine."""
    shapes = list(dict.fromkeys(layer.shape for spec in specs for layer in spec.layers))
    model = latency_calibration().model
    return judge(model, held_out(shapes, effort.timed, effort.seed))


def _sections(effort: Effort, specs: Sequence[NetworkSpec]) -> list[_Section]:
    kinds, seed = len(SCHEMES), effort.seed
    layers = packing_cases(specs, effort.largest)
    return [
        _Section(kinds * effort.packed, lambda tick: packed_bits(effort.packed, seed, tick)),
        _Section(len(layers), lambda tick: network_packing(layers, seed, tick)),
        _Section(kinds * effort.counted, lambda tick: counted_operations(effort.counted, seed, tick)),
        _Section(kinds * effort.expanded, lambda tick: torch_operations(effort.expanded, seed, tick)),
        _Section(kinds * effort.run, lambda tick: check_kernels(effort.run, seed, tick)),
        _Section(len(PUBLISHED), check_published),
    ]


def write_validation(folder: Path, found: Validation) -> None:
    """Writes checks.csv and networks.csv; where times were judged, times.csv and times.png too.

    Raises:
        ReportError: the folder cannot be written.
    """
    tables = {
        "checks.csv": [check.to_json() for check in found.checks],
        "networks.csv": [network.to_json() for network in found.networks],
    }
    if found.times is not None:
        tables["times.csv"] = [row.to_json() for row in found.times.rows]
    files = {name: rows_csv(rows, list(rows[0]), name) for name, rows in tables.items()}
    if found.times is not None:
        files["times.png"] = figure_bytes(draw_latency(latency_info(found.times.rows)), "png", DPI)
    write_files(folder, files)
