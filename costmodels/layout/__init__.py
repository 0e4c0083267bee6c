"""How the arrays of a layer lie in bit streams: the streams, the kinds of values, and the fields of a form.

Every storage component of a scheme is one bit stream (`costmodels.layout.bitstream`) of exactly the bits that the
storage formula gives it; in memory each stream fills whole bytes. Within a stream the arrays follow one another in the
order of `costmodels.schemes.base.Scheme.layout`, each in C order:

| values | bits |
|---|---|
| codes of b bits | their ranks (`costmodels.codes`), so a sign is 0 for -1 and 1 for +1 |
| floats | 32, or 16 of the values of a palette, IEEE 754 |
| scales of 32 or 16 bits | floats and halves of IEEE 754 |
| scales of 8 or 4 bits | 16 for what the codes mean, then a code each (`costmodels.scales`) |
| selections, template indices, positions in a row of p places | L2 of how many there are |
| values in a row of p places | L2(p + 1) |
| bitmap | 1 a place |
| one-hot selection of k | k, the bit of the selected one set |
| entropy-coded codes | a checksum, a table and a code each (`costmodels.layout.entropy.streams`) |
| which N of M places are taken | L2(C(M, N)), a rank (`costmodels.layout.combinations`), or N*L2(M) |
| groups of m values of L levels | L2(L^m) a group, the ranks as digits of one number, the first the lowest |
"""

from collections.abc import Mapping

import numpy as np

from costmodels.layout.bitstream import BitStream
from costmodels.layout.coded import CodedField
from costmodels.layout.combinations import places_of_ranks, ranked_places, ranks_of_places, taken_places
from costmodels.layout.fields import (
    LAYER,
    NETWORK,
    UNCOUNTED,
    Field,
    Values,
    choices,
    flags,
    grouped,
    halves,
    numbers,
    one_hot,
)
from costmodels.layout.scale_values import scale_numbers
from costmodels.layout.sparse import nonzero_places, sparse_fields

__all__ = [
    "LAYER",
    "NETWORK",
    "UNCOUNTED",
    "Arrays",
    "BitStream",
    "CodedField",
    "Field",
    "Values",
    "choices",
    "flags",
    "grouped",
    "halves",
    "nonzero_places",
    "numbers",
    "one_hot",
    "places_of_ranks",
    "ranked_places",
    "ranks_of_places",
    "scale_numbers",
    "sparse_fields",
    "taken_places",
]

Arrays = Mapping[str, np.ndarray]
"""The arrays of a fitted layer, by name."""
