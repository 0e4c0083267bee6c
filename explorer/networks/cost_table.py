"""The cost of a whole network under one scheme, layer by layer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from costmodels import Dense, LayerCost, NetworkCost, NetworkSpec, Operation, network_cost
from costmodels.conventions import CONVENTIONS
from costmodels.fixed_costs import FixedCost
from costmodels.schemes import COMPONENTS
from costmodels.text import AnyScheme, as_pattern, resolve_all
from costmodels.units import bytes_of_bits, format_bytes, format_count

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CostTable", "cost_table", "kept_layers", "outside_text"]

KEPT = Dense(weight_bits=32)

_COUNTS = ("macs", "additions", "multiplications", "bit_ops")
_SHOWN = ("layer", "shape", "scheme", "storage_bits", "compression_ratio", *_COUNTS, "execution", "scratch_bytes")


@dataclass(frozen=True, eq=False, repr=False)
class CostTable:
    """What a network costs under a scheme: exact counts, for one inference of one image.

    Args:
        network: that was costed.
        scheme: in text, as it was asked for.
        cost: of every layer and of the whole.
        kept_dense: layer name -> why it stays dense at 32 bits.
        notes: what one should know of how the network was read.
    """

    network: NetworkSpec
    scheme: str
    cost: NetworkCost
    kept_dense: Mapping[str, str]
    notes: tuple[str, ...] = ()

    @property
    def layers(self) -> tuple[LayerCost, ...]:
        """The cost of each layer, in the network's order."""
        return self.cost.layers

    @property
    def activation_bits(self) -> int:
        """Bits of every activation value."""
        return self.cost.activation_bits

    @property
    def totals(self) -> dict[str, Any]:
        """Every figure of the whole network by name: ``storage_bits``, ``flash_bytes``, ``sram_bytes``, ``macs``,
        ``additions``, ``multiplications``, ``bit_ops``, ``traffic_bytes``, ``compression_ratio`` and others."""
        return self.cost.totals()

    def to_frame(self) -> "pd.DataFrame":
        """One row for each layer, and for each operation with MAC that has no compressed form; ``bits_NAME`` are the
        components of ``storage_bits``, ``kept_dense`` says why a layer stays dense at 32 bits."""
        import pandas as pd

        return pd.DataFrame(self._rows())

    def to_json(self) -> dict[str, Any]:
        """Plain data: what ``filterfront cost --json`` prints."""
        return {
            "network": self.network.name,
            "scheme": self.scheme,
            "activation_bits": self.activation_bits,
            "convention": {convention.key: convention.statement for convention in CONVENTIONS},
            "layers": [layer.to_json() for layer in self.layers] + [step.to_json() for step in self.cost.fixed],
            "kept_dense": dict(self.kept_dense),
            "not_compressed": self._shares(self.network.fixed),
            "unknown_operations": self._shares(self.network.unknown),
            "notes": list(self.notes),
            "totals": self.totals,
        }

    def __repr__(self) -> str:
        cost = self.cost
        sizes = f"flash {format_bytes(cost.flash_bytes)}, SRAM {format_bytes(cost.sram_bytes)}"
        work = f"{format_count(cost.macs)} MAC, {format_count(cost.bit_ops)} bit-ops"
        return f"<{self._title()}: {len(self.layers)} layers, {cost.compression_ratio:.2f}x, {sizes}, {work}>"

    def _repr_html_(self) -> str:
        from reports.columns import column
        from reports.notebook import notebook_table

        cost = self.cost
        total = dict.fromkeys(_SHOWN, "") | {name: getattr(cost, name) for name in ("storage_bits", *_COUNTS)}
        total |= {"layer": "total", "compression_ratio": cost.compression_ratio, "scratch_bytes": ""}
        notes = [
            f"Flash {format_bytes(cost.flash_bytes)}: everything that inference reads; no reserve. SRAM "
            f"{format_bytes(cost.sram_bytes)} at its peak, in {cost.sram.operation}, and the input of "
            f"{format_bytes(cost.input_bytes)} in addition to it. All figures are counted."
        ]
        notes += [f"{name} stays dense at 32 bits: {reason}." for name, reason in self.kept_dense.items()]
        fixed, unknown = (
            list(map(outside_text, self._shares(steps))) for steps in (self.network.fixed, self.network.unknown)
        )
        notes += [f"No compressed form: {text}." for text in fixed] + [
            f"Unknown work, not counted: {text}." for text in unknown
        ]
        notes += [f"{note[:1].upper()}{note[1:]}." for note in self.notes]
        rows = [*self._rows(), total]
        return notebook_table(self._title(), [column(name) for name in _SHOWN], rows, notes)

    def _shares(self, steps: Sequence[Operation]) -> list[dict[str, Any]]:
        """Steps without a compressed form as plain data, with the shares of MAC and of flash that they hold; what
        several read is told of the first."""
        waiting = {constant.name: constant.stored_bits for constant in self.network.constants}
        shares = []
        for step in steps:
            bits = sum(waiting.pop(name, 0) for name in step.weights)
            plain = {"name": step.name, "kind": step.kind, "reason": step.reason, "macs": step.macs}
            shares.append(
                plain
                | {
                    "mac_share": step.macs / self.cost.macs,
                    "stored_bytes": int(bytes_of_bits(bits)),
                    "flash_share": bits / (8 * self.cost.flash_bytes),
                }
            )
        return shares

    def _title(self) -> str:
        return f"{self.network.name} under {self.scheme}, {self.activation_bits}-bit activations"

    def _row(self, layer: LayerCost) -> dict[str, Any]:
        own = {"method": layer.scheme.name, "scheme": layer.scheme.brief(), "weights": layer.shape.weights}
        return _columns(layer.to_json(), own, self.kept_dense.get(layer.name, ""))

    def _fixed_row(self, step: FixedCost) -> dict[str, Any]:
        plain = step.to_json()
        return _columns(plain, {"method": step.kind, "scheme": plain["scheme"], "weights": step.weights}, "")

    def _rows(self) -> list[dict[str, Any]]:
        return [self._row(layer) for layer in self.layers] + [self._fixed_row(step) for step in self.cost.fixed]


