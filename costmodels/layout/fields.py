"""How one array of a layer is stored: as codes, floats, whole numbers below a limit, one-hot choices, or in groups."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from costmodels.codes import are_codes, code_dtype, codes_of_ranks, ranks_of_codes
from costmodels.errors import KernelError
from costmodels.layout.bitstream import BitStream, pack_unsigned, unpack_unsigned
from costmodels.numbers import ceil_log2

__all__ = [
    "LAYER",
    "NETWORK",
    "REMEDY",
    "UNCOUNTED",
    "Field",
    "Values",
    "choices",
    "flags",
    "grouped",
    "halves",
    "numbers",
    "one_hot",
]

LAYER, NETWORK, UNCOUNTED = "layer", "network", "uncounted"
"""Who stores a field: the layer; the network, once for all layers; nobody, as far as the scheme counts."""

REMEDY = "pass the arrays of a fitted layer of this shape and scheme"
DAMAGED = "pack the layer again"
FLOAT = np.dtype(np.float32)


@dataclass(frozen=True)
class Values:
    """A kind of value.

    Args:
        dtype: of unpacked values.
        kinds: of arrays that can be packed, in numpy's letters.
        rule: what every value keeps to.
        keeps: whether all values of an array do.
        levels: how many different values there are.
        encode: values (count,) to whole numbers (header + count * parts,).
        decode: the inverse.
        width: bits of such a number, or of a group of them.
        parts: numbers of a value.
        group: values that share one number: their own numbers, below ``levels``, are its digits, the first the lowest.
        header: numbers that stand before those of the values and say what they mean.
    """

    dtype: np.dtype
    kinds: str
    rule: str
    keeps: Callable[[np.ndarray], bool]
    levels: int
    encode: Callable[[np.ndarray], np.ndarray]
    decode: Callable[[np.ndarray], np.ndarray]
    width: int
    parts: int = 1
    group: int = 1
    header: int = 0


def numbers(bits: int) -> Values:
    """Codes of `costmodels.codes`, stored as their ranks; at 32 bits floats of IEEE 754, all of them finite."""
    if bits == 32:
        return Values(FLOAT, "f", "values are finite and have 32 bits", _are_floats, 1 << 32, _float_bits, _floats, 32)
    return Values(
        dtype=code_dtype(bits),
        kinds="iu",
        rule=f"values are codes of {bits} bits",
        keeps=lambda values: are_codes(values, bits),
        levels=1 << bits,
        encode=lambda values: ranks_of_codes(values, bits),
        decode=lambda ranks: codes_of_ranks(ranks, bits),
        width=bits,
    )


def halves() -> Values:
    """Floats of IEEE 754 in 16 bits; unpacked they are float32, which holds them exactly."""
    return Values(
        dtype=FLOAT,
        kinds="f",
        rule="values are finite floats of 16 bits",
        keeps=_are_halves,
        levels=1 << 16,
        encode=lambda values: values.astype(np.float16).view(np.uint16),
        decode=lambda bits: bits.astype(np.uint16).view(np.float16).astype(FLOAT),
        width=16,
    )


def choices(limit: int, dtype: np.dtype) -> Values:
    """Whole numbers from 0 to ``limit`` - 1 in L2(limit) bits: selections, indices, counts."""
    return Values(
        dtype=dtype,
        kinds="iu",
        rule=f"values are 0 to {limit - 1}",
        keeps=lambda values: values.size == 0 or (int(values.min()) >= 0 and int(values.max()) < limit),
        levels=limit,
        encode=lambda values: values,
        decode=lambda values: values.astype(dtype),
        width=ceil_log2(limit),
    )


def one_hot(limit: int, dtype: np.dtype) -> Values:
    """The same numbers in ``limit`` bits each, of which the bit of the number is set and no other."""

    def encode(values: np.ndarray) -> np.ndarray:
        return np.asarray(values[:, None] == np.arange(limit)).reshape(-1)

    def decode(bits: np.ndarray) -> np.ndarray:
        slots = bits.reshape(-1, limit)
        if (slots.sum(axis=1) != 1).any():
            raise KernelError("a one-hot selection has one bit set", "none or several", DAMAGED)
        return np.asarray(slots.argmax(axis=1), dtype)

    plain = choices(limit, dtype)
    return Values(dtype, plain.kinds, plain.rule, plain.keeps, limit, encode, decode, width=1, parts=limit)


def flags() -> Values:
    """True and false, a bit each."""
    plain = choices(2, np.dtype(bool))
    return Values(plain.dtype, "b", plain.rule, lambda values: True, 2, plain.encode, plain.decode, width=1)


def grouped(values: Values, group: int) -> Values:
    """The same values, so many of them in one number of base ``levels``: L2(levels^group) bits.

    A last group that is not full has zeros in the place of the digits that it lacks.

    >>> grouped(choices(3, np.dtype(np.int8)), 5).width
    8
    """
    return replace(values, group=group, width=ceil_log2(values.levels**group))


def _join_digits(digits: np.ndarray, base: int, group: int) -> np.ndarray:
    """Numbers of ``group`` digits each, the first the lowest."""
    places = base ** np.arange(group, dtype=np.int64)
    filled = np.zeros(-(-digits.size // group) * group, np.int64)
    filled[: digits.size] = digits
    return np.asarray(filled.reshape(-1, group) @ places)


def _split_digits(numbers: np.ndarray, base: int, group: int, count: int) -> np.ndarray:
    """The inverse of `_join_digits`: the first ``count`` digits.

    Raises:
        KernelError: a number has more digits, or those beyond the last value are not zero.
    """
    if numbers.size and int(numbers.max()) >= base**group:
        rule = f"{group} values of {base} levels are a number of 0 to {base**group - 1}"
        raise KernelError(rule, int(numbers.max()), DAMAGED)
    places = base ** np.arange(group, dtype=np.int64)
    digits = (numbers.astype(np.int64)[:, None] // places % base).reshape(-1)
    if digits[count:].any():
        raise KernelError("the digits that fill up the last group are zero", "other digits", DAMAGED)
    return digits[:count]


def _are_floats(values: np.ndarray) -> bool:
    return values.dtype.itemsize == FLOAT.itemsize and bool(np.isfinite(values).all())


def _are_halves(values: np.ndarray) -> bool:
    with np.errstate(over="ignore"):
        return _are_floats(values) and np.array_equal(values.astype(np.float16).astype(FLOAT), values)


def _float_bits(values: np.ndarray) -> np.ndarray:
    return values.astype(FLOAT).view(np.uint32)


def _floats(bits: np.ndarray) -> np.ndarray:
    return bits.astype(np.uint32, copy=False).view(FLOAT)


@dataclass(frozen=True)
class Field:
    """One array of a layer.

    Args:
        name: of the array.
        component: the storage component that it belongs to.
        shape: of the array.
        values: how they are stored.
        home: who stores it: the ``layer``; the ``network``, once for all layers; or ``uncounted``, outside what the
            scheme counts.
    """

    name: str
    component: str
    shape: tuple[int, ...]
    values: Values
    home: str = LAYER

    @property
    def count(self) -> int:
        """Values of the array."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def bits(self) -> int:
        """Bits of the array."""
        return self._numbers * self.values.width

    def within(self, left_bits: int) -> "Field":
        """The field as it is in a stream that has so many bits left; only fields of no fixed length differ."""
        return self

    @property
    def _numbers(self) -> int:
        """Whole numbers in the stream, its header among them: a group's values are one."""
        return self.values.header + -(-self.count // self.values.group) * self.values.parts

    def checked(self, array: object) -> np.ndarray:
        """The array, if it is one that the field can store; in any memory order.

        Raises:
            KernelError: it is not.
        """
        if not isinstance(array, np.ndarray):
            raise KernelError(f"{self.name} is a numpy array", type(array).__name__, REMEDY)
        if array.dtype.kind not in self.values.kinds:
            raise KernelError(f"{self.name} is an array like {self.values.dtype}", str(array.dtype), REMEDY)
        if array.shape != self.shape:
            raise KernelError(f"{self.name} has the shape {self.shape}", str(array.shape), REMEDY)
        if not self.values.keeps(array):
            raise KernelError(self.values.rule, "other values", REMEDY, where=self.name)
        return array

    def pack(self, array: np.ndarray) -> BitStream:
        """The stream of an array that is `checked`."""
        values = self.values
        digits = values.encode(array.reshape(-1))
        if values.group > 1:
            digits = _join_digits(digits, values.levels, values.group)
        return pack_unsigned(digits, values.width)

    def unpack(self, stream: BitStream) -> np.ndarray:
        """The inverse of `pack`.

        Raises:
            KernelError: the stream has another length or holds values that no array of this field has.
        """
        values = self.values
        digits = unpack_unsigned(stream, values.width, self._numbers)
        if values.group > 1:
            digits = _split_digits(digits, values.levels, values.group, self.count)
        return self.checked(values.decode(digits).reshape(self.shape))
