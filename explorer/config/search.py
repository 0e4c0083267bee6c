"""The configuration of a search: every option checked, all faults said at once."""

import re
from collections.abc import Mapping, Sequence, Set
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    field_serializer,
    field_validator,
    model_validator,
)

from costmodels import FilterfrontError
from costmodels.bias_values import check_bias_bits
from costmodels.cost import check_activation_bits
from costmodels.text import parse_scheme
from costmodels.units import parse_bytes, parse_count, parse_milliseconds
from explorer.config.given import NOTHING_GIVEN, Given
from explorer.networks.zoo import ZOO
from explorer.system.errors import ConfigError
from explorer.system.own_names import check_own_name, own_direction, own_name, own_place
from explorer.training.recipe import LARGEST_TRAINED
from searches.database import HEARTBEAT_SECONDS
from searches.figures import AGREEMENT, METRIC, NOISE, QUALITY_FIGURES
from searches.guided import MOST_OBJECTIVES
from searches.objectives import OBJECTIVES, Objective, find_objectives
from searches.passwords import keep_secret, masked
from searches.samplers import GUIDED, JOINT, check_sampler

__all__ = [
    "DEMO_DEVICE",
    "DEMO_NETWORK",
    "EARLIER",
    "MOST_LEVEL_BITS",
    "NOT_OF_A_JOB",
    "SearchConfig",
    "checked",
    "make_config",
    "own_objectives",
]

MOST_LEVEL_BITS = 8
"""Of activations in C."""

MOST_TRIALS, MOST_EPOCHS = 10**9, 10**6
"""What no search or training comes near; larger ones are slips of the hand."""

EARLIER = {"calibration_images": 0, "bias_bits": 32}
"""What options meant that a run.json of an earlier version does not name."""

NOT_OF_A_JOB = {"storage", "out", "resume", "workers", "parquet", "mlflow"}
"""What concerns the machine alone that a search begins on."""

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
    bits = int(value) if isinstance(value, str) and value.strip().isdecimal() else value
    check_activation_bits(bits)
    return bits


def _bias_bits(value: Any) -> Any:
    bits = int(value) if isinstance(value, str) and value.strip().isdecimal() else value
    check_bias_bits(bits)
    return bits


def _names(value: Any) -> tuple[str, ...] | None:
    """Names separated by commas, also schemes in text, which have commas inside their brackets; none at all is as if
    the option were not given."""
    items = _parted(value) if isinstance(value, str) else value
    if not isinstance(items, (Sequence, Set)) or not all(isinstance(item, str) for item in items):
        remedy = "give for example 'first,last' or ['first', 'last']"
        raise ConfigError("names are text with commas or a list of texts", type(value).__name__, remedy)
    return tuple(name.strip() for name in items if name.strip()) or None


def _parted(text: str) -> list[str]:
    """A text at the commas that stand in no brackets."""
    parts, depth = [""], 0
    for piece in re.split(r"([,()])", text):
        depth += {"(": 1, ")": -1}.get(piece, 0)
        if piece == "," and depth <= 0:
            parts.append("")
        else:
            parts[-1] += piece
    return parts


def _layers(value: Any) -> dict[str, str] | None:
    """The scheme of each layer that has one of its own: a mapping, or texts ``NAME=SCHEME``."""
    items = value.items() if isinstance(value, Mapping) else (str(item).partition("=")[::2] for item in value)
    layers = {str(name).strip(): str(scheme).strip() for name, scheme in items}
    for scheme in layers.values():
        parse_scheme(scheme)
    return layers or None


def _own_objectives(value: Any) -> tuple[str, ...]:
    """The user's own objectives as they are written, each called as its function is."""
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, Sequence) or not all(isinstance(text, str) for text in texts):
        raise ConfigError("objectives of your own are texts", type(value).__name__, "give file.py:name")
    names = [own_name(text) for text in texts]
    for name in names:
        check_own_name(name)
    if twice := [name for name in names if names.count(name) > 1]:
        raise ConfigError("an objective of your own is given once", twice[0], "remove one, or call it otherwise")
    return tuple(texts)


def _sampler(value: Any) -> Any:
    if isinstance(value, str):  # pydantic says of anything else that it is no text
        check_sampler(value)
    return value


def _storage(value: Any) -> Any:
    keep_secret(str(value))
    return value


def _reserve(value: Any) -> int:
    return 0 if re.fullmatch(r"\s*0+\s*(B|KiB|MiB|GiB)?\s*", str(value), re.IGNORECASE) else parse_bytes(value)


