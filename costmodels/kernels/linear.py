"""Linear representation: kernels a*T + b with shared templates, in three orders of the same sums, all in float32.

Box sums, those of the windows, are taken once; what they give under b is a matrix product, and numpy's BLAS does it.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numba import njit

from costmodels.kernels.kernel import block_of
from costmodels.kernels.packing import PackedLayer, locate
from costmodels.kernels.streams import Stream
from costmodels.kernels.windows import convolve, padded, places, windows
from costmodels.shapes import ConvShape

__all__ = ["AddThenConvolve", "ConvolveThenAdd", "Direct", "Kernels"]

FLOAT = np.dtype(np.float32)
AT_ONCE = 8


@dataclass(frozen=True, eq=False)
class Kernels:
    """The kernels of a layer.

    Args:
        templates: (K, kh*kw). index, a, b: (n, c/g), a and b scaled; b is none without an offset.
    """

    templates: np.ndarray
    index: np.ndarray
    a: np.ndarray
    b: np.ndarray | None


@dataclass(frozen=True, eq=False)
class Linear:
    """What the three executions share.

    Args:
        packed: a layer of linear representation. activation_bits: of its input; the sums are of floats all the same.
    """

    packed: PackedLayer
    activation_bits: int
    uses_blas: ClassVar[bool] = True

    @property
    def shape(self) -> ConvShape:
        """The layer."""
        return self.packed.shape

    @property
    def units(self) -> int:
        """Output positions."""
        return self.shape.positions

    @property
    def block(self) -> int:
        """Positions at once."""
        return block_of(self.units, self.shape.in_channels * self.shape.kernel_area)

    @property
    def output_dtype(self) -> np.dtype:
        """float32."""
        return FLOAT

    @cached_property
    def streams(self) -> dict[str, Stream]:
        """The arrays as they are stored."""
        return {name: Stream.of(located) for name, located in locate(self.packed).items()}

    @cached_property
    def scales(self) -> np.ndarray:
        """Of a and of b."""
        return self.streams["scales"].floats(-1) if "scales" in self.streams else np.ones(2, FLOAT)

    def kernels(self) -> Kernels:
        """Reads the kernels from their streams."""
        streams, pairs = self.streams, self.shape.weight_shape[:2]
        a, b = (
            streams[name].floats(*pairs) * scale if name in streams else None
            for name, scale in zip("ab", (*self.scales, 1), strict=False)
        )
        index = streams["index"].numbers(np.empty(pairs, np.int32))
        assert a is not None  # noqa: S101
        return Kernels(streams["templates"].floats(-1, self.shape.kernel_area), index, a, b)

    def read(self, image: np.ndarray) -> tuple[np.ndarray, Kernels]:
        """The padded image, and the kernels."""
        return padded(image, self.shape, FLOAT), self.kernels()

    def groups(self) -> list[tuple[slice, slice]]:
        """The filters and the input channels of every group."""
        outputs, inputs = self.shape.group_outputs, self.shape.group_inputs
        return [
            (slice(group * outputs, (group + 1) * outputs), slice(group * inputs, (group + 1) * inputs))
            for group in range(self.shape.groups)
        ]


class Direct(Linear):
    """The filters are rebuilt, and convolved."""

    def read(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[override]
        """The padded image, and the filters (g, n/g, c/g*kh*kw)."""
        kernels, shape = self.kernels(), self.shape
        weights = np.take(kernels.templates, kernels.index, axis=0)
        weights *= kernels.a[..., None]
        if kernels.b is not None:
            weights += kernels.b[..., None]
        return padded(image, self.shape, FLOAT), weights.reshape(shape.groups, shape.group_outputs, -1)

    def run(self, inputs: tuple[np.ndarray, np.ndarray], first: int, last: int, out: np.ndarray) -> None:
        """As `Kernel.run`."""
        image, weights = inputs
        convolve(weights, windows(image, self.shape, first, last), out[:, first:last])


class ConvolveThenAdd(Linear):
    """Every channel's maps of the templates that it uses; then each kernel adds its share to the sums of its filter."""

    @cached_property
    def used(self) -> np.ndarray:
        """(c, K) booleans: whether a kernel of the channel has the template and an a that is not zero."""
        kernels = self.kernels()
        used = np.zeros((self.shape.in_channels, len(kernels.templates)), bool)
        for filters, channels in self.groups():
            own, (_, places) = used[channels], np.nonzero(kernels.a[filters])
            own[places, kernels.index[filters][kernels.a[filters] != 0]] = True
        return used

    def run(self, inputs: tuple[np.ndarray, Kernels], first: int, last: int, out: np.ndarray) -> None:
        """As `Kernel.run`."""
        image, kernels = inputs
        area, span = self.shape.kernel_area, last - first
        columns = windows(image, self.shape, first, last).reshape(-1, area, span)
        sums = np.zeros((self.shape.out_channels, span), FLOAT)
        if kernels.b is not None:
            box = _weighted(columns, np.ones((1, area), FLOAT), np.zeros(len(columns), np.int64))
            convolve(kernels.b.reshape(self.shape.groups, self.shape.group_outputs, -1), box, sums)
        for filters, channels in self.groups():
            _add_template_maps(
                columns[channels],
                kernels.templates,
                self.used[channels],
                kernels.index[filters],
                kernels.a[filters],
                sums[filters],
            )
        out[:, first:last] = sums


