"""A design of a run as C: written, held to the packed network, and compiled and run where there is a compiler."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from explorer.deployment.device_code.folder import CFolder, c_folder
from explorer.deployment.device_code.host_check import HostCheck, check_on_host
from explorer.deployment.device_code.integer_network import IntegerNetwork
from explorer.deployment.device_code.reading import integer_network
from explorer.deployment.device_code.targets import Target
from explorer.deployment.packed.comparison import Comparison, compare
from explorer.deployment.packed.network import PackedNetwork

__all__ = ["CExport", "c_export"]

MOST_MACS = 4 * 10**9
"""Multiply-accumulates that the integer network may do on images, so that a large one is checked on fewer."""


@dataclass(frozen=True, eq=False)
class CExport:
    """A design as C.

    Args:
        folder: its files.
        integer: what it computes.
        rounding: the integer network compared with the packed file.
        host: what compiling and running it gave.
    """

    folder: CFolder
    integer: IntegerNetwork
    rounding: Comparison
    host: HostCheck

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "integer_network": self.rounding.to_json(),
            "host": asdict(self.host),
            **{key: value for key, value in self.folder.facts.items() if key not in ("format", "network", "design")},
        }


def c_export(
    network: PackedNetwork, design: str, images: tuple[Tensor, ...], labels: Tensor | None, target: Target
) -> CExport:
    """A packed network as C.

    Args:
        network: as read from the packed file.
        design: its id.
        images: to compare on, and to make test vectors of: (N, ...) of each input.
        labels: of them.
        target: what it is compiled for.

    Raises:
        DeviceCodeError: it cannot be written as C.
    """
    integer = integer_network(network)
    macs = max(sum(step.macs for step in integer.steps), 1)
    count = max(1, min(len(images[0]), MOST_MACS // macs))
    images = tuple(part[:count] for part in images)
    folder = c_folder(integer, design, integer.levels_of([part.numpy(force=True) for part in images]), target)
    rounding = compare(
        _runner(integer), network, images, labels, network.batch, "integer network against the packed file"
    )
    return CExport(folder, integer, rounding, check_on_host(folder.files))


def _runner(integer: IntegerNetwork) -> Callable[..., tuple[Tensor, ...]]:
    """The integer network as something that takes and gives tensors."""

    def run(*images: Tensor) -> tuple[Tensor, ...]:
        found = integer.run(*integer.levels_of([part.numpy(force=True) for part in images]))
        return tuple(torch.from_numpy(part.copy()) for part in integer.output_arrays(found))

    return run
