"""What takes up the mean of the error that compressed weights make in a layer's output.

A batch normalization whose statistics are re-estimated takes it out. A bias can be corrected by it: b' = b +
(w - w^)^T mu, with mu the mean input patch, moves the layer's mean output back to where it was, and costs no byte.
Where a layer has neither, no bias is added: the mean stays, and counts as error.

Source: M. Nagel et al., Data-Free Quantization Through Weight Equalization and Bias Correction, ICCV 2019,
arXiv 1906.04721, section 4.2.
"""

from collections import Counter

from torch.fx import Node

from explorer.networks.layer_nodes import arguments, folded_normalization, operation_name, weight_of
from explorer.networks.operations import LAYERS
from explorer.networks.trace import TracedNetwork

__all__ = ["mean_takers"]


def mean_takers(traced: TracedNetwork, reestimates: bool) -> dict[str, tuple[str, ...]]:
    """The layers whose mean error is taken up, and the biases that are to be corrected for it.

    Args:
        traced: the network.
        reestimates: whether batch statistics are re-estimated for compressed weights.

    Returns:
        By layer name the names of its biases in the graph; none where a normalization does it. A bias that other layers
        add too is not corrected, and a layer with a call that has neither is left out.
    """
    names = {layer.weight: layer.name for layer in traced.spec.layers}
    calls = [node for node in traced.graph.graph.nodes if operation_name(node) in LAYERS]
    owners = Counter(pair for pair in {(_target(arguments(node)["bias"]), _weight_name(node)) for node in calls})
    shared = Counter(bias for bias, _ in owners)
    found: dict[str, tuple[str, ...]] = {}
    left_out = set()
    for node in calls:
        name, bias = names.get(_weight_name(node)), _target(arguments(node)["bias"])
        if name is None:
            continue
        if reestimates and folded_normalization(node) is not None:
            found.setdefault(name, ())
        elif bias and shared[bias] == 1:
            found[name] = tuple(dict.fromkeys((*found.get(name, ()), bias)))
        else:
            left_out.add(name)
    return {name: biases for name, biases in found.items() if name not in left_out}


def _weight_name(node: Node) -> str:
    weight = weight_of(node)
    return _target(weight)


def _target(value: object) -> str:
    """The name of a stored tensor; empty for what is computed, or none."""
    return str(value.target) if isinstance(value, Node) and value.op == "get_attr" else ""
