"""Linear layers, and convolutions at a single place."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from explorer.deployment.device_code.forms.coded_filters import Fact
from explorer.deployment.device_code.steps.conv import ConvStep
from explorer.deployment.device_code.steps.stored_codes import NO_CODES

__all__ = ["SingleStep"]


@dataclass(frozen=True, eq=False)
class SingleStep(ConvStep):
    """A layer of one place; arguments as of `ConvStep`."""

    kernel: ClassVar[str] = "single"

    @property
    def at_once(self) -> int:
        """Each filter is used once."""
        return 1

    @property
    def work_bytes(self) -> int:
        """The values and a decoded filter, or a group of values that is put in order: halfwords."""
        even = -(-self.length // 2) * 2
        if self.codes.is_packed:
            return 2 * (even + max(self.codes.group, 2))
        return 2 * 2 * even + self.coded.work_bytes

    @property
    def in_place(self) -> tuple[int, ...]:
        """Not over the input, which groups read one after the other."""
        return ()

    @property
    def sources(self) -> tuple[str, ...]:
        """What decodes filters."""
        return () if self.codes.is_packed else (self.coded.kernel,)

    @property
    def code_facts(self) -> Mapping[str, Fact]:
        """Codes where they lie in flash."""
        return self.codes.facts(self.length, None) if self.codes.is_packed else NO_CODES
