"""The state of a fine-tuned design, kept in its run folder: what fine-tuning made, and what export deploys.

``DIR/tuned/ID.safetensors`` is a file under a checksum (`explorer.system.container`) of two kinds of tensors:
``state/NAME``, the network's state with reconstructed weights under the names of the original module, and
``arrays/LAYER/NAME``, the arrays that the compressed layer stores. The facts name the design and every layer's scheme.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from costmodels import parse_scheme
from explorer.forms.compress import plain_network
from explorer.forms.fitted_layer import FittedLayer
from explorer.forms.fitting import fitted_layer
from explorer.networks.trace import TracedNetwork
from explorer.system.container import TUNED, read_container_file, write_container
from explorer.system.errors import PackedFileError
from reports.atomic_write import whole_file

__all__ = ["TunedDesign", "read_tuned", "tuned_path", "write_tuned"]

_AGAIN = "fine-tune the design again, or remove the file to use the design as it was fitted"


@dataclass(frozen=True, eq=False)
class TunedDesign:
    """A design after fine-tuning.

    Args:
        network: the original module with reconstructed weights and all other parameters as they were tuned, in
            evaluation mode.
        layers: by name, in fitted form.
    """

    network: nn.Module
    layers: Mapping[str, FittedLayer]


def tuned_path(folder: Path, design: str) -> Path:
    """Where the state of a design lies in its run folder."""
    return folder / "tuned" / f"{design}.safetensors"


def write_tuned(folder: Path, design: str, network: nn.Module, layers: Mapping[str, FittedLayer]) -> Path:
    """Keeps a fine-tuned design in its run folder; the file is there whole or not at all.

    Args:
        folder: of the run.
        design: the id.
        network: as `explorer.finetuning.fine_tune.FineTuned` has it.
        layers: as `explorer.finetuning.fine_tune.FineTuned` has them.

    Raises:
        OSError: the folder cannot be written.
    """
    state = plain_network(network).state_dict()
    tensors = {f"state/{name}": np.ascontiguousarray(value.detach().cpu().numpy()) for name, value in state.items()}
    for name, layer in layers.items():
        tensors |= {f"arrays/{name}/{key}": array for key, array in layer.arrays.items()}
    facts = {"design": design, "layers": {name: str(layer.scheme) for name, layer in layers.items()}}
    path = tuned_path(folder, design)
    with whole_file(path) as unfinished:
        unfinished.write_bytes(write_container(tensors, facts, TUNED))
    return path


def read_tuned(folder: Path, design: str, module: nn.Module, traced: TracedNetwork) -> TunedDesign | None:
    """The fine-tuned design of a run folder; none where there is none.

    Args:
        folder: of the run.
        design: the id.
        module: the float network, left as it is.
        traced: the same, traced.

    Raises:
        PackedFileError: the file is damaged, or of another design or network.
        FilterfrontError: its arrays are not those of the layers.
    """
    path = tuned_path(folder, design)
    if not path.is_file():
        return None
    _, facts, tensors = read_container_file(path, TUNED)
    schemes = facts.get("layers", {})
    if facts.get("design") != design or set(schemes) != set(traced.weights):
        found = f"design {facts.get('design')} of {', '.join(schemes)}"
        raise PackedFileError(f"{path.name} is of design {design} of {traced.spec.name}", found, _AGAIN)
    network = copy.deepcopy(module)
    state = {key.removeprefix("state/"): values for key, values in tensors.items() if key.startswith("state/")}
    try:
        network.load_state_dict({name: torch.from_numpy(values.copy()) for name, values in state.items()})
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise PackedFileError(f"{path.name} holds the state of {traced.spec.name}", reason, _AGAIN) from error
    layers = {}
    for name, text in schemes.items():
        shape, prefix = traced.spec.layer(name).shape, f"arrays/{name}/"
        arrays = {key.removeprefix(prefix): values for key, values in tensors.items() if key.startswith(prefix)}
        layers[name] = fitted_layer(traced.weights[name], shape, parse_scheme(text).resolve(shape), arrays)
    return TunedDesign(network.eval(), layers)
