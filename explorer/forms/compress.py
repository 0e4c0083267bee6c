"""Whole networks: layers put in their compressed form in a copy, and the way back."""

import copy
from collections.abc import Mapping

import numpy as np
from torch import nn

from explorer.forms.fitted_layer import FittedLayer
from explorer.forms.fitting import fitted_layer
from explorer.forms.trainable import CompressedLayer, trainable
from explorer.system.errors import LayerError

__all__ = ["after_step", "compress", "fitted_layers", "plain_network"]


def compress(network: nn.Module, fitted: Mapping[str, FittedLayer]) -> nn.Module:
    """A copy of the network with trainable compressed layers in place of those that are named.

    A module that the network holds or calls at several places is one layer with one set of parameters there too.

    Args:
        network: left as it is.
        fitted: by layer name, the dotted path of its module, as in a traced network's spec.

    Raises:
        LayerError: there is no such module, it cannot be compressed, or other modules use its weights too.
    """
    result = copy.deepcopy(network)
    replacements: dict[nn.Module, nn.Module] = {}
    for name, layer in fitted.items():
        module = _submodule(result, name)
        _refuse_tied(result, name, module)
        try:
            replacements[module] = trainable(module, layer)
        except LayerError as error:
            raise error.at(name) from error
    return _replaced(result, replacements)


def fitted_layers(network: nn.Module, originals: Mapping[str, np.ndarray]) -> dict[str, FittedLayer]:
    """What the compressed layers of a network have become, as if it had been fitted.

    Args:
        network: from `compress`.
        originals: the uncompressed weights by layer name, against which distortion is measured; layers of these names
            that are not compressed are left out.
    """
    found = {}
    for name, weights in originals.items():
        layer = _submodule(network, name)
        if isinstance(layer, CompressedLayer):
            found[name] = fitted_layer(weights, layer.shape, layer.scheme, layer.arrays())
    return found


def plain_network(network: nn.Module) -> nn.Module:
    """A copy with plain layers that hold the reconstructed weights, to be traced, exported or measured."""
    result = copy.deepcopy(network)
    layers = [module for module in result.modules() if isinstance(module, CompressedLayer)]
    return _replaced(result, {layer: layer.as_module() for layer in layers})


def after_step(network: nn.Module) -> None:
    """`CompressedLayer.after_step` of every compressed layer."""
    for module in network.modules():
        if isinstance(module, CompressedLayer):
            module.after_step()


def _submodule(network: nn.Module, name: str) -> nn.Module:
    try:
        return network.get_submodule(name)
    except AttributeError:
        found = ", ".join(
            path for path, module in network.named_modules() if isinstance(module, (nn.Conv2d, nn.Linear))
        )
        raise LayerError("a layer is a module of the network", name, f"choose from {found or 'none'}") from None


def _refuse_tied(network: nn.Module, name: str, module: nn.Module) -> None:
    own = {id(parameter) for parameter in module.parameters(recurse=False)}
    for path, other in network.named_modules():
        if other is not module and any(id(parameter) in own for parameter in other.parameters(recurse=False)):
            remedy = "give each module its own weights, or use one module at both places"
            raise LayerError(f"no other module uses the weights of {name}", path, remedy)


def _replaced(network: nn.Module, replacements: Mapping[nn.Module, nn.Module]) -> nn.Module:
    """The network with other modules in place; it is changed, unless it is one of them itself."""
    if network in replacements:
        return replacements[network]
    for path, module in list(network.named_modules(remove_duplicate=False)):
        if module in replacements:
            parent, _, attribute = path.rpartition(".")
            setattr(network.get_submodule(parent), attribute, replacements[module])
    return network
