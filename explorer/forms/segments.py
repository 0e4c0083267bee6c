"""The weights of a layer as segments, the parts of its filters that one low-dimensional filter covers.

Legend: as in `costmodels.schemes.base`; M = (n/g)*S segments of a group, D = s*kh*kw values of a segment.
"""

import numpy as np

from costmodels.shapes import ConvShape

__all__ = ["filter_segments", "half_segment", "weights_of_segments"]


def filter_segments(weights: np.ndarray, shape: ConvShape, segment_channels: int) -> np.ndarray:
    """Weights (n, c/g, kh, kw) as segments (g, M, D); segment j of the group's filter i is row i*S + j."""
    return weights.reshape(shape.groups, -1, segment_channels * shape.kernel_area)


def weights_of_segments(segments: np.ndarray, shape: ConvShape) -> np.ndarray:
    """The inverse of `filter_segments`, in float32."""
    return segments.reshape(shape.weight_shape).astype(np.float32)


def half_segment(shape: ConvShape) -> int:
    """Channels of a segment that is half a group, or all of it where it does not halve."""
    return shape.group_inputs // 2 if shape.group_inputs % 2 == 0 else shape.group_inputs
