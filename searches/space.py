"""The design space: for each layer the schemes it may take, spanned by a few axes that all schemes share.

Every trial names a value on every axis of every layer, also on those that the layer's scheme does not read. So the
parameters of all trials are the same, which the crossover of NSGA-II and the joint model of TPE need, and moving to
another scheme keeps the level of compression. A scheme takes the allowed value nearest to the one named.
"""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from fractions import Fraction
from functools import cached_property
from typing import Any

from costmodels import SCHEMES, NetworkSpec, Scheme
from costmodels.conventions import FLOAT_BITS
from costmodels.errors import SchemeError
from costmodels.shapes import ConvShape
from costmodels.text import ALIASES, SchemePattern, parse_scheme
from searches.design import Design
from searches.errors import SearchError

__all__ = ["ACTIVATIONS", "DEFAULT_GRID", "EXTRA_GRID", "Grid", "LayerSpace", "Space", "build_space", "check_grid"]

ACTIVATIONS = "network.activation_bits"
"""The search parameter of the activations' width; no layer has an axis of that name."""

Value = int | float | str
Grid = Mapping[str, Mapping[str, Sequence[Value]]]
"""For each scheme, the values of each of its parameters; fractions in text."""

MOST_CHOICES = 1_000
"""Of a parameter: no search tries more, and each is checked by itself."""

DEFAULT_GRID: Grid = {name: kind.grid for name, kind in SCHEMES.items() if kind.in_default_grid}
"""What a search offers that names no schemes; every form declares its own values."""

EXTRA_GRID: Grid = {name: kind.grid for name, kind in SCHEMES.items() if kind.grid and not kind.in_default_grid}
"""Forms that a search offers when they are named."""

AXES = {"weight_bits": "bits", "coefficient_bits": "bits", "filters": "basis", "templates": "basis"}
"""Parameters that share an axis; every other parameter's axis has its own name."""


def _axis(parameter: str) -> str:
    return AXES.get(parameter, parameter)


def _size(value: Value) -> float:
    """The place of a value on its axis; text that is no fraction has none."""
    try:
        return float(Fraction(value))
    except ValueError:
        return 0.0


def _ascending(values: Iterable[Value]) -> tuple[Value, ...]:
    return tuple(sorted(values, key=lambda value: (_size(value), str(value))))


def nearest(value: Value, allowed: Sequence[Value]) -> Value:
    """The allowed value nearest to ``value``, the first of equals; always one of ``allowed``, 1.0 where 1 is named."""
    equal = [choice for choice in allowed if choice == value]
    return equal[0] if equal else min(allowed, key=lambda choice: abs(_size(choice) - _size(value)))


@dataclass(frozen=True)
class LayerSpace:
    """The schemes of one layer.

    Args:
        name: the layer.
        shape: its shape.
        grid: the values of each parameter of each scheme that the layer can take.
    """

    name: str
    shape: ConvShape
    grid: Grid

    @cached_property
    def axes(self) -> dict[str, tuple[Value, ...]]:
        """The values on each axis, the schemes' names first."""
        values: dict[str, set[Value]] = {}
        for parameters in self.grid.values():
            for parameter, choices in parameters.items():
                values.setdefault(_axis(parameter), set()).update(choices)
        spread = {axis: _ascending(choices) for axis, choices in values.items()}
        return {"scheme": tuple(self.grid), **{axis: choices for axis, choices in spread.items() if len(choices) > 1}}

    def own_axes(self, scheme: str) -> dict[str, tuple[Value, ...]]:
        """The values that a scheme takes on the axes that it reads, in their order."""
        return {_axis(parameter): _ascending(values) for parameter, values in self.grid[scheme].items()}

    def scheme(self, levels: Mapping[str, Any]) -> Scheme:
        """The scheme at these values of the axes."""
        name = str(levels["scheme"])
        kind, fixed = ALIASES.get(name, (name, {}))
        values = dict(fixed)
        for parameter, allowed in self.grid[name].items():
            value = nearest(levels.get(_axis(parameter), allowed[0]), allowed)
            values[parameter] = Fraction(value) if isinstance(value, str) and "/" in value else value
        return SchemePattern(kind, values).resolve(self.shape)

    @cached_property
    def candidates(self) -> tuple[Scheme, ...]:
        """Every scheme that the layer may take, each once."""
        return tuple(self.candidate_levels)

    @cached_property
    def candidate_levels(self) -> dict[Scheme, dict[str, Value]]:
        """For every candidate the values on the axes that its scheme reads, the first that give it."""
        found: dict[Scheme, dict[str, Value]] = {}
        for name, parameters in self.grid.items():
            for values in itertools.product(*parameters.values()):
                levels = {_axis(key): value for key, value in zip(parameters, values, strict=True)}
                own = {axis: nearest(value, self.axes[axis]) for axis, value in levels.items() if axis in self.axes}
                found.setdefault(self.scheme({"scheme": name, **levels}), {"scheme": name, **own})
        return found


