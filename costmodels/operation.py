"""The steps of a network's graph: operations, the activation tensors between them, and the constants that they read."""

from dataclasses import dataclass

from costmodels.errors import NetworkSpecError

__all__ = ["COUNTED", "FIXED", "FREE", "UNKNOWN", "ConstantSpec", "Operation", "TensorSpec"]

COUNTED, FIXED, FREE, UNKNOWN = "counted", "fixed", "free", "unknown"


@dataclass(frozen=True)
class TensorSpec:
    """An activation tensor of one image: its name and number of elements."""

    name: str
    elements: int


@dataclass(frozen=True)
class ConstantSpec:
    """Values that inference reads and that no layer stores: of operations without a compressed form.

    Args:
        name: unique among the constants.
        elements: how many there are.
        bits: of each: 32 for a number, which is stored as a float; integers and truth values keep their own width.
        is_weight: whether they are the weights of a convolution or linear layer that has no compressed form.
    """

    name: str
    elements: int
    bits: int = 32
    is_weight: bool = False

    @property
    def stored_bits(self) -> int:
        """Bits of all of them."""
        return self.elements * self.bits


@dataclass(frozen=True)
class Operation:
    """One step of the execution order.

    Args:
        name: unique name of the step.
        kind: the operation's name, for example ``conv2d`` or ``add``.
        inputs: names of the tensors it reads.
        output: name of the tensor it writes.
        status: ``counted`` (its layer is costed), ``fixed`` (its work is counted, its weights stay dense at 32 bits),
            ``free`` (with the reason) or ``unknown`` (warned about).
        reason: why the step is free, has no compressed form, or what is unknown of it.
        layer: the name of its layer, for a counted step.
        reuses: the output takes the place of an input that nothing reads later (elementwise steps and views).
        views: the output is its first input under another shape: it lies where that lies, whoever reads that later.
        macs: multiply-accumulates of a fixed step.
        weights: names of the constants that are a fixed step's weights, or all that an unknown one reads.
        operations: of a free step: its additions, products, comparisons and functions of a value, one each.
    """

    name: str
    kind: str
    inputs: tuple[str, ...]
    output: str
    status: str
    reason: str = ""
    layer: str | None = None
    reuses: bool = False
    views: bool = False
    macs: int = 0
    weights: tuple[str, ...] = ()
    operations: int = 0

    def __post_init__(self) -> None:
        if self.status not in (COUNTED, FIXED, FREE, UNKNOWN):
            raise NetworkSpecError("an operation is counted, fixed, free or unknown", self.status, "name one of these")
        if (self.status == COUNTED) != (self.layer is not None):
            raise NetworkSpecError(
                "a counted operation names its layer, and only a counted one does", self.name, "set layer"
            )
        if self.status != COUNTED and not self.reason:
            raise NetworkSpecError("a free or unknown operation says why", self.name, "set reason")
        if (self.status != FIXED and self.macs) or (self.status not in (FIXED, UNKNOWN) and self.weights):
            raise NetworkSpecError("only a fixed operation has MAC and weights of its own", self.name, "set status")
        if self.status != FREE and self.operations:
            raise NetworkSpecError("only a free operation has operations that are no MAC", self.name, "set status")
        if self.views and not self.inputs:
            raise NetworkSpecError("a view is of the tensor that it reads", self.name, "set inputs")
