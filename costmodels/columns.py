"""Costs of many candidates of one layer at once: a column of int64 values for every figure.

Candidates of the same scheme and the same text parameters are costed together by the very formulas that cost one layer.
"""

from collections.abc import Sequence

import numpy as np

from costmodels.cost import DIRECT, SHARED_MAPS, check_activation_bits
from costmodels.schemes.base import Scheme
from costmodels.shapes import ConvShape

__all__ = ["COLUMNS", "layer_cost_columns"]

COLUMNS = (
    *("storage_bits", "macs", "additions", "multiplications", "bit_ops"),
    *("scratch_bytes", "decoded", "least_scratch_bytes"),
)
_COUNTS = ("macs", "additions", "multiplications", "bit_ops", "scratch_bytes", "decoded")


def layer_cost_columns(shape: ConvShape, schemes: Sequence[Scheme], activation_bits: int = 8) -> dict[str, np.ndarray]:
    """Figures of all candidates of a layer.

    Args:
        shape: the layer.
        schemes: the candidates; each must be possible for the layer.
        activation_bits: as in `layer_cost`.

    Returns:
        A column by name (`COLUMNS`), each of shape (number of candidates,): those of the cheapest execution, as
        `layer_cost` reports them, and the scratch of the execution that has least.

    Raises:
        CostModelError: a candidate is impossible for the layer, or activation bits are out of range.

    >>> from costmodels import Dense
    >>> candidates = [Dense(4, "none"), Dense(8, "none")]
    >>> layer_cost_columns(ConvShape(8, 4, (3, 3), (6, 6)), candidates)["storage_bits"].tolist()
    [1152, 2304]
    """
    check_activation_bits(activation_bits)
    columns = {name: np.zeros(len(schemes), dtype=np.int64) for name in COLUMNS}
    families: dict[tuple[object, ...], list[int]] = {}
    for index, scheme in enumerate(schemes):
        scheme.check(shape)
        families.setdefault(scheme.column_key(), []).append(index)
    for members in families.values():
        column = type(schemes[members[0]]).stack([schemes[index] for index in members])
        for bits in column.storage(shape).values():
            columns["storage_bits"][members] += bits
        executions = column.executions(shape, activation_bits)
        figures = {
            execution: {name: np.broadcast_to(getattr(operations, name), len(members)) for name in _COUNTS}
            for execution, operations in executions.items()
        }
        direct, shared = figures[DIRECT], figures.get(SHARED_MAPS, figures[DIRECT])
        keys = [(part["bit_ops"], part["scratch_bytes"]) for part in (direct, shared)]
        is_direct = (keys[0][0] < keys[1][0]) | ((keys[0][0] == keys[1][0]) & (keys[0][1] <= keys[1][1]))
        for name in _COUNTS:
            columns[name][members] = np.where(is_direct, direct[name], shared[name])
        columns["least_scratch_bytes"][members] = np.minimum(direct["scratch_bytes"], shared["scratch_bytes"])
    return columns