@dataclass(frozen=True)
class Space:
    """The design space of a network: one `LayerSpace` for each layer, in the network's order.

    Args:
        layers: in the network's order.
        activation_bits: widths of activations, of which a design chooses one; none where a design chooses none.
    """

    layers: tuple[LayerSpace, ...]
    activation_bits: tuple[int, ...] = ()

    @property
    def size(self) -> int:
        """Number of designs."""
        count = len(self.activation_bits) or 1
        for layer in self.layers:
            count *= len(layer.candidates)
        return count

    def design(self, levels: Mapping[str, Any]) -> Design:
        """The design at values of all axes, keyed ``layer.axis``."""
        schemes = {
            layer.name: layer.scheme({axis: levels[f"{layer.name}.{axis}"] for axis in layer.axes})
            for layer in self.layers
        }
        return Design(schemes, int(levels[ACTIVATIONS]) if self.activation_bits else None)

    def parameters(self) -> dict[str, tuple[Value, ...]]:
        """Every search parameter, ``layer.axis``, with its values."""
        own = {ACTIVATIONS: tuple(sorted(self.activation_bits))} if self.activation_bits else {}
        layers = {f"{layer.name}.{axis}": values for layer in self.layers for axis, values in layer.axes.items()}
        return {**own, **layers}

    def to_json(self) -> dict[str, Any]:
        """Plain data: the grid of each layer."""
        return {
            layer.name: {name: {key: list(values) for key, values in grid.items()} for name, grid in layer.grid.items()}
            for layer in self.layers
        }


def build_space(
    network: NetworkSpec,
    grid: Grid = DEFAULT_GRID,
    keep: Mapping[str, Scheme] | None = None,
    activation_bits: tuple[int, ...] = (),
) -> Space:
    """The space of a network: for each layer the part of the grid that it can take.

    Args:
        network: the network.
        grid: schemes and parameter values. Where a batch normalization follows a layer, scales that can take up its
            factor have 32 bits whatever the grid says: its factor would be stored next to narrower ones.
        keep: layers whose scheme is fixed.
        activation_bits: see `Space`.

    Raises:
        SearchError: the grid has faults (all are listed), a layer can take no scheme of it, or ``keep`` names a layer
            that the network lacks.
    """
    check_grid(grid)
    unknown = sorted({*(keep or {})} - {layer.name for layer in network.layers})
    if unknown:
        raise SearchError("only layers of the network keep a scheme", ", ".join(unknown), "name layers of the network")
    layers = []
    for layer in network.layers:
        fixed = (keep or {}).get(layer.name)
        if fixed is not None:
            only = {key: (value,) for key, value in fixed.parameters().items()}
            layers.append(LayerSpace(layer.name, layer.shape, {fixed.name: only}))
            continue
        possible = {name: _possible(name, parameters, layer.shape) for name, parameters in grid.items()}
        usable = {name: parameters for name, parameters in possible.items() if parameters is not None}
        if not usable:
            remedy = "add dense to the schemes, or name the layer in --keep"
            raise SearchError("every layer can take some scheme of the space", f"{layer.name} ({layer.shape})", remedy)
        if layer.normalization:
            usable = {name: _with_wide_scales(name, parameters, layer.shape) for name, parameters in usable.items()}
        layers.append(LayerSpace(layer.name, layer.shape, usable))
    return Space(tuple(layers), activation_bits)


