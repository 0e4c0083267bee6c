"""Linear representation: kernels a*T + b with shared templates, in three orders of the same sums, all in float32.

Box sums, those of the windows, are taken once; what they give under b is a matrix product, and numpy's BLAS does it.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numba import njit

from costmodels.kernels.kernel import block_of
from costmodels.kernels.packing import PackedLayer, locate
from costmodels.kernels.streams import Stream
from costmodels.kernels.windows import convolve, windows
from costmodels.shapes import ConvShape

__all__ = ["AddThenConvolve", "ConvolveThenAdd", "Direct", "Kernels"]

FLOAT = np.dtype(np.float32)


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
        """The image in float32, and the kernels."""
        return np.ascontiguousarray(image, FLOAT), self.kernels()

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
        """The image in float32, and the filters (g, n/g, c/g*kh*kw)."""
        kernels, shape = self.kernels(), self.shape
        weights = np.take(kernels.templates, kernels.index, axis=0)
        weights *= kernels.a[..., None]
        if kernels.b is not None:
            weights += kernels.b[..., None]
        return np.ascontiguousarray(image, FLOAT), weights.reshape(shape.groups, shape.group_outputs, -1)

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
        """Filters at once: their sums are held whole."""
        return 4

    @cached_property
    def order(self) -> np.ndarray:
        """(n, c/g): the channels of each filter, template by template."""
        return np.argsort(self.kernels().index, axis=1, kind="stable").astype(np.int32)

    def run(self, inputs: tuple[np.ndarray, Kernels], first: int, last: int, out: np.ndarray) -> None:
        """As `Kernel.run`."""
        image, kernels = inputs
        for filters, channels in self.groups():
            start, stop = max(first, filters.start), min(last, filters.stop)
            if start >= stop:
                continue
            some, flat = slice(start, stop), image[channels].reshape(self.shape.group_inputs, -1)
            index, order = kernels.index[some], self.order[some]
            ranked = np.take_along_axis(index, order, axis=1)
            firsts = np.diff(ranked, axis=1, prepend=-1) != 0
            sums = np.zeros((int(firsts.sum()), flat.shape[1]), FLOAT)
            _add_channels(flat, order, firsts, kernels.a[some], sums)
            maps = _weighted(self._columns(sums), kernels.templates, ranked[firsts])
            of_filters = np.cumsum(firsts.sum(axis=1)) - firsts.sum(axis=1)
            out[some] = np.add.reduceat(maps, of_filters, axis=0)
            if kernels.b is not None:
                box = self._columns(kernels.b[some] @ flat)
                out[some] += _weighted(box, np.ones((1, box.shape[1]), FLOAT), np.zeros(stop - start, np.int64))

    def _columns(self, maps: np.ndarray) -> np.ndarray:
        """The windows of maps of the input's size: (maps, kh*kw, positions)."""
        shape = replace(self.shape, in_channels=len(maps), out_channels=1, groups=1)
        image = maps.reshape(len(maps), *shape.input_size)
        return windows(image, shape, 0, shape.positions).reshape(len(maps), shape.kernel_area, -1)


def _weighted(columns: np.ndarray, templates: np.ndarray, choice: np.ndarray) -> np.ndarray:
    """(maps, positions): every map's windows (maps, kh*kw, positions) under the template chosen for it."""
    out = np.empty((len(columns), columns.shape[2]), FLOAT)
    _weigh(columns, templates, choice, out)
    return out


@njit(cache=True, nogil=True)
def _weigh(columns: np.ndarray, templates: np.ndarray, choice: np.ndarray, out: np.ndarray) -> None:
    for item in range(len(columns)):
        _weigh_one(columns[item], templates[choice[item]], out[item])


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True)
def _add_template_maps(
    columns: np.ndarray, templates: np.ndarray, used: np.ndarray, index: np.ndarray, a: np.ndarray, sums: np.ndarray
) -> None:
    """Four channels at a time, so that the sums of a filter are read and written once for four kernels."""
    channels, count, span = len(columns), len(templates), columns.shape[2]
    maps = np.zeros((4, count, span), np.float32)
    for channel in range(0, channels, 4):
        lanes = min(4, channels - channel)
        for lane in range(lanes):
            for item in range(count):
                if used[channel + lane, item]:
                    _weigh_one(columns[channel + lane], templates[item], maps[lane, item])
        for i in range(len(sums)):
            line = sums[i]
            if lanes == 4:
                _add_four(line, maps, index[i, channel : channel + 4], a[i, channel : channel + 4])
            else:
                for lane in range(lanes):
                    _add_one(line, maps[lane, index[i, channel + lane]], a[i, channel + lane])


@njit(cache=True, nogil=True)
def _add_four(line: np.ndarray, maps: np.ndarray, index: np.ndarray, a: np.ndarray) -> None:
    first, second, third, fourth = maps[0, index[0]], maps[1, index[1]], maps[2, index[2]], maps[3, index[3]]
    p, q, r, s = a[0], a[1], a[2], a[3]
    for place in range(len(line)):
        line[place] += (p * first[place] + q * second[place]) + (r * third[place] + s * fourth[place])


@njit(cache=True, nogil=True)
def _add_one(line: np.ndarray, values: np.ndarray, factor: float) -> None:
    for place in range(len(line)):
        line[place] += factor * values[place]


@njit(cache=True, nogil=True)
def _add_channels(
    channels: np.ndarray, order: np.ndarray, firsts: np.ndarray, a: np.ndarray, sums: np.ndarray
) -> None:
    """Each filter's channels in the order of their templates; where ``firsts`` says so the next sum begins."""
    current = -1
    for i in range(len(order)):
        for place in range(order.shape[1]):
            current += firsts[i, place]
            channel = order[i, place]
            _add_one(sums[current], channels[channel], a[i, channel])
