"""Images, with labels or without: one file for each source of data, listed in `explorer.data.sources`.

Names are imported when they are used: most need torch, and a folder that holds no images is refused without it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from explorer.data.dataset import PARTS, Dataset, Split, answer_of_one, check_network, evenly, fewer_of_large
    from explorer.data.digits import load_digits_dataset
    from explorer.data.making import make_dataset
    from explorer.data.metric import Metric, load_metric, make_metric
    from explorer.data.quality import Quality, class_scores, count_correct
    from explorer.data.sources import SOURCES, DataSource, load_data

__all__ = [
    "PARTS",
    "SOURCES",
    "DataSource",
    "Dataset",
    "Metric",
    "Quality",
    "Split",
    "answer_of_one",
    "check_network",
    "class_scores",
    "count_correct",
    "evenly",
    "fewer_of_large",
    "load_data",
    "load_digits_dataset",
    "load_metric",
    "make_dataset",
    "make_metric",
]

_PLACES = {
    "dataset": ("PARTS", "Dataset", "Split", "answer_of_one", "check_network", "evenly", "fewer_of_large"),
    "digits": ("load_digits_dataset",),
    "making": ("make_dataset",),
    "metric": ("Metric", "load_metric", "make_metric"),
    "quality": ("Quality", "class_scores", "count_correct"),
    "sources": ("SOURCES", "DataSource", "load_data"),
}


def __getattr__(name: str) -> Any:
    place = next((module for module, names in _PLACES.items() if name in names), None)
    if place is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{place}"), name)
