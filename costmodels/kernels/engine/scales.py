"""The stored scales of outputs."""

import numpy as np

from costmodels.kernels.packing import PackedLayer, locate

__all__ = ["output_scales"]


def output_scales(packed: PackedLayer) -> np.ndarray | None:
    """(n,) from one scale a filter, a group or the layer; none where the layer stores none."""
    located = locate(packed)
    if "scales" not in located:
        return None
    scales = located["scales"].unpack().reshape(-1)
    return np.repeat(scales, packed.shape.out_channels // len(scales))
