"""The model judged: predicted against measured times of layers that it was not calibrated on."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.stats import kendalltau

from costmodels import ConvShape
from costmodels.latency import LatencyModel
from explorer.measurement.latency.cases import Case, balanced, prepared
from explorer.measurement.latency.timing import one_pass, settle_memory
from explorer.system.progress import Stage

__all__ = ["Judgement", "KernelScore", "Row", "held_out", "judge"]

PASSES, SECONDS_OF_CASE = 6, 0.004
NEAR = 0.10
MOST_WEIGHTS, MOST_MACS = 2_400_000, 500_000_000


@dataclass(frozen=True)
class Row:
    """One layer: its times in seconds; ``repeated`` is a second measurement, in turns with the first."""

    case: Case
    kernel: str
    predicted: float
    measured: float
    repeated: float

    @property
    def error(self) -> float:
        """Predicted over measured, less 1."""
        return self.predicted / self.measured - 1

    def to_json(self) -> dict[str, Any]:
        """Plain data, a row of the table; times in milliseconds."""
        case = self.case
        return {
            "kernel": self.kernel,
            "shape": str(case.shape),
            "stride": case.shape.stride[0],
            "scheme": case.scheme.brief(),
            "activation_bits": case.activation_bits,
            **{f"{name}_ms": 1e3 * getattr(self, name) for name in ("predicted", "measured", "repeated")},
        }


@dataclass(frozen=True)
class KernelScore:
    """How well a kernel's times are predicted.

    Args:
        kernel: its name.
        cases: layers.
        within: share predicted within 10% of the measured time.
        repeatable: share whose second measurement lies within 10% of the first: what any prediction can be held to.
        mape: mean absolute relative error.
        tau: Kendall's rank correlation.
    """

    kernel: str
    cases: int
    within: float
    repeatable: float
    mape: float
    tau: float


@dataclass(frozen=True)
class Judgement:
    """All rows, a score for each kernel, and one over all."""

    rows: tuple[Row, ...]
    kernels: tuple[KernelScore, ...]
    overall: KernelScore

    def to_json(self) -> dict[str, Any]:
        """Plain data: the scores, the one over all last."""
        return {"within": NEAR, "kernels": [asdict(score) for score in (*self.kernels, self.overall)]}


def held_out(shapes: Sequence[ConvShape], count: int, seed: int = 0) -> list[Case]:
    """So many distinct cases over these shapes, the kernels evenly; large layers left out.

    Layers of more than 2.4 M weights or 500 M multiply-accumulates take too long to lay out or to repeat.
    """
    generator = np.random.default_rng(seed)
    usable = [shape for shape in shapes if shape.weights <= MOST_WEIGHTS and shape.dense_macs <= MOST_MACS]
    found: dict[Case, None] = {}
    while len(found) < count:
        order = [usable[place] for place in generator.permutation(len(usable))]
        found |= dict.fromkeys(balanced(iter(order), count, generator, each=5))
    return list(found)[:count]


def judge(
    model: LatencyModel, cases: Sequence[Case], threads: int = 1, seed: int = 1, progress: bool | None = None
) -> Judgement:
    """Measures the cases twice, in turns, and compares. A time is the least of three passes' lower quartiles.

    Args:
        model: of this machine.
        cases: none of them of a shape that the calibration timed.
        threads: as calibrated.
        seed: of the weights and images that are timed.
        progress: whether a bar is shown; only in a terminal if None.

    Raises:
        CostModelError: a case runs in a kernel that is not calibrated.
    """
    generator = np.random.default_rng(seed)
    settle_memory()
    with Stage("timing held-out layers", len(cases) * (PASSES + 1), "run", shown=progress) as bar:
        layers, predicted = [], []
        for case in cases:
            layer, image, usage = prepared(case, generator)
            layer.run(image, threads)
            layers.append((layer, image))
            predicted.append(model.seconds(case.work(usage)))
            bar.update()
        times = [one_pass(layers, SECONDS_OF_CASE, threads, generator, bar.update) for _ in range(PASSES)]
    first, second = np.min(times[::2], axis=0), np.min(times[1::2], axis=0)
    rows = tuple(
        Row(case, case.kernel, *map(float, seconds))
        for case, *seconds in zip(cases, predicted, first, second, strict=True)
    )
    kernels = sorted({row.kernel for row in rows})
    scores = tuple(score(kernel, [row for row in rows if row.kernel == kernel]) for kernel in kernels)
    return Judgement(rows, scores, score("all kernels", rows))


def score(kernel: str, rows: Sequence[Row]) -> KernelScore:
    """The figures of these rows; tau of fewer than two is not defined, NaN."""
    predicted, measured, repeated = (
        np.array([getattr(row, name) for row in rows]) for name in ("predicted", "measured", "repeated")
    )
    errors = np.abs(predicted / measured - 1)
    return KernelScore(
        kernel,
        len(rows),
        within=float((errors <= NEAR).mean()),
        repeatable=float((np.abs(repeated / measured - 1) <= NEAR).mean()),
        mape=float(errors.mean()),
        tau=float(kendalltau(predicted, measured).statistic) if len(rows) > 1 else float("nan"),
    )