def _columns(plain: dict[str, Any], own: dict[str, Any], kept_dense: str) -> dict[str, Any]:
    """A row from the plain data of a cost."""
    return {
        "layer": plain["name"],
        "shape": plain["shape"],
        **own,
        "storage_bits": plain["storage_bits"],
        **{f"bits_{part}": plain["storage"].get(part, 0) for part in COMPONENTS},
        **{name: plain[name] for name in (*_COUNTS, "decoded", "execution", "scratch_bytes", "traffic_bytes")},
        "compression_ratio": plain["compression_ratio"],
        "kept_dense": kept_dense,
    }


def outside_text(step: Mapping[str, Any]) -> str:
    """A step without a compressed form in words, with what it holds of the network.

    Args:
        step: of ``not_compressed`` or ``unknown_operations`` of `CostTable.to_json`.
    """
    shares = [f"{step['mac_share']:.1%} of MAC"] if step["macs"] else []
    if step["stored_bytes"]:
        shares.append(f"{format_bytes(step['stored_bytes'])}, {step['flash_share']:.1%} of flash")
    return f"{step['name']} ({'; '.join([step['reason'], *shares])})"


def kept_layers(network: NetworkSpec, names: Sequence[str]) -> frozenset[str]:
    """Layer names from names, ``first`` and ``last``.

    A layer of the name ``first`` or ``last`` is meant before the one at that place, which has a name of its own too.

    Args:
        network: whose layers they are.
        names: of layers.

    Raises:
        NetworkSpecError: there is no layer of that name.
    """
    named = {layer.name for layer in network.layers}
    ends = {"first": network.layers[0].name, "last": network.layers[-1].name}
    return frozenset(network.layer(name if name in named else ends.get(name, name)).name for name in names)


def cost_table(network: NetworkSpec, scheme: AnyScheme, keep: Sequence[str], activation_bits: int) -> CostTable:
    """What a network costs under a scheme. Layers that cannot take it stay dense at 32 bits.

    Args:
        network: to be costed.
        scheme: what every layer becomes.
        keep: names of layers that stay dense at 32 bits, ``first`` and ``last`` among them.
        activation_bits: of every activation value.

    Raises:
        CostModelError: the scheme or a name to keep cannot be used, or no layer can take the scheme.
    """
    pattern = as_pattern(scheme)
    kept = kept_layers(network, keep)
    shapes = {layer.name: layer.shape for layer in network.layers}
    schemes, reasons = resolve_all(pattern, shapes, kept, KEPT)
    return CostTable(network, str(pattern), network_cost(network, schemes, activation_bits), reasons)