Size = Annotated[int | None, _said(parse_bytes)]
Reserve = Annotated[int | None, _said(_reserve)]
Count = Annotated[int | None, _said(parse_count)]
Milliseconds = Annotated[float | None, _said(parse_milliseconds)]
Model = TypeVar("Model", bound=BaseModel)
Names = Annotated[tuple[str, ...] | None, _said(_names)]


class SearchConfig(BaseModel):
    """What ``filterfront search`` is asked to do; sizes in bytes, times in ms. Field by field as in its help."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    network: str = DEMO_NETWORK
    weights: Path | None = None
    data: str | None = None
    validation_images: int | None = Field(default=None, ge=1, le=MOST_TRIALS)
    device: str | None = None
    flash: Size = None
    sram: Size = None
    max_bit_ops: Count = None
    max_latency: Milliseconds = None
    reserve_flash: Reserve = None
    reserve_ram: Reserve = None
    activation_bits: Annotated[int, _said(_activation_bits)] = 8
    activation_widths: tuple[int, ...] = ()
    bias_bits: Annotated[int, _said(_bias_bits)] = 16
    objective: Annotated[tuple[str, ...], _said(_own_objectives)] = ()
    objectives: Names = None
    agreement: bool = False
    metric: str | None = None
    metric_direction: Literal["maximize", "minimize"] | None = None
    schemes: Names = None
    space: Path | dict[str, Any] | None = None
    keep: Names = None
    deployable: bool = False
    layers: Annotated[dict[str, str] | None, _said(_layers)] = None
    sampler: Annotated[str | None, _said(_sampler)] = None
    batch_statistics: bool = True
    calibration_images: int = Field(default=1024, ge=0, le=MOST_TRIALS)
    trials: int = Field(default=300, ge=1, le=MOST_TRIALS)
    seed: int = Field(default=0, ge=0, lt=2**32)
    workers: int = Field(default=1, ge=1, le=256)
    storage: Annotated[str | None, _said(_storage)] = None
    heartbeat: int = Field(default=HEARTBEAT_SECONDS, ge=1, le=24 * 3600)
    out: Path | None = None
    parquet: bool = False
    mlflow: Annotated[str | None, _said(_storage)] = None
    resume: bool = False
    finetune_top: int = Field(default=0, ge=0, le=MOST_TRIALS)
    finetune_epochs: int = Field(default=40, ge=1, le=MOST_EPOCHS)
    sequential: bool = False
    trained: int | None = Field(default=None, ge=1, le=MOST_EPOCHS)
    gap: bool | None = None
    gap_eps: float = Field(default=0.2, ge=0.001, le=10)
    objects: tuple[str, ...] = ()
    _given: Given = PrivateAttr(default_factory=lambda: NOTHING_GIVEN)

    @property
    def given(self) -> Given:
        """Objects in the place of names; ``objects`` records which there were."""
        return self._given

    def with_given(self, given: Given) -> "SearchConfig":
        """The same with objects in the place of names; nothing of them is part of the plain data but ``objects``."""
        config = self.model_copy(update={"objects": tuple(dict.fromkeys((*self.objects, *given.kinds)))})
        config._given = given
        return config

    def check_given(self, option: str) -> None:
        """Refuses a configuration that was read back without the object that its search was given.

        Args:
            option: ``network``, ``data``, ``device``, ``metric`` or ``objective``; call it where there is no object in
                the place of its name.

        Raises:
            ConfigError: the search was given an object.
        """
        if option in self.objects:
            name = getattr(self, option)
            name = ", ".join(name) if isinstance(name, tuple) else name
            rule = f"the {option} of this search was an object in Python and is needed again"
            remedy = f"give it in Python, as {option}= of filterfront.search or filterfront.load_run"
            raise ConfigError(rule, f"only its name {name} is known", remedy)

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
        try:
            widths = sorted({_activation_bits(item.strip()) for item in given.split(",") if item.strip()}, reverse=True)
        except FilterfrontError as error:
            raise ValueError(f"--activation-bits: {error}") from error
        if not widths:
            raise ValueError(f"--activation-bits: got {given!r}; a width, or several by commas")
        return {**options, "activation_bits": widths[0], "activation_widths": widths if len(widths) > 1 else ()}

    @model_validator(mode="after")
    def _one_width_for_tables(self) -> "SearchConfig":
        if self.activation_widths and self.sampler == GUIDED:
            raise ValueError("--sampler guided counts with one width; give one --activation-bits or another sampler")
        if self.activation_widths and self.wants_latency:
            raise ValueError("latency is predicted for one width of activations; give one --activation-bits")
        return self

    @model_validator(mode="after")
    def _own_objectives_have_a_sampler(self) -> "SearchConfig":
        if self.objective and self.sampler == GUIDED:
            raise ValueError("--sampler guided learns one measured objective; with --objective give tpe or nsga2")
        if self.objective and self.trained is not None:
            raise ValueError("--trained has no objectives of your own, which are of designs as fitted; leave one out")
        return self

    @property
    def chosen_sampler(self) -> str:
        """The sampler that was asked for; once `explorer.search.setup.prepare` has chosen one, that."""
        return self.sampler or JOINT

    @property
    def searched_bits(self) -> int | list[int]:
        """The width of activations, or all that are searched."""
        return list(self.activation_widths) or self.activation_bits

    @property
    def least_activation_bits(self) -> int:
        """The width with which every counted figure is least."""
        return min(self.activation_widths, default=self.activation_bits)

    @model_validator(mode="after")
    def _images_need_data(self) -> "SearchConfig":
        if self.validation_images is not None and self.data_name is None:
            raise ValueError("--validation-images limits the images that accuracy is measured on; give --data too")
        return self

    @model_validator(mode="after")
    def _agreement_has_a_place(self) -> "SearchConfig":
        if self.agreement and self.objectives and not {"accuracy", AGREEMENT} & set(self.objectives):
            rule = "--agreement makes agreement an objective in the place of accuracy"
            raise ValueError(f"{rule}, which is none of {', '.join(self.objectives)}; add agreement to --objectives")
        if self.agreement and self.data_name is None:
            raise ValueError("--agreement is measured on images; give --data too, with labels or without")
        return self

    @model_validator(mode="after")
    def _metric_has_a_place(self) -> "SearchConfig":
        if self.metric is None:
            if self.metric_direction is not None:
                raise ValueError("--metric-direction says which values of a metric are better; give --metric too")
            return self
        if self.data_name is None:
            raise ValueError("--metric is a function of the network's outputs for data; give --data too")
        if self.objectives and METRIC not in self.objectives:
            rule = "--metric is measured for the objective metric"
            raise ValueError(f"{rule}, which is none of {', '.join(self.objectives)}; add metric to --objectives")
        return self

    @model_validator(mode="after")
    def _tuning_needs_data(self) -> "SearchConfig":
        if self.finetune_top and self.data_name is None:
            raise ValueError("--finetune-top trains designs on data; give --data too")
        return self

    @model_validator(mode="after")
    def _rungs_change_an_objective(self) -> "SearchConfig":
        if not self.has_rungs or self.objective:
            return self
        option = "--trained" if self.trained else "--sequential"
        if self.data_name is None:
            raise ValueError(f"{option} works on data; give --data too")
        if self.sequential and not self.calibration_images:
            raise ValueError("--sequential fits layers to data; leave --calibration-images 0 out")
        if self.finetune_top:
            raise ValueError(f"{option} works on the designs of the front already; leave --finetune-top out")
        objectives = [OBJECTIVES[name] for name in self.objective_names]
        measured = [item.name for item in objectives if item.needs_data]
        fitted = [item.name for item in objectives if item.column in QUALITY_FIGURES and not item.needs_data]
        if len(measured) != 1 or fitted or len(objectives) > MOST_OBJECTIVES:
            what = "training" if self.trained else "it"
            rule = f"{option} has one objective that {what} changes, and at most {MOST_OBJECTIVES - 1} of costs"
            raise ValueError(f"{rule}; got {', '.join(self.objective_names)}: give for example accuracy,flash")
        return self

    @model_validator(mode="after")
    def _deployable_has_levels(self) -> "SearchConfig":
        widths = self.activation_widths or (self.activation_bits,)
        if self.deployable and max(widths) > MOST_LEVEL_BITS:
            rule = f"--deployable is for C, whose activations have 1 to {MOST_LEVEL_BITS} bits"
            raise ValueError(f"{rule}; --activation-bits has {max(widths)}: give {MOST_LEVEL_BITS} or fewer")
        if self.deployable and self.data_name is None:
            raise ValueError("--deployable is for C, whose activations are rounded to ranges of data; give --data too")
        return self

    @model_validator(mode="after")
    def _reserve_has_effect(self) -> "SearchConfig":
        for reserve, budget in (("flash", "flash"), ("ram", "sram")):
            is_given = getattr(self, f"reserve_{reserve}") is not None
            if is_given and (self.device_name is None or getattr(self, budget) is not None):
                rule = f"--reserve-{reserve} is taken off a device's memory, and --{budget} is a budget already"
                raise ValueError(f"{rule}; give a device and no --{budget}, or leave the reserve out")
        return self

    @property
    def has_rungs(self) -> bool:
        """Whether promising designs are fitted in sequence or trained, and the front is of these."""
        return self.sequential or self.trained is not None

    @property
    def trains_here(self) -> bool:
        """Whether the network is trained on the data first: one of the zoo for small images, without weights given."""
        entry = None if "network" in self.objects else ZOO.get(self.network)
        is_small = entry is not None and max(entry.input_shape[1:]) <= LARGEST_TRAINED
        return is_small and self.weights is None and self.data_name is not None

    @property
    def data_name(self) -> str | None:
        """The data asked for; the demo network's own where none is named."""
        return DEMO_DATA if self.data is None and self.network == DEMO_NETWORK else self.data

    @property
    def device_name(self) -> str | None:
        """The device asked for; the demo's where neither a device nor any budget is named."""
        asked = self.device or self.flash or self.sram or self.max_bit_ops or self.max_latency
        return self.device if asked or self.network != DEMO_NETWORK else DEMO_DEVICE

    @property
    def wants_latency(self) -> bool:
        """Whether designs are timed: latency or energy is an objective, or latency limited."""
        return self.max_latency is not None or bool({"latency", "energy"} & set(self.objective_names))

    @property
    def wants_metric(self) -> bool:
        """Whether a metric of the user's is an objective, also where a run that was opened again does not run it."""
        return METRIC in self.objective_names

    @property
    def wants_noise(self) -> bool:
        """Whether the output noise of designs is an objective."""
        return NOISE in self.objective_names

    @property
    def objective_names(self) -> tuple[str, ...]:
        """The objectives asked for; by default the metric where one is given, accuracy, or output noise without data,
        and what the budget is on: flash where there is a budget of flash, else storage. `for_data` says what they are
        on data without labels. Those of the user's own are added, unless they have a place among the others."""
        size = "flash" if self.flash or self.device_name else "storage"
        quality = METRIC if self.metric else "accuracy"
        names = self.objectives or (quality if self.data_name else NOISE, size)
        names = tuple(AGREEMENT if self.agreement and name == "accuracy" else name for name in names)
        return tuple(dict.fromkeys((*names, *(own_name(text) for text in self.objective))))

    def for_data(self, is_labelled: bool) -> "SearchConfig":
        """The same for data that are known by now: agreement takes the place of accuracy where nobody asked for it and
        there are no labels.

        Args:
            is_labelled: whether the data have labels.
        """
        if is_labelled or self.objectives or self.metric or self.data_name is None:
            return self
        return self.model_copy(update={"agreement": True})

    def to_json(self) -> dict[str, Any]:
        """Plain data with the defaults filled in, and without a password."""
        chosen = {"data": self.data_name, "device": self.device_name, "objectives": list(self.objective_names)}
        addresses = {name: masked(url) if (url := getattr(self, name)) else url for name in ("storage", "mlflow")}
        return {**self.model_dump(mode="json"), **chosen, **addresses}

    def named(self) -> dict[str, Any]:
        """The options that may name code, with those in whose place there are objects: `explorer.config.trust`."""
        return {name: getattr(self, name) for name in ("network", "data", "metric", "objective", "objects")}

    def to_job(self) -> dict[str, Any]:
        """What another machine needs to measure designs of this search: all but where this one keeps it."""
        return self.model_dump(mode="json", exclude=NOT_OF_A_JOB)


