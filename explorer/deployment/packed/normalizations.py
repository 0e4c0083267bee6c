"""Batch normalizations of a packed network: a factor and a shift for each channel, whether they fold into a layer or
stand alone."""

from operator import attrgetter

import numpy as np
import torch
from torch import Tensor, nn
from torch.fx import GraphModule, Node

from explorer.deployment.packed.step import Affine
from explorer.networks.layer_nodes import NORMALIZATION_VALUES, arguments, normalization_name, operation_name
from explorer.networks.normalization_values import factors_and_shifts
from explorer.system.errors import NetworkError

__all__ = ["normalization_affine", "scale_and_shift_normalizations", "stored_values"]


def stored_values(graph: GraphModule, node: Node) -> np.ndarray:
    """A stored tensor in float64.

    Raises:
        NetworkError: the graph computes it.
    """
    if node.op != "get_attr":
        raise NetworkError("the values of a packed layer are stored", f"{node.name} computes them", "store them")
    values: np.ndarray = attrgetter(str(node.target))(graph).detach().cpu().double().numpy()
    return values


def normalization_affine(graph: GraphModule, node: Node, before: np.ndarray | float = 0.0) -> Affine:
    """What a batch normalization does in inference: every channel times a factor, plus a shift.

    Args:
        graph: holds its statistics, weights and biases.
        node: of it.
        before: what is added to each channel before it, (n,).

    Raises:
        NetworkError: the graph computes one of these.
    """
    return Affine(*factors_and_shifts(node, lambda stored: stored_values(graph, stored), before))


def scale_and_shift_normalizations(graph: GraphModule) -> None:
    """Puts a product and a sum with stored values in the place of every batch normalization that folds into no layer:
    two numbers a channel are stored in the place of four."""
    for node in list(graph.graph.nodes):
        given = arguments(node) if node.op == "call_function" and operation_name(node) == "batch_norm" else None
        if given is None or given["training"] or any(_is_computed(given[name]) for name in NORMALIZATION_VALUES):
            continue
        affine, name = normalization_affine(graph, node), normalization_name(node)
        places = (-1, *(1 for _ in node.meta["val"].shape[2:]))
        with graph.graph.inserting_before(node):
            scale = _constant(graph, f"{name}.scale", affine.factors, places)
            scaled = graph.graph.call_function(torch.ops.aten.mul.Tensor, (given["input"], scale))
            shift = _constant(graph, f"{name}.shift", affine.shifts, places)
            shifted = graph.graph.call_function(torch.ops.aten.add.Tensor, (scaled, shift))
        node.replace_all_uses_with(shifted)
        graph.graph.erase_node(node)


def _is_computed(value: Node | None) -> bool:
    return value is not None and value.op != "get_attr"


def _constant(graph: GraphModule, target: str, values: np.ndarray, places: tuple[int, ...]) -> Node:
    """The node of a stored tensor, of one value for each channel; put into the graph where it has none of that name."""
    tensor = torch.from_numpy(values).float().reshape(places)
    path, _, attribute = target.rpartition(".")
    holder: nn.Module = graph
    for part in path.split(".") if path else ():
        if not isinstance(getattr(holder, part, None), nn.Module):
            setattr(holder, part, nn.Module())
        holder = getattr(holder, part)
    known = getattr(holder, attribute, None)
    if not (isinstance(known, Tensor) and torch.equal(known, tensor)):
        holder.register_buffer(attribute, tensor)
    return graph.graph.get_attr(target)
