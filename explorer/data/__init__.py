"""Images, with labels or without: one file for each source of data, listed in `explorer.data.sources`."""

from explorer.data.dataset import PARTS, Dataset, Split, check_network, evenly
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
    "check_network",
    "class_scores",
    "count_correct",
    "evenly",
    "load_data",
    "load_digits_dataset",
    "load_metric",
    "make_dataset",
    "make_metric",
]
