"""The steps of an integer network, a file for each kind."""

from explorer.deployment.device_code.steps.add import AddStep
from explorer.deployment.device_code.steps.choice import conv_step
from explorer.deployment.device_code.steps.conv import ConvStep
from explorer.deployment.device_code.steps.copy import FlattenStep, RescaleStep
from explorer.deployment.device_code.steps.depthwise import DepthwiseStep
from explorer.deployment.device_code.steps.part import Part
from explorer.deployment.device_code.steps.pool import MaxPoolStep, SumPoolStep
from explorer.deployment.device_code.steps.single import SingleStep
from explorer.deployment.device_code.steps.step import Finish, Size, Step, Values
from explorer.deployment.device_code.steps.transposed import TransposedStep
from explorer.deployment.device_code.steps.window import Window

__all__ = [
    "AddStep",
    "ConvStep",
    "DepthwiseStep",
    "Finish",
    "FlattenStep",
    "MaxPoolStep",
    "Part",
    "RescaleStep",
    "SingleStep",
    "Size",
    "Step",
    "SumPoolStep",
    "TransposedStep",
    "Values",
    "Window",
    "conv_step",
]
