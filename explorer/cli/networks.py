"""``filterfront networks``."""

import click

from explorer.api.listings import network_rows
from explorer.cli.common import handles_errors, json_option
from explorer.cli.listings import print_listing

__all__ = ["networks"]


@click.command()
@json_option
@handles_errors
def networks(as_json: bool) -> None:
    """The networks of the zoo, by the name that --network takes.

    A network of your own is a callable that returns (module, example_input):

    \b
    filterfront cost --network my_net.py:build --scheme 'dense(weight_bits=4)'
    filterfront cost --network package.module:build --scheme 'dense(weight_bits=4)'
    """
    print_listing(network_rows(), ("name", "input", "summary", "reference"), as_json)