class AddThenConvolve(Linear):
    """Filter by filter, the input channels of each template added up under their a; then each sum is convolved once."""

    @property
    def units(self) -> int:
        """Filters."""
        return self.shape.out_channels

    @property
    def block(self) -> int:
        """Filters at once: one after the other, so any number will do."""
        return self.units

    @cached_property
    def order(self) -> np.ndarray:
        """(n, c/g): the channels of each filter, template by template."""
        return np.argsort(self.kernels().index, axis=1, kind="stable").astype(np.int32)

    def run(self, inputs: tuple[np.ndarray, Kernels], first: int, last: int, out: np.ndarray) -> None:
        """As `Kernel.run`."""
        image, kernels = inputs
        origins, offsets = places(self.shape)
        for filters, channels in self.groups():
            some = slice(max(first, filters.start), min(last, filters.stop))
            if some.start >= some.stop:
                continue
            flat = image[channels].reshape(self.shape.group_inputs, -1)
            boxes = np.zeros((0, 0), FLOAT) if kernels.b is None else kernels.b[some] @ flat
            own = kernels.index[some], kernels.a[some], self.order[some]
            _convolve_sums(flat, kernels.templates, *own, boxes, origins, offsets, out[some])


def _weighted(columns: np.ndarray, templates: np.ndarray, choice: np.ndarray) -> np.ndarray:
    """(maps, positions): every map's windows (maps, kh*kw, positions) under the template chosen for it."""
    out = np.empty((len(columns), columns.shape[2]), FLOAT)
    _weigh(columns, templates, choice, out)
    return out


@njit(cache=True, nogil=True, fastmath={"contract"})
def _weigh(columns: np.ndarray, templates: np.ndarray, choice: np.ndarray, out: np.ndarray) -> None:
    for item in range(len(columns)):
        _weigh_one(columns[item], templates[choice[item]], out[item])


@njit(cache=True, nogil=True, fastmath={"contract"})
def _weigh_one(columns: np.ndarray, template: np.ndarray, line: np.ndarray) -> None:
    """Three elements of the window in a pass."""
    area = len(template)
    line[:] = 0
    for element in range(0, area - 2, 3):
        p, q, r = template[element], template[element + 1], template[element + 2]
        a, b, c = columns[element], columns[element + 1], columns[element + 2]
        for place in range(len(line)):
            line[place] += p * a[place] + q * b[place] + r * c[place]
    for element in range(area - area % 3, area):
        p, a = template[element], columns[element]
        for place in range(len(line)):
            line[place] += p * a[place]


