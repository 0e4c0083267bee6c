"""N:M sparse weights trained under a fixed mask.

W = mask * step * Q(x / step), as in `explorer.forms.pruned.layer`; the gradient of a weight that was pruned is zero.

Source: Mishra et al., Accelerating Sparse Deep Neural Networks, arXiv 2104.08378, section 4 (the network is pruned to
2:4 once and trained on under its mask).
"""

from typing import final

import numpy as np
import torch
from torch import Tensor, nn

from explorer.forms.compressed_layer import CompressedLayer, floats, stored
from explorer.forms.fitted_layer import Arrays, FittedLayer
from explorer.forms.nm_sparse.groups import gather, spread
from explorer.forms.quantized_tensor import QuantizedTensor

__all__ = ["NMSparseLayer"]


@final
class NMSparseLayer(CompressedLayer):
    """`costmodels.schemes.NMSparse`: trains the values that were kept, and the steps where the scheme stores any.

    Attributes:
        ranks: (n, kh, kw, c/g/M), of the places kept, as they are stored.
        mask: (n, c/g, kh, kw), 1 where a weight is kept.
    """

    mask: Tensor

    def __init__(self, module: nn.Module, fitted: FittedLayer) -> None:
        super().__init__(module, fitted)
        own = module.get_parameter("weight").detach().reshape(self.shape.weight_shape)
        self.ranks = fitted.arrays["index"]
        codes = floats(self._spread(fitted.arrays["weights"]), own)
        self.register_buffer("mask", floats(self._spread(np.ones(fitted.arrays["weights"].shape)), own))
        has_scales = "scales" in fitted.arrays
        step = floats(fitted.arrays["scales"], own) if has_scales else torch.ones(1).to(own)
        bits, scale_bits = self.scheme.weight_bits, self.scheme.scale_bits if has_scales else 32
        start = own * self.mask
        self.quantized = QuantizedTensor(codes, step.reshape(-1, 1, 1, 1), bits, start, has_scales, scale_bits)

    def _spread(self, values: np.ndarray) -> np.ndarray:
        return spread(self.shape, self.scheme, self.ranks, values)

    def weight(self) -> Tensor:
        """mask * step * Q(x / step)."""
        weights: Tensor = self.quantized() * self.mask
        return weights

    def arrays(self) -> Arrays:
        """``index``, ``weights`` and, where the scheme has any, ``scales``."""
        kept = gather(self.scheme, self.ranks, self.quantized.stored_codes())
        packed = {"index": self.ranks, "weights": kept}
        return packed | ({"scales": stored(self.quantized.step.flatten())} if self.scheme.scales_outputs else {})
