"""The options of commands other than search, as far as they have defaults, limits or what a search has too."""

from collections.abc import Mapping
from types import MappingProxyType

from explorer.config.option import Option
from explorer.config.search_options import DEMO_DATA, MOST_EPOCHS, SEARCH_OPTIONS

__all__ = ["FINETUNE_OPTIONS", "RESERVE_OPTIONS", "TRAIN_OPTIONS", "WORKER_OPTIONS"]

TRAIN_OPTIONS: Mapping[str, Option] = MappingProxyType(
    {
        "network": SEARCH_OPTIONS["network"],
        "data": Option("Named as for a search.", DEMO_DATA),
        "epochs": Option(
            "Passes over the training part.  [default: the recipe's]", kind="whole", least=1, most=MOST_EPOCHS
        ),
        "threads": Option(
            "Threads of torch; another number rounds otherwise.  [default: the recipe's]",
            kind="whole",
            least=1,
            most=1024,
        ),
        "seed": Option("Of weights, order and shifts.", 0, kind="whole", least=0, most=2**32 - 1),
        "out": Option("Folder.  [default: runs/train-NETWORK-DATA]", kind="path"),
    }
)
FINETUNE_OPTIONS: Mapping[str, Option] = MappingProxyType(
    {
        "epochs": Option(
            "Passes over the training part at most.",
            SEARCH_OPTIONS["finetune_epochs"].default,
            kind="whole",
            least=0,
            most=MOST_EPOCHS,
        ),
        "recipe": SEARCH_OPTIONS["recipe"],
        "metric": Option("Your own quality of the outputs, file.py:name; it chooses the epoch. See search."),
    }
)
WORKER_OPTIONS: Mapping[str, Option] = MappingProxyType(
    {
        "workers": SEARCH_OPTIONS["workers"],
        "wait": Option("Seconds to wait for a search to begin.", 60, kind="number", least=0, most=10**7),
    }
)
RESERVE_OPTIONS: Mapping[str, Option] = MappingProxyType(
    {name: SEARCH_OPTIONS[name] for name in ("reserve_flash", "reserve_ram")}
)
