"""Stacked low-dimensional filters: stacked binary filters (paper 1) and, at 32 bits, LegoNet."""

from costmodels.schemes.stacked.binary import StackedBinary
from costmodels.schemes.stacked.lego_net import LegoNet

__all__ = ["LegoNet", "StackedBinary"]
