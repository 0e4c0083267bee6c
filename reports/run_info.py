"""RunInfo: the facts of run.json, checked. Sizes in bytes, times in seconds, accuracies as shares of 1."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from reports.errors import ReportError

__all__ = ["Budget", "Objective", "RunInfo", "parse_info"]


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True, extra="allow", allow_inf_nan=False)


class Objective(_Fact):
    """What was searched for: the column of its values, its direction and its unit."""

    name: str
    column: str
    direction: Literal["minimize", "maximize"]
    unit: str = ""


class Budget(_Fact):
    """What a design may use at most: values of ``column`` up to ``limit``."""

    name: str
    column: str
    limit: float = Field(gt=0)
    unit: str = "bytes"
    origin: str = ""


class Convention(_Fact):
    """A counting convention."""

    key: str
    statement: str


class Reference(_Fact):
    """A cited work."""

    key: str
    authors: str
    title: str
    venue: str = ""
    year: int | str = ""
    url: str = ""


class UnknownOperation(_Fact):
    """An operation of the network whose cost is not in the totals."""

    name: str
    kind: str
    reason: str = ""


class Network(_Fact):
    """The network that was compressed."""

    name: str
    digest: str
    layers: int
    weights: int
    dense_macs: int
    weights_origin: str
    unknown_operations: tuple[UnknownOperation, ...] = ()
    kept_dense: tuple[str, ...] = ()


class Data(_Fact):
    """The data that accuracy was measured on: images in each part."""

    name: str
    origin: str
    train: int
    validation: int
    test: int


class Counts(_Fact):
    """Trials by what became of them."""

    trials: int
    measured: int
    repeated: int
    feasible: int
    failed: int


class FloatNetwork(_Fact):
    """The uncompressed network; ``None`` where it is not known."""

    accuracy: float | None = None
    loss: float | None = None
    test_accuracy: float | None = None
    storage_bytes: int | None = None


class Hypervolume(_Fact):
    """Hypervolume of the front in its first two objectives, in the product of their units, and its reference point."""

    value: float
    reference: dict[str, float]


class RunInfo(_Fact):
    """Everything of run.json that the reports read; further keys are kept."""

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
    device: dict[str, Any] | None
    activation_bits: int
    objectives: tuple[Objective, ...] = Field(min_length=1)
    budgets: tuple[Budget, ...]
    counts: Counts
    seconds: dict[str, float]
    float_network: FloatNetwork = Field(alias="float")
    status: Literal["done", "interrupted"]
    hypervolume: Hypervolume | None = None


def parse_info(info: dict[str, Any], source: str = "run.json") -> RunInfo:
    """The facts of ``info``, checked.

    Raises:
        ReportError: keys are missing or of the wrong kind; all of them are named.
    """
    try:
        return RunInfo.model_validate(info)
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, fault['loc'])) or 'run'} ({fault['msg'].lower()})" for fault in error.errors()]
        raise ReportError(f"{source} holds the facts of a run", "; ".join(faults), "run the search again") from None
