"""A synthetic run: made-up figures of the size that a real search has. Nothing in it was measured."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from costmodels.devices import load_device
from costmodels.network import NetworkSpec, TensorSpec
from reports.front import losses, non_dominated
from reports.records import DesignRecord, RunInfo
from reports.run_record import RunRecord

KIB = 1024
METHODS = ("dense", "pruned", "stacked-binary", "linear-representation", "sparse-basis", "lego-net")
SCHEMES = {
    "dense": ("dense(weight_bits=4)", {"weights": 0.97, "scales": 0.03}),
    "pruned": ("pruned(density=0.1, weight_bits=8, coefficients=bitmap)", {"weights": 0.44, "index": 0.56}),
    "stacked-binary": (
        "stacked-binary(segments=2, filters=1/4, scale=filter)",
        {"basis": 0.7, "selection": 0.2, "scales": 0.1},
    ),
    "linear-representation": (
        "linear-representation(templates=64, coefficient_bits=8)",
        {"coefficients": 0.6, "index": 0.25, "codebook": 0.15},
    ),
    "sparse-basis": (
        "sparse-basis(segments=4, filters=1/8, basis_bits=1, density=0.1, coefficient_bits=8)",
        {"basis": 0.3, "coefficients": 0.4, "index": 0.28, "scales": 0.02},
    ),
    "lego-net": ("lego-net(segments=2, filters=1/8)", {"basis": 0.8, "selection": 0.05, "scales": 0.15}),
}
FLASH_LIMIT = 112 * KIB
WEIGHTS, MACS = 131_520, 4_194_304


def metrics(storage: np.ndarray, accuracy: np.ndarray, data: bool) -> dict[str, Any]:
    columns: dict[str, Any] = {
        "storage_bytes": storage.astype(int),
        "flash_bytes": storage.astype(int) + 6 * KIB,
        "sram_bytes": 20 * KIB + storage.astype(int) // 64,
        "macs": MACS - storage.astype(int),
        "additions": 4 * storage.astype(int),
        "multiplications": storage.astype(int) // 8,
        "bit_ops": 64 * MACS + 512 * storage.astype(int),
        "compression_ratio": WEIGHTS * 4 / storage,
        "distortion": np.clip(1.2 * (1 - accuracy) ** 1.1 + 0.002, 0, None),
    }
    if data:
        columns |= {"loss": 3.2 * (1 - accuracy) + 0.05, "accuracy": accuracy, "test_accuracy": accuracy - 0.004}
    return columns


def synthetic_trials(count: int, seed: int, data: bool) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    storage = KIB * np.exp(random.uniform(np.log(7), np.log(260), count))
    method = random.integers(0, len(METHODS), count)
    ceiling = 0.985 - 0.55 * np.exp(-storage / KIB / 14) - 0.01 * (method % 3)
    accuracy = np.clip(ceiling - random.exponential(0.05, count), 0.1, 0.985).round(4)
    table = pd.DataFrame(metrics(storage, accuracy, data))
    second = random.integers(0, len(METHODS), count)
    table.insert(0, "trial", range(count))
    table.insert(1, "design", [f"d{index:04d}" for index in range(count)])
    table.insert(2, "state", "measured")
    table.insert(3, "feasible", table["flash_bytes"] <= FLASH_LIMIT)
    table.insert(4, "violated", ["" if fits else "flash" for fits in table["feasible"]])
    table.insert(5, "seconds", random.uniform(0.05, 0.3, count).round(3))
    table["main_method"] = [METHODS[index] for index in method]
    table["methods"] = [";".join(dict.fromkeys((METHODS[a], METHODS[b]))) for a, b in zip(method, second, strict=True)]
    failed = table.index[::61]
    numeric = list(metrics(storage, accuracy, data))
    table[numeric] = table[numeric].astype(float)
    table.loc[failed, numeric] = np.nan
    table.loc[failed, ["state", "feasible", "violated"]] = ["failed", False, ""]
    return table


def synthetic_layers(designs: pd.DataFrame, layers: int, names: list[str] | None) -> pd.DataFrame:
    rows = []
    for place, design in enumerate(designs.itertuples()):
        methods = design.methods.split(";")
        for index in range(layers):
            method = design.main_method if index % 3 else methods[-1]
            scheme, parts = SCHEMES[method]
            weights = 9 * 8 * 2 ** min(4 + index // 3, 9)
            bits = {part: int(weights * share * 32 / (4 + (index + place) % 20)) for part, share in parts.items()}
            rows.append(
                {
                    "design": design.design,
                    "layer": names[index] if names and index < len(names) else f"block{index // 2}.conv{index % 2 + 1}",
                    "method": method,
                    "scheme": scheme,
                    "shape": f"32->{weights // 288} 3x3 at 8x8",
                    "weights": weights,
                    "storage_bits": sum(bits.values()),
                    **{
                        f"bits_{part}": bits.get(part, 0)
                        for part in ("weights", "basis", "selection", "coefficients", "index", "codebook", "scales")
                    },
                    "macs": weights * 64,
                    "additions": weights * 8,
                    "multiplications": 0,
                    "bit_ops": weights * 640,
                    "execution": "shared-maps" if index % 2 else "direct",
                    "scratch_bytes": 512 * (index % 2),
                    "distortion": 0.01 * (1 + index % 7),
                    "sqnr_db": -10 * np.log10(0.01 * (1 + index % 7)),
                }
            )
    return pd.DataFrame(rows)


def synthetic_baselines(data: bool) -> pd.DataFrame:
    bits = np.array([1, 2, 3, 4, 5, 6, 8, 16])
    accuracy = np.array([0.31, 0.62, 0.902, 0.951, 0.968, 0.976, 0.981, 0.982])
    table = pd.DataFrame(metrics(WEIGHTS * bits / 8 + 1024, accuracy, data))
    table.insert(0, "name", [f"dense {width} bits" for width in bits])
    table.insert(1, "weight_bits", bits)
    table.insert(2, "feasible", table["flash_bytes"] <= FLASH_LIMIT)
    table.insert(3, "violated", ["" if fits else "flash" for fits in table["feasible"]])
    table.insert(4, "design", [f"u{width:02d}" for width in bits])
    table["main_method"] = table["methods"] = "dense"
    return table


OBJECTIVES = {
    "accuracy": {"name": "accuracy", "column": "accuracy", "direction": "maximize", "unit": "share"},
    "storage": {"name": "storage", "column": "storage_bytes", "direction": "minimize", "unit": "bytes"},
    "flash": {"name": "flash", "column": "flash_bytes", "direction": "minimize", "unit": "bytes"},
    "bit-ops": {"name": "bit-ops", "column": "bit_ops", "direction": "minimize", "unit": "bit-ops"},
    "distortion": {"name": "distortion", "column": "distortion", "direction": "minimize", "unit": ""},
}


def synthetic_info(objectives: tuple[str, ...], data: bool, layers: int) -> dict[str, Any]:
    return {
        "filterfront": "0.1.0",
        "created": "2026-11-20T09:36:00+00:00",
        "command": "filterfront search --device stm32l432 --seed 7  # SYNTHETIC: no search was run",
        "configuration": {"sampler": "tpe", "trials": 500, "keep": ["first"]},
        "versions": {"python": "3.11.9", "torch": "2.13.0", "optuna": "5.0.0", "numpy": "2.4.6"},
        "seed": 7,
        "conventions": [
            {
                "key": "index",
                "statement": "Index and selection bits are always counted, packed to ceil(log2 k) bits each.",
            },
            {
                "key": "bit-ops",
                "statement": "bit_ops = sum over MAC of weight bits x activation bits; merges count at 32 bits.",
            },
        ],
        "references": [
            {
                "key": "lan2021stacking",
                "authors": "Weichao Lan, Liang Lan",
                "title": "Compressing Deep Convolutional Neural Networks by Stacking Low-dimensional Binary "
                "Convolution Filters",
                "venue": "AAAI",
                "year": 2021,
                "url": "https://doi.org/10.1609/aaai.v35i9.17002",
            }
        ],
        "network": {
            "name": "synthetic-cnn",
            "digest": "sha256:00ff",
            "layers": layers,
            "weights": WEIGHTS,
            "dense_macs": MACS,
            "weights_origin": "synthetic: no weights exist",
            "unknown_operations": [{"name": "roll_1", "kind": "aten.roll", "reason": "no rule for it"}],
            "kept_dense": ["block0.conv1"],
        },
        "data": {"name": "synthetic", "origin": "made up for the tests", "train": 1000, "validation": 300, "test": 497}
        if data
        else None,
        "device": load_device("stm32l432").to_json(),
        "activation_bits": 8,
        "objectives": [OBJECTIVES[name] for name in objectives],
        "budgets": [
            {
                "name": "flash",
                "column": "flash_bytes",
                "limit": FLASH_LIMIT,
                "unit": "bytes",
                "origin": "stm32l432: 256 KiB usable less 144 KiB reserve",
            },
            {"name": "sram", "column": "sram_bytes", "limit": 64 * KIB, "unit": "bytes", "origin": "stm32l432: 64 KiB"},
        ],
        "counts": {"trials": 500, "measured": 470, "repeated": 21, "feasible": 340, "failed": 9},
        "seconds": {"fitting": 21.5, "search": 44.25},
        "float": {"accuracy": 0.9822, "loss": 0.061, "test_accuracy": 0.979, "storage_bytes": WEIGHTS * 4}
        if data
        else {"accuracy": None, "loss": None, "test_accuracy": None, "storage_bytes": WEIGHTS * 4},
        "status": "done",
    }


def synthetic_design(name: str) -> DesignRecord:
    """A design of a network without layers."""
    return DesignRecord(
        design=name,
        network=NetworkSpec("synthetic-cnn", (), (TensorSpec("image", 1),), (), ("image",), ("image",)),
        weights_digest="sha256:00ff",
        activation_bits=8,
        sram_limit_bytes=None,
        fit_seed=7,
        activation_ranges={"image": (0.0, 1.0)},
        batch_statistics={},
        layers={},
        figures={"storage_bytes": 4096, "accuracy": 0.9, "main_method": "dense"},
    )


def synthetic_run(
    objectives: tuple[str, ...] = ("accuracy", "storage"),
    data: bool = True,
    layers: int = 20,
    trials: int = 500,
    names: list[str] | None = None,
) -> RunRecord:
    info = RunInfo.parse(synthetic_info(objectives, data, layers), "run.json")
    table = synthetic_trials(trials, 7, data)
    feasible = table[table["feasible"]]
    columns = [
        "design",
        *(
            name
            for name in table.columns
            if name not in ("trial", "design", "state", "feasible", "violated", "seconds")
        ),
    ]
    front = feasible[non_dominated(losses(feasible, info.objectives), distinct=True)][columns].reset_index(drop=True)
    whole = [name for name in metrics(np.ones(1), np.ones(1), False) if name not in ("compression_ratio", "distortion")]
    front[whole] = front[whole].astype(int)
    return RunRecord(
        info=info,
        trials=table,
        front=front,
        layers=synthetic_layers(front, layers, names),
        baselines=synthetic_baselines(data),
        designs={name: synthetic_design(name) for name in front["design"]},
    )


@pytest.fixture(scope="session")
def run() -> RunRecord:
    return synthetic_run()


@pytest.fixture(scope="session")
def make_run() -> Callable[..., RunRecord]:
    return synthetic_run
