"""Packed layers: as long as the storage formulas say to the bit, the same arrays when unpacked, and no garbage."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodels.errors import KernelError, SchemeError
from costmodels.kernels.packing import locate, pack_layer, unpack_layer
from costmodels.kernels.samples import random_arrays, random_scheme, random_shape
from costmodels.layout.bitstream import BitStream, cut, join, pack_unsigned, unpack_unsigned
from costmodels.schemes import (
    COMPONENTS,
    SCHEMES,
    Dense,
    LinearRepresentation,
    Pruned,
    StackedBinary,
)
from costmodels.shapes import ConvShape
from explorer.forms import FORMS
from explorer.forms.fitting import fit
from explorer.forms.linear_representation.codebook import fit_network_codebook
from explorer.networks.zoo import ZOO

LAYERS_OF_A_KIND = 200
"""Of each kind of scheme."""

SHAPE = ConvShape(4, 6, (3, 2), (5, 5), groups=2)


def check_packing(shape, scheme, arrays):
    """Packs and unpacks; every component has the bits of its formula, and every array comes back as it was."""
    packed = pack_layer(shape, scheme, arrays)
    used = scheme.usage(shape, arrays)
    formula = scheme.storage(shape, used)
    for component in COMPONENTS:
        assert packed.storage.get(component, 0) == formula.get(component, 0), f"{scheme}, {component}"
    assert set(packed.storage) <= set(COMPONENTS)
    assert packed.storage_bits == sum(formula.values())
    assert 8 * packed.payload_bytes - packed.padding_bits == packed.storage_bits
    assert packed.padding_bits == sum(-bits % 8 for bits in packed.storage.values())
    assert sum(stream.bits for stream in packed.shared.values()) == sum(scheme.shared_storage(shape).values())
    unpacked = unpack_layer(packed)
    assert list(unpacked) == [field.name for field in scheme.layout(shape)]
    assert unpacked.keys() == arrays.keys()
    for name, array in arrays.items():
        assert unpacked[name].dtype == array.dtype
        assert np.array_equal(unpacked[name], array), f"{scheme}, {name}"


class TestBitStreams:
    @given(st.integers(0, 32), st.data())
    def test_a_stream_is_one_little_endian_number(self, width, data):
        numbers = data.draw(st.lists(st.integers(0, 2**width - 1), max_size=40))
        stream = pack_unsigned(np.array(numbers, np.uint32), width)
        expected = sum(number << (place * width) for place, number in enumerate(numbers))
        assert stream.bits == width * len(numbers)
        assert int.from_bytes(stream.data, "little") == expected
        assert unpack_unsigned(stream, width, len(numbers)).tolist() == numbers

    @pytest.mark.parametrize("width", [1, 3, 8, 13, 32])
    def test_long_streams_are_packed_in_blocks(self, width):
        numbers = np.random.default_rng(width).integers(0, 2**width, 2**18 * 2 + 3)
        stream = pack_unsigned(numbers, width)
        assert np.array_equal(unpack_unsigned(stream, width, numbers.size), numbers)
        end = cut(stream, 2**18 * width, (2**18 + 3) * width)
        assert end == pack_unsigned(numbers[2**18 :], width)

    @given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 2**40 - 1)), max_size=6))
    def test_joined_streams_are_cut_apart_again(self, parts):
        streams = [BitStream(bits, (number % 2**bits).to_bytes(-(-bits // 8), "little")) for bits, number in parts]
        joined, start = join(streams), 0
        for stream in streams:
            assert cut(joined, start, stream.bits) == stream
            start += stream.bits
        assert joined.bits == start

    def test_a_stream_that_does_not_fit_its_bytes_is_refused(self):
        with pytest.raises(KernelError, match=r"1 bytes for 9 bits; .*as many bytes as hold its bits"):
            BitStream(9, b"\0")
        with pytest.raises(KernelError, match=r"2 bytes for 8 bits; .*as many bytes as hold its bits"):
            BitStream(8, b"\0\0")
        with pytest.raises(KernelError, match="byte 0x08; the bits that fill up the last byte are zero"):
            BitStream(3, b"\x08")
        with pytest.raises(KernelError, match=r"int and str; .* a whole number of bits, and bytes"):
            BitStream(8, "a")
        with pytest.raises(KernelError, match=r"float and bytes; .* a whole number of bits, and bytes"):
            BitStream(8.0, b"a")
        with pytest.raises(KernelError, match=r"8 bits for 9; .*as long as its fields"):
            cut(BitStream(8, b"\0"), 4, 5)
        with pytest.raises(KernelError, match=r"8 bits for 3 fields of 3 bits; .*as long as its fields"):
            unpack_unsigned(BitStream(8, b"\0"), 3, 3)


class TestLayout:
    """Small layers whose bytes are worked out by hand."""

    def test_signs(self):
        shape = ConvShape(1, 2, (1, 5), (1, 5))
        weights = np.array([1, -1, -1, 1, 1, -1, 1, -1, 1, -1], np.int8).reshape(shape.weight_shape)
        packed = pack_layer(shape, Dense(1, "none"), {"weights": weights})
        assert packed.streams["weights"] == BitStream(10, bytes([0b01011001, 0b01]))

    def test_codes_are_ranks(self):
        shape = ConvShape(3, 1, (1, 1), (1, 1))
        weights = np.array([-4, 3, 0], np.int8).reshape(shape.weight_shape)
        packed = pack_layer(shape, Dense(3, "none"), {"weights": weights})
        assert packed.streams["weights"] == BitStream(9, (0 | 7 << 3 | 4 << 6).to_bytes(2, "little"))
        assert packed.padding_bits == 7

    def test_index_storage_has_the_row_counts_first(self):
        shape = ConvShape(2, 5, (1, 1), (1, 1))
        arrays = {
            "counts": np.array([0, 2], np.int32),
            "positions": np.array([1, 4], np.int32),
            "weights": np.array([-3, 3], np.int8),
        }
        packed = pack_layer(shape, Pruned(0.2, 2, "index", "none"), arrays)
        assert packed.streams["index"] == BitStream(2 * 3 + 2 * 3, (2 << 3 | 1 << 6 | 4 << 9).to_bytes(2, "little"))
        assert packed.streams["weights"] == BitStream(4, bytes([0 | 3 << 2]))
        located = locate(packed)
        assert {
            name: (part.field.component, part.start, part.field.values.width) for name, part in located.items()
        } == {
            "counts": ("index", 0, 3),
            "positions": ("index", 2 * 3, 3),
            "weights": ("weights", 0, 2),
        }
        assert located["positions"].unpack().tolist() == [1, 4]

    def test_selections(self):
        shape = ConvShape(2, 2, (1, 1), (1, 1))
        arrays = {"bank": np.array([1, 1, -1], np.int8).reshape(1, 3, 1, 1, 1)}
        arrays["selection"] = np.array([[0, 2], [1, 2]], np.uint8)
        packed = pack_layer(shape, StackedBinary(1, 3), arrays)
        assert packed.streams["selection"] == BitStream(8, bytes([0 | 2 << 2 | 1 << 4 | 2 << 6]))
        one_hot = pack_layer(shape, StackedBinary(1, 3, selection="one-hot"), arrays)
        assert one_hot.streams["selection"] == BitStream(12, (1 | 4 << 3 | 2 << 6 | 4 << 9).to_bytes(2, "little"))
        free = pack_layer(shape, StackedBinary(1, 3, selection="uncounted"), arrays)
        assert "selection" not in free.streams
        assert free.uncounted == {"selection": packed.streams["selection"]}

    def test_a_codebook_lies_where_it_is_counted(self):
        shape = ConvShape(1, 1, (1, 2), (1, 2))
        arrays = {"templates": np.array([[[1, -1]]], np.int8), "index": np.zeros((1, 1), np.uint8)}
        arrays["a"] = np.ones((1, 1), np.float32)
        packed = {
            home: pack_layer(shape, LinearRepresentation(1, 32, 1, home, offset=False), arrays)
            for home in ("layer", "network", "uncounted")
        }
        codebook = BitStream(2, bytes([0b01]))
        assert packed["layer"].streams["codebook"] == codebook
        assert packed["network"].shared == {"codebook": codebook}
        assert packed["uncounted"].uncounted == {"codebook": codebook}
        assert packed["layer"].streams["coefficients"] == BitStream(32, np.float32(1).tobytes())
        assert packed["layer"].streams["index"] == BitStream()


def test_every_scheme_is_tried():
    assert FORMS.keys() == set(SCHEMES.values())


@pytest.mark.parametrize("kind", SCHEMES.values(), ids=SCHEMES)
@pytest.mark.parametrize("part", range(4))
def test_random_layers_pack_into_the_bits_of_the_formulas(kind, part):
    generator = np.random.default_rng([part, *kind.name.encode()])
    for _ in range(LAYERS_OF_A_KIND // 4):
        shape = random_shape(kind, generator, channels=24)
        scheme = random_scheme(kind, shape, generator, filters=300)
        check_packing(shape, scheme, random_arrays(shape, scheme, generator))


@pytest.mark.parametrize("kind", SCHEMES.values(), ids=SCHEMES)
def test_fitted_layers_pack_into_the_bits_of_the_formulas(kind):
    """What fitting really makes, so that the random arrays above are known to be like it."""
    generator = np.random.default_rng([*kind.name.encode()])
    for _ in range(12):
        shape = random_shape(kind, generator, channels=6)
        scheme = random_scheme(kind, shape, generator, filters=9)
        weights, codebook = generator.standard_normal(shape.weight_shape), None
        if isinstance(scheme, LinearRepresentation):
            codebook = fit_network_codebook([weights], scheme.templates, scheme.template_bits, offset=scheme.offset)
        check_packing(shape, scheme, fit(weights, shape, scheme, codebook=codebook).arrays)


def distinct_shapes(spec):
    """The layers of a network that differ in their weights: storage does not depend on anything else."""
    return list({(layer.shape.weight_shape, layer.shape.groups): layer.shape for layer in spec.layers}.values())


MOST_WEIGHTS = {"dense": 200_000_000, "entropy-coded": 1_000_000}
"""Of a layer: the 102 million of VGG-16's largest take seconds under dense, and up to two minutes under other forms,
which are packed up to `USUAL_WEIGHTS`."""

USUAL_WEIGHTS = 1_000_000


@pytest.mark.parametrize("kind", SCHEMES)
@pytest.mark.parametrize("name", ZOO)
def test_every_layer_of_the_zoo_packs_into_the_bits_of_the_formulas(zoo_spec, name, kind):
    generator = np.random.default_rng(0)
    for shape in distinct_shapes(zoo_spec(name)):
        is_small = shape.weights <= MOST_WEIGHTS.get(kind, USUAL_WEIGHTS)
        if is_small and (shape.kernel_area > 1 or SCHEMES[kind].takes_pointwise):
            scheme = SCHEMES[kind].typical(shape)
            check_packing(shape, scheme, random_arrays(shape, scheme, generator))


def sample(scheme, seed=0):
    return random_arrays(SHAPE, scheme, np.random.default_rng(seed))


@pytest.mark.parametrize("kind", SCHEMES.values(), ids=SCHEMES)
class TestDamage:
    """What is wrong is refused, and what only looks unusual is packed as it should be."""

    CASES = 20

    def layers(self, kind):
        generator = np.random.default_rng(1)
        for _ in range(self.CASES):
            shape = random_shape(kind, generator, channels=6)
            scheme = random_scheme(kind, shape, generator, filters=9)
            yield shape, scheme, random_arrays(shape, scheme, generator), generator

    def test_memory_order_and_wider_integers_do_not_matter(self, kind):
        for shape, scheme, arrays, _ in self.layers(kind):
            unusual = {}
            for name, array in arrays.items():
                wide = array if array.dtype.kind in "fb" else array.astype(np.int64)
                unusual[name] = np.repeat(np.asfortranarray(wide), 2, axis=-1)[..., ::2].astype(
                    wide.dtype.newbyteorder(">"), order="K"
                )
            assert pack_layer(shape, scheme, unusual) == pack_layer(shape, scheme, arrays)

    def test_missing_unknown_and_wrong_arrays_are_refused(self, kind):
        for shape, scheme, arrays, generator in self.layers(kind):
            name = str(generator.choice(list(arrays)))
            array = arrays[name]
            rest = {other: values for other, values in arrays.items() if other != name}
            wrong_type = array.astype(np.float64 if array.dtype.kind == "f" else np.float32)
            faults = {
                f"a layer has the array {name}": rest,
                "got extra; .*stores no such array": arrays | {"extra": array},
                f"got list; {name} is a numpy array": rest | {name: array.tolist()},
                f"{name} has the shape": rest | {name: array.reshape(*array.shape, 1)},
                f"{name} is an array like|{name}: other values; values are": rest | {name: wrong_type},
            }
            for message, faulty in faults.items():
                with pytest.raises(KernelError, match=message):
                    pack_layer(shape, scheme, faulty)

    def test_values_without_a_place_are_refused(self, kind):
        for shape, scheme, arrays, _ in self.layers(kind):
            for field in scheme.layout(shape):
                if arrays[field.name].size == 0 or field.values.kinds == "b":
                    continue
                faulty = arrays[field.name].copy() if field.values.kinds == "f" else arrays[field.name].astype(int)
                faulty.reshape(-1)[-1] = np.nan if field.values.kinds == "f" else 1 << 16
                with pytest.raises(KernelError, match=f"{field.name}: other values; values are"):
                    pack_layer(shape, scheme, arrays | {field.name: faulty})

    def test_streams_of_another_length_are_refused(self, kind):
        for shape, scheme, arrays, _ in self.layers(kind):
            packed = pack_layer(shape, scheme, arrays)
            for home in ("streams", "shared", "uncounted"):
                for component, stream in getattr(packed, home).items():
                    others = [join([stream, BitStream(1, b"\1")]), join([stream, BitStream(64, bytes(8))])]
                    others += [
                        cut(stream, 0, bits) for bits in {0, stream.bits // 2, stream.bits - 1} & {*range(stream.bits)}
                    ]
                    for other in others:
                        streams = dict(getattr(packed, home)) | {component: other}
                        with pytest.raises(KernelError):
                            unpack_layer(dataclasses.replace(packed, **{home: streams}))
                    missing = {name: kept for name, kept in getattr(packed, home).items() if name != component}
                    with pytest.raises(KernelError, match=f"got none; a layer has the bit stream {component}"):
                        unpack_layer(dataclasses.replace(packed, **{home: missing}))
                    bare = dict(getattr(packed, home)) | {component: stream.data}
                    with pytest.raises(KernelError, match=f"got bytes; a layer has the bit stream {component}"):
                        unpack_layer(dataclasses.replace(packed, **{home: bare}))
            surplus = dict(packed.uncounted) | {"extra": BitStream(1, b"\1")}
            with pytest.raises(KernelError, match="the streams of the layer have"):
                unpack_layer(dataclasses.replace(packed, uncounted=surplus))

    def test_a_flipped_bit_is_refused_or_gives_arrays_that_pack_into_it(self, kind):
        """A stream has no redundancy, so another bit may be another layer; but never one that no array stands for."""
        for shape, scheme, arrays, generator in self.layers(kind):
            packed = pack_layer(shape, scheme, arrays)
            component = str(generator.choice([name for name, stream in packed.streams.items() if stream.bits]))
            stream = packed.streams[component]
            data = bytearray(stream.data)
            place = int(generator.integers(0, 8 * len(data)))
            data[place // 8] ^= 1 << place % 8
            try:
                flipped = BitStream(stream.bits, bytes(data))
                damaged = dataclasses.replace(packed, streams=dict(packed.streams) | {component: flipped})
                unpacked = unpack_layer(damaged)
            except KernelError:
                continue
            assert pack_layer(shape, scheme, unpacked) == damaged


def test_selections_and_indices_beyond_their_limit_are_refused():
    scheme = StackedBinary(1, 3)
    packed = pack_layer(SHAPE, scheme, sample(scheme))
    all_set = {"selection": BitStream(packed.streams["selection"].bits, b"\xff" * 3)}
    with pytest.raises(KernelError, match="selection: other values; values are 0 to 2"):
        unpack_layer(dataclasses.replace(packed, streams=dict(packed.streams) | all_set))


def test_a_one_hot_selection_of_two_is_refused():
    scheme = StackedBinary(1, 8, selection="one-hot")
    packed = pack_layer(SHAPE, scheme, sample(scheme))
    for byte, bits in ((0, "none"), (3, "two")):
        faulty = bytes([byte]) + packed.streams["selection"].data[1:]
        streams = dict(packed.streams) | {"selection": BitStream(packed.streams["selection"].bits, faulty)}
        with pytest.raises(KernelError, match="one-hot selection has one bit set"):
            unpack_layer(dataclasses.replace(packed, streams=streams)), bits


def test_stored_zeros_and_unordered_positions_are_refused():
    shape = ConvShape(1, 4, (1, 1), (1, 1))
    scheme = Pruned(0.5, 8, "index", "none")
    arrays = {"counts": np.array([2], np.int32), "positions": np.array([1, 3], np.int32)}
    arrays["weights"] = np.array([5, -5], np.int8)
    assert pack_layer(shape, scheme, arrays).storage == {"index": 3 + 2 * 2, "weights": 16}
    with pytest.raises(KernelError, match="stored with their places are not zero"):
        pack_layer(shape, scheme, arrays | {"weights": np.array([5, 0], np.int8)})
    for positions in ([3, 1], [1, 1]):
        with pytest.raises(KernelError, match="positions ascend within a row"):
            pack_layer(shape, scheme, arrays | {"positions": np.array(positions, np.int32)})


def test_a_layer_that_cannot_take_the_scheme_is_refused():
    with pytest.raises(SchemeError, match="divides the input channels"):
        pack_layer(SHAPE, StackedBinary(2, 3), sample(StackedBinary(1, 3)))
