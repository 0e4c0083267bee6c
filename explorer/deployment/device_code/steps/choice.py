"""Which kernel computes a convolution."""

from typing import Any

from explorer.deployment.device_code.steps.conv import ConvStep
from explorer.deployment.device_code.steps.depthwise import DepthwiseStep
from explorer.deployment.device_code.steps.single import SingleStep

__all__ = ["conv_step"]


def conv_step(*given: Any) -> ConvStep:
    """The step of a convolution, by the kernel that is made for it; arguments as of `ConvStep`."""
    step = ConvStep(*given)
    if step.groups == step.channels == len(step.coded.filters) and step.window.dilation == (1, 1):
        return DepthwiseStep(*given)
    return SingleStep(*given) if step.places == 1 else step
