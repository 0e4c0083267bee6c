"""The fields of a search's configuration, each read by itself; their defaults and limits are those of its options."""

from functools import partial
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_serializer, field_validator, model_validator

from costmodels import FilterfrontError
from explorer.config.option import field_of
from explorer.config.own_objectives import own_objectives
from explorer.config.search_options import SEARCH_OPTIONS
from explorer.config.values import (
    ActivationBits,
    Address,
    BiasBits,
    Count,
    Layers,
    Milliseconds,
    Names,
    OwnObjectives,
    Recipe,
    Reserve,
    Sampler,
    Size,
    several_widths,
)
from searches.objectives import find_objectives

__all__ = ["SearchFields"]

_field = partial(field_of, SEARCH_OPTIONS)


class SearchFields(BaseModel):
    """Every option of a search; what they say together is of `explorer.config.search.SearchConfig`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    network: str = _field("network")
    weights: Path | None = _field("weights")
    data: str | None = _field("data")
    validation_images: int | None = _field("validation_images")
    device: str | None = _field("device")
    flash: Size = _field("flash")
    sram: Size = _field("sram")
    max_bit_ops: Count = _field("max_bit_ops")
    max_latency: Milliseconds = _field("max_latency")
    reserve_flash: Reserve = _field("reserve_flash")
    reserve_ram: Reserve = _field("reserve_ram")
    activation_bits: ActivationBits = _field("activation_bits")
    activation_widths: tuple[int, ...] = ()
    bias_bits: BiasBits = _field("bias_bits")
    objective: OwnObjectives = _field("objective")
    objectives: Names = _field("objectives")
    agreement: bool = _field("agreement")
    metric: str | None = _field("metric")
    metric_direction: Literal["maximize", "minimize"] | None = _field("metric_direction")
    schemes: Names = _field("schemes")
    space: Path | dict[str, Any] | None = _field("space")
    keep: Names = _field("keep")
    deployable: bool = _field("deployable")
    layers: Layers = _field("layers")
    sampler: Sampler = _field("sampler")
    batch_statistics: bool | None = _field("batch_statistics")
    calibration_images: int = _field("calibration_images")
    trials: int = _field("trials")
    seed: int = _field("seed")
    workers: int = _field("workers")
    storage: Address = _field("storage")
    heartbeat: int = _field("heartbeat")
    out: Path | None = _field("out")
    parquet: bool = _field("parquet")
    mlflow: Address = _field("mlflow")
    resume: bool = _field("resume")
    finetune_top: int = _field("finetune_top")
    finetune_epochs: int = _field("finetune_epochs")
    sequential: bool = _field("sequential")
    trained: int | None = _field("trained")
    recipe: Recipe = _field("recipe")
    gap: bool | None = _field("gap")
    gap_eps: float = _field("gap_eps")
    objects: tuple[str, ...] = ()

    @field_validator("objectives", mode="after")
    @classmethod
    def _known_objectives(cls, names: tuple[str, ...] | None, info: ValidationInfo) -> tuple[str, ...] | None:
        if names is not None and "objective" in info.data:  # else it is that which is at fault
            own = own_objectives(info.data["objective"])
            try:
                find_objectives(names, has_data=True, metric="maximize", own=own)
            except FilterfrontError as error:
                raise ValueError(str(error)) from error
        return names

    @field_serializer("max_latency", when_used="json")
    def _with_unit(self, milliseconds: float | None) -> str | None:
        """As it is read again."""
        return None if milliseconds is None else f"{milliseconds!r}ms"

    @model_validator(mode="before")
    @classmethod
    def _several_widths(cls, options: Any) -> Any:
        """Several widths of activations, by commas: all of them to search, the greatest for what chooses none."""
        given = options.get("activation_bits")
        if not (isinstance(given, str) and "," in given):
            return options
        widths = several_widths(given)
        return {**options, "activation_bits": widths[0], "activation_widths": widths if len(widths) > 1 else ()}
