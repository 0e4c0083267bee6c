"""Linear representation of kernels, retrained as in its paper: the templates stay, a and b are tuned.

W_ij = a_ij * T_idx(i,j) + b_ij * ones. dL/da_ij = <dL/dW_ij, T_idx(i,j)> and dL/db_ij = sum(dL/dW_ij). Quantized a
and b keep the steps of the fit and are trained through proxies (`explorer.forms.straight_through`). A kernel that
takes no template, a = 0, takes none after training either, so that no operation is added.

In terms of a bank it is the segment of one channel, the templates and the all-ones filter being the bank, and two
non-zeros in each row of the mixing.

Source: Chen, Chen & Su, ICMV 2018, doi 10.1117/12.2522992; the gradients are derived.
"""

from typing import ClassVar, final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from costmodels.cost import DIRECT
from explorer.forms.bank_layer import BankLayer
from explorer.forms.compressed_layer import floats
from explorer.forms.fitted_layer import Arrays, FittedLayer
from explorer.forms.quantized_tensor import QuantizedTensor

__all__ = ["LinearRepresentationLayer"]


@final
class LinearRepresentationLayer(BankLayer):
    """`costmodels.schemes.LinearRepresentation`: trains a (n, c/g) and, with an offset, b (n, c/g), nothing else.

    Templates, index and steps are as fitted, in whatever codebook they are.
    """

    executions: ClassVar[tuple[str, ...]] = (DIRECT, "convolve-then-add", "add-then-convolve")
    templates: Tensor
    used: Tensor
    places: Tensor
    varied: Tensor

    def __init__(self, module: nn.Module, fitted: FittedLayer) -> None:
        super().__init__(module, fitted)
        arrays, own = fitted.arrays, module.get_parameter("weight").detach()
        self._fixed = {name: arrays[name] for name in ("templates", "index", "scales") if name in arrays}
        index = torch.from_numpy(arrays["index"].astype(np.int64)).to(own.device)
        used, places = index.unique(return_inverse=True)
        self.register_buffer("used", floats(arrays["templates"], own)[used])
        self.register_buffer("places", places)
        self.register_buffer("varied", floats(arrays["a"], own) != 0)
        self.a = self._coefficient("a", 0, fitted, own)
        self.b = self._coefficient("b", 1, fitted, own) if self.scheme.offset else None

    def _coefficient(self, name: str, place: int, fitted: FittedLayer, own: Tensor) -> QuantizedTensor:
        scales = fitted.arrays.get("scales", np.ones(2, np.float32))
        codes, step = floats(fitted.arrays[name], own), floats(scales[place : place + 1], own)
        return QuantizedTensor(codes, step, self.scheme.coefficient_bits, learned_step=False)

    def factors(self) -> Tensor:
        """a, zero where the kernel takes no template."""
        return torch.where(self.varied, self.a(self.varied), torch.zeros_like(self.a.values))

    def weight(self) -> Tensor:
        """a * T + b for every kernel."""
        kernels = self.used[self.places] * self.factors()[:, :, None, None]
        return kernels if self.b is None else kernels + self.b()[:, :, None, None]

    def bank(self) -> Tensor:
        """The templates that some kernel takes and, with an offset, all ones: (g, K + 1, 1, kh, kw)."""
        ones = [torch.ones_like(self.used[:1])] if self.b is not None else []
        return torch.cat([self.used, *ones])[None, :, None].expand(self.shape.groups, -1, -1, -1, -1)

    def mixing(self) -> Tensor:
        """a at the template of each kernel, and its b last."""
        one_hot = functional.one_hot(self.places, len(self.used)).to(self.used)
        mixing = one_hot * self.factors()[:, :, None]
        if self.b is not None:
            mixing = torch.cat([mixing, self.b()[:, :, None]], 2)
        return mixing.reshape(self.shape.groups, -1, mixing.shape[2])

    def _run_shared(self, images: Tensor, execution: str) -> Tensor:
        """Maps convolved and then mixed, or input channels mixed for each template and then convolved."""
        if execution == "convolve-then-add":
            return self.split_transform_merge(images)
        bank, shape = self.bank()[0, :, 0], self.shape
        mixing = self.mixing().reshape(shape.out_channels, shape.group_inputs, -1)
        sums = functional.conv2d(images, mixing.transpose(1, 2).flatten(0, 1)[:, :, None, None], groups=shape.groups)
        return self._convolve(sums, bank.expand(shape.out_channels, -1, -1, -1), shape.out_channels)

    def arrays(self) -> Arrays:
        """``a`` and ``b`` as trained, all else as fitted."""
        a = self.a.stored_codes(self.varied)
        if self.a.bits == 32:
            a = a * self.varied.cpu().numpy()
        trained = {"a": a} if self.b is None else {"a": a, "b": self.b.stored_codes()}
        return {**self._fixed, **trained}
