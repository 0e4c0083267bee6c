"""Linear representation: kernels a*T + b with shared templates, in three orders of the same sums, all in float32."""

from costmodels.kernels.linear.add_then_convolve import AddThenConvolve
from costmodels.kernels.linear.convolve_then_add import ConvolveThenAdd
from costmodels.kernels.linear.direct import Direct

__all__ = ["AddThenConvolve", "ConvolveThenAdd", "Direct"]
