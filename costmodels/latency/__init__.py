"""Latency: the work of a layer as a kernel does it, and the time that work takes on a machine that was calibrated."""

from costmodels.latency.estimate import DeviceEstimate
from costmodels.latency.model import LatencyModel, LatencySource, NetworkLatency, left_out, network_latency
from costmodels.latency.work import Work, kernel_path, layer_work
from costmodels.machine import AMOUNTS, KernelPath

__all__ = [
    "AMOUNTS",
    "DeviceEstimate",
    "KernelPath",
    "LatencyModel",
    "LatencySource",
    "NetworkLatency",
    "Work",
    "kernel_path",
    "layer_work",
    "left_out",
    "network_latency",
]
