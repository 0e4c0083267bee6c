"""Vector-quantized weights trained: the codewords, at fixed indices.

W = sum over codebooks m of s_m * Q(C_m / s_m)[index_m], with codes and steps as in
`explorer.forms.straight_through.QuantizedTensor`; the gradient of a codeword is the sum over the vectors that take it.

Source: Stock et al., And the Bit Goes Down, ICLR 2020, arXiv 1907.05686 (codewords fine-tuned at fixed assignments).
"""

from typing import ClassVar, final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from costmodels.cost import DIRECT, SHARED_MAPS
from explorer.forms.bank_layer import BankLayer
from explorer.forms.compressed_layer import floats, stored
from explorer.forms.fitted_layer import Arrays, FittedLayer
from explorer.forms.quantized_tensor import QuantizedTensor

__all__ = ["VectorQuantizedLayer"]


@final
class VectorQuantizedLayer(BankLayer):
    """`costmodels.schemes.VectorQuantized`: trains the codebooks (M, K, channels, kh, kw) and their steps (M,)."""

    executions: ClassVar[tuple[str, ...]] = (DIRECT, SHARED_MAPS)
    index: Tensor

    def __init__(self, module: nn.Module, fitted: FittedLayer) -> None:
        super().__init__(module, fitted)
        own = module.get_parameter("weight").detach()
        self._index = fitted.arrays["index"]
        self.register_buffer("index", torch.from_numpy(self._index.astype(np.int64)).to(own.device))
        books = len(self._index)
        scales = floats(fitted.arrays.get("scales", np.ones(books, np.float32)), own)
        codes, bits = floats(fitted.arrays["codebook"], own), self.scheme.value_bits
        scale_bits = self.scheme.scale_bits
        self.codebook = QuantizedTensor(codes, scales.reshape(-1, 1, 1, 1, 1), bits, scale_bits=scale_bits)

    def weight(self) -> Tensor:
        """The sum of each vector's codewords."""
        chosen = [book[index] for book, index in zip(self.codebook(), self.index, strict=True)]
        weights: Tensor = sum(chosen[1:], chosen[0]).reshape(self.shape.weight_shape)
        return weights

    def bank(self) -> Tensor:
        """The codewords of all codebooks, for every group."""
        words: Tensor = self.codebook().flatten(0, 1)[None]
        return words.expand(self.shape.groups, -1, -1, -1, -1)

    def mixing(self) -> Tensor:
        """1 at the codewords of each vector."""
        one_hot = [functional.one_hot(index, self.scheme.codewords) for index in self.index]
        return torch.cat(one_hot, 2).to(self.codebook.values).reshape(self.shape.groups, -1, self.bank().shape[1])

    def arrays(self) -> Arrays:
        """``codebook`` and, where its values are codes, ``scales`` as trained; ``index`` as fitted."""
        arrays = {"codebook": self.codebook.stored_codes(), "index": self._index}
        if self.scheme.value_bits == 32:
            return arrays
        return arrays | {"scales": stored(self.codebook.step.flatten())}
