"""The configuration of a finished search, from its run folder, for work on one of its designs."""

from pathlib import Path

from costmodels.text import parse_scheme
from explorer.config.first_look import look_at_files
from explorer.config.given import Given
from explorer.config.search import EARLIER, SearchConfig, make_config
from explorer.config.trust import check_trusted
from explorer.system.errors import ConfigError
from reports.run_record import RunRecord
from searches.objectives import OBJECTIVES

__all__ = ["recorded_config"]


def recorded_config(run: RunRecord, folder: Path, design: str, given: Given) -> SearchConfig:
    """The configuration, once nothing speaks against work on the design but what takes torch to be seen.

    Args:
        run: what the folder holds.
        folder: of the run.
        design: of its front.
        given: objects in the place of names.

    Raises:
        ConfigError: the folder is from elsewhere and names code, or has no such design.
        CostModelError: a scheme of the design is none.
        FilterfrontError: a file that the search named is not what it was given for.
    """
    options = {**EARLIER, **run.info.configuration, "out": None, "storage": None, "mlflow": None, "resume": False}
    # No work on a design needs the metric or an objective of the user's own, and a folder from elsewhere is not to make
    # their files run.
    options |= {"metric": None, "metric_direction": None, "objective": ()}
    goals = [name for name in options.get("objectives") or () if name in OBJECTIVES]
    options["objectives"] = goals or None
    if isinstance(options.get("max_latency"), float):  # of an earlier version, in ms
        options["max_latency"] = f"{options['max_latency']}ms"
    config = make_config(**options).with_given(given)
    if not given.trusted:
        check_trusted(config.named(), run.info.seals, f"{folder}/run.json")
    if design not in run.designs:
        known = ", ".join(run.designs) or "none: its search has no design on the front"
        raise ConfigError("--design is a design of the run's front", design, f"choose of {known}")
    for layer in run.designs[design].layers.values():
        parse_scheme(layer.scheme)
    look_at_files(config)
    return config
