"""A small network (a convolution, a depthwise one, a residual sum, a linear layer) and a search on it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from optuna.storages import InMemoryStorage

from costmodels import ConvShape, LayerSpec, NetworkSpec, Operation, TensorSpec, network_cost
from searches.candidate_tables import candidate_tables
from searches.constraints import Budget
from searches.design import Design
from searches.guided.space_tables import make_problem_tables
from searches.objectives import find_objectives
from searches.samplers import GUIDED
from searches.space import Grid, build_space
from searches.storage import open_storage
from searches.study import Problem, SearchResult, open_study, run_study

SMALL_GRID: Grid = {
    "dense": {"weight_bits": (1, 2, 4)},
    "stacked-binary": {"segments": (1, 2), "filters": ("1/2", "1/1")},
}


def step(name: str, kind: str, inputs: tuple[str, ...], output: str, layer: str | None = None) -> Operation:
    status, reason = ("counted", "") if layer else ("free", "no arithmetic that is counted")
    return Operation(name, kind, inputs, output, status, reason, layer)


NETWORK = NetworkSpec(
    name="small",
    layers=(
        LayerSpec("stem", ConvShape(4, 2, (3, 3), (6, 6), padding=(1, 1)), bias=True),
        LayerSpec("depthwise", ConvShape(4, 4, (3, 3), (6, 6), padding=(1, 1), groups=4), normalization=True),
        LayerSpec("mix", ConvShape(4, 4, (3, 1), (6, 6), padding=(1, 0)), normalization=True, calls=2),
        LayerSpec("head", ConvShape(3, 4, (1, 1), (1, 1)), bias=True),
    ),
    tensors=tuple(
        TensorSpec(name, elements)
        for name, elements in {"in": 72, "a": 144, "b": 144, "c": 144, "d": 144, "e": 144, "p": 4, "out": 3}.items()
    ),
    operations=(
        step("stem", "conv2d", ("in",), "a", "stem"),
        step("depthwise", "conv2d", ("a",), "b", "depthwise"),
        step("mix", "conv2d", ("b",), "c", "mix"),
        step("mix_again", "conv2d", ("c",), "d", "mix"),
        step("add", "add", ("a", "d"), "e"),
        step("pool", "mean", ("e",), "p"),
        step("head", "linear", ("p",), "out", "head"),
    ),
    inputs=("in",),
    outputs=("out",),
)


class Evaluate:
    """Counted costs, and a made-up distortion that depends on the design alone; remembers what it was asked."""

    def __init__(self, fails_at: int | None = None, error: BaseException | None = None) -> None:
        self.designs: list[str] = []
        self.fails_at, self.error = fails_at, error

    def __call__(self, design: Design) -> dict[str, Any]:
        if self.error is not None and len(self.designs) == self.fails_at:
            raise self.error
        name = design.id
        self.designs.append(name)
        cost = network_cost(NETWORK, design.schemes)
        return {
            "distortion": int(name, 16) / 16**10,
            "storage_bytes": cost.storage_bytes,
            "flash_bytes": cost.flash_bytes,
            "bit_ops": cost.bit_ops,
        }


def make_problem(
    evaluate: Callable[[Design], Any],
    *,
    grid: Grid = SMALL_GRID,
    flash: int = 240,
    signature: Mapping[str, Any] = MappingProxyType({"network": "small", "seed": 3}),
) -> Problem:
    return Problem(
        space=build_space(NETWORK, grid),
        objectives=find_objectives(["distortion", "storage"], has_data=False),
        budgets=(Budget("flash", "flash_bytes", flash, "bytes", "test"),),
        evaluate=evaluate,
        signature=signature,
    )


def run_search(
    path: Path | None, problem: Problem, trials: int, *, sampler: str = "random", seed: int = 3, resume: bool = False
) -> SearchResult:
    """One whole command: the storage opened afresh (in memory without a path), the study opened, the trials run."""
    if sampler == GUIDED and problem.tables is None:
        tables = candidate_tables(NETWORK, {layer.name: layer.candidates for layer in problem.space.layers})
        proxies = {table.layer: 1 / table.columns["storage_bits"][:, None] for table in tables.layers}
        problem = replace(
            problem, tables=make_problem_tables(problem.space, tables, problem.objectives, problem.budgets, proxies)
        )
    study = open_study(problem, open_storage(path) if path else InMemoryStorage(), "search", resume)
    return run_study(study, problem, sampler, seed, trials)


@pytest.fixture(scope="session")
def network() -> NetworkSpec:
    return NETWORK


@pytest.fixture(scope="session", name="Evaluate")
def evaluate_class() -> type[Evaluate]:
    return Evaluate


@pytest.fixture(scope="session", name="make_problem")
def problem_maker() -> Callable[..., Problem]:
    return make_problem


@pytest.fixture(scope="session", name="run_search")
def search_runner() -> Callable[..., SearchResult]:
    return run_search
