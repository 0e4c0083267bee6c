"""What the compiled kernels do, said from a layer's facts alone: the limits by which they choose, the machine code that
a layer takes, and its work in named amounts. The forms are made of these; `costmodels.latency` turns work into time."""

from costmodels.machine.amounts import AMOUNTS
from costmodels.machine.paths import FLOAT, INTEGER, PLANES, KernelPath

__all__ = ["AMOUNTS", "FLOAT", "INTEGER", "PLANES", "KernelPath"]
