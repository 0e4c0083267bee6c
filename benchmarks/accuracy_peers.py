"""Bytes that an accuracy needs, here and elsewhere: ``python benchmarks/accuracy_peers.py --run DIR``.

A finished search of this project is compared with what other tools make of the same weights, without training:

- NVIDIA ModelOpt, `auto_quantize` over 2, 3, 4, 5, 6 and 8 bits a layer, by gradient and by KL scores, calibrated by
  maximum and by least squares, at caps of the mean bits from 2.5 to 6;
- AIMET, AdaRound at 2, 3 and 4 bits, the first and the last layer at as many, 4 or 8;
- torchao, weight-only quantization of whatever layers it takes.

All see the same training images, and all are judged on the same validation and test images. The other tools'
activations stay floats, this project's have 8 bits. Their weights are counted as this project stores them: a scale of 8
bits for each filter and biases of 16 bits, where they keep 32 of each; so the comparison favours them.

Each tool wants packages that this project does not need; a tool that is not installed is left out, and a line says so:

    python3 -m venv peers && peers/bin/pip install --editable . nvidia-modelopt==0.47.0 torchao aimet-torch
    peers/bin/python benchmarks/accuracy_peers.py --run runs/kws --network FILE.py:NAME --data FILE.py:NAME
"""

import argparse
import copy
import importlib.util
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from costmodels import Dense, network_cost
from explorer.config.search import make_config
from explorer.data import Dataset, Quality
from explorer.data.sources import load_data
from explorer.measurement.rounded_biases import with_bias_bits
from explorer.networks.trace import TracedNetwork
from explorer.search.workload import open_network

BITS = (2, 3, 4, 5, 6, 8)
BATCH = 50
BIAS_BITS, SCALE_BITS = 16, 8
ADAROUND = ((2, 8), (3, 4), (3, 8), (4, 4))
"""Bits of most layers, and of the first and the last."""
Choice = Mapping[str, int]
"""Weight bits by layer."""


@dataclass(frozen=True)
class Case:
    """The network, in a module that may be copied, and its data."""

    module: nn.Module
    example: Tensor
    traced: TracedNetwork
    dataset: Dataset

    @property
    def layers(self) -> list[str]:
        return [layer.name for layer in self.traced.spec.layers]

    def flash_bytes(self, choice: Choice) -> int:
        """Of weights with a scale for each filter and biases, as they are stored here."""
        schemes = {name: Dense(bits, "filter", SCALE_BITS if bits < 32 else 32) for name, bits in choice.items()}
        return network_cost(self.traced.spec, schemes, 8).flash_bytes

    def accuracy(self, network: Callable[[Tensor], Tensor], part: str) -> float:
        with torch.no_grad():
            return Quality.of(network, self.dataset.part(part), BATCH).accuracy

    def batches(self) -> list[tuple[Tensor, Tensor]]:
        part = self.dataset.train
        return list(zip(part.inputs.split(BATCH), part.labels.split(BATCH), strict=True))


@dataclass(frozen=True)
class Answer:
    """What a tool found.

    Args:
        tool: its name and setting.
        flash_bytes: of the network, as this project would store it.
        validation: accuracy.
        test: accuracy.
    """

    tool: str
    flash_bytes: int
    validation: float
    test: float


def make_case(network: str, data: str) -> Case:
    config, dataset = make_config(network=network, data=data), load_data(data)
    loaded, traced = open_network(config, dataset)
    example = loaded.example_input
    return Case(plain(loaded.module.eval(), example), example, with_bias_bits(traced, BIAS_BITS), dataset)


def plain(module: nn.Module, example: Tensor) -> nn.Module:
    """The same network in layers that other tools know: a convolution of a class of its own, which pads its input to
    the size of its output, becomes zero padding in front of a plain one, which keeps its name.

    Raises:
        ValueError: it is not the same network.
    """
    own = {name: child for name, child in module.named_modules() if is_own_convolution(child)}
    sizes: dict[str, tuple[Tensor, Tensor]] = {}
    hooks = [
        child.register_forward_hook(lambda _, given, out, name=name: sizes.update({name: (given[0], out)}))
        for name, child in own.items()
    ]
    expected = module(example)
    for hook in hooks:
        hook.remove()
    copied = copy.deepcopy(module)
    for name, child in own.items():
        copied.set_submodule(name, PaddedInput(child, *sizes[name]))
    if not torch.allclose(copied(example), expected, atol=1e-4):
        raise ValueError(f"{type(module).__name__} pads in a way of its own: write it in plain layers")
    return copied