def _with_wide_scales(
    name: str, parameters: dict[str, tuple[Value, ...]], shape: ConvShape
) -> dict[str, tuple[Value, ...]]:
    """The values of a layer that a batch normalization folds into: scales of 32 bits, where these take up its factor.

    Narrower ones cannot, so that the factor is stored too, in 32 bits a channel: they would cost more for less.
    """
    if "scale_bits" not in parameters:
        return parameters
    wide: dict[str, tuple[Value, ...]] = {**parameters, "scale_bits": (FLOAT_BITS,)}
    takes = any(scheme.takes_channel_scale for scheme in LayerSpace("", shape, {name: wide}).candidates)
    return wide if takes else parameters


def _possible(
    name: str, parameters: Mapping[str, Sequence[Value]], shape: ConvShape
) -> dict[str, tuple[Value, ...]] | None:
    """The values with which a layer can take the scheme, or None.

    Whether a value is possible never depends on another: segments alone can be impossible for a layer, and those that
    the others are tried with divide its channels, however many they are.
    """
    first = {key: values[0] for key, values in parameters.items()} | {"segments": 1, "segment_channels": 1}
    possible = {
        key: tuple(value for value in values if _resolves(name, {**first, key: value}, parameters, shape))
        for key, values in parameters.items()
    }
    return possible if all(possible.values()) else None


def _resolves(name: str, values: Mapping[str, Value], parameters: Mapping[str, object], shape: ConvShape) -> bool:
    try:
        _pattern(name, {key: value for key, value in values.items() if key in parameters}).resolve(shape)
    except SchemeError:
        return False
    return True


def _pattern(name: str, values: Mapping[str, Value]) -> SchemePattern:
    return parse_scheme(f"{name}({', '.join(f'{key}={value}' for key, value in values.items())})")


def check_grid(grid: Grid) -> None:
    """Refuses a grid with faults, all of them at once.

    Raises:
        SearchError: the message lists every fault.
    """
    faults = [fault for name, parameters in grid.items() for fault in _faults(name, parameters)]
    if not grid:
        faults = ["it names no scheme"]
    if faults:
        unique = list(dict.fromkeys(faults))
        raise SearchError("a design space has possible schemes and values", " | ".join(unique), "mend each of these")


def _faults(name: str, parameters: object) -> list[str]:
    """The faults of one scheme of a grid: of each value by itself, and if there are none, of their combination."""
    if not isinstance(parameters, Mapping):
        return [f"{name}: its parameters are a table of lists"]
    lists = {key: values for key, values in parameters.items() if isinstance(values, (list, tuple)) and values}
    faults = [f"{name}: {key} is a list of at least one value" for key in parameters if key not in lists]
    too_many = [(key, values) for key, values in lists.items() if len(values) > MOST_CHOICES]
    kind = SCHEMES.get(ALIASES.get(name, (name, {}))[0])
    known = {item.name for item in fields(kind)} if kind else set()
    faults += [f"{name}: {key} has {len(values):,} values, of {MOST_CHOICES:,} at most" for key, values in too_many]
    if too_many:
        return faults
    needed = {"segments": 1} if "segment_channels" in known else {}
    needed |= {"filters": 1} if "filters" in known else {}
    for key, values in lists.items():
        others = {other: value for other, value in needed.items() if (other, key) != ("segments", "segment_channels")}
        faults += [fault for value in values for fault in _fault(name, {**others, key: value})]
    return faults or _fault(name, {key: values[0] for key, values in lists.items()})


def _fault(name: str, values: Mapping[str, Value]) -> list[str]:
    try:
        _pattern(name, values)
    except SchemeError as error:
        return [str(error)]
    return []
