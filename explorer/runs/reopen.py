"""A run folder opened again: the network, data and designs of its search, refused where they are no longer the same."""

from dataclasses import dataclass
from pathlib import Path

from costmodels import parse_scheme
from explorer.config.given import NOTHING_GIVEN, Given
from explorer.config.search import SearchConfig
from explorer.data import Metric
from explorer.measurement.design_evaluator import DesignEvaluator
from explorer.runs.recorded_config import recorded_config
from explorer.search.evaluators import make_calibration, make_evaluator, make_quality_meter
from explorer.search.workload import Workload, load_workload, open_data, open_network
from explorer.system.errors import ConfigError
from reports.run_folder import read_run
from reports.run_record import RunRecord
from searches.design import Design

__all__ = ["Reopened", "reopen"]


@dataclass(frozen=True, eq=False)
class Reopened:
    """A finished search, ready to work on its designs.

    Args:
        run: what the folder holds.
        config: of the search.
        workload: network and data.
        evaluator: measures as it did.
    """

    run: RunRecord
    config: SearchConfig
    workload: Workload
    evaluator: DesignEvaluator

    def design(self, name: str) -> Design:
        """A design of the front, as the search chose it.

        Raises:
            ConfigError: there is no such design.
        """
        recorded = self.run.designs[name]
        schemes = {
            layer.name: parse_scheme(recorded.layers[layer.name].scheme).resolve(layer.shape)
            for layer in self.workload.traced.spec.layers
        }
        return Design(schemes, recorded.activation_bits if self.config.activation_widths else None)


def reopen(folder: Path, design: str, given: Given = NOTHING_GIVEN, metric: Metric | None = None) -> Reopened:
    """Opens a run folder that has this design. Names and paths of its search are seen from the current folder.

    Args:
        folder: of the run.
        design: of its front.
        given: objects in the place of names, which a search that was given objects needs again.
        metric: what outputs are judged by; that of the search is not run again.

    Raises:
        ReportError: it is no run folder, or is damaged.
        ConfigError: it has no such design, network, weights or data are not those of the search, or the folder is from
            elsewhere and names code.
        FilterfrontError: something that the search named cannot be used.
    """
    run = read_run(folder)
    config = recorded_config(run, folder, design, given)
    dataset = open_data(config)
    loaded, traced = open_network(config, dataset)
    _same("network", traced.spec.digest(), run.info.network.digest)
    workload = load_workload(config, loaded, traced, dataset)
    _same("weights", workload.weights_digest, run.info.network.weights_digest)
    data = run.info.data
    _same("data", workload.dataset.digest if workload.dataset else None, data.digest if data else None)
    recorded = run.designs[design]
    calibration = make_calibration(config, workload)
    quality, limit = make_quality_meter(config, workload, calibration, metric), recorded.sram_limit_bytes
    evaluator = make_evaluator(config, workload, limit, quality=quality, calibration=calibration, workers=1)
    return Reopened(run, config, workload, evaluator)


def _same(what: str, now: str | None, then: str | None) -> None:
    if now != then:
        found = f"digest {str(now)[:12]} now, {str(then)[:12]} then"
        raise ConfigError(f"{what} are those of the search", found, "restore them, or search again")
