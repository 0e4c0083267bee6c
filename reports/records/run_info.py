"""RunInfo: what run.json holds."""

from typing import Any, Literal

from pydantic import Field

from costmodels.conventions import Convention
from costmodels.devices import Device
from costmodels.program_need import ProgramNeed
from costmodels.references import Reference
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
)
from reports.records.optimality_gap import OptimalityGap
from reports.records.record import FileRecord
from searches.constraints import Budget

__all__ = ["RunInfo"]


class RunInfo(FileRecord):
    """A search: what it was asked for, under what, and what became of it.

    Args:
        schema_version: the number of this form, ``schema`` in the file.
        filterfront: the version that wrote it.
        created: when, in UTC.
        command: as it was typed.
        configuration: the options of the search, defaults filled in.
        versions: of the libraries that results depend on.
        seed: of training, fits and sampler; None where there was none.
        conventions: of counting.
        references: the works that the search stands on.
        network: that was compressed.
        data: that designs were measured on; None without data.
        device: that was searched for; None without one.
        needs: of the exported program, by processor; none where budgets do not depend on it.
        activation_bits: of designs that choose none, of the float network and of uniform quantization.
        activation_widths: bits that designs choose from; none where they do not choose.
        objectives: at least one.
        budgets: none of the front's designs exceeds one.
        space: the designs that the search chose from; None where it was not recorded.
        counts: of trials.
        latency: where times come from; None where designs are not timed.
        seconds: wall-clock time by stage.
        gap: the distance to the best possible.
        training: of the float network; None where the search did not train it.
        float_network: the uncompressed network, ``float`` in the file.
        study: the name of its study in the journal or the database; "" where it was not recorded.
        seals: by option, of the code that the configuration names: it is run again for who ran it, and else if trusted.
        status: ``interrupted`` where the search was stopped before its last trial.
        hypervolume: of the front; None with one objective, or where nothing finite was measured.
    """

    filterfront: str
    created: str
    command: str
    configuration: dict[str, Any]
    versions: dict[str, str]
    seed: int | None
    conventions: tuple[Convention, ...]
    references: tuple[Reference, ...]
    network: Network
    data: Data | None
    device: Device | None
    needs: tuple[ProgramNeed, ...] = ()
    activation_bits: int
    activation_widths: tuple[int, ...] = ()
    objectives: tuple[Objective, ...] = Field(min_length=1)
    budgets: tuple[Budget, ...]
    space: Space | None = None
    counts: Counts
    latency: Latency | None = None
    seconds: dict[str, float]
    gap: OptimalityGap | None = None
    training: Training | None = None
    float_network: FloatNetwork = Field(alias="float")
    study: str = ""
    seals: dict[str, str] = Field(default_factory=dict)
    status: Literal["done", "interrupted"]
    hypervolume: Hypervolume | None = None
