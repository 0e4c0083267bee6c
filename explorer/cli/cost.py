"""``filterfront cost``."""

import click

from explorer.cli.common import handles_errors, json_option, print_json, quiet_warnings

__all__ = ["cost"]


@click.command()
@click.option("--network", required=True, help="A zoo name, file.py:callable or package.module:callable.")
@click.option("--scheme", "scheme_text", required=True, help="A scheme in text; see filterfront schemes.")
@click.option("--keep", default="", help="Layers that stay dense at 32 bits: names, first, last; separated by commas.")
@click.option("--activation-bits", default=8, show_default=True, help="Bits of every activation value.")
@json_option
@handles_errors
def cost(network: str, scheme_text: str, keep: str, activation_bits: int, as_json: bool) -> None:
    """What a network costs under a scheme: storage in exact bits, operations, flash and SRAM, layer by layer.

    Layers that cannot take the scheme stay dense at 32 bits and are listed with the reason.

    \b
    filterfront cost --network vgg16-cifar --scheme 'stacked-binary(segments=2, filters=1/4)' --keep first,last
    filterfront cost --network resnet20-cifar --scheme 'linear-representation(templates=256)'
    filterfront cost --network my_net.py:build --scheme 'sparse-basis(segments=4, filters=1/8, basis_bits=1)' --json
    """
    from explorer.networks.cost_table import cost_table, print_cost

    with quiet_warnings():
        table = cost_table(network, scheme_text, keep, activation_bits)
    if as_json:
        print_json(table)
    else:
        print_cost(table)
