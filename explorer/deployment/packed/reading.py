"""From a packed file to a network that runs; the module that it was made of is not needed."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from costmodels.errors import CostModelError, FilterfrontError
from costmodels.kernels.packing import PackedLayer, locate
from costmodels.layout.bitstream import BitStream
from costmodels.network import NetworkSpec
from costmodels.shapes import ConvShape
from explorer.data.pixels import Normalization
from explorer.deployment.packed.manifest import MOST_VALUES, LayerManifest, PackedManifest, read_manifest
from explorer.system.container import read_container_file
from explorer.system.errors import PackedFileError

if TYPE_CHECKING:
    from explorer.deployment.packed.network import PackedNetwork

__all__ = ["PackedFile", "load", "read_packed"]

_AGAIN = "export it again"


def load(
    path: str | Path, network: NetworkSpec | None = None, threads: int = 1, float_activations: bool = False
) -> "PackedNetwork":
    """The network of a packed file, ready to run on this machine's kernels.

    Args:
        path: of the file.
        network: the description of the network that it has to be of; any network if not given.
        threads: that compute the output of a layer for one image.
        float_activations: leave out the rounding that the file asks for.

    Raises:
        PackedFileError: the file is missing, damaged, of a newer format or for another network.
        FilterfrontError: what it says cannot be run; only a file that filterfront did not write does that.
    """
    file = read_packed(path)
    if network is not None and network.digest() != file.facts.network_sha256:
        found = f"{file.facts.network} (description {file.facts.network_sha256[:10]})"
        expected = f"{network.name} (description {network.digest()[:10]})"
        remedy = "give its own file; names, shapes and order of all layers and operations have to agree"
        raise PackedFileError(f"{file.name} is for {expected}", found, remedy)
    return file.network(threads, float_activations)


def read_packed(path: str | Path) -> "PackedFile":
    """A packed file, every byte of it checked.

    Raises:
        PackedFileError: as `load`.
    """
    path = Path(path)
    size, plain, tensors = read_container_file(path)
    return PackedFile(path.name, size, read_manifest(plain, path.name), tensors)


@dataclass(frozen=True, eq=False)
class PackedFile:
    """What is in a packed file.

    Args:
        name: of the file.
        size_bytes: of all of it.
        facts: what it says.
        tensors: what it holds, by name.
    """

    name: str
    size_bytes: int
    facts: PackedManifest
    tensors: dict[str, np.ndarray]

    def network(self, threads: int = 1, float_activations: bool = False) -> "PackedNetwork":
        """The network, ready to run, and run once on images of zeros; arguments as in `load`.

        Raises:
            FilterfrontError: what the file says does not fit together; the message names the file.
        """
        import torch

        from explorer.deployment.packed.bounded_run import BoundedRun
        from explorer.deployment.packed.network import FLOATS, PackedNetwork
        from explorer.deployment.packed.stored_graph import StoredGraph

        facts = self.facts
        try:
            layers = self.layers()
            executions = {name: layer.execution for name, layer in facts.layers.items()}
            graph = StoredGraph(facts.nodes, layers, executions, self.tensor, threads, float_activations)
            if graph.inputs != len(facts.inputs):
                found = f"{graph.inputs} and {len(facts.inputs)}"
                raise PackedFileError("a network has as many inputs as shapes of inputs", found, _AGAIN)
            inputs = tuple(tuple(shape) for shape in facts.inputs)
            bits = FLOATS.bits if float_activations else facts.activation_bits
            network = PackedNetwork(facts.network, graph, layers, bits, inputs, facts.batch, self.normalization)
            with BoundedRun():  # what does not run is refused here
                network(*(torch.zeros(facts.batch or 1, *shape) for shape in inputs))
        except FilterfrontError as error:
            raise error.at(self.name) from error
        except (TypeError, ValueError, RuntimeError, AttributeError, LookupError, MemoryError) as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise PackedFileError(f"{self.name} describes a network that runs", reason, _AGAIN) from error
        return network

    def layers(self) -> dict[str, PackedLayer]:
        """The layers by name, each found to be one.

        Raises:
            FilterfrontError: one is none, or its streams are not its own.
        """
        return {name: self._layer(name, layer) for name, layer in self.facts.layers.items()}

    @property
    def normalization(self) -> Normalization | None:
        """By which pixels become inputs.

        Raises:
            PackedFileError: it is not of the channels of the first input, or divides by nothing.
        """
        if self.facts.normalization is None:
            return None
        mean, deviation = map(tuple, self.facts.normalization)
        channels = self.facts.inputs[0][0] if self.facts.inputs else 0
        if not len(mean) == len(deviation) == channels or min(deviation) <= 0:
            rule = "a normalization has a mean and a deviation above 0 for each channel"
            raise PackedFileError(rule, str(self.facts.normalization), _AGAIN)
        return mean, deviation

    def stream(self, tensor: str, bits: int) -> BitStream:
        """A bit stream.

        Raises:
            PackedFileError: there is no such tensor, or it holds no bytes.
            KernelError: it has another length.
        """
        values = self.tensor(tensor)
        if values.dtype != np.uint8 or values.ndim != 1:
            raise PackedFileError(f"{tensor} is a row of bytes", f"{values.dtype} {values.shape}", _AGAIN)
        return BitStream(bits, values.tobytes())

    def tensor(self, name: object) -> np.ndarray:
        """The tensor of that name.

        Raises:
            PackedFileError: there is none.
        """
        if not isinstance(name, str) or name not in self.tensors:
            raise PackedFileError("the file has the tensors that it names", f"no {name}", _AGAIN)
        return self.tensors[name]

    def _layer(self, name: str, layer: LayerManifest) -> PackedLayer:
        try:
            shape, scheme = layer.conv_shape(), layer.layer_scheme()
            _check_size(shape)
            streams, uncounted = (
                {part: self.stream(f"{name}/{part}", bits) for part, bits in parts.items()}
                for parts in (layer.streams, layer.uncounted)
            )
            shared = {part: self.stream(key, self.facts.shared.get(key, 0)) for part, key in layer.shared.items()}
            packed = PackedLayer(shape, scheme, streams, shared, uncounted)
            locate(packed)  # refuses streams of other lengths before anything of the layer's size is made
        except CostModelError as error:
            raise error.at(name) from error
        return packed


def _check_size(shape: ConvShape) -> None:
    """Refuses a layer whose input with its padding, or output, is larger than any tensor may be.

    Raises:
        PackedFileError: it is.
    """
    sides = [side + sum(pads) for side, pads in zip(shape.input_size, shape.pads, strict=True)]
    most = max(shape.in_channels * math.prod(sides), shape.out_channels * math.prod(shape.output_size))
    if most > MOST_VALUES:
        raise PackedFileError(f"input and output of a layer have at most {MOST_VALUES:,} values", f"{most:,}", _AGAIN)
