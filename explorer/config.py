"""The configuration of a search: every option checked, all faults said at once."""

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from costmodels import FilterfrontError
from costmodels.cost import check_activation_bits
from costmodels.units import parse_bytes, parse_count
from explorer.errors import ConfigError
from searches.objectives import find_objectives
from searches.samplers import make_sampler

__all__ = ["DEMO_DEVICE", "DEMO_NETWORK", "SearchConfig", "make_config"]

DEMO_NETWORK, DEMO_DATA, DEMO_DEVICE = "digits-cnn", "digits", "stm32l432"


def _said(function: Any) -> BeforeValidator:
    """A validator from a function that raises FilterfrontError; ``None`` stays ``None``."""

    def validate(value: Any) -> Any:
        try:
            return None if value is None else function(value)
        except FilterfrontError as error:
            raise ValueError(str(error)) from error

    return BeforeValidator(validate)


def _activation_bits(value: Any) -> Any:
    check_activation_bits(value)
    return value


def _names(value: Any) -> tuple[str, ...] | None:
    """Names separated by commas; none at all is as if the option were not given."""
    items = value.split(",") if isinstance(value, str) else value
    return tuple(name.strip() for name in items if name.strip()) or None


def _objectives(value: Any) -> tuple[str, ...] | None:
    names = _names(value)
    if names is not None:
        find_objectives(names, has_data=True)
    return names


def _sampler(value: Any) -> Any:
    make_sampler(value, seed=0)
    return value


def _reserve(value: Any) -> int:
    return 0 if re.fullmatch(r"\s*0+\s*(B|KiB|MiB|GiB)?\s*", str(value), re.IGNORECASE) else parse_bytes(value)


Size = Annotated[int | None, _said(parse_bytes)]
Reserve = Annotated[int | None, _said(_reserve)]
Count = Annotated[int | None, _said(parse_count)]
Names = Annotated[tuple[str, ...] | None, _said(_names)]


class SearchConfig(BaseModel):
    """What ``filterfront search`` is asked to do; sizes in bytes. Field by field as in its help."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    network: str = DEMO_NETWORK
    weights: Path | None = None
    data: str | None = None
    device: str | None = None
    flash: Size = None
    sram: Size = None
    max_bit_ops: Count = None
    reserve_flash: Reserve = None
    reserve_ram: Reserve = None
    activation_bits: Annotated[int, _said(_activation_bits)] = 8
    objectives: Annotated[tuple[str, ...] | None, _said(_objectives)] = None
    schemes: Names = None
    space: Path | None = None
    keep: Names = None
    sampler: Annotated[str, _said(_sampler)] = "tpe"
    trials: int = Field(default=300, ge=1)
    seed: int = Field(default=0, ge=0, lt=2**32)
    storage: str | None = None
    out: Path | None = None
    resume: bool = False

    @model_validator(mode="after")
    def _reserve_has_effect(self) -> "SearchConfig":
        for reserve, budget in (("flash", "flash"), ("ram", "sram")):
            is_given = getattr(self, f"reserve_{reserve}") is not None
            if is_given and (self.device_name is None or getattr(self, budget) is not None):
                rule = f"--reserve-{reserve} is taken off a device's memory, and --{budget} is a budget already"
                raise ValueError(f"{rule}; give a device and no --{budget}, or leave the reserve out")
        return self

    @property
    def is_demo_network(self) -> bool:
        """Whether the network comes with data and a training of its own."""
        return self.network == DEMO_NETWORK and self.weights is None and self.data in (None, DEMO_DATA)

    @property
    def data_name(self) -> str | None:
        """The data asked for; the demo network's own where none is named."""
        return DEMO_DATA if self.data is None and self.network == DEMO_NETWORK else self.data

    @property
    def device_name(self) -> str | None:
        """The device asked for; the demo's where neither a device nor any budget is named."""
        asked = self.device or self.flash or self.sram or self.max_bit_ops
        return self.device if asked or self.network != DEMO_NETWORK else DEMO_DEVICE

    @property
    def objective_names(self) -> tuple[str, ...]:
        """The objectives asked for; by default accuracy, or distortion without data, and what the budget is on: flash
        where there is a budget of flash, else storage."""
        size = "flash" if self.flash or self.device_name else "storage"
        return self.objectives or ("accuracy" if self.data_name else "distortion", size)

    def to_json(self) -> dict[str, Any]:
        """Plain data with the defaults filled in."""
        chosen = {"data": self.data_name, "device": self.device_name, "objectives": list(self.objective_names)}
        return {**self.model_dump(mode="json"), **chosen}


def make_config(**options: Any) -> SearchConfig:
    """The configuration of these options.

    Raises:
        ConfigError: options have faults; the message lists all of them.
    """
    try:
        return SearchConfig(**options)
    except ValidationError as error:
        faults = [_fault(part) for part in error.errors()]
        raise ConfigError("options have values that can be used", " | ".join(faults), "mend each of these") from error


def _fault(part: Any) -> str:
    """One fault of pydantic's list as ``--option: what is wrong``."""
    option = "--" + "-".join(str(piece) for piece in part["loc"]).replace("_", "-") if part["loc"] else "options"
    text = part["msg"].removeprefix("Value error, ")
    return f"{option}: {text}" if "; got" in text or not part["loc"] else f"{option}: {text}; got {part['input']!r}"
