"""What every design of a network has in addition to its layers, as a part of the first layer's columns."""

from collections.abc import MutableMapping

import numpy as np

from costmodels import NetworkSpec
from costmodels.fixed_costs import fixed_figures

__all__ = ["add_fixed_part"]


def add_fixed_part(columns: MutableMapping[str, np.ndarray], network: NetworkSpec, activation_bits: int) -> None:
    """Adds it to the columns of one layer, in place: then the sums over layers are those of the network.

    Args:
        columns: of that layer, as in `searches.table_columns.COLUMNS`.
        network: the network.
        activation_bits: of every activation tensor.
    """
    for name, value in fixed_figures(network, activation_bits).items():
        if name in columns:
            columns[name] = columns[name] + value
