"""``filterfront.cost`` and ``filterfront.trace``."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from costmodels.text import AnyScheme, as_pattern
from explorer.api.arguments import as_names, as_noted_spec, as_traced
from explorer.api.progress import quiet_warnings
from explorer.api.wording import in_python, python_words
from explorer.networks.cost_table import CostTable, cost_table
from explorer.networks.first_look import look_at_network

if TYPE_CHECKING:
    from explorer.networks.trace import TracedNetwork

__all__ = ["cost", "count_cost", "trace"]


def cost(
    network: Any,
    scheme: AnyScheme,
    keep: str | Sequence[str] = (),
    activation_bits: int = 8,
    example_input: Any = None,
    *,
    bias_bits: int = 32,
) -> CostTable:
    """Count what a network costs under a scheme, layer by layer: bits of storage, operations, flash and SRAM.

    Every figure is an exact integer of the formulas in docs/explanation/cost-models.md. Layers that cannot take the
    scheme stay dense at 32 bits; ``kept_dense`` of the result says which and why.

    Args:
        network: a name of the zoo, an .onnx file, ``file.py:callable``, ``package.module:callable``, a
            ``torch.nn.Module`` with ``example_input``, or what `trace` returns. A module is copied and stays as it is.
        scheme: a compressed form, as an object or in text.
        keep: layers that stay dense at 32 bits: names, ``first``, ``last``; a sequence, or text with commas.
        activation_bits: bits of every activation value, 1 to 16 or 32.
        example_input: of a module: a tensor (N, ...), or a tuple of them for several inputs.
        bias_bits: bits of biases, and of shifts of folded batch normalizations: 32, or 16 with 8 a layer in common.

    Returns:
        The costs. They show themselves; ``to_frame()`` has one row for each layer, ``totals`` the whole network.

    Raises:
        FilterfrontError: something given cannot be used; the message says what to give.

    Examples:
        >>> import filterfront as ff
        >>> costs = ff.cost("digits-cnn", "dense(weight_bits=4)", keep="first")
        >>> costs.totals["macs"], costs.totals["flash_bytes"]
        (3410880, 82224)
        >>> costs.to_frame()[["layer", "storage_bits", "compression_ratio"]].round(2).tail(2)
           layer  storage_bits  compression_ratio
        3  conv4        334848               7.93
        4     fc          4160               7.38
    """
    with python_words():
        counted = count_cost(network, scheme, keep, activation_bits, example_input, bias_bits)
    return replace(counted, kept_dense={name: in_python(reason) for name, reason in counted.kept_dense.items()})


def count_cost(
    network: Any,
    scheme: AnyScheme,
    keep: str | Sequence[str],
    activation_bits: int,
    example_input: Any = None,
    bias_bits: int = 32,
) -> CostTable:
    """`cost`, with messages in the command's words."""
    with quiet_warnings():
        pattern = as_pattern(scheme)
        if isinstance(network, str):
            look_at_network(network)  # before torch is loaded
        spec, notes = as_noted_spec(network, example_input, bias_bits)
        return replace(cost_table(spec, pattern, as_names(keep, "keep"), activation_bits), notes=notes)


def trace(network: Any, example_input: Any = None) -> "TracedNetwork":
    """Trace a network through torch.export, as the cost models see it and as a graph that runs.

    Args:
        network: a ``torch.nn.Module``, which is copied and stays as it is, or a network by name as in `cost`.
        example_input: of a module: a tensor (N, ...), or a tuple of them for several inputs.

    Returns:
        The traced network: ``spec`` describes its layers, tensors and operations; ``graph`` computes what the module
        computes in evaluation mode; ``weights`` holds the weights by layer. `cost` takes it too.

    Raises:
        FilterfrontError: the network cannot be traced; the message says why.

    Examples:
        >>> import torch
        >>> import filterfront as ff
        >>> traced = ff.trace(torch.nn.Conv2d(4, 8, 3), torch.zeros(1, 4, 8, 8))
        >>> traced.spec.dense_macs
        10368
    """
    with python_words(), quiet_warnings():
        return as_traced(network, example_input)
