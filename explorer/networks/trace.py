"""Tracing: any nn.Module, through torch.export, as the cost models see it and as a graph that runs."""

import inspect
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass, field, replace
from io import StringIO
from operator import attrgetter
from typing import Any

import numpy as np
import torch
from torch import nn

from costmodels.layer_spec import LayerCall
from costmodels.network import NetworkSpec
from costmodels.shapes import ConvShape
from explorer.networks.fx_names import quote_names
from explorer.networks.reading import GraphReader, Padding
from explorer.networks.sizes import ImageSizes
from explorer.system.errors import NetworkError

quote_names()

__all__ = ["Example", "TracedNetwork", "load_weights", "read_again", "trace"]

Example = torch.Tensor | tuple[torch.Tensor, ...]
"""An example input (N, ...), or several as a tuple."""


@dataclass(frozen=True)
class TracedNetwork:
    """A network as data for the cost models and as a graph that runs.

    Args:
        spec: layers, tensors and operations of one image.
        graph: computes what the module computes in eval mode. It reads the module's own parameters until `load_weights`
            puts others in their place, which leaves the module as it was.
        values: name of a node of ``graph`` -> tensor name of ``spec``, for every node whose output is an activation
            that a deployed network would hold in memory. Views are left out, and so is a convolution or addition whose
            only reader is a fused normalization or activation: the last step of the fused chain stands for all.
        weights: layer name -> float32 weights (n, c/g, kh, kw), read-only; a linear layer's are (out, in, 1, 1).
        calls: name of a node of ``graph`` that runs a layer -> the call, which may be of another shape than the layer.
        fixed_batch: the batch size that ``graph`` is limited to; None where any will do.
        notes: what the user should know of the tracing, one sentence each.
    """

    spec: NetworkSpec
    graph: torch.fx.GraphModule
    values: Mapping[str, str]
    weights: Mapping[str, np.ndarray]
    calls: Mapping[str, LayerCall]
    fixed_batch: int | None = None
    notes: tuple[str, ...] = ()
    _originals: Mapping[str, torch.Tensor] = field(default_factory=dict, repr=False)

    @property
    def arguments(self) -> tuple[str, ...]:
        """The names of the arguments of forward."""
        return tuple(str(node.target) for node in self.graph.graph.nodes if node.op == "placeholder")


def trace(module: nn.Module, example: Example, name: str, padding: Padding = "inside") -> TracedNetwork:
    """Trace a module in eval mode; its own mode is restored.

    Args:
        module: any module that torch.export can follow.
        example: an input (N, ...), or several as a tuple. The first dimension is the batch, but of an input whose first
            size is not that of the first input.
        name: the network's name in the spec.
        padding: whether zeros that the network adds before a convolution are a tensor of their own in the spec.

    Raises:
        NetworkError: torch.export cannot follow the module (the reason is in the message), or it has no layer.
    """
    inputs = example if isinstance(example, tuple) else (example,)
    training = module.training
    module.eval()
    try:
        program, fixed_batch, notes = _export(module, inputs)
    finally:
        module.train(training)
    graph = program.module()
    sizes = ImageSizes(graph, inputs, fixed_batch)
    reader = GraphReader(graph.graph, sizes, padding)
    spec = reader.spec(name)
    if not spec.layers:
        others = [f"{step.name} ({step.reason})" for step in (*spec.fixed, *spec.unknown)]
        raise NetworkError(
            "a network has a convolution or a linear layer",
            f"none in {name}{', but ' + ', '.join(others) if others else ''}",
            "there is nothing to compress",
        )
    originals = {layer.name: attrgetter(layer.weight)(graph) for layer in spec.layers}
    notes = (*notes, *_told(sizes))
    return read_again(TracedNetwork(spec, graph, reader.values(), {}, reader.calls(), fixed_batch, notes, originals))


def read_again(network: TracedNetwork) -> TracedNetwork:
    """The network with the weights that its module has now: a training changes them where they lie."""
    weights = {layer.name: _array(network._originals[layer.name], layer.shape) for layer in network.spec.layers}
    return replace(network, weights=weights)


