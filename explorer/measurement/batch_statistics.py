"""Re-estimated batch statistics: the means and variances of batch normalizations, for weights that are not those they
were gathered under.

A normalization takes from each channel the mean that its input had in training, and divides by the deviation.
Compressed weights move both, and the network answers at chance long before its features are lost. Re-estimated on a
few training images, by forward passes alone, without labels or gradients, the normalizations fit their inputs again.

Sources: B. Li et al., EagleEye: Fast Sub-net Evaluation for Efficient Neural Network Pruning, ECCV 2020,
arXiv 2007.02491 (a search's candidates measured so); J. Yu and T. Huang, Universally Slimmable Networks, ICCV 2019,
arXiv 1903.05134 (equal averages over the batches of a part of the training images); V. Joshi et al., Accurate deep
neural network inference using computational phase-change memory, Nature Communications 11, 2020 (weights that drift).
"""

import copy
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import GraphModule, Interpreter, Node
from torch.nn import functional

from explorer.networks.layer_nodes import arguments, operation_name
from explorer.networks.trace import TracedNetwork
from explorer.system.errors import NetworkError
from explorer.system.inputs import Batch, parts_of

__all__ = [
    "has_statistics",
    "is_normalization",
    "put_biases",
    "put_statistics",
    "reestimated_statistics",
    "with_statistics",
]


def has_statistics(graph: GraphModule) -> bool:
    """Whether the graph has a batch normalization with stored statistics."""
    return any(is_normalization(node) for node in graph.graph.nodes)


def reestimated_statistics(
    graph: GraphModule,
    values: Mapping[str, Tensor],
    batches: tuple[Batch, ...],
    on_batch: Callable[[int], object] = lambda images: None,
) -> dict[str, Tensor]:
    """Means and variances of every batch normalization's input, by the name of their tensor in the graph.

    Within a batch each normalization uses the batch's own statistics, so that what follows reads what it will read; the
    results are the plain averages over all calls. Variances are unbiased, as `torch.nn.BatchNorm2d` keeps them. The
    graph and the values stay as they are.

    Args:
        graph: of the network.
        values: tensors by name, used in place of those that the graph holds.
        batches: inputs, each of as many images as the others, and of more than one value per channel everywhere.
        on_batch: called with the number of images of every batch that is run.

    Returns:
        Tensors of one value per channel; none where one of them is not finite, as statistics that no network can use.
    """
    runner = _Reestimation(graph, values)
    with torch.inference_mode():
        for batch in batches:
            runner.run(*parts_of(batch))
            on_batch(len(batch))
    finite = all(torch.isfinite(tensor).all() for tensor in runner.statistics.values())
    return {name: tensor.clone() for name, tensor in runner.statistics.items()} if finite else {}


def put_statistics(module: nn.Module, statistics: Mapping[str, Tensor]) -> None:
    """Puts statistics in the place of a module's own.

    Args:
        module: gets tensors of its own in their place.
        statistics: by the name of a buffer, as `reestimated_statistics` gives them.

    Raises:
        NetworkError: there is no such buffer, or it has another shape. Nothing is changed then.
    """
    buffers = dict(module.named_buffers(remove_duplicate=False))
    for name, tensor in statistics.items():
        if name not in buffers or buffers[name].shape != tensor.shape:
            expected = tuple(buffers[name].shape) if name in buffers else "no such buffer"
            rule = "batch statistics have a buffer's name and shape"
            raise NetworkError(rule, f"{name} {tuple(tensor.shape)}", f"expected {expected}")
    for name, tensor in statistics.items():
        path, _, attribute = name.rpartition(".")
        setattr(module.get_submodule(path), attribute, tensor.detach().clone())


def put_biases(module: nn.Module, biases: Mapping[str, Tensor]) -> None:
    """Puts biases in the place of a module's own.

    Args:
        module: is changed.
        biases: by the name of a parameter.

    Raises:
        NetworkError: there is no such parameter, or it has another shape. Nothing is changed then.
    """
    own = dict(module.named_parameters(remove_duplicate=False))
    for name, tensor in biases.items():
        if name not in own or own[name].shape != tensor.shape:
            expected = tuple(own[name].shape) if name in own else "no such parameter"
            rule = "corrected biases have a parameter's name and shape"
            raise NetworkError(rule, f"{name} {tuple(tensor.shape)}", f"expected {expected}")
    with torch.no_grad():
        for name, tensor in biases.items():
            own[name].copy_(tensor)


def with_statistics(traced: TracedNetwork, statistics: Mapping[str, Tensor]) -> TracedNetwork:
    """The same network, in a copy, with these statistics.

    Args:
        traced: left as it is.
        statistics: as in `put_statistics`.

    Raises:
        NetworkError: as `put_statistics`.
    """
    graph = copy.copy(traced.graph)  # its nodes keep their names, which activation ranges go by
    put_statistics(graph, statistics)
    return replace(traced, graph=graph)


class _Reestimation(Interpreter):
    """Runs a graph whose batch normalizations normalize by the batch, and averages their statistics over the runs."""

    def __init__(self, graph: GraphModule, values: Mapping[str, Tensor]) -> None:
        super().__init__(graph)
        self._values, self._calls = dict(values), Counter[str]()
        self.statistics: dict[str, Tensor] = {}

    def fetch_attr(self, target: str) -> Any:
        """The value that is given for the tensor, else the graph's own."""
        return self._values[target] if target in self._values else super().fetch_attr(target)

    def run_node(self, n: Node) -> Any:
        """The node's value; a batch normalization's by the batch."""
        return self._normalized(n) if is_normalization(n) else super().run_node(n)

    def _normalized(self, node: Node) -> Tensor:
        given = {name: self.env[value] if isinstance(value, Node) else value for name, value in arguments(node).items()}
        names = [str(arguments(node)[name].target) for name in ("running_mean", "running_var")]
        mean, variance = (self.statistics.setdefault(name, torch.zeros_like(self.fetch_attr(name))) for name in names)
        self._calls[names[0]] += 1
        # The running value becomes (1 - momentum) times itself plus momentum times the batch's: 1/k averages k calls.
        return functional.batch_norm(
            given["input"],
            mean,
            variance,
            given["weight"],
            given["bias"],
            training=True,
            momentum=1 / self._calls[names[0]],
            eps=given["eps"],
        )


def is_normalization(node: Node) -> bool:
    """Whether a node is a batch normalization by statistics that the graph holds."""
    if node.op != "call_function" or operation_name(node) != "batch_norm":
        return False
    given = arguments(node)
    stored = [given[name] for name in ("running_mean", "running_var")]
    return not given["training"] and all(isinstance(part, Node) and part.op == "get_attr" for part in stored)