@njit(cache=True, nogil=True, fastmath={"contract"})
def _add_template_maps(
    columns: np.ndarray, templates: np.ndarray, used: np.ndarray, index: np.ndarray, a: np.ndarray, sums: np.ndarray
) -> None:
    """Eight channels at a time, so that the sums of a filter are read and written once for eight kernels."""
    channels, count, span = len(columns), len(templates), columns.shape[2]
    maps = np.zeros((AT_ONCE * count, span), np.float32)
    chosen = np.zeros(AT_ONCE, np.int64)
    factors = np.zeros(AT_ONCE, np.float32)
    for channel in range(0, channels, AT_ONCE):
        lanes = min(AT_ONCE, channels - channel)
        for lane in range(lanes):
            for item in range(count):
                if used[channel + lane, item]:
                    _weigh_one(columns[channel + lane], templates[item], maps[lane * count + item])
        factors[lanes:] = 0
        for i in range(len(sums)):
            for lane in range(lanes):
                chosen[lane] = lane * count + index[i, channel + lane]
                factors[lane] = a[i, channel + lane]
            _add_lines(sums[i], maps, chosen, factors)


@njit(cache=True, nogil=True, fastmath={"contract"})
def _add_lines(line: np.ndarray, maps: np.ndarray, chosen: np.ndarray, factors: np.ndarray) -> None:
    """``AT_ONCE`` maps times their factors."""
    a, b, c, d = maps[chosen[0]], maps[chosen[1]], maps[chosen[2]], maps[chosen[3]]
    e, f, g, h = maps[chosen[4]], maps[chosen[5]], maps[chosen[6]], maps[chosen[7]]
    p, q, r, s = factors[0], factors[1], factors[2], factors[3]
    t, u, v, w = factors[4], factors[5], factors[6], factors[7]
    for place in range(len(line)):
        left = (p * a[place] + q * b[place]) + (r * c[place] + s * d[place])
        right = (t * e[place] + u * f[place]) + (v * g[place] + w * h[place])
        line[place] += left + right


@njit(cache=True, nogil=True, fastmath={"contract"})
def _convolve_sums(
    channels: np.ndarray,
    templates: np.ndarray,
    index: np.ndarray,
    a: np.ndarray,
    order: np.ndarray,
    boxes: np.ndarray,
    origins: np.ndarray,
    offsets: np.ndarray,
    out: np.ndarray,
) -> None:
    """Sums are convolved at every place of the padded input, whose lines are whole, and read where outputs lie."""
    summed = np.zeros(channels.shape[1], np.float32)
    wide = np.zeros(np.int64(origins[-1]) + 1, np.float32)
    ones = np.ones(len(offsets), np.float32)
    chosen, factors = np.zeros(AT_ONCE, np.int64), np.zeros(AT_ONCE, np.float32)
    for i in range(len(order)):
        wide[:] = 0
        summed[:] = 0
        held = 0
        for place in range(order.shape[1]):
            channel = order[i, place]
            template = index[i, channel]
            chosen[held], factors[held] = channel, a[i, channel]
            held += 1
            ends = place + 1 == order.shape[1] or index[i, order[i, place + 1]] != template
            if ends or held == AT_ONCE:
                factors[held:] = 0
                _add_lines(summed, channels, chosen, factors)
                held = 0
            if ends:
                _convolve_one(summed, templates[template], offsets, wide)
                summed[:] = 0
        if len(boxes):
            _convolve_one(boxes[i], ones, offsets, wide)
        for position in range(len(origins)):
            out[i, position] = wide[origins[position]]


@njit(cache=True, nogil=True, fastmath={"contract"})
def _convolve_one(source: np.ndarray, template: np.ndarray, offsets: np.ndarray, wide: np.ndarray) -> None:
    """Three elements in a pass."""
    area = len(template)
    for element in range(0, area - 2, 3):
        p, q, r = template[element], template[element + 1], template[element + 2]
        a, b, c = source[offsets[element] :], source[offsets[element + 1] :], source[offsets[element + 2] :]
        for place in range(len(wide)):
            wide[place] += p * a[place] + q * b[place] + r * c[place]
    for element in range(area - area % 3, area):
        p, a = template[element], source[offsets[element] :]
        for place in range(len(wide)):
            wide[place] += p * a[place]
