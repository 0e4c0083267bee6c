"""The files that a search names, looked at before torch is loaded."""

from explorer.config.search import SearchConfig
from explorer.data.sources import look_at_data
from explorer.networks.first_look import look_at_network, look_at_weights

__all__ = ["look_at_files"]


def look_at_files(config: SearchConfig) -> None:
    """Refuses a search for files that are not what they are given for; no code is run, and not all is seen.

    Raises:
        FilterfrontError: as what reads them.
    """
    if "network" not in config.objects:
        look_at_network(config.network)
    if config.weights is not None:
        look_at_weights(config.weights)
    if config.data_name is not None and "data" not in config.objects:
        look_at_data(config.data_name)
