"""The packed layer: a bit stream for every storage component, and where each array lies in it.

What a layer stores and in which order says its scheme (`costmodels.schemes.base.Scheme.layout`), and how a field is
stored `costmodels.layout`. The arrays are those that fitting makes, by the same names.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from costmodels.errors import KernelError
from costmodels.layout import LAYER, NETWORK, UNCOUNTED, Arrays, Field
from costmodels.layout.bitstream import BitStream, cut, join
from costmodels.layout.fields import REMEDY
from costmodels.schemes import Scheme
from costmodels.shapes import ConvShape

__all__ = ["Located", "PackedLayer", "locate", "pack_layer", "unpack_layer"]


@dataclass(frozen=True)
class PackedLayer:
    """A layer as it is stored.

    Args:
        shape: the layer.
        scheme: its compressed form.
        streams: by storage component, what the layer's storage counts.
        shared: by component, what the network stores once for all layers that share it: its codebook.
        uncounted: by component, what the scheme is asked not to count, and no execution can do without.
    """

    shape: ConvShape
    scheme: Scheme
    streams: Mapping[str, BitStream]
    shared: Mapping[str, BitStream]
    uncounted: Mapping[str, BitStream]

    @cached_property
    def storage(self) -> dict[str, int]:
        """Bits by component, without padding."""
        return {component: stream.bits for component, stream in self.streams.items()}

    @property
    def storage_bits(self) -> int:
        """The sum of the components."""
        return sum(self.storage.values())

    @property
    def padding_bits(self) -> int:
        """Bits that fill up the last byte of each component."""
        return sum(stream.padding_bits for stream in self.streams.values())

    @property
    def payload_bytes(self) -> int:
        """Bytes of all components: storage and padding bits over 8."""
        return sum(len(stream.data) for stream in self.streams.values())


@dataclass(frozen=True)
class Located:
    """An array in a packed layer: ``field`` says what it is; it lies in ``stream`` from bit ``start`` on."""

    field: Field
    stream: BitStream
    start: int

    def unpack(self) -> np.ndarray:
        """The array.

        Raises:
            KernelError: the stream is too short, or holds values that no array of the field has.
        """
        return self.field.unpack(cut(self.stream, self.start, self.field.bits))


def pack_layer(shape: ConvShape, scheme: Scheme, arrays: Arrays) -> PackedLayer:
    """The arrays of a fitted layer as bit streams.

    Args:
        shape: the layer.
        scheme: its compressed form.
        arrays: as the scheme's fitting makes them, in any memory order.

    Raises:
        KernelError: an array is missing, unknown, of another type or shape, or holds values that have no place.
        SchemeError: the layer cannot take the scheme.
    """
    scheme.check(shape)
    fields = _filled_layout(shape, scheme, lambda field: _named(field, arrays))
    unknown = set(arrays) - {field.name for field in fields}
    if unknown:
        raise KernelError(f"{scheme.name} stores no such array", ", ".join(sorted(unknown)), REMEDY)
    checked = {field.name: _named(field, arrays) for field in fields}
    _check_places(checked)
    homes: dict[str, dict[str, list[BitStream]]] = {LAYER: {}, NETWORK: {}, UNCOUNTED: {}}
    for field in fields:
        homes[field.home].setdefault(field.component, []).append(field.pack(checked[field.name]))
    joined = [{name: join(parts) for name, parts in homes[home].items()} for home in (LAYER, NETWORK, UNCOUNTED)]
    return PackedLayer(shape, scheme, *joined)


def unpack_layer(packed: PackedLayer) -> dict[str, np.ndarray]:
    """The inverse of `pack_layer`: the arrays in the types and the order in which fitting makes them.

    Raises:
        KernelError: as `locate`, or a stream holds values that no fitted layer has.
        SchemeError: the layer cannot take the scheme.
    """
    arrays = {name: located.unpack() for name, located in locate(packed).items()}
    _check_places(arrays)
    return arrays


def locate(packed: PackedLayer) -> dict[str, Located]:
    """Where each array of a packed layer lies, for kernels that read it packed; the arrays' values are not looked at.

    Raises:
        KernelError: a stream is missing, unknown, too short or too long.
        SchemeError: the layer cannot take the scheme.
    """
    packed.scheme.check(packed.shape)
    homes = {LAYER: packed.streams, NETWORK: packed.shared, UNCOUNTED: packed.uncounted}
    fields = _filled_layout(packed.shape, packed.scheme, lambda field: _located(field, homes, 0).unpack())
    ends: dict[tuple[str, str], int] = {}
    located = {}
    for field in fields:
        stream = field.home, field.component
        found = _located(field, homes, ends.get(stream, 0))
        located[field.name] = found
        ends[stream] = ends.get(stream, 0) + found.field.bits
    lengths = {(home, name): stream.bits for home, streams in homes.items() for name, stream in streams.items()}
    if lengths != ends:
        raise KernelError(f"the streams of the layer have {_lengths(ends)}", _lengths(lengths), "pack the layer again")
    return located


def _filled_layout(shape: ConvShape, scheme: Scheme, read: Callable[[Field], np.ndarray]) -> tuple[Field, ...]:
    """The layout with as many stored values as the bitmap, or the counts of the rows, say. They come first."""
    fields = scheme.layout(shape)
    for field in fields:
        if field.name in ("mask", "counts"):
            return scheme.layout(shape, int(read(field).sum(dtype=np.int64)))
    return fields


def _named(field: Field, arrays: Arrays) -> np.ndarray:
    if field.name not in arrays:
        raise KernelError(f"a layer has the array {field.name}", f"only {', '.join(sorted(arrays)) or 'none'}", REMEDY)
    return field.checked(arrays[field.name])


def _located(field: Field, homes: Mapping[str, Mapping[str, BitStream]], start: int) -> Located:
    stream = homes[field.home].get(field.component)
    if not isinstance(stream, BitStream):
        found = "none" if stream is None else type(stream).__name__
        raise KernelError(f"a layer has the bit stream {field.component}", found, "pack the layer again")
    return Located(field.within(stream.bits - start), stream, start)


def _lengths(streams: Mapping[tuple[str, str], int]) -> str:
    return ", ".join(f"{name} {bits} bits" for (_, name), bits in sorted(streams.items())) or "none"


def _check_places(arrays: Arrays) -> None:
    """Stored values with places of their own are not zero, and positions ascend within a row."""
    if "mask" not in arrays and "counts" not in arrays:
        return
    values = arrays["weights"] if "weights" in arrays else arrays["coefficients"]
    if not values.all():
        raise KernelError("values that are stored with their places are not zero", "some that are", REMEDY)
    if "positions" in arrays and len(values) > 1:
        rows = np.repeat(np.arange(len(arrays["counts"])), arrays["counts"])
        if not ((np.diff(arrays["positions"].astype(np.int64)) > 0) | (np.diff(rows) > 0)).all():
            raise KernelError("positions ascend within a row", "some that do not", REMEDY)
