"""``filterfront schemes``."""

from dataclasses import MISSING, fields
from typing import Any

import click

from costmodels.references import REFERENCES
from costmodels.schemes import SCHEMES
from costmodels.text import ALIASES
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
            "parameters": {**fixed, "...": f"those of {name}"},
            "written": f"{name}({', '.join(f'{key}={value}' for key, value in fixed.items())}, ...)",
            "reference": SCHEMES[name].reference,
            "source": f"a case of {name}",
        }
        for alias, (name, fixed) in ALIASES.items()
    ]
    print_listing(rows, ("name", "written", "source"), as_json)


def _row(name: str, kind: Any) -> dict[str, Any]:
    parameters = {item.name: None if item.default is MISSING else item.default for item in fields(kind)}
    written = ", ".join(key if value is None else f"{key}={value}" for key, value in parameters.items())
    reference = REFERENCES[kind.reference]
    source = f"{reference.authors}, {reference.venue} {reference.year}"
    summary = (kind.__doc__ or "").strip().splitlines()[0]
    return {
        "name": name,
        "parameters": parameters,
        "written": f"{name}({written})",
        "summary": summary,
        "reference": kind.reference,
        "source": source,
    }
