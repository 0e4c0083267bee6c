"""``filterfront schemes``."""

from dataclasses import MISSING, fields
from typing import Any

import click

from costmodels.references import REFERENCES
from costmodels.schemes import SCHEMES
from costmodels.text import ALIAS_REFERENCES, ALIASES
from explorer.cli.common import handles_errors, json_option
from explorer.cli.listings import print_listing

__all__ = ["schemes"]


@click.command()
@json_option
@handles_errors
def schemes(as_json: bool) -> None:
    """The compressed forms, their parameters with defaults, and where they come from.

    \b
    segments=S may stand for segment_channels, and filters and templates may be fractions of a layer's filters:
    filterfront cost --network vgg16-cifar --scheme 'stacked-binary(segments=2, filters=1/4)'
    """
    rows = [_row(name, kind) for name, kind in SCHEMES.items()]
    rows += [
        {
            "name": alias,
            "parameters": {key: value for key, value in _parameters(SCHEMES[name]).items() if key not in fixed},
            "written": f"{name}({', '.join(f'{key}={value}' for key, value in fixed.items())}, ...)",
            "summary": f"A case of {name}, with its other parameters.",
            "reference": ALIAS_REFERENCES[alias],
            "source": REFERENCES[ALIAS_REFERENCES[alias]].short,
        }
        for alias, (name, fixed) in ALIASES.items()
    ]
    print_listing(rows, ("name", "written", "source"), as_json)


def _parameters(kind: Any) -> dict[str, Any]:
    """The parameters with their defaults; None where there is none."""
    return {item.name: None if item.default is MISSING else item.default for item in fields(kind)}


def _row(name: str, kind: Any) -> dict[str, Any]:
    parameters = _parameters(kind)
    written = ", ".join(key if value is None else f"{key}={value}" for key, value in parameters.items())
    return {
        "name": name,
        "parameters": parameters,
        "written": f"{name}({written})",
        "summary": (kind.__doc__ or "").strip().splitlines()[0],
        "reference": kind.reference,
        "source": REFERENCES[kind.reference].short,
    }
