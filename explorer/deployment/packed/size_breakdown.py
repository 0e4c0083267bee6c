"""The exact sizes of a packed file: which bytes hold what, down to the padding and the header."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from costmodels.flash import flash_bytes
from explorer.deployment.packed.reading import PackedFile

__all__ = ["SizeBreakdown", "SizeRow", "size_breakdown"]

COUNTED, SHARED, CHANNELS = "counted", "shared", "channels"
UNCOUNTED, CONSTANT = "uncounted", "constant"


@dataclass(frozen=True)
class SizeRow:
    """A tensor of the file.

    Args:
        part: the layer, the key of a shared codebook, or the name of a constant.
        component: what of it.
        kind: ``counted`` in the storage of its layer; ``shared``: counted once for the network; ``channels``: shift or
            factor of output channels, which are bias and folded normalization; ``uncounted``: what a scheme was asked
            not to count; ``constant``: what an operation that is no layer reads of parameters and buffers.
        bits: of content.
        padding_bits: that fill up its last byte.
    """

    part: str
    component: str
    kind: str
    bits: int
    padding_bits: int

    @property
    def bytes(self) -> int:
        """In the file."""
        return (self.bits + self.padding_bits) // 8


@dataclass(frozen=True)
class SizeBreakdown:
    """All bytes of a packed file: ``file_bytes`` is ``header_bytes`` and the bytes of all rows.

    Args:
        rows: a tensor each.
        header_bytes: before the first tensor: their number in 8 bytes, names and places of the tensors, the facts.
        file_bytes: of the whole file.
    """

    rows: tuple[SizeRow, ...]
    header_bytes: int
    file_bytes: int

    def bytes_of(self, *kinds: str) -> int:
        """Bytes of the rows of these kinds."""
        return sum(row.bytes for row in self.rows if row.kind in kinds)

    @property
    def formula_bytes(self) -> int:
        """What `NetworkCost.flash_bytes` counts: packed weights, shared codebooks, biases and folded normalization, and
        the constants of other operations."""
        kinds = COUNTED, SHARED, CHANNELS, CONSTANT
        return int(flash_bytes(row.bits for row in self.rows if row.kind in kinds))

    @property
    def beyond_bytes(self) -> int:
        """Content that no formula counts."""
        return self.bytes_of(UNCOUNTED)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        sums = ("formula_bytes", "beyond_bytes", "header_bytes", "file_bytes")
        rows = [{**asdict(row), "bytes": row.bytes} for row in self.rows]
        return {"rows": rows, **{name: getattr(self, name) for name in sums}}


def size_breakdown(file: PackedFile) -> SizeBreakdown:
    """The sizes of a file. The sizes are those of its tensors; bits are what its facts say of them."""
    rows = tuple(_rows(file))
    return SizeBreakdown(
        rows, file.size_bytes - sum(values.nbytes for values in file.tensors.values()), file.size_bytes
    )


def _rows(file: PackedFile) -> Iterator[SizeRow]:
    facts, left = file.facts, dict(file.tensors)

    def row(part: str, component: str, kind: str, tensor: str, bits: int | None = None) -> SizeRow:
        stored = 8 * left.pop(tensor).nbytes
        bits = stored if bits is None else bits
        return SizeRow(part, component, kind, bits, stored - bits)

    for name, layer in facts.layers.items():
        for kind, streams in ((COUNTED, layer.streams), (UNCOUNTED, layer.uncounted)):
            for component, bits in streams.items():
                yield row(name, component, kind, f"{name}/{component}", bits)
        for tensor in _channel_tensors(file, name):
            yield row(name, tensor.removeprefix(f"{name}/"), CHANNELS, tensor)
    for key, bits in facts.shared.items():
        yield row(key, "codebook", SHARED, key, bits)
    for tensor in sorted(left):
        yield row(tensor.removeprefix("constant/"), "values", CONSTANT, tensor)


def _channel_tensors(file: PackedFile, layer: str) -> list[str]:
    """The shifts and factors that the calls of a layer name, each once."""
    calls = [node for node in file.facts.nodes if node[:2] in (["layer", layer], ["linear", layer])]
    return list(dict.fromkeys(tensor for call in calls for tensor in call[3:5] if tensor is not None))
