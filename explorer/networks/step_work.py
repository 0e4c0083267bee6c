"""Operations of the steps that are no layer: additions, products, comparisons and functions of a value, one each."""

import math
from collections.abc import Mapping
from types import MappingProxyType

from torch.fx import Node

from explorer.networks.layer_nodes import arguments, operation_name
from explorer.networks.operations import FUSED, OVERWRITES, OperationRule
from explorer.networks.sizes import ImageSizes

__all__ = ["step_operations"]

_BY_OUTPUT: Mapping[str, int] = MappingProxyType(
    dict.fromkeys(("dropout", "feature_dropout", "alpha_dropout", "feature_alpha_dropout"), 0)
    | dict.fromkeys(("clone", "copy", "fill", "zero"), 0)
    # A sum for the mean; difference, square and sum for the variance; a product and a sum.
    | dict.fromkeys(("instance_norm", "group_norm", "layer_norm", "rms_norm"), 6)
    | {"batch_norm": 2, "addcmul": 2, "addcdiv": 2, "lerp": 3, "glu": 2}
    # The greatest value, a difference, an exponential, a sum and a division; the logarithm takes its place.
    | dict.fromkeys(("softmax", "log_softmax"), 5)
    # Products with the neighbours' weights, and their sum.
    | {"upsample_linear1d": 3, "upsample_bilinear2d": 7, "upsample_trilinear3d": 15, "upsample_bicubic2d": 31}
    | {"_upsample_bilinear2d_aa": 7, "grid_sampler": 7, "grid_sampler_2d": 7, "grid_sampler_3d": 15}
)
"""Operations for each value that is written, where they are not one of an elementwise step or none of another."""

_BY_INPUT = frozenset(
    {"mean", "sum", "amax", "amin", "aminmax", "max", "min", "argmax", "argmin", "prod", "std", "var", "var_mean"}
    | {"std_mean", "logsumexp", "norm", "linalg_vector_norm", "any", "all", "cumsum", "cumprod"}
    | {f"adaptive_{kind}_pool{dimensions}d" for kind in ("avg", "max") for dimensions in (1, 2, 3)}
)
"""Those that take each value that is read once."""

_POOLS = frozenset(
    f"{kind}_pool{dimensions}d{more}"
    for kind, more in (("max", ""), ("max", "_with_indices"), ("avg", ""))
    for dimensions in (1, 2, 3)
)
"""Those that take a window of values for each that is written."""


def step_operations(node: Node, rule: OperationRule, sizes: ImageSizes) -> int:
    """Operations for one image of a step that is no layer; sorting, and what is added to find a place, count as none.

    Args:
        node: of the step.
        rule: its own.
        sizes: of its graph.
    """
    kind = operation_name(node)
    if kind in _POOLS:
        window = arguments(node)["kernel_size"]
        # One size is of all dimensions.
        area = math.prod(window) if len(window) > 1 else window[0] ** int(kind.split("pool")[1][0])
        return int(sizes.elements(node) * area)
    if kind in _BY_INPUT:
        return sizes.elements(node.all_input_nodes[0])
    elementwise = 1 if rule.effect in (FUSED, OVERWRITES) else 0
    return sizes.elements(node) * _BY_OUTPUT.get(kind, elementwise)
