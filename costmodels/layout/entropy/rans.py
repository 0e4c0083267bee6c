"""Range asymmetric numeral systems (rANS) with frequencies of 12 bits.

Source: J. Duda, Asymmetric numeral systems, arXiv 1311.2540. The state lies in [2^16, 2^17) and is renormalized bit by
bit, so that the end of a stream takes 16 bits. The encoder starts at 2^16, where the decoder has to end.
"""

import numpy as np

from costmodels.errors import KernelError
from costmodels.layout.entropy.bits import DAMAGED, BitReader, field_bits

__all__ = ["MOST_FREQUENCY", "STATE_BITS", "TOTAL_BITS", "RansTable"]

TOTAL_BITS = 12
TOTAL = 1 << TOTAL_BITS
STATE_BITS, SIZE_BITS = 16, 4
LOWEST = 1 << STATE_BITS

MOST_FREQUENCY = TOTAL - 64
"""Of a symbol: even a layer of one value has a bit for 44 weights, so a stream bounds what it is decoded to."""


class RansTable:
    """The frequency of every symbol; they add up to 4096.

    Args:
        frequencies: (symbols,), two of them at least.
    """

    def __init__(self, frequencies: np.ndarray) -> None:
        self.frequencies = frequencies.astype(np.int64)

    @classmethod
    def of_counts(cls, counts: np.ndarray) -> "RansTable":
        """Frequencies in proportion to counts: each that occurs at least 1, none above `MOST_FREQUENCY`; what rounding
        leaves goes where it saves most bits.

        Args:
            counts: (symbols,) how often each occurs; two symbols at least, whether or not they all occur.
        """
        total = int(counts.sum())
        exact = counts * (TOTAL / max(total, 1))
        found = np.where(counts > 0, np.maximum(np.floor(exact), 1), 0).astype(np.int64)
        found = np.minimum(found, MOST_FREQUENCY)
        while (rest := TOTAL - int(found.sum())) != 0:
            step = 1 if rest > 0 else -1
            with np.errstate(divide="ignore", invalid="ignore"):
                gains = counts * np.log2((found + step) / found) if step > 0 else counts * np.log2((found - 1) / found)
            open_to = (found < MOST_FREQUENCY) & (found > 0) if step > 0 else found > 1
            if not open_to.any():
                open_to, gains = found == 0, np.zeros(len(found))  # a lone symbol: another takes what is left
                found[np.flatnonzero(open_to)[0]] = rest
                break
            place = int(np.where(open_to, gains, -np.inf).argmax())
            found[place] += step
        return cls(found)

    @property
    def table_bits(self) -> int:
        """Bits of the stored table, the last frequency left out, and of the state."""
        sizes = _sizes(self.frequencies[:-1])
        return SIZE_BITS * len(sizes) + int(np.maximum(sizes - 1, 0).sum()) + STATE_BITS

    def costs(self) -> np.ndarray:
        """Bits of each symbol, on average; infinite where it has no frequency."""
        with np.errstate(divide="ignore"):
            costs: np.ndarray = TOTAL_BITS - np.log2(self.frequencies)
        return costs

    def stored(self) -> np.ndarray:
        """The table in bits: of each frequency how many bits it has, and those after its highest."""
        kept = self.frequencies[:-1]
        sizes = _sizes(kept)
        tails = np.maximum(sizes - 1, 0)
        values = np.stack([sizes, kept & (1 << tails) - 1], axis=1)
        widths = np.stack([np.full(len(sizes), SIZE_BITS), tails], axis=1)
        return field_bits(values.reshape(-1), widths.reshape(-1))

    @classmethod
    def read(cls, reader: BitReader, symbols: int) -> "RansTable":
        """The inverse of `stored`.

        Raises:
            KernelError: the frequencies do not add up to 4096, or one is above `MOST_FREQUENCY`.
        """
        kept = []
        for _ in range(symbols - 1):
            size = reader.number(SIZE_BITS)
            kept.append(1 << size - 1 | reader.number(size - 1) if size else 0)
        found = np.array([*kept, TOTAL - sum(kept)])
        if symbols < 2 or found.min() < 0 or found.max() > MOST_FREQUENCY:
            rule = f"frequencies are at most {MOST_FREQUENCY} and add up to {TOTAL}"
            raise KernelError(rule, "others", DAMAGED)
        return cls(found)

    @property
    def starts(self) -> np.ndarray:
        """(symbols,) sum of the frequencies before each."""
        return self.frequencies.cumsum() - self.frequencies

    def lookup(self) -> np.ndarray:
        """(4096,) int16: the symbol of every slot."""
        return np.repeat(np.arange(len(self.frequencies), dtype=np.int16), self.frequencies)

    def encode(self, symbols: np.ndarray) -> np.ndarray:
        """The bits of symbols, the state first, then what the decoder shifts in after each symbol.

        Before a symbol of frequency f is put into it, the state has to be below 32*f: it loses its lowest bits, as many
        as 2^16 would have to, or one more.
        """
        frequencies, starts = self.frequencies.tolist(), self.starts.tolist()
        shifts = [max(0, STATE_BITS + 1 - (32 * one - 1).bit_length()) if one else 0 for one in frequencies]
        limits = [32 * one << shift for one, shift in zip(frequencies, shifts, strict=True)]
        state, values, widths = LOWEST, [], []
        for symbol in reversed(symbols.tolist()):
            width = shifts[symbol] + (state >= limits[symbol])
            values.append(state & (1 << width) - 1)
            widths.append(width)
            whole, part = divmod(state >> width, frequencies[symbol])
            state = (whole << TOTAL_BITS) + starts[symbol] + part
        first = field_bits(np.array([state - LOWEST]), np.array([STATE_BITS]))
        rest = field_bits(np.array(values[::-1], np.int64), np.array(widths[::-1], np.int64))
        return np.concatenate([first, rest])

    def decode(self, bits: np.ndarray, count: int) -> np.ndarray:
        """The inverse of `encode`: ``count`` symbols.

        Raises:
            KernelError: the bits are none of so many symbols.
        """
        reader = BitReader(bits)
        state = LOWEST + reader.number(STATE_BITS)
        frequencies, starts, lookup = self.frequencies.tolist(), self.starts.tolist(), self.lookup().tolist()
        rest, place, found = reader.rest.tolist(), 0, []
        for _ in range(count):
            slot = state & TOTAL - 1
            symbol = lookup[slot]
            found.append(symbol)
            state = frequencies[symbol] * (state >> TOTAL_BITS) + slot - starts[symbol]
            while state < LOWEST:
                if place == len(rest):
                    raise KernelError("an entropy-coded stream is codes of all weights", "too few bits", DAMAGED)
                state = state << 1 | rest[place]
                place += 1
        if place != len(rest) or state != LOWEST:
            raise KernelError("an entropy-coded stream is codes of all weights", "other bits", DAMAGED)
        return np.array(found, np.int16)


def _sizes(frequencies: np.ndarray) -> np.ndarray:
    """How many bits each has; 0 of none."""
    sizes: np.ndarray = np.frexp(frequencies.astype(np.float64))[1].astype(np.int64)
    return sizes
