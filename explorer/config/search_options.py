"""The options of a search: defaults, limits and help, for the command, for files of options and for Python."""

from collections.abc import Mapping
from itertools import chain
from types import MappingProxyType

from explorer.config.option import Option

__all__ = ["DEMO_DATA", "DEMO_DEVICE", "DEMO_NETWORK", "MOST_EPOCHS", "SEARCH_GROUPS", "SEARCH_OPTIONS"]

DEMO_NETWORK, DEMO_DATA, DEMO_DEVICE = "digits-cnn", "digits", "stm32l432"

MOST_TRIALS, MOST_EPOCHS = 10**9, 10**6
"""What no search or training comes near; larger ones are slips of the hand."""

_NETWORK = {
    "network": Option("Zoo name, FILE.onnx, file.py:name or module:name.", DEMO_NETWORK),
    "weights": Option("Weights: .safetensors, or .pt (loaded weights-only).", kind="path"),
    "data": Option(
        "digits, glyphs32, fashion-mnist, cifar10:FOLDER, idx:FOLDER, images:FOLDER, or file.py:callable; see "
        "docs/how-to/data.md."
    ),
    "validation_images": Option(
        "Measure designs on so many validation images at most.", kind="whole", least=1, most=MOST_TRIALS
    ),
}
_BUDGETS = {
    "device": Option("A device of the catalogue, or a .toml file of your own."),
    "flash": Option("Flash for the network itself, such as 256KiB, in place of the device's."),
    "sram": Option("SRAM for activations and scratch, in place of the device's."),
    "max_bit_ops": Option("Bit operations of an inference at most, such as 2e9."),
    "max_latency": Option("Time of an inference at most, such as 20ms: on this machine, or of the device."),
    "reserve_flash": Option("Flash kept for all but the network.  [default: for its C program, else 144KiB]"),
    "reserve_ram": Option("RAM kept for all but the network.  [default: for its C program, else 44KiB]"),
    "activation_bits": Option("1 to 16, or 32 for float; several: 8,4,2.", 8),
    "bias_bits": Option("Bits of biases and shifts of folded normalizations: 32 or 16.", 16, kind="whole"),
}
_SEARCHED = {
    "objectives": Option(
        "By commas.  [default: accuracy (metric with one, agreement without labels, noise without data), flash "
        "(storage without a device)]"
    ),
    "objective": Option(
        "An objective of your own, file.py:name or module:name, with :minimize or :maximize behind it; repeatable. It "
        "is added to the others.",
        (),
        metavar="PLACE",
        several=True,
    ),
    "agreement": Option(
        "Objective agreement, with the float network's answers, in place of accuracy.", False, kind="switch"
    ),
    "metric": Option("Your own quality of the outputs, file.py:name or module:name: the objective metric."),
    "metric_direction": Option(
        "Which values of the metric are better.  [default: as its attribute direction says, else maximize]",
        choices=("maximize", "minimize"),
    ),
    "schemes": Option("Search these schemes only, separated by commas."),
    "layers": Option("A layer's own scheme; repeatable.", flags=("--layer",), metavar="NAME=SCHEME", several=True),
    "space": Option("A TOML file with the design space.", kind="path"),
    "keep": Option("Layers that stay dense at 32 bits: names, first, last; separated by commas."),
    "deployable": Option("Designs that can be C, and no others; a network without C is refused.", False, kind="switch"),
}
_MEASURED = {
    "calibration_images": Option(
        "Unlabelled training images that layers are fitted to; 0 fits them to their weights alone.",
        1024,
        kind="whole",
        least=0,
        most=MOST_TRIALS,
    ),
    "batch_statistics": Option(
        "Batch statistics re-estimated for each design, on 256 training images.  [default: unless the float network "
        "loses a tenth of its right answers so]",
        kind="switch",
        flags=("--batch-statistics/--no-batch-statistics",),
    ),
}
_SEARCH = {
    "trials": Option("Trials in all, those before --resume too.", 300, kind="whole", least=1, most=MOST_TRIALS),
    "sampler": Option(
        "guided, tpe, nsga2, nsga3 or random.  [default: guided up to 20,000 million weights to fit, else tpe]"
    ),
    "seed": Option("Of training, fits and sampler.", 0, kind="whole", least=0, most=2**32 - 1),
    "workers": Option("Processes that measure, one thread each.", 1, kind="whole", least=1, most=256),
    "storage": Option(
        "Database by URL, or grpc://host:port, for `filterfront worker`.  [default: a journal in the folder]"
    ),
    "heartbeat": Option("Seconds between a trial's signs of life.", 10, kind="whole", least=1, most=24 * 3600),
    "resume": Option("Go on with the search in the run folder.", False, kind="switch"),
    "gap": Option(
        "The distance to the best possible.  [default: up to 20,000 million weights to fit]",
        kind="switch",
        flags=("--gap/--no-gap",),
    ),
    "gap_eps": Option("Three or more objectives: proven within 1 + this.", 0.2, kind="number", least=0.001, most=10),
}
_TRAINING = {
    "sequential": Option(
        "Fit promising designs once more, each layer to what the layers before it leave it; nothing is trained.",
        False,
        kind="switch",
    ),
    "trained": Option(
        "A front of trained designs: the promising ones are trained, the best for so many epochs.",
        kind="whole",
        least=1,
        most=MOST_EPOCHS,
        metavar="EPOCHS",
    ),
    "recipe": Option(
        "A TOML file that says how designs are trained; see docs/how-to/fine-tuning.md.", kind="path", metavar="FILE"
    ),
    "finetune_top": Option("Fine-tune so many designs of the front.", 0, kind="whole", least=0, most=MOST_TRIALS),
    "finetune_epochs": Option("Epochs of each of them at most.", 40, kind="whole", least=1, most=MOST_EPOCHS),
}
_FILES = {
    "out": Option("Run folder.  [default: runs/NETWORK-DEVICE, numbered]", kind="path"),
    "parquet": Option("The tables as Parquet too; needs filterfront[parquet].", False, kind="switch"),
    "mlflow": Option(
        "Log to MLflow, http://host:5000 or sqlite:///mlflow.db; needs filterfront[mlflow].", metavar="URL"
    ),
}
SEARCH_GROUPS: Mapping[str, Mapping[str, Option]] = MappingProxyType(
    {
        "Network and data": _NETWORK,
        "Device and budgets": _BUDGETS,
        "What is searched": _SEARCHED,
        "How designs are fitted and measured": _MEASURED,
        "The search": _SEARCH,
        "Training": _TRAINING,
        "Input and output": _FILES,
    }
)
"""As ``--help`` groups them."""

SEARCH_OPTIONS: Mapping[str, Option] = MappingProxyType(
    dict(chain.from_iterable(group.items() for group in SEARCH_GROUPS.values()))
)
"""Name of a field of `SearchConfig` -> the option."""
