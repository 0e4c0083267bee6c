"""Which kernel computes a convolution."""

from typing import Any

from explorer.device_code.steps.conv import ConvStep
from explorer.device_code.steps.depthwise import DepthwiseStep
from explorer.device_code.steps.pointwise import PointwiseStep

__all__ = ["conv_step"]


def conv_step(*given: Any) -> ConvStep:
    """The step of a convolution, by the kernel that is made for it; arguments as of `ConvStep`."""
    step = ConvStep(*given)
    if PointwiseStep.takes(step):
        return PointwiseStep(*given)
    is_depthwise = step.groups == step.channels == len(step.coded.filters)
    return DepthwiseStep(*given) if is_depthwise and step.window.dilation == (1, 1) else step
