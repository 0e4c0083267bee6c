"""What a search is given as objects in the place of names: a module, arrays, a device, functions."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from costmodels import Device
    from explorer.data import Dataset
    from explorer.networks.load import LoadedNetwork

__all__ = ["NOTHING_GIVEN", "Given"]


@dataclass(frozen=True, eq=False)
class Given:
    """Objects in the place of names, None where the configuration's name holds.

    A process that measures gets them pickled by value, so that a class of a notebook or a script arrives there too.

    Args:
        network: a module with its example input.
        dataset: checked data.
        device: with its memory.
        metric: a function of the network's outputs and the targets.
        objective: functions of designs.
        trusted: whether code that a run folder names may be run, whoever wrote the folder.
    """

    network: "LoadedNetwork | None" = None
    dataset: "Dataset | None" = None
    device: "Device | None" = None
    metric: Callable[[Any, Any], Any] | None = None
    objective: tuple[Callable[..., Any], ...] = ()
    trusted: bool = False

    @property
    def kinds(self) -> tuple[str, ...]:
        """The options of a search in whose place there is an object."""
        options = {"network": self.network, "data": self.dataset, "device": self.device, "metric": self.metric}
        given = tuple(name for name, value in options.items() if value is not None)
        return (*given, "objective") if self.objective else given

    def __reduce__(self) -> tuple[Callable[[bytes], "Given"], tuple[bytes]]:
        import cloudpickle

        return _unpickled, (cloudpickle.dumps({item.name: getattr(self, item.name) for item in fields(self)}),)


NOTHING_GIVEN = Given()


def _unpickled(content: bytes) -> Given:
    """Given again, in the process that reads it."""
    import pickle

    parts: dict[str, Any] = pickle.loads(content)  # noqa: S301  # written by the process that started this one
    return Given(**parts)
