"""The packed layer: which array lies in which stream, for every scheme.

Every storage component of a scheme is one bit stream (`costmodels.kernels.bitstream`) of exactly the bits that the
storage formula gives it; in memory each stream fills whole bytes. Within a stream the arrays follow one another in the
order of the scheme's layout here, each in C order:

| values | bits |
|---|---|
| codes of b bits | their ranks (`costmodels.codes`), so a sign is 0 for -1 and 1 for +1 |
| floats | 32, IEEE 754 |
| selections, template indices, positions in a row of p places | L2 of how many there are |
| values in a row of p places | L2(p + 1) |
| bitmap | 1 a place |
| one-hot selection of k | k, the bit of the selected one set |

The arrays are those that fitting makes, by the same names.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from costmodels.errors import KernelError
from costmodels.kernels.bitstream import BitStream, cut, join
from costmodels.kernels.fields import REMEDY, Field, Values, choices, flags, numbers, one_hot
from costmodels.schemes import Dense, LegoNet, LinearRepresentation, Pruned, Scheme, SparseBasis, StackedBinary
from costmodels.schemes.base import FLOAT_BITS
from costmodels.schemes.dense import quantizer_scales
from costmodels.shapes import ConvShape

__all__ = ["Arrays", "Located", "PackedLayer", "layout", "locate", "pack_layer", "unpack_layer"]

Arrays = Mapping[str, np.ndarray]
"""The arrays of a fitted layer, by name."""

LAYER, NETWORK, UNCOUNTED = "layer", "network", "uncounted"


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
        located[field.name] = _located(field, homes, ends.get(stream, 0))
        ends[stream] = ends.get(stream, 0) + field.bits
    found = {(home, name): stream.bits for home, streams in homes.items() for name, stream in streams.items()}
    if found != ends:
        raise KernelError(f"the streams of the layer have {_lengths(ends)}", _lengths(found), "pack the layer again")
    return located


def layout(shape: ConvShape, scheme: Scheme, nonzeros: int = 0) -> tuple[Field, ...]:
    """The arrays of a layer in the order of their streams; ``nonzeros`` values are stored with their places.

    Raises:
        KernelError: the scheme has no layout.
    """
    try:
        rule = _LAYOUTS[type(scheme)]
    except KeyError:
        raise KernelError("the scheme has a bit layout", scheme.name, "add one to packing.py") from None
    return tuple(rule(shape, scheme, nonzeros))


def _filled_layout(shape: ConvShape, scheme: Scheme, read: Callable[[Field], np.ndarray]) -> tuple[Field, ...]:
    """The layout with as many stored values as the bitmap, or the counts of the rows, say. They come first."""
    fields = layout(shape, scheme)
    for field in fields:
        if field.name in ("mask", "counts"):
            return layout(shape, scheme, int(read(field).sum(dtype=np.int64)))
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
    return Located(field, stream, start)


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


def _dense(shape: ConvShape, scheme: Dense, nonzeros: int) -> Iterator[Field]:
    yield Field("weights", "weights", shape.weight_shape, numbers(scheme.weight_bits))
    yield from _weight_scales(shape, scheme)


def _pruned(shape: ConvShape, scheme: Pruned, nonzeros: int) -> Iterator[Field]:
    rows = shape.out_channels, shape.group_inputs * shape.kernel_area
    yield from _sparse("weights", scheme.coefficients, rows, numbers(scheme.weight_bits), nonzeros)
    yield from _weight_scales(shape, scheme)


def _weight_scales(shape: ConvShape, scheme: Dense | Pruned) -> Iterator[Field]:
    if scheme.weight_bits != FLOAT_BITS and scheme.scale != "none":
        yield Field("scales", "scales", (quantizer_scales(scheme.scale, shape),), numbers(FLOAT_BITS))


def _sparse(name: str, form: str, rows: tuple[int, int], values: Values, nonzeros: int) -> Iterator[Field]:
    """Sparse values of (rows, places) in one of the three forms."""
    if form == "dense":
        yield Field(name, name, rows, values)
        return
    if form == "bitmap":
        yield Field("mask", "index", rows, flags())
    else:
        yield Field("counts", "index", rows[:1], choices(rows[1] + 1, np.dtype(np.int32)))
        yield Field("positions", "index", (nonzeros,), choices(rows[1], np.dtype(np.int32)))
    yield Field(name, name, (nonzeros,), values)


def _stacked(shape: ConvShape, scheme: StackedBinary | LegoNet, nonzeros: int) -> Iterator[Field]:
    slots = shape.out_channels, shape.group_inputs // scheme.segment_channels
    bank = shape.groups, scheme.filters, scheme.segment_channels, *shape.kernel
    selected = (one_hot if scheme.selection == "one-hot" else choices)(scheme.filters, _choice_dtype(scheme.filters))
    yield Field("bank", "basis", bank, numbers(scheme.filter_bits))
    yield Field("selection", "selection", slots, selected, UNCOUNTED if scheme.selection == "uncounted" else LAYER)
    if scheme.scale != "none":
        yield Field("scales", "scales", slots[:1] if scheme.scale == "filter" else slots, numbers(FLOAT_BITS))


def _choice_dtype(choices: int) -> np.dtype:
    return np.min_scalar_type(choices - 1)


def _linear(shape: ConvShape, scheme: LinearRepresentation, nonzeros: int) -> Iterator[Field]:
    kernels = shape.weight_shape[:2]
    coefficients = numbers(scheme.coefficient_bits)
    home = {"layer": LAYER, "network": NETWORK, "uncounted": UNCOUNTED}[scheme.codebook]
    yield Field("templates", "codebook", (scheme.templates, *shape.kernel), numbers(scheme.template_bits), home)
    yield Field("index", "index", kernels, choices(scheme.templates, _choice_dtype(scheme.templates)))
    names = ("a", "b") if scheme.offset else ("a",)
    for name in names:
        yield Field(name, "coefficients", kernels, coefficients)
    if scheme.coefficient_bits != FLOAT_BITS:
        yield Field("scales", "scales", (len(names),), numbers(FLOAT_BITS))


def _sparse_basis(shape: ConvShape, scheme: SparseBasis, nonzeros: int) -> Iterator[Field]:
    rows = shape.out_channels * (shape.group_inputs // scheme.segment_channels), scheme.filters
    basis = shape.groups, scheme.filters, scheme.segment_channels, *shape.kernel
    yield Field("basis", "basis", basis, numbers(scheme.basis_bits))
    yield from _sparse("coefficients", scheme.coefficients, rows, numbers(scheme.coefficient_bits), nonzeros)
    if scheme.basis_bits != FLOAT_BITS:
        scales = shape.groups, 1 if scheme.basis_scale == "layer" else scheme.filters
        yield Field("scales", "scales", scales, numbers(FLOAT_BITS))


_LAYOUTS: dict[type[Scheme], Callable[..., Iterator[Field]]] = {
    Dense: _dense,
    Pruned: _pruned,
    StackedBinary: _stacked,
    LegoNet: _stacked,
    LinearRepresentation: _linear,
    SparseBasis: _sparse_basis,
}
