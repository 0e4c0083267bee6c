"""The parameters of a scheme as plain data, and the checks that the schemes share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

import numpy as np

from costmodels.errors import SchemeError
from costmodels.numbers import nearest_divisors
from costmodels.scales import SCALE_BITS
from costmodels.shapes import ConvShape

__all__ = ["Parameters"]


@dataclass(frozen=True)
class Parameters:
    """The fields of a frozen dataclass under a name: as data, in text, and as columns of candidates.

    Class attributes:
        name: how the scheme is written in text.
        implied: parameters that text leaves out at their defaults: schemes had been written, and designs named by what
            was written, before there were these.
    """

    name: ClassVar[str]
    implied: ClassVar[tuple[str, ...]] = ("scale_bits", "zero_bits")

    def parameters(self) -> dict[str, Any]:
        """The parameters by name, as plain data."""
        return {item.name: getattr(self, item.name) for item in fields(self)}

    def __str__(self) -> str:
        usual = {item.name: item.default for item in fields(self) if item.name in self.implied}
        shown = {key: value for key, value in self.parameters().items() if key not in usual or value != usual[key]}
        return f"{self.name}({', '.join(f'{key}={value}' for key, value in shown.items())})"

    def brief(self) -> str:
        """The scheme in text without the parameters at their defaults; it reads back as the same scheme."""
        usual = {item.name: item.default for item in fields(self)}
        own = [f"{key}={value}" for key, value in self.parameters().items() if value != usual[key]]
        return f"{self.name}({', '.join(own)})"

    @classmethod
    def stack(cls, schemes: Sequence[Self]) -> Self:
        """One column of candidates: the same class with an int64 or float64 array for every numeric parameter.

        The schemes agree in every text and boolean parameter. Only `storage`, `executions` and `shared_storage`
        may be called on a column.
        """
        column = object.__new__(cls)
        for item in fields(cls):
            values = [getattr(scheme, item.name) for scheme in schemes]
            alike = isinstance(values[0], (str, bool))
            object.__setattr__(column, item.name, values[0] if alike else np.asarray(values))
        return column

    def column_key(self) -> tuple[Any, ...]:
        """Equal for schemes that `stack` may put into one column."""
        return type(self), *(value for value in self.parameters().values() if isinstance(value, (str, bool)))

    # Checks that the schemes share. They raise SchemeError and name the scheme.

    def _require(self, holds: bool, rule: str, value: object, remedy: str) -> None:
        if not holds:
            raise SchemeError(rule, value, remedy, where=self.name)

    def _whole(self, name: str) -> int:
        """The parameter as a plain integer, 0 where it is none. One of numpy's becomes Python's: parameters are written
        as JSON."""
        value = getattr(self, name)
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
            return 0
        object.__setattr__(self, name, int(value))
        return int(value)

    def _require_positive(self, *names: str) -> None:
        for name in names:
            rule, value = f"{name} is an integer of at least 1", getattr(self, name)
            self._require(self._whole(name) >= 1, rule, value, f"choose {name} >= 1")

    def _require_bits(self, *names: str) -> None:
        for name in names:
            rule, value = f"{name} is 1 to 16, or 32", getattr(self, name)
            self._require(self._whole(name) in (*range(1, 17), 32), rule, value, "choose such a width")

    def _require_scale_bits(self) -> None:
        rule, value = f"scale_bits is one of {', '.join(map(str, SCALE_BITS))}", getattr(self, "scale_bits")
        self._require(self._whole("scale_bits") in SCALE_BITS, rule, value, "choose one of them")

    def _require_density(self) -> None:
        density = getattr(self, "density")
        real = isinstance(density, (int, float)) and not isinstance(density, bool)
        self._require(
            real and 0 < density <= 1,
            "density is above 0 and at most 1",
            density,
            "give the share of values kept, such as 0.1",
        )

    def _require_choice(self, name: str, choices: Mapping[str, object] | Sequence[str]) -> None:
        value = getattr(self, name)
        self._require(value in choices, f"{name} is one of {', '.join(choices)}", value, "choose one of them")

    def _require_segments(self, shape: ConvShape, segment_channels: int) -> None:
        fits = shape.group_inputs % segment_channels == 0
        self._require(
            fits,
            "segment_channels divides the input channels of a group",
            f"{segment_channels} for {shape.group_inputs} channels",
            "" if fits else nearest_divisors(shape.group_inputs, segment_channels),
        )
