"""The reference point of a front's hypervolume: fixed by the network where it can be, so that runs compare.

Source: the hypervolume is that of Zitzler & Thiele, IEEE Transactions on Evolutionary Computation 3(4), 1999.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from reports.front import front_hypervolume
from reports.records import Hypervolume
from reports.run_record import RunRecord

__all__ = ["front_volume", "reference_value"]

_WORST = {"accuracy": 0.0, "test_accuracy": 0.0, "agreement": 0.0, "test_agreement": 0.0, "distortion": 1.0}
"""Values that no useful design falls short of: nothing right, or the error of weights that are all zero."""


def front_volume(run: RunRecord) -> Hypervolume | None:
    """Hypervolume of the front in the first two objectives, with its reference point, for run.json.

    The reference is fixed by the network where it can be, so that runs compare: accuracy and agreement 0, distortion 1
    (all weights zero), storage of the float network. Otherwise it is the worst finite value measured. ``None`` with one
    objective or nothing finite measured.
    """
    objectives = run.info.objectives[:2]
    whole = run.info.float_network.storage_bytes
    reference = {
        objective.column: reference_value(objective.column, objective.direction, run.trials[objective.column], whole)
        for objective in objectives
    }
    if len(objectives) < 2 or not all(np.isfinite(value) for value in reference.values()):
        return None
    value = front_hypervolume(run.front, objectives, list(reference.values()))
    return Hypervolume(value=value, reference=reference)


def reference_value(column: str, direction: str, measured: Iterable[Any], float_storage_bytes: float | None) -> float:
    """The reference value of a column: see `front_volume`; NaN where nothing finite was measured."""
    whole = float_storage_bytes if column == "storage_bytes" else None
    fixed = _WORST.get(column, whole)
    if fixed is not None:
        return float(fixed)
    values = pd.Series(list(measured), dtype=object).to_numpy(dtype=float, na_value=np.nan)
    finite = values[np.isfinite(values)]
    return float(finite.min() if direction == "maximize" else finite.max()) if len(finite) else float("nan")
