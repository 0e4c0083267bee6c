"""The JSON files of a run folder as typed records: each is written from its record and read through it.

`RunInfo` is run.json, `DesignRecord` designs/ID.json and `TunedRecord` tuned/ID.json. `explorer.runs.schemas` writes
their JSON Schemas.
"""

from reports.records.design_record import DesignRecord, LayerRecord
from reports.records.facts import (
    Counts,
    Data,
    FloatNetwork,
    Hypervolume,
    Latency,
    Network,
    Objective,
    Space,
    Training,
    TrainingEpoch,
    UnknownOperation,
)
from reports.records.optimality_gap import Ablation, EpsilonGap, FormSaving, OptimalityGap, PairGap, SingleGap
from reports.records.run_info import RunInfo
from reports.records.tuned_record import TunedRecord

__all__ = [
    "Ablation",
    "Counts",
    "Data",
    "DesignRecord",
    "EpsilonGap",
    "FloatNetwork",
    "FormSaving",
    "Hypervolume",
    "Latency",
    "LayerRecord",
    "Network",
    "Objective",
    "OptimalityGap",
    "PairGap",
    "RunInfo",
    "SingleGap",
    "Space",
    "Training",
    "TrainingEpoch",
    "TunedRecord",
    "UnknownOperation",
]
