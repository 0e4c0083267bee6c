"""Vector-quantized weights: whole filters put together, or the codewords of each segment and the sums of their maps."""

import numpy as np

from costmodels.kernels.engine.banks import Bank, ProductBank, integer_bank, largest_sum, sum_dtype
from costmodels.kernels.engine.kernel import FLOAT, BankKernel
from costmodels.kernels.engine.scales import output_scales
from costmodels.kernels.engine.streams import Stream, add_selected
from costmodels.kernels.packing import PackedLayer, locate
from costmodels.schemes import VectorQuantized
from costmodels.schemes.base import DIRECT, SHARED_MAPS
from costmodels.shapes import ConvShape

__all__ = ["direct", "shared_maps"]


def direct(packed: PackedLayer, activation_bits: int) -> BankKernel:
    """Integers exactly, from one codebook of codes and integer activations; otherwise float32, put together from the
    streams for each image."""
    shape, located, scheme = packed.shape, locate(packed), _scheme(packed)
    sizes = shape.groups, shape.group_outputs, shape.group_inputs, *shape.kernel
    if scheme.is_exact(DIRECT, activation_bits):
        codes = located["codebook"].unpack()[0][located["index"].unpack()[0]].reshape(sizes)
        integers = integer_bank(shape, shape.groups, codes, scheme.value_bits, activation_bits)
        dtype = sum_dtype(largest_sum(codes, activation_bits))
        return BankKernel(shape, integers, dtype, scales=output_scales(packed))
    codewords, stream = _floats(packed), Stream.of(located["index"])

    def weights() -> np.ndarray:
        index = stream.numbers(np.empty(located["index"].field.shape, np.int32))
        total: np.ndarray = codewords[0].take(index[0], axis=0)
        if scheme.codebooks == 2:
            total += codewords[1].take(index[1], axis=0)
        return total.reshape(*sizes[:2], -1)

    product = ProductBank(shape, shape.groups, shape.group_outputs, weights, FLOAT)
    return BankKernel(shape, product, FLOAT, scales=output_scales(packed) if scheme.scales_outputs else None)


def shared_maps(packed: PackedLayer, activation_bits: int) -> BankKernel:
    """Each segment under the codewords that its group's filters take there, as a layer of its own; then every output
    adds the maps that it takes."""
    shape, located, scheme = packed.shape, locate(packed), _scheme(packed)
    index = located["index"].unpack().astype(np.int64)
    used, places = _used(shape, index)
    filters = used.shape[0] * used.shape[2]
    run, kernel = scheme.maps_shape(shape, filters), (scheme.channels(shape), *shape.kernel)
    is_exact = scheme.is_exact(SHARED_MAPS, activation_bits)
    words = located["codebook"].unpack() if is_exact else _floats(packed).reshape(*index.shape[:1], -1, *kernel)
    chosen = np.stack([book[own] for book, own in zip(words, used, strict=True)], axis=1)
    bank_words = chosen.reshape(run.groups, filters, *kernel)
    bank: Bank
    if is_exact:
        bank = integer_bank(run, run.groups, bank_words, scheme.value_bits, activation_bits)
        dtype = sum_dtype(index.shape[2] * largest_sum(bank_words, activation_bits))
    else:
        rows = bank_words.reshape(run.groups, filters, -1)
        bank, dtype = ProductBank(run, run.groups, filters, lambda: rows, FLOAT), FLOAT
    numbers = np.ascontiguousarray(np.moveaxis(places, 0, -1)).astype("<u8").reshape(-1)
    selection = Stream(np.append(numbers, np.uint64(0)), 0, 64, 1, numbers.size)

    def mix(maps: np.ndarray, sums: np.ndarray) -> None:
        apart = maps.reshape(-1, used.shape[2], maps.shape[-1])
        add_selected(selection, False, shape.groups, apart, None, sums)

    return BankKernel(shape, bank, dtype, mix, output_scales(packed) if scheme.scales_outputs else None)


def _used(shape: ConvShape, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The codewords that are taken at each segment, and where each vector's stands among them.

    Args:
        shape: the layer.
        index: (M, n, S).

    Returns:
        (M, g*S, most of a segment) the codewords, the first repeated where a segment takes fewer; (M, n, S) places.
    """
    books, _, segments = index.shape
    grouped = index.reshape(books, shape.groups, shape.group_outputs, segments)
    columns = np.moveaxis(grouped, 2, 3).reshape(-1, shape.group_outputs)
    found = [np.unique(column, return_inverse=True) for column in columns]
    most = max(len(words) for words, _ in found)
    used = np.stack([np.append(words, np.full(most - len(words), words[0])) for words, _ in found])
    places = np.stack([place for _, place in found]).reshape(books, shape.groups, segments, shape.group_outputs)
    return used.reshape(books, -1, most), np.moveaxis(places, 3, 2).reshape(index.shape)


def _floats(packed: PackedLayer) -> np.ndarray:
    """(M, K, v) codewords in float32: of one codebook as they are stored, of two in the unit of the output."""
    field, scheme = locate(packed)["codebook"], _scheme(packed)
    words = Stream.of(field).floats(scheme.codebooks, scheme.codewords, -1)
    if scheme.codebooks == 1 or "scales" not in locate(packed):
        return words
    scaled: np.ndarray = words * locate(packed)["scales"].unpack()[:, None, None]
    return scaled


def _scheme(packed: PackedLayer) -> VectorQuantized:
    assert isinstance(packed.scheme, VectorQuantized)  # noqa: S101
    return packed.scheme