def own_objectives(texts: Sequence[str]) -> tuple[Objective, ...]:
    """The user's own objectives as far as they are known without their code."""
    return tuple(
        Objective(own_name(text), own_name(text), own_direction(text) or "minimize", source=own_place(text))
        for text in texts
    )


def make_config(**options: Any) -> SearchConfig:
    """The configuration of these options.

    Raises:
        ConfigError: options have faults; the message lists all of them.
    """
    return checked(SearchConfig, options)


def checked(model: type[Model], options: dict[str, Any]) -> Model:
    """The model of these options.

    Raises:
        ConfigError: options have faults; the message lists all of them.
    """
    try:
        return model(**options)
    except ValidationError as error:
        faults = [_fault(part) for part in error.errors()]
        raise ConfigError("options have values that can be used", " | ".join(faults), "mend each of these") from error


def _fault(part: Any) -> str:
    """One fault of pydantic's list as ``--option: what is wrong``."""
    option = "--" + "-".join(str(piece) for piece in part["loc"]).replace("_", "-") if part["loc"] else "options"
    text = part["msg"].removeprefix("Value error, ")
    says_what = part["type"] == "value_error"  # raised here, with the value in it
    return f"{option}: {text}" if says_what or not part["loc"] else f"{option}: got {part['input']!r}; {text}"
