"""What filterfront knows of the operations that are no layer: a table from ATen name to what the operation does.

A convolution or linear layer is counted, and so are the matrix products and layers without a compressed form
(`explorer.networks.fixed_operations`). Everything in this table is free of multiply-accumulates. What is in neither has
the MAC that torch counts of its parts (`explorer.networks.torch_counts`); where that is none it is unknown and warned
about, so that no operation costs nothing in silence. What any of them reads of parameters and buffers is stored and
counted, whatever the operation is.
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
        "gelu mish sigmoid tanh softplus log_sigmoid prelu rrelu hardshrink softshrink",
    ),
    (
        FUSED,
        "elementwise function, no MAC; runs in the step before it",
        "abs neg square sqrt rsqrt reciprocal exp exp2 expm1 log log2 log10 log1p pow sign sgn round floor ceil trunc "
        "frac sin cos tan asin acos atan sinh cosh erf erfc logit",
    ),
    (FUSED, "dropout does nothing in inference", "dropout feature_dropout alpha_dropout feature_alpha_dropout"),
    (OVERWRITES, "elementwise addition, such as a residual connection, no MAC", "add sub rsub addcmul addcdiv lerp"),
    (
        OVERWRITES,
        "elementwise product of activations, no MAC with weights",
        "mul div remainder fmod floor_divide atan2 hypot",
    ),
    (
        OVERWRITES,
        "elementwise comparison or choice, no MAC",
        "maximum minimum where eq ne lt le gt ge masked_fill logical_and logical_or logical_not bitwise_not triu tril "
        "logical_xor bitwise_or bitwise_xor isnan isinf isfinite nan_to_num fmax fmin heaviside",
    ),
    (
        OVERWRITES,
        "normalization by the statistics of its own input, no MAC with weights",
        "batch_norm instance_norm group_norm layer_norm rms_norm",
    ),
    (OVERWRITES, "copies values where they may still be needed as they were, no MAC", "clone copy fill zero"),
    (
        VIEW,
        "the same values under another shape",
        "view reshape flatten unflatten squeeze unsqueeze contiguous detach alias expand expand_as view_as reshape_as "
        "chunk split split_with_sizes tensor_split unbind getitem lift_fresh_copy",
    ),
    (VIEW, "the same values in another type, which here all have the bits of activations", "to _to_copy type_as"),
    (
        WRITES,
        "pooling, no MAC",
        "max_pool1d max_pool2d max_pool3d max_pool1d_with_indices max_pool2d_with_indices max_pool3d_with_indices "
        "avg_pool1d avg_pool2d avg_pool3d adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d "
        "adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d",
    ),
    (
        WRITES,
        "reduction, no MAC with weights",
        "mean sum amax amin aminmax max min argmax argmin prod std var var_mean std_mean logsumexp norm "
        "linalg_vector_norm any all cumsum cumprod",
    ),
    (WRITES, "sorting, no MAC", "sort argsort topk"),
    (WRITES, "half of the channels, times a function of the other half, no MAC with weights", "glu"),
    (
        WRITES,
        "copies values to other places, no MAC",
        "slice select narrow cat concat stack permute transpose t mT numpy_T movedim swapaxes swapdims flip roll "
        "repeat repeat_interleave pixel_shuffle pixel_unshuffle channel_shuffle index "
        "index_select gather take_along_dim unfold im2col "
        "nonzero meshgrid embedding col2im rot90 scatter scatter_add index_put index_add select_scatter slice_scatter "
        "one_hot diagonal diag_embed",
    ),
    (
        WRITES,
        "padding, no MAC",
        "pad constant_pad_nd reflection_pad1d reflection_pad2d reflection_pad3d replication_pad1d replication_pad2d "
        "replication_pad3d",
    ),
    (WRITES, "exponentials and one sum a position, no MAC with weights", "softmax log_softmax"),
    (
        WRITES,
        "resampling by fixed factors, no MAC with weights",
        "upsample_nearest1d upsample_nearest2d upsample_nearest3d upsample_linear1d upsample_bilinear2d "
        "upsample_bicubic2d upsample_trilinear3d _upsample_nearest_exact1d _upsample_nearest_exact2d "
        "_upsample_nearest_exact3d _upsample_bilinear2d_aa max_unpool2d max_unpool3d",
    ),
    (WRITES, "resampling at computed places, no MAC with weights", "grid_sampler grid_sampler_2d grid_sampler_3d"),
    (
        WRITES,
        "a constant",
        "zeros ones full zeros_like ones_like full_like new_zeros new_ones new_full arange linspace scalar_tensor eye",
    ),
)
OPERATIONS: Mapping[str, OperationRule] = MappingProxyType(
    {name: OperationRule(FREE, reason, effect) for effect, reason, names in _GROUPS for name in names.split()}
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
