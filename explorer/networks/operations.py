"""What filterfront knows of the operations that are no layer: a table from ATen name to what the operation does.

A convolution or linear layer is counted, and so are the matrix products and layers without a compressed form
(`explorer.networks.fixed_operations`). Everything in this table is free of multiply-accumulates, or known not to be
covered; everything that is in neither is unknown and warned about, so that no operation costs nothing in silence. What
any of them reads of parameters and buffers is stored and counted, whatever the operation is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from costmodels.network import FREE, UNKNOWN

__all__ = ["LAYERS", "OPERATIONS", "VALUES_READ", "OperationRule", "rule_of"]

FUSED, OVERWRITES, VIEW, WRITES = "fused", "overwrites", "view", "writes"


@dataclass(frozen=True)
class OperationRule:
    """What one kind of operation does.

    Args:
        status: ``free`` or ``unknown``.
        reason: why, in words.
        effect: ``fused`` (runs in the step before it, value by value), ``overwrites`` (may take the place of an input),
            ``view`` (the same values under another shape) or ``writes`` (needs a place of its own for its output).
    """

    status: str
    reason: str
    effect: str


LAYERS = frozenset({"conv1d", "conv2d", "convolution", "linear"})
"""The operations that are costed as layers."""

_GROUPS: tuple[tuple[str, str, str], ...] = (
    (
        FUSED,
        "elementwise activation, no MAC; runs in the step before it",
        "relu relu6 hardtanh clamp clamp_min clamp_max threshold leaky_relu elu selu celu hardswish hardsigmoid silu "
        "gelu mish sigmoid tanh softplus softsign logsigmoid prelu",
    ),
    (
        FUSED,
        "elementwise function, no MAC; runs in the step before it",
        "abs neg square sqrt rsqrt reciprocal exp log pow sign round floor",
    ),
    (FUSED, "dropout does nothing in inference", "dropout feature_dropout alpha_dropout feature_alpha_dropout"),
    (OVERWRITES, "elementwise addition, such as a residual connection, no MAC", "add sub rsub addcmul lerp"),
    (OVERWRITES, "elementwise product of activations, no MAC with weights", "mul div remainder floor_divide"),
    (
        OVERWRITES,
        "elementwise comparison or choice, no MAC",
        "maximum minimum where eq ne lt le gt ge masked_fill logical_and logical_or logical_not bitwise_not triu tril "
        "isnan nan_to_num",
    ),
    (OVERWRITES, "copies values where they may still be needed as they were, no MAC", "clone"),
    (
        VIEW,
        "the same values under another shape",
        "view reshape flatten unflatten squeeze unsqueeze contiguous detach alias expand expand_as view_as reshape_as "
        "chunk split split_with_sizes tensor_split unbind getitem lift_fresh_copy",
    ),
    (VIEW, "the same values in another type, which here all have the bits of activations", "to _to_copy type_as"),
    (WRITES, "pooling, no MAC", "max_pool1d max_pool2d avg_pool1d avg_pool2d adaptive_max_pool1d adaptive_max_pool2d"),
    (WRITES, "pooling, no MAC", "adaptive_avg_pool1d adaptive_avg_pool2d max_pool2d_with_indices"),
    (WRITES, "reduction, no MAC with weights", "mean sum amax amin max min argmax argmin"),
    (
        WRITES,
        "copies values to other places, no MAC",
        "slice select narrow cat concat stack permute transpose t mT numpy_T movedim swapaxes swapdims flip roll "
        "repeat repeat_interleave pixel_shuffle pixel_unshuffle channel_shuffle index "
        "index_select gather take_along_dim unfold im2col "
        "nonzero meshgrid embedding",
    ),
    (
        WRITES,
        "padding, no MAC",
        "pad constant_pad_nd reflection_pad1d reflection_pad2d replication_pad1d replication_pad2d",
    ),
    (WRITES, "exponentials and one sum a position, no MAC with weights", "softmax log_softmax"),
    (
        WRITES,
        "resampling by fixed factors, no MAC with weights",
        "upsample_nearest1d upsample_nearest2d upsample_bilinear2d upsample_bicubic2d",
    ),
    (
        WRITES,
        "a constant",
        "zeros ones full zeros_like ones_like full_like new_zeros new_ones new_full arange linspace scalar_tensor eye",
    ),
)
_UNKNOWN: Mapping[str, str] = {
    "batch_norm": "a batch normalization by the statistics of its own input has no cost model",
    "einsum": "matrix products in Einstein's notation have no cost model",
    "lstm": "recurrent layers have no cost model; their weights are counted as 32-bit floats",
    "gru": "recurrent layers have no cost model; their weights are counted as 32-bit floats",
}
OPERATIONS: Mapping[str, OperationRule] = MappingProxyType(
    {name: OperationRule(FREE, reason, effect) for effect, reason, names in _GROUPS for name in names.split()}
    | {name: OperationRule(UNKNOWN, reason, WRITES) for name, reason in _UNKNOWN.items()}
)
"""ATen operation, without namespace, overload and the underscore of its in-place form -> its rule."""

VALUES_READ: Mapping[str, int] = MappingProxyType(
    dict.fromkeys(("expand_as", "view_as", "reshape_as", "type_as"), 1)
    | dict.fromkeys(("zeros_like", "ones_like", "full_like", "new_zeros", "new_ones", "new_full"), 0)
)
"""Of how many of their tensors operations read the values, where they read the shape or type alone of the others."""


def rule_of(name: str) -> OperationRule:
    """The rule of an operation; unknown where the table has none."""
    return OPERATIONS.get(name) or OperationRule(UNKNOWN, f"no cost model for the operation {name}", WRITES)
