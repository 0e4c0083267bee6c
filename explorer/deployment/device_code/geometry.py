"""Sizes of activations, channels last, and what operations on sizes mean for them."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from torch import Tensor
from torch.fx import Node

from explorer.deployment.device_code.steps import Part, Size, Window
from explorer.networks.layer_nodes import arguments, operation_name

__all__ = ["channel_values", "cut", "in_order", "pool_window", "size_of"]

Pair = tuple[int, int]


def size_of(shape: tuple[int, ...]) -> Size | None:
    """Height, width and channels of (1, c, H, W), (1, c, L), (1, c) or (1,); none of other shapes."""
    if not shape or shape[0] != 1 or len(shape) > 4:
        return None
    channels, height, width = 1, 1, 1
    if len(shape) == 4:
        channels, height, width = shape[1:]
    elif len(shape) == 3:
        channels, width = shape[1:]
    elif len(shape) == 2:
        (channels,) = shape[1:]
    return height, width, channels


def in_order(size: Size) -> bool:
    """Whether channels last and channels first are one order."""
    height, width, channels = size
    return height * width == 1 or channels == 1


def _place(dimension: int, rank: int) -> int | None:
    """Of a dimension of a torch shape, its place in a size; none of the batch's."""
    places = {4: (None, 2, 0, 1), 3: (None, 2, 1), 2: (None, 2), 1: (None,)}
    return places[rank][dimension % rank]


def cut(part: Part, node: Node, rank: int) -> Part | None:
    """A part of a part: a slice, or zeros around it.

    Args:
        part: what it is of.
        node: the slice or padding.
        rank: of its input in torch.

    Returns:
        The part; none where C cannot say it.
    """
    given = arguments(node)
    if operation_name(node) in ("slice", "narrow"):
        return _slice(part, given, rank)
    pads: list[int] = list(given["pad"])
    result = part
    for index in range(len(pads) // 2):
        place = _place(rank - 1 - index, rank)
        before, after = pads[2 * index : 2 * index + 2]
        if place is None:
            if before or after:
                return None
            continue
        result = replace(
            result,
            before=_with(result.before, place, result.before[place] + before),
            out=_with(result.out, place, result.out[place] + before + after),
        )
    return result


def _slice(part: Part, given: Any, rank: int) -> Part | None:
    place = _place(given["dim"], rank)
    step = given.get("step", 1)
    if place is None:
        whole = (given["start"] or 0) == 0 and step == 1
        end = given.get("end")
        return part if whole and (end is None or end >= 1) and "length" not in given else None
    if part.out != part.size:
        return None  # a slice of what zeros lie around
    length = part.out[place]
    start = given["start"] or 0
    end = start + given["length"] if "length" in given else (length if given["end"] is None else given["end"])
    start, end = (min(max(value + length if value < 0 else value, 0), length) for value in (start, end))
    count = max(0, math.ceil((end - start) / step))
    if not count:
        return None
    return replace(
        part,
        start=_with(part.start, place, part.start[place] + start * part.step[place]),
        step=_with(part.step, place, part.step[place] * step),
        size=_with(part.size, place, count),
        out=_with(part.out, place, count),
    )


def _with(size: Size, place: int, value: int) -> Size:
    changed = list(size)
    changed[place] = value
    return changed[0], changed[1], changed[2]


def channel_values(value: Any, size: Size, rank: int) -> np.ndarray | None:
    """A constant as (channels,) or (1,) float64; none where it has a value for each place.

    Args:
        value: a number or a tensor that is broadcast.
        size: of what it is combined with.
        rank: of that in torch.
    """
    if isinstance(value, (bool, int, float)):
        return np.array([float(value)])
    if not isinstance(value, Tensor):
        return None
    array = value.detach().double().numpy()
    shape = (1,) * (rank - array.ndim) + array.shape
    if len(shape) != rank or any(length != 1 for place, length in enumerate(shape) if place != min(1, rank - 1)):
        return None
    flat: np.ndarray = array.reshape(-1)
    return flat if len(flat) in (1, size[2]) else None


def pool_window(node: Node, kind: str, size: Size, output: Size, rank: int) -> tuple[Window, int] | None:
    """How a pooling's windows lie, and by how much its sums are divided; none where windows differ in size.

    Args:
        node: the pooling, or a mean over rows and columns.
        kind: its operation.
        size: of the input.
        output: its size.
        rank: of the input in torch.
    """
    given = arguments(node)
    if kind == "mean":
        wanted = set(range(2, rank))
        dims = given.get("dim")
        if rank < 3 or dims is None or {dim % rank for dim in dims} != wanted:
            return None
        kernel: Pair = size[:2]
        return Window(size[:2], (1, 1), kernel, (1, 1), (1, 1), (0, 0)), kernel[0] * kernel[1]
    if kind.startswith("adaptive"):
        if any(length % count for length, count in zip(size[:2], output[:2], strict=True)):
            return None
        kernel = size[0] // output[0], size[1] // output[1]
        return Window(size[:2], output[:2], kernel, kernel, (1, 1), (0, 0)), kernel[0] * kernel[1]
    kernel = _pair(given["kernel_size"], rank, 1)
    stride = _pair(given["stride"] or given["kernel_size"], rank, 1)
    pad, dilation = _pair(given["padding"], rank, 0), _pair(given.get("dilation", [1]), rank, 1)
    window = Window(size[:2], output[:2], kernel, stride, dilation, pad)
    count = given.get("divisor_override") or kernel[0] * kernel[1]
    if not kind.startswith("max"):
        beyond = any(
            (out - 1) * step + taps > length + 2 * zeros
            for out, step, taps, length, zeros in zip(output[:2], stride, kernel, size[:2], pad, strict=True)
        )
        if beyond or (any(pad) and not given["count_include_pad"]):
            return None
    return window, count


def _pair(values: Sequence[int] | int, rank: int, neutral: int) -> Pair:
    values = [values] if isinstance(values, int) else list(values)
    if rank == 3:
        return neutral, values[0]
    return values[0], values[-1]