def _told(sizes: ImageSizes) -> tuple[str, ...]:
    """What the user should know of sizes that do not follow from the shapes of the inputs."""
    notes = []
    if sizes.example_sized:
        names = ", ".join(sizes.example_sized)
        notes.append(f"sizes that depend on values are counted as they are for the example input: {names}")
    if sizes.untold:
        names = ", ".join(sizes.untold)
        notes.append(
            f"which dimension holds the images cannot be told, and is taken to be the first that their number divides: "
            f"{names}; give an example input of one image"
        )
    return tuple(notes)


def load_weights(network: TracedNetwork, weights: Mapping[str, np.ndarray]) -> None:
    """Let the network's graph compute with these weights; every layer that is not named gets its own back.

    Args:
        network: the graph of which is changed.
        weights: layer name -> (n, c/g, kh, kw), as in ``network.weights``.

    Raises:
        NetworkError: there is no such layer, or the shape is another. Nothing is changed then.
    """
    for name, array in weights.items():
        if name not in network.weights or np.shape(array) != network.weights[name].shape:
            expected = network.weights[name].shape if name in network.weights else "no such layer"
            raise NetworkError(
                "weights have a layer's name and shape", f"{name} {np.shape(array)}", f"expected {expected}"
            )
    for layer in network.spec.layers:
        tensor = original = network._originals[layer.name]
        if layer.name in weights:
            values = torch.tensor(np.asarray(weights[layer.name]), dtype=original.dtype, device=original.device)
            tensor = values.reshape(original.shape)
            if isinstance(original, nn.Parameter):
                tensor = nn.Parameter(tensor, requires_grad=original.requires_grad)
        path, _, attribute = layer.weight.rpartition(".")
        setattr(network.graph.get_submodule(path), attribute, tensor)


def _export(
    module: nn.Module, inputs: tuple[torch.Tensor, ...]
) -> tuple[torch.export.ExportedProgram, int | None, tuple[str, ...]]:
    """The exported program, the number of images that it is limited to (None if the module allows any), and notes."""
    batch = int(inputs[0].shape[0])
    has_batch = [len(tensor) == batch for tensor in inputs]
    try:
        # Sizes 0 and 1 would be taken as constants, hence two images.
        pairs = tuple(
            torch.cat([tensor[:1], tensor[:1]]) if own else tensor
            for tensor, own in zip(inputs, has_batch, strict=True)
        )
        free = [{0: torch.export.Dim("batch", min=1)} if own else None for own in has_batch]
        return _run_export(module, pairs, _by_parameter(module, free)), None, ()
    except Exception as error:
        reason = _first_line(error)
    try:
        program = _run_export(module, inputs, None)
    except Exception as error:
        raise NetworkError(
            "torch.export can follow the network",
            _first_line(error),
            "check the example input, and that forward does not branch on values",
        ) from error
    return program, batch, (f"the network runs on batches of {batch} only, as its forward fixes the size ({reason})",)


def _by_parameter(module: nn.Module, values: list[Any]) -> tuple[Any, ...]:
    """One value for each parameter of forward: those of ``*inputs`` are one tuple."""
    kinds = [parameter.kind for parameter in inspect.signature(module.forward).parameters.values()]
    if inspect.Parameter.VAR_POSITIONAL not in kinds:
        return tuple(values)
    place = kinds.index(inspect.Parameter.VAR_POSITIONAL)
    return *values[:place], tuple(values[place:])


def _run_export(
    module: nn.Module, inputs: tuple[torch.Tensor, ...], dynamic: tuple[Any, ...] | None
) -> torch.export.ExportedProgram:
    """torch.export without what it prints on the way: an error says the reason, or a note."""
    with torch.no_grad(), warnings.catch_warnings(), redirect_stderr(StringIO()), _quiet_logging():
        warnings.simplefilter("ignore")
        return torch.export.export(module, inputs, dynamic_shapes=dynamic, strict=False)


@contextmanager
def _quiet_logging() -> Iterator[None]:
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


def _first_line(error: Exception) -> str:
    """The first line of an error that says something."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def _array(tensor: torch.Tensor, shape: ConvShape) -> np.ndarray:
    """A weight as a read-only float32 array of the layer's weight shape."""
    array = tensor.detach().to("cpu", torch.float32).numpy().reshape(shape.weight_shape).view()
    array.setflags(write=False)
    return array
