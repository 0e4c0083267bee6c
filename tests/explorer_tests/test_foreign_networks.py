"""Networks that nobody here wrote, of many families: every figure is what torch shows of the module in another way."""

from importlib import import_module

import pytest
import torch
from torch import nn
from torch.nn import functional

from explorer.validation.eager_memory import eager_peak_values
from explorer.validation.module_counts import ModuleCounts, count_module

NETWORKS = {
    "densenet_cifar": "densenet40_k12_bc_cifar10",
    "diracnetv2": "diracnet18v2",
    "mobilenetv2": "mobilenetv2b_wd4",
    "efficientnetedge": "efficientnet_edge_small_b",
    "fdmobilenet": "fdmobilenet_wd4",
    "lffd": "lffd20x5s320v2_widerface",
    "lwopenpose_cmupan": "lwopenpose2d_mobilenet_cmupan_coco",
    "nin_cifar": "nin_cifar10",
    "octresnet": "octresnet10_ad2",
    "preresnet_cifar": "preresnet20_cifar10",
    "resdropresnet_cifar": "resdropresnet20_cifar10",
    "resneta": "resneta10",
    "resnet_cifar": "resnet20_cifar10",
    "resnext_cifar": "resnext20_16x4d_cifar10",
    "rir_cifar": "rir_cifar10",
    "sepreresnet_cifar": "sepreresnet20_cifar10",
    "seresnet_cifar": "seresnet20_cifar10",
    "shakedropresnet_cifar": "shakedropresnet20_cifar10",
    "squeezenet": "squeezenet_v1_1",
    "unet": "unet_cityscapes",
}
"""Module of pytorchcv -> a small network of it; `benchmarks/zoo.py` has more."""


@pytest.mark.parametrize("family", NETWORKS)
def test_counts_are_those_that_torch_shows(family):
    pytest.importorskip("pytorchcv", reason="pytorchcv is not installed")
    name = NETWORKS[family]
    torch.manual_seed(0)
    module = getattr(import_module(f"pytorchcv.models.{family}"), name)().eval()
    image = torch.zeros(1, module.in_channels if hasattr(module, "in_channels") else 3, *module.in_size)
    found = count_module(module, [image], name, runs=False)
    assert found.differences == ()
    assert found.unknown == ()


class Steps(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.conv, self.function = nn.Conv2d(4, 4, 3, padding=1), function

    def forward(self, x):
        return self.function(self.conv, x)


@pytest.mark.parametrize(
    ("function", "peak"),
    [
        (lambda conv, x: torch.relu(conv(x)), 144),
        (lambda conv, x: conv(conv(x)), 144 + 144),
        (lambda conv, x: (lambda y: conv(y) + y)(conv(x)), 144 + 144),  # the sum writes over the product
        (lambda conv, x: torch.cat([conv(x), x], 1), 144 + 288),  # the input is the caller's
        (lambda conv, x: conv(functional.pad(conv(x), (1, 1))), 144 + 4 * 8 * 6),  # padded while it is read
        (lambda conv, x: conv(x).transpose(2, 3).flatten(1), 144 + 144),  # written in another order
        (lambda conv, x: conv(x)[:, :2, 1:3], 144 + 2 * 2 * 6),  # one copy
        (lambda conv, x: torch.cat(conv(x).chunk(2, 1)[::-1], 1), 144 + 144),
    ],
)
def test_memory_of_a_run_by_hand(function, peak):
    module = Steps(function).eval()
    assert eager_peak_values(module, [torch.zeros(1, 4, 6, 6)]) == peak
    counts = count_module(module, [torch.zeros(1, 4, 6, 6)], "steps", runs=False)
    assert counts.sram_bytes == (peak, peak)


def test_what_differs_is_named():
    counts = ModuleCounts(1, macs=(3, 4), weights=(5, 5), sram_bytes=(6, 7), not_compressed=(), unknown=())
    assert counts.differences == ("MAC", "SRAM")
