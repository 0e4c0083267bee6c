"""The step of a layer before there are weights: its shape, and filters as wide as its scheme is likely to have them."""

import numpy as np

from costmodels import ConvShape, Scheme
from explorer.deployment.device_code.blocks import likely_block
from explorer.deployment.device_code.fixed_point import FixedPoint
from explorer.deployment.device_code.forms.bounds import form_bound
from explorer.deployment.device_code.forms.coded_filters import CodedFilters, PackedCodes, Stream
from explorer.deployment.device_code.forms.entropy_coded import LENGTHS, WORD_BYTES
from explorer.deployment.device_code.instructions.decoding import likely_width
from explorer.deployment.device_code.steps import ConvStep, Finish, TransposedStep, Window, conv_step

__all__ = ["Spread", "likely_step"]

Spread = tuple[tuple[int, int], tuple[int, int]]
"""Of a transposed convolution, from one value to the next, and what lies before the first; each by rows and columns."""

ENDS = {1: (-1, 1), 2: (-1, 1), 4: (-8, 7), 8: (-128, 127), 16: (-(1 << 15), (1 << 15) - 1)}
"""The least and the greatest weight of filters whose codes have so many bits."""

NOTHING = FixedPoint(np.zeros(1, np.int16), np.zeros(1, np.int16), 0, 1)


def likely_step(shape: ConvShape, scheme: Scheme, room: int, spread: Spread | None = None) -> ConvStep:
    """The step of a layer as a program would have it.

    Args:
        shape: the layer.
        scheme: its compressed form.
        room: bytes of scratch that it may take.
        spread: of a transposed convolution; None of any other.
    """
    width = likely_width(scheme)
    filters = np.zeros(shape.weight_shape, np.int16)
    low, high = ENDS[width]
    if width == 1:
        filters[:] = high  # no zeros, which would take another bit
    filters.flat[0], filters.flat[-1] = low, high
    bound = form_bound(scheme)
    packed = PackedCodes(Stream("weights", b""), width, int(width <= 2), low) if _is_packed(scheme, width) else None
    work = bound.work_bytes(scheme) if scheme.name != "entropy-coded" else WORD_BYTES * (LENGTHS + (1 << width))
    coded = CodedFilters(bound.kernel, {}, filters, np.ones(len(filters)), work, packed=packed)
    (top, _), (left, _) = shape.pads
    stride, lead = spread or (shape.stride, (top, left))
    size = shape.input_values if spread and shape.input_values else shape.input_size
    window = Window(size, shape.output_size, shape.kernel, stride, shape.dilation, lead)
    finish = Finish(NOTHING, -128, 127)
    make_step = TransposedStep if spread else conv_step
    step = make_step("layer", 1, 0, shape.in_channels, shape.groups, window, 0, coded, str(scheme), finish)
    found = likely_block(step, room)
    assert isinstance(found, ConvStep)  # noqa: S101
    return found


def _is_packed(scheme: Scheme, width: int) -> bool:
    """Whether codes lie in flash as they are multiplied, where the layer allows it."""
    if scheme.name == "dense":
        return width < 16 and width == getattr(scheme, "weight_bits", 0) and not getattr(scheme, "zero_width", 0)
    return scheme.name == "ternary" and getattr(scheme, "packing", "") != "base3"
