"""Arrays of integer codes that are stored entropy-coded, in as many bits as they happen to take."""

from dataclasses import dataclass, replace

import numpy as np

from costmodels.errors import KernelError
from costmodels.layout.bitstream import BitStream
from costmodels.layout.entropy import decode, encode
from costmodels.layout.fields import Field

__all__ = ["CodedField"]


@dataclass(frozen=True)
class CodedField(Field):
    """The only array of its stream, of codes of ``values.width`` bits.

    Args:
        name: of the array.
        component: the storage component that it belongs to.
        shape: of the array.
        values: what the codes are, before they are coded.
        home: who stores it, see `Field`.
        coder: of `costmodels.layout.entropy.CODERS`.
        coded: bits of the stream, where there is one.
    """

    coder: str = "huffman"
    coded: int = 0

    @property
    def bits(self) -> int:
        """Bits of the array."""
        return self.coded

    def within(self, left_bits: int) -> Field:
        """The array that takes all that is left of a stream."""
        return replace(self, coded=left_bits)

    def pack(self, array: np.ndarray) -> BitStream:
        """The stream of an array that is `checked`."""
        return encode(self.values.encode(array.reshape(-1)), self.values.width, self.coder)

    def unpack(self, stream: BitStream) -> np.ndarray:
        """The inverse of `pack`.

        Raises:
            KernelError: the stream is damaged.
        """
        try:
            ranks = decode(stream, self.values.width, self.coder, self.count)
        except KernelError as error:
            raise error.at(self.name) from error
        return self.checked(self.values.decode(ranks).reshape(self.shape))
