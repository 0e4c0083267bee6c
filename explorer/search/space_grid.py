"""The design space that a configuration asks for: schemes with their values, and layers with a scheme of their own."""

from dataclasses import MISSING, fields
from fractions import Fraction
from typing import Any

from costmodels import SCHEMES, NetworkSpec, Scheme, parse_scheme
from costmodels.text import SchemePattern
from explorer.config.search import SearchConfig
from explorer.config.toml_option import toml_option
from explorer.networks.cost_table import kept_layers
from explorer.system.errors import ConfigError
from searches.space import DEFAULT_GRID, EXTRA_GRID, Grid, check_grid

__all__ = ["layer_schemes", "search_grid"]


def search_grid(config: SearchConfig) -> Grid:
    """The design space of ``--space``, else the default, less the schemes that ``--schemes`` leaves out.

    Schemes that are no part of the default space are offered where ``--schemes`` names them. One with its parameters,
    ``dense(weight_bits=4)``, brings these values in the place of the space's; several of one name span the combinations
    of their values.

    Raises:
        ConfigError: the file cannot be read, or a scheme that is asked for is not in the space.
        SchemeError: a scheme with parameters cannot be read.
        SearchError: the space has faults; all are listed.
    """
    grid = _space(config)
    if config.schemes is None:
        check_grid(grid)
        return grid
    patterns = [parse_scheme(text) for text in config.schemes if "(" in text]
    names = [text for text in config.schemes if "(" not in text]
    missing = [name for name in names if name not in grid]
    if missing:
        raise ConfigError("--schemes names schemes of the space", ", ".join(missing), f"choose of {', '.join(grid)}")
    chosen: dict[str, Any] = {name: values for name, values in grid.items() if name in names}
    own = {pattern.name for pattern in patterns}
    found = chosen | {name: _values([item for item in patterns if item.name == name]) for name in sorted(own)}
    check_grid(found)
    return found


def _space(config: SearchConfig) -> Grid:
    """The whole space.

    Raises:
        ConfigError: the file cannot be read.
    """
    if config.space is None:
        return DEFAULT_GRID if config.schemes is None else {**DEFAULT_GRID, **EXTRA_GRID}
    if isinstance(config.space, dict):
        return config.space
    return toml_option("--space", config.space, "see docs/how-to/space.md")


def _values(patterns: list[SchemePattern]) -> dict[str, tuple[Any, ...]]:
    """The values of each parameter that schemes of one name have, each once; a default where some leave one out."""
    usual = {item.name: item.default for item in fields(SCHEMES[patterns[0].name]) if item.default is not MISSING}
    names = dict.fromkeys(name for pattern in patterns for name in pattern.parameters)
    found: dict[str, tuple[Any, ...]] = {}
    for name in names:
        given = [item.parameters.get(name, usual.get(name)) for item in patterns]
        written = [str(value) if isinstance(value, Fraction) else value for value in given if value is not None]
        found[name] = tuple(dict.fromkeys(written))
    return found


def layer_schemes(config: SearchConfig, network: NetworkSpec) -> dict[str, Scheme]:
    """The layers that ``--layer`` gives a scheme of their own, which is all that they may take.

    Raises:
        CostModelError: there is no layer of that name, or it cannot take the scheme.
    """
    schemes = {}
    for written, text in (config.layers or {}).items():
        (name,) = kept_layers(network, [written])
        schemes[name] = parse_scheme(text).resolve(network.layer(name).shape)
    return schemes
