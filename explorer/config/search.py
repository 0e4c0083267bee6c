"""The configuration of a search: what its options say together."""

from typing import Any

from pydantic import PrivateAttr, model_validator

from explorer.config.checked import checked
from explorer.config.given import NOTHING_GIVEN, Given
from explorer.config.search_fields import SearchFields
from explorer.config.search_options import DEMO_DATA, DEMO_DEVICE, DEMO_NETWORK
from explorer.config.search_rules import check_rules
from explorer.networks.zoo import ZOO
from explorer.system.errors import ConfigError
from explorer.system.own_names import own_name
from explorer.training.recipe import LARGEST_TRAINED
from searches.figures import AGREEMENT, METRIC, NOISE
from searches.passwords import masked
from searches.samplers import JOINT

__all__ = ["EARLIER", "NOT_OF_A_JOB", "SearchConfig", "make_config"]

EARLIER = {"calibration_images": 0, "bias_bits": 32}
"""What options meant that a run.json of an earlier version does not name."""

NOT_OF_A_JOB = {"storage", "out", "resume", "workers", "parquet", "mlflow"}
"""What concerns the machine alone that a search begins on."""


class SearchConfig(SearchFields):
    """What ``filterfront search`` is asked to do; sizes in bytes, times in ms. Field by field as in its help."""

    _given: Given = PrivateAttr(default_factory=lambda: NOTHING_GIVEN)

    @model_validator(mode="after")
    def _fit_together(self) -> "SearchConfig":
        check_rules(self)
        return self

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


def make_config(**options: Any) -> SearchConfig:
    """The configuration of these options.

    Raises:
        ConfigError: options have faults; the message lists all of them.
    """
    return checked(SearchConfig, options)