def is_own_convolution(module: nn.Module) -> bool:
    return isinstance(module, nn.Conv2d) and type(module) is not nn.Conv2d


class PaddedInput(nn.Module):
    """Zero padding, the larger part behind, and a plain convolution."""

    def __init__(self, own: nn.Conv2d, given: Tensor, found: Tensor) -> None:
        super().__init__()
        sizes = zip(given.shape[:1:-1], found.shape[:1:-1], own.kernel_size[::-1], own.stride[::-1], strict=True)
        missing = [max((out - 1) * stride + kernel - size, 0) for size, out, kernel, stride in sizes]
        self.pad = nn.ZeroPad2d([part for total in missing for part in (total // 2, total - total // 2)])
        self.conv = nn.Conv2d(
            own.in_channels, own.out_channels, own.kernel_size, own.stride, groups=own.groups, bias=own.bias is not None
        )
        self.conv.load_state_dict(own.state_dict())

    def forward(self, inputs: Tensor) -> Tensor:
        """The convolution's maps."""
        return self.conv(self.pad(inputs))


def layer_of(module: nn.Module, name: str) -> nn.Module:
    """The layer of that name in the traced network."""
    found = module.get_submodule(name)
    return found.conv if hasattr(found, "conv") else found


def by_modelopt(case: Case) -> Iterator[Answer]:
    """auto_quantize; its own calibration and scores, with labels for those by gradient."""
    import modelopt.torch.quantization as mtq

    every = {"quantizer_name": "*", "enable": False}
    for algorithm in ("max", "mse"):
        formats = [
            {
                "quant_cfg": [
                    every,
                    {"quantizer_name": "*weight_quantizer", "cfg": {"num_bits": bits, "axis": 0}, "enable": True},
                ],
                "algorithm": algorithm,
            }
            for bits in BITS
        ]
        for method in ("gradient", "kl_div"):
            for mean in (2.5, 3.0, 3.25, 3.5, 3.75, 4.0, 4.25, 4.5, 5.0, 6.0):
                with redirect_stdout(sys.stderr):
                    found, _ = mtq.auto_quantize(
                        copy.deepcopy(case.module),
                        constraints={"effective_bits": mean},
                        quantization_formats=formats,
                        module_search_spaces=[
                            {"module_name_patterns": ["*"], "quantization_formats": formats, "allow_no_quant": False}
                        ],
                        data_loader=case.batches(),
                        forward_step=lambda network, batch: network(batch[0]),
                        loss_func=lambda output, batch: functional.cross_entropy(output, batch[1]),
                        num_calib_steps=len(case.batches()),
                        num_score_steps=len(case.batches()),
                        method=method,
                    )
                chosen = {name: int(layer_of(found, name).weight_quantizer.num_bits) for name in case.layers}
                yield judged(f"ModelOpt {algorithm}, {method}", case, chosen, found)


def by_aimet(case: Case) -> Iterator[Answer]:
    """AdaRound with its defaults but for fewer iterations, which take about two minutes a setting."""
    from aimet_torch.adaround.adaround_weight import Adaround, AdaroundParameters
    from aimet_torch.common.defs import QuantScheme

    images = TensorDataset(case.dataset.train.inputs)
    loader = DataLoader(images, batch_size=BATCH)
    ends = (case.layers[0], case.layers[-1])
    for bits, wide in ADAROUND:
        module = copy.deepcopy(case.module)
        given = AdaroundParameters(loader, len(loader), 2000, forward_fn=lambda net, batch: net(batch[0]))
        with TemporaryDirectory() as folder, redirect_stdout(sys.stderr):
            rounded = Adaround.apply_adaround(
                module,
                case.example,
                given,
                folder,
                "adaround",
                default_param_bw=bits,
                param_bw_override_list=[(layer_of(module, name), wide) for name in ends],
                default_quant_scheme=QuantScheme.post_training_tf_enhanced,
                default_config_file=per_channel(folder),
            )
        chosen = {name: wide if name in ends else bits for name in case.layers}
        yield judged("AIMET AdaRound", case, chosen, rounded)


def per_channel(folder: str) -> str:
    """A configuration of AIMET's with a symmetric scale for each filter, as this project's."""
    plain: dict[str, Any] = {
        "defaults": {
            "ops": {},
            "params": {"is_quantized": "True", "is_symmetric": "True"},
            "per_channel_quantization": "True",
            "strict_symmetric": "False",
        },
        "params": {"bias": {"is_quantized": "False"}},
        "op_type": {},
        "supergroups": [],
        "model_input": {},
        "model_output": {},
    }
    path = Path(folder) / "per_channel.json"
    path.write_text(json.dumps(plain))
    return str(path)


def by_torchao(case: Case) -> Iterator[Answer]:
    """Weight-only quantization: layers that it leaves as they are keep 32 bits."""
    from torchao.quantization import Int8WeightOnlyConfig, quantize_

    module = copy.deepcopy(case.module)
    before = {name: type(layer_of(module, name).weight) for name in case.layers}
    quantize_(module, Int8WeightOnlyConfig())
    taken = [name for name in case.layers if type(layer_of(module, name).weight) is not before[name]]
    chosen = {name: 8 if name in taken else 32 for name in case.layers}
    yield judged(f"torchao int8 weight-only ({len(taken)} of {len(case.layers)} layers)", case, chosen, module)


def judged(tool: str, case: Case, choice: Choice, network: nn.Module) -> Answer:
    accuracies = [case.accuracy(network.eval(), part) for part in ("validation", "test")]
    found = Answer(tool, case.flash_bytes(choice), *accuracies)
    print(f"{tool}: {found.flash_bytes:,} bytes, {found.validation:.2%}, {found.test:.2%}", file=sys.stderr, flush=True)
    return found


def of_run(folder: Path) -> Iterator[Answer]:
    """The front of a finished search."""
    for row in pd.read_csv(folder / "front.csv", dtype={"design": str}).to_dict("records"):
        yield Answer("filterfront", row["flash_bytes"], row["accuracy"], row["test_accuracy"])


TOOLS: Mapping[str, Callable[[Case], Iterator[Answer]]] = {
    "modelopt": by_modelopt,
    "aimet_torch": by_aimet,
    "torchao": by_torchao,
}


def rows(answers: list[Answer], wanted: list[float]) -> Iterator[str]:
    """The least flash of each tool at each validation accuracy, with the test accuracy of that design."""
    yield "| tool | " + " | ".join(f"{accuracy:.0%}" for accuracy in wanted) + " |"
    yield "|---|" + "---:|" * len(wanted)
    for tool in dict.fromkeys(answer.tool for answer in answers):
        cells = []
        for accuracy in wanted:
            enough = [one for one in answers if one.tool == tool and one.validation >= accuracy]
            best = min(enough, key=lambda one: one.flash_bytes, default=None)
            cells.append(f"{best.flash_bytes / 1024:.2f} KiB ({best.test:.1%})" if best else "-")
        yield f"| {tool} | " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--run", type=Path, action="append", default=[], help="a finished search of the same")
    parser.add_argument("--tools", nargs="*", default=list(TOOLS), choices=list(TOOLS))
    parser.add_argument("--accuracies", type=float, nargs="*", default=[0.85, 0.88, 0.9])
    arguments = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    case = make_case(arguments.network, arguments.data)
    answers = [answer for run in arguments.run for answer in of_run(run)]
    for package in arguments.tools:
        if importlib.util.find_spec(package):
            answers += TOOLS[package](case)
        else:
            print(f"{package} is not installed: left out")
    print("\n".join(rows(answers, arguments.accuracies)))


if __name__ == "__main__":
    main()
