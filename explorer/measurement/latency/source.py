"""Where a search's times come from: this machine's calibrated kernels, or the figures of a device."""

from costmodels import Device
from costmodels.latency import DeviceEstimate, LatencySource

__all__ = ["latency_source"]


def latency_source(device: Device | None) -> LatencySource:
    """The device's estimate, or without a device this machine's calibration, made where there is none.

    Raises:
        DeviceError: no cycles are known of the device.
    """
    if device is not None:
        return DeviceEstimate(device)
    from explorer.measurement.latency.calibration import latency_calibration

    return latency_calibration().model
