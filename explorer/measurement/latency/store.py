"""Calibrations on disk, as JSON under the cache folder; one file for each machine and number of threads."""

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from costmodels import CostModelError
from costmodels.latency import LatencyModel
from explorer.system.cache_folder import cache_folder
from reports.atomic_write import whole_file

__all__ = ["Calibration", "calibration_path", "read_calibration", "write_calibration"]

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Calibration:
    """A calibrated machine.

    Args:
        model: its rates.
        cases: how many layers were timed.
        seconds: how long that took.
        error: the median relative error of the model on these layers themselves.
    """

    model: LatencyModel
    cases: int
    seconds: float
    error: float

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "machine": dict(self.model.machine),
            "rates": {kernel: dict(rates) for kernel, rates in self.model.rates.items()},
            "cases": self.cases,
            "seconds": self.seconds,
            "error": self.error,
        }


def calibration_path(facts: Mapping[str, str]) -> Path:
    """Where the calibration of these facts lies."""
    return cache_folder() / "latency" / f"{_digest(dict(facts))[:32]}.json"


def read_calibration(facts: Mapping[str, str]) -> Calibration | None:
    """The calibration of a machine; none where there is none, or where its file is damaged, which a warning says."""
    path = calibration_path(facts)
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        if plain.pop("digest") != _digest(plain):
            raise ValueError("its content does not have the digest that was written with it")
        if plain["machine"] != dict(facts):
            raise ValueError("it is of another machine")
        model = LatencyModel(plain["rates"], plain["machine"])
        return Calibration(model, int(plain["cases"]), float(plain["seconds"]), float(plain["error"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, CostModelError) as error:
        _LOG.warning("%s is damaged and is measured again: %s", path, error)
        return None


def write_calibration(calibration: Calibration) -> None:
    """Keeps a calibration, under a temporary name until it is whole; where that fails, a warning says so."""
    plain = calibration.to_json()
    path = calibration_path(calibration.model.machine)
    try:
        with whole_file(path, durable=False) as unfinished:
            unfinished.write_text(json.dumps({**plain, "digest": _digest(plain)}, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        _LOG.warning("the calibration is not kept: %s", error)


def _digest(plain: Any) -> str:
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()
