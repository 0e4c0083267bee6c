"""``filterfront networks``."""

from dataclasses import asdict

import click

from explorer.cli.common import handles_errors, json_option
from explorer.cli.listings import print_listing
from explorer.networks.zoo import ZOO

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
    rows = [{**asdict(entry), "input": "x".join(map(str, entry.input_shape))} for entry in ZOO.values()]
    print_listing(rows, ("name", "input", "summary", "reference"), as_json)
