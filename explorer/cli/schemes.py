"""``filterfront schemes``."""

import click

from explorer.api.listings import scheme_rows
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
    print_listing(scheme_rows(), ("name", "written", "source"), as_json)
