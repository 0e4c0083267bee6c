"""The work of a step as named amounts, each of which takes a number of instructions that a core's table has."""

from collections.abc import Mapping
from math import ceil, prod

import numpy as np

from costmodels import LayerUsage, Scheme
from costmodels.shapes import ConvShape
from explorer.deployment.device_code.instructions.decoding import decoding_amounts, variant
from explorer.deployment.device_code.steps import (
    AddStep,
    ConvStep,
    DepthwiseStep,
    FlattenStep,
    MaxPoolStep,
    RescaleStep,
    SingleStep,
    Step,
    SumPoolStep,
    TransposedStep,
)

__all__ = ["DECODING", "layer_amounts", "step_amounts"]

DECODING = "decoding "
"""What the amounts of decoding begin with, which every kernel of a layer shares."""

COLUMNS = 4
"""Places that share filters."""

MOST_TAPS = 255
"""Of a window whose sums fit 16 bits."""


def layer_amounts(step: ConvStep, shape: ConvShape, scheme: Scheme, usage: LayerUsage) -> dict[str, float]:
    """Amounts of a layer: of its kernel, and of decoding its filters unless they are multiplied as they are packed.

    Args:
        step: of the layer.
        shape: the layer.
        scheme: its compressed form.
        usage: counts of the fitted layer.
    """
    amounts = _kernel_amounts(step)
    if not step.codes.is_packed or isinstance(step, DepthwiseStep):
        form = variant(scheme)
        found = decoding_amounts(shape, scheme, usage)
        amounts |= {f"{DECODING}{form}: {name}": value for name, value in found.items()}
    return amounts


def _kernel_amounts(step: ConvStep) -> dict[str, float]:
    if isinstance(step, DepthwiseStep):
        return _depthwise(step)
    if isinstance(step, TransposedStep):
        return _transposed(step)
    return _single(step) if isinstance(step, SingleStep) else _conv(step)


def _conv(step: ConvStep) -> dict[str, float]:
    """Blocks of filters over all places, four of them at once."""
    outputs, width = len(step.coded.filters), step.codes.width
    blocks = ceil(outputs / step.groups / step.at_once) * step.groups
    fours = ceil(step.places / COLUMNS)
    reads = float(blocks * step.places)
    height, across = step.window.kernel
    is_apart = step.groups > 1 or step.window.dilation[1] > 1
    runs = 0 if step.reading == "FILTERFRONT_AS_IT_IS" else height * (across if is_apart else 1)
    mode = step.reading.removeprefix("FILTERFRONT_").lower()
    amounts = {
        "calls": 1.0,
        "blocks": float(blocks),
        "columns read": reads,
        "runs read": reads * runs,
        f"values read {mode}, {'fewer than 8 bits' if width < 8 else '8 or 16 bits'}": reads * step.values,
        f"values multiplied, {width} bits": float(outputs * fours * COLUMNS * step.values),
        f"filters over columns, {width} bits": float(outputs * fours),
        "outputs": float(outputs * step.places),
        "outputs one by one": outputs * step.places * _share_apart(step),
        "filters made ready": float(outputs),
    }
    amounts["values left over"] = reads * runs * (step.coded.filters.shape[1] * (1 if is_apart else across) % COLUMNS)
    if mode == "in_a_window":
        amounts["values gathered"] = reads * step.length
    if step.codes.offset:
        amounts["values summed"] = reads * step.values
    if step.values % 8:
        amounts["columns read of odd length"] = reads
    left = blocks * (fours * COLUMNS - step.places)
    amounts["values cleared"] = float(left * step.values)
    if not step.codes.is_packed:
        amounts[f"weights written, {'16' if width == 16 else 'fewer'} bits"] = float(outputs * step.values)
    return amounts


