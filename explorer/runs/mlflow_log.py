"""A search in MLflow: one run with its configuration, a step for each trial, a child run for each design of the front,
and the report and its tables as artifacts."""

import logging
import math
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import pandas as pd

from explorer.config.search import SearchConfig
from explorer.system.errors import ConfigError
from reports.atomic_write import write_files
from reports.json_files import json_bytes, read_json
from reports.named_figure import known_figures
from reports.recommendation import recommended
from reports.run_record import RunRecord
from searches.passwords import keep_secret, masked, without_password

__all__ = ["NOTE_FILE", "MlflowLog", "open_log"]

NOTE_FILE = "mlflow.json"
"""In a run folder: the run of MLflow that it is logged to, which a resumed search goes on with."""

EXPERIMENT, PARENT = "filterfront", "mlflow.parentRunId"
ARTIFACTS = ("run.json", "report.html", "*.csv", "*.parquet", "front.png", "front.svg", "layers.png", "gap*.png")
MOST_METRICS, MOST_PARAMETERS, MOST_LETTERS = 1000, 100, 500
"""Of one request, and of a parameter, as MLflow takes them."""


class MlflowLog(AbstractContextManager["MlflowLog"]):
    """A run of MLflow that a search is logged to. What is raised within it ends the run as failed.

    Args:
        client: ``mlflow.MlflowClient``.
        address: of the tracking server or database.
        run_id: of the run.
        experiment: its id.
    """

    def __init__(self, client: Any, address: str, run_id: str, experiment: str) -> None:
        self._client, self._address, self.run_id, self._experiment = client, address, run_id, experiment

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            with suppress(Exception):  # what was raised is what is said
                self._client.set_terminated(self.run_id, "FAILED")

    def finish(self, run: RunRecord, folder: Path, interrupted: bool) -> None:
        """Logs what a search has found, and ends the run.

        Args:
            run: what its folder holds.
            folder: with the report.
            interrupted: whether it was stopped before its end.

        Raises:
            ConfigError: MLflow refuses it or cannot be reached.
        """
        with said(self._address):
            self._log_trials(run)
            self._log_front(run)
            for pattern in ARTIFACTS:
                for path in sorted(folder.glob(pattern)):
                    self._client.log_artifact(self.run_id, str(path))
            self._client.set_terminated(self.run_id, "KILLED" if interrupted else "FINISHED")

    def _log_trials(self, run: RunRecord) -> None:
        """The figures of every measured trial, with its number as the step."""
        from mlflow.entities import Metric

        measured = run.trials[run.trials["state"] == "measured"] if len(run.trials) else run.trials
        now = int(1000 * time.time())
        metrics = [
            Metric(name, value, now, int(row["trial"]))
            for row in measured.to_dict("records")
            for name, value in _numbers(row, known_figures(run)).items()
        ]
        for place in range(0, len(metrics), MOST_METRICS):
            self._client.log_batch(self.run_id, metrics=metrics[place : place + MOST_METRICS])

    def _log_front(self, run: RunRecord) -> None:
        """A child run for each design of the front, in the place of those that were logged before."""
        from mlflow.entities import Metric, Param

        where = f"tags.`{PARENT}` = '{self.run_id}'"
        for old in self._client.search_runs([self._experiment], where):
            self._client.delete_run(old.info.run_id)
        first, now = recommended(run), int(1000 * time.time())
        for row in run.front.to_dict("records"):
            design = str(row["design"])
            tags = {PARENT: self.run_id, "recommended": str(first is not None and first.design == design).lower()}
            child = self._client.create_run(self._experiment, tags=tags, run_name=design).info.run_id
            layers = {f"layer.{name}": own.scheme for name, own in run.designs[design].layers.items()}
            facts = {"main_method": row["main_method"], "activation_bits": run.designs[design].activation_bits}
            parameters = [Param(_name(name), _short(value)) for name, value in {**facts, **layers}.items()]
            metrics = [Metric(name, value, now, 0) for name, value in _numbers(row, known_figures(run)).items()]
            self._client.log_batch(child, metrics=metrics, params=parameters[:MOST_PARAMETERS])
            self._client.set_terminated(child)


def open_log(address: str, folder: Path, config: SearchConfig | None = None) -> MlflowLog:
    """The run of MLflow that a run folder is logged to: a new one, with the configuration, unless the folder notes one
    of the same address.

    Args:
        address: of a tracking server, or of a database such as ``sqlite:///mlflow.db``.
        folder: of the run.
        config: of the search; None for one whose run.json holds it.

    Raises:
        ConfigError: MLflow is missing, refuses it or cannot be reached.
    """
    keep_secret(address)
    with said(address):
        from mlflow import MlflowClient

        logging.getLogger("mlflow").setLevel(logging.WARNING)
        client = MlflowClient(tracking_uri=address)
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", EXPERIMENT)
        found = client.get_experiment_by_name(name)
        experiment = client.create_experiment(name) if found is None else found.experiment_id
        noted = _noted(folder)
        if noted.get("address") == masked(address):
            client.update_run(noted["run"], status="RUNNING")
            return MlflowLog(client, address, noted["run"], experiment)
        options = read_json(folder / "run.json")["configuration"] if config is None else config.to_json()
        run_id = client.create_run(experiment, run_name=folder.resolve().name).info.run_id
        _log_options(client, run_id, options)
    note = {"address": masked(address), "experiment": name, "run": run_id}
    write_files(folder, {NOTE_FILE: json_bytes(note, NOTE_FILE)})
    return MlflowLog(client, address, run_id, experiment)


@contextmanager
def said(address: str) -> Iterator[None]:
    """Whatever MLflow raises within it is one line.

    Raises:
        ConfigError: it raised something.
    """
    try:
        yield
    except ImportError as error:
        remedy = "pip install 'filterfront[mlflow]', or leave --mlflow out"
        raise ConfigError("--mlflow needs MLflow", without_password(str(error)), remedy) from error
    except ConfigError:
        raise
    except Exception as error:  # its stores, its client and the network raise kinds of their own
        reason = without_password(" ".join(str(error).split()).replace(address, masked(address)))[:MOST_LETTERS]
        remedy = "check the address, such as http://host:5000 or sqlite:///mlflow.db, or leave --mlflow out"
        raise ConfigError("a run can be logged to MLflow", f"{masked(address)} ({reason})", remedy) from error


def _noted(folder: Path) -> Mapping[str, str]:
    path = folder / NOTE_FILE
    plain = read_json(path) if path.is_file() else {}
    is_whole = {"address", "run"} <= plain.keys() and all(isinstance(value, str) for value in plain.values())
    return plain if is_whole else {}


def _log_options(client: Any, run_id: str, options: Mapping[str, Any]) -> None:
    from mlflow.entities import Param

    given = {name: value for name, value in options.items() if value not in (None, [], {}, ())}
    parameters = [Param(_name(name), _short(value)) for name, value in given.items()]
    for place in range(0, len(parameters), MOST_PARAMETERS):
        client.log_batch(run_id, params=parameters[place : place + MOST_PARAMETERS])


def _numbers(row: Mapping[Any, Any], names: Sequence[str]) -> dict[str, float]:
    """The finite numbers of a row."""
    found = {name: row[name] for name in names if name in row and not isinstance(row[name], str)}
    return {name: float(value) for name, value in found.items() if not pd.isna(value) and math.isfinite(value)}


def _name(text: str) -> str:
    """A name with the letters that MLflow takes."""
    return "".join(letter if letter.isalnum() or letter in "_-. /" else "_" for letter in text)[:250]


def _short(value: Any) -> str:
    return str(value)[:MOST_LETTERS]
