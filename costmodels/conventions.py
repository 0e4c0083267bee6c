"""What the figures count and what they leave out, as data; printed with every table."""

from dataclasses import dataclass

__all__ = ["ACCUMULATOR_BITS", "CONVENTIONS", "FLOAT_BITS", "Convention", "as_json", "as_text"]

FLOAT_BITS = 32
"""Bits of every unquantized number, and of the baseline weight of a compression ratio."""

ACCUMULATOR_BITS = 32
"""Bits of a partial sum: the values of shared maps and of reconstructed weights."""


@dataclass(frozen=True)
class Convention:
    """One rule of counting: its key, and its statement in a sentence or two."""

    key: str
    statement: str


CONVENTIONS: tuple[Convention, ...] = (
    Convention(
        "batch",
        "Every figure is for one inference of one image; a layer called several times works each time.",
    ),
    Convention(
        "mac",
        "A MAC is one multiplication and its addition, the first into a zeroed accumulator included: a dense layer"
        " takes its weights times its output positions, a transposed convolution times the values of an input channel. "
        "Accumulating a value under a weight of +-1 is an addition "
        "and no MAC.",
    ),
    Convention(
        "bit_ops",
        "The sum over MACs of weight bits times activation bits; an addition under a weight of +-1 is 1 times the "
        "bits of the value added.",
    ),
    Convention(
        "merging",
        "Merge additions and scale multiplications count at the bits of what they combine: 32 for an addition of "
        "partial sums, 32 times 32 for a multiplication by a scale.",
    ),
    Convention(
        "requantization",
        "A scale that a whole output channel has in common is its requantization and free; any other counts. The alpha "
        "of stacked filters is counted as its paper's analysis does, although one per filter could be requantization.",
    ),
    Convention(
        "accumulator",
        "Partial sums, shared maps and reconstructed weights have 32 bits; weights that are looked up "
        "in a palette have those of its values.",
    ),
    Convention(
        "executions",
        "direct convolves with the whole filters, reconstructed where needed; shared-maps convolves with each "
        "low-dimensional filter once and then mixes. A layer reports the one of fewest bit-ops, or under an SRAM "
        "limit of those that fit.",
    ),
    Convention(
        "fitted",
        "A fitted layer counts the non-zeros, maps and templates that it really uses; without a fit, density times"
        " places (rounded, halves up), every ternary weight, every map and the bits_per_weight named are counted.",
    ),
    Convention(
        "decoded",
        "Weights decoded one after the other from an entropy-coded stream, once a call; counted apart, and no bit-ops. "
        "A filter of decoded codes takes a byte a weight of scratch.",
    ),
    Convention(
        "groups",
        "Each group of a grouped convolution has its own bank of low-dimensional filters; a codebook of templates "
        "is one for the layer or the network.",
    ),
    Convention(
        "selection",
        "Which low-dimensional filter a segment takes is packed into ceil(log2 k) bits, unless one-hot or "
        "uncounted is asked for.",
    ),
    Convention(
        "index",
        "The places of sparse values are always counted: one bit a place as bitmap, or ceil(log2) of the row's "
        "places a value and a count a row as index; of N:M sparse weights one combination a group.",
    ),
    Convention(
        "scales",
        "A scale has 32 bits, or its scheme's scale_bits; values that are 32-bit floats already need no quantizer "
        "scale.",
    ),
    Convention(
        "storage",
        "storage_bits is of weights only, a network-wide codebook counted once. compression_ratio is 32-bit "
        "weights over storage_bits.",
    ),
    Convention(
        "uncompressed",
        "Weights without a compressed form (3-D convolutions, weights that follow the input) count as 32-bit floats, "
        "their MAC with them; a transposed convolution has as many MAC as weights at each input position. Products of "
        "activations have MAC and no weights.",
    ),
    Convention(
        "flash",
        "flash_bytes adds biases and folded normalization (32 bits a value, or with bias_bits 16 a shift of 16 bits "
        "and 8 a layer; the factor is free where a scale or coefficients take it up), and pads every component of a "
        "layer to whole bytes. The runtime's reserve comes off the budget.",
    ),
    Convention(
        "constants",
        "What other operations read of parameters and buffers is in flash_bytes: 32 bits a number, integers and "
        "truth values in their own width. A batch normalization that does not fold is a scale and a shift, 64 bits a "
        "channel.",
    ),
    Convention(
        "activations",
        "Every activation tensor has the run's activation bits (8 by default) and takes its elements times these "
        "bits, in whole bytes.",
    ),
    Convention(
        "sram",
        "sram_bytes is the peak, over the execution order, of live activations and the scratch of the running "
        "layer, in one arena that lies in one contiguous region. A view lies where its source lies, elementwise steps "
        "write over an input that nothing reads later; the reserve comes off the budget.",
    ),
    Convention(
        "input",
        "The network's input lies in memory of the caller, which the exported program reads and never writes over: its "
        "bytes are stated apart from sram_bytes, and are not in it.",
    ),
    Convention(
        "padding",
        "Zeros that a network adds before a convolution are added while the convolution reads, and take no memory; any "
        "other padding is a tensor of its own.",
    ),
    Convention(
        "scratch",
        "Shared maps are held group by group and one output row at a time; reconstructed filters one at a time. Where "
        "the input channels are added before they are convolved, the sums of one filter are held whole.",
    ),
    Convention(
        "sizes",
        "Sizes are in bytes; KiB is 1024 bytes and MiB 1024 KiB.",
    ),
)
"""In the order of printing."""


def as_text() -> str:
    """One line for each convention.

    >>> as_text().splitlines()[-1]
    'sizes: Sizes are in bytes; KiB is 1024 bytes and MiB 1024 KiB.'
    """
    return "\n".join(f"{convention.key}: {convention.statement}" for convention in CONVENTIONS)


def as_json() -> dict[str, str]:
    """The statements by key, as plain data."""
    return {convention.key: convention.statement for convention in CONVENTIONS}