def _depthwise(step: DepthwiseStep) -> dict[str, float]:
    """Channel by channel, a band of rows after the other."""
    channels, (height, width) = len(step.coded.filters), step.window.kernel
    down, across = step.window.output_size
    bands = ceil(down / step.at_once)
    taps, stride = -(-width // 2) * 2, step.window.stride[0]
    pitch = (across - 1) * step.window.stride[1] + taps
    read = min((down - 1) * stride + height, step.window.input_size[0] + 2 * step.window.pad[0])
    held = max(height - stride, 0)
    apart = _share_apart(step)
    is_full = step.finish.range is None and step.finish.high - step.finish.low == 255
    is_double = (height, width) == (3, 3) and step.window.stride == (1, 1) and is_full and not apart
    amounts = {
        "calls": 1.0,
        "channels": float(channels),
        "bands": float(channels * bands),
        "rows read": float(channels * read),
        "values read": float(channels * read * step.window.input_size[1]),
        "values moved": float(channels * bands * held * pitch),
        "taps of filters": float(channels * height * taps),
    }
    if is_double:
        return {**amounts, "rows in pairs": float(channels * down), "pairs": float(channels * down * ceil(across / 2))}
    outputs = float(channels * down * across)
    windows = {f"rows of windows, {taps if taps <= 4 else 'more'} taps": outputs * height}
    rows = {"rows": float(channels * down), "outputs": outputs, "outputs one by one": outputs * apart}
    return {**amounts, **rows, **windows, "products": outputs * height * taps}


def _transposed(step: TransposedStep) -> dict[str, float]:
    """Phase by phase, blocks of filters over the places of a row, four of them at once."""
    outputs, width, phases = len(step.coded.filters), step.codes.width, step.phases
    blocks = ceil(outputs / step.groups / step.at_once) * step.groups
    rows, places = sum(phase.places[0] for phase in phases), sum(prod(phase.places) for phase in phases)
    fours = [phase.places[0] * ceil(phase.places[1] / COLUMNS) for phase in phases]
    left = sum(phase.places[0] * (phase.places[1] % COLUMNS) for phase in phases)
    apart = _share_apart(step)
    taps = sum(prod(phase.places) * prod(phase.taps) for phase in phases)
    multiplied = sum(count * COLUMNS * phase.values for count, phase in zip(fours, phases, strict=True))
    mode = step.reading.removeprefix("FILTERFRONT_").lower()
    amounts = {
        "calls": 1.0,
        "blocks": float(blocks),
        "phases": float(blocks * len(phases)),
        "rows": float(blocks * rows),
        "columns read": float(blocks * places),
        f"taps read {mode}": float(blocks * taps),
        f"values read {mode}, {'fewer than 8 bits' if width < 8 else '8 or 16 bits'}": float(blocks * step.values_read),
        f"values multiplied, {width} bits": float(outputs * multiplied),
        "filters over columns": float(outputs * sum(fours)),
        "outputs": float(outputs * places),
        "outputs one by one": outputs * (left + (places - left) * apart),
        "phases of filters": float(outputs * len(phases)),
        "taps of filters": float(outputs * sum(prod(phase.taps) for phase in phases)),
        f"weights written, {'16' if width == 16 else 'fewer'} bits": float(outputs * step.values),
        "values cleared": float(blocks * (multiplied - step.values_read)),
    }
    if mode == "in_a_window":
        amounts["values gathered"] = float(blocks * taps * step.coded.filters.shape[1])
    if step.codes.offset:
        amounts["values summed"] = float(blocks * step.values_read)
    return amounts


def _share_apart(step: ConvStep) -> float:
    """The share of channels whose factor is half a level or more: their sums are requantized one by one."""
    fixed = step.finish.fixed
    factors = fixed.mantissas << np.maximum(32 - fixed.shifts, 0)
    return float((np.abs(factors) >= 1 << 31).mean())


def _single(step: SingleStep) -> dict[str, float]:
    """One place: every filter over the values, as it is packed or decoded."""
    outputs, length = len(step.coded.filters), float(step.length)
    amounts = {"calls": 1.0, "outputs": float(outputs), "values read": step.groups * length}
    amounts["taps read"] = float(step.groups * step.window.kernel[0] * step.window.kernel[1])
    if step.codes.is_packed:
        width = step.codes.width
        return {**amounts, "values put in order": length, f"values multiplied, {width} bits": outputs * length}
    return {**amounts, "values multiplied": outputs * length}


def step_amounts(step: Step, elements: Mapping[int, int]) -> dict[str, float]:
    """Amounts of a step that is no layer.

    Args:
        step: of the program.
        elements: values of each tensor by number.

    Raises:
        TypeError: it is a layer.
    """
    values = float(elements[step.output])
    if isinstance(step, (AddStep, FlattenStep)):
        return {"calls": 1.0, "values": values}
    if isinstance(step, RescaleStep):
        height, width, channels = step.part.out
        return {"calls": 1.0, "places": float(height * width), "values": float(height * width * channels)}
    if isinstance(step, (MaxPoolStep, SumPoolStep)):
        return _pool(step, values)
    raise TypeError(f"{type(step).__name__} is a layer")


def _pool(step: MaxPoolStep | SumPoolStep, values: float) -> dict[str, float]:
    """Windows, four channels at once where their sums fit 16 bits."""
    height, width = step.window.kernel
    places, channels = values / step.channels, step.channels
    fours, left = divmod(channels, 4) if height * width <= MOST_TAPS else (0, channels)
    return {
        "calls": 1.0,
        "places": places,
        "taps clipped": places * (height + width),
        "values": values,
        "rows in fours": places * fours * height,
        "taps in fours": places * fours * height * width,
        "rows": places * left * height,
        "taps": places * left * height * width,
    }
