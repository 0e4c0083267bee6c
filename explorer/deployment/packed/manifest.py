"""What a packed file says about its network but for the tensors: the JSON text of its metadata, checked on reading."""

from dataclasses import fields
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from costmodels.schemes import Scheme
from costmodels.shapes import ConvShape
from costmodels.text import parse_scheme
from explorer.system.errors import PackedFileError

__all__ = ["MOST_VALUES", "LayerManifest", "PackedManifest", "read_manifest", "shape_json", "shape_of"]

MOST_NODES, MOST_LAYERS, MOST_INPUTS = 20_000, 5_000, 64
"""Of a packed file; a network of 1,000 layers has some 5,000 nodes."""

MOST_VALUES = 2**25
"""Of a tensor: 128 MiB of floats."""

Count = Annotated[int, Field(ge=0, lt=2**63)]
Size = Annotated[int, Field(ge=1, lt=2**31)]
Bits = dict[str, Count]


class _Manifest(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class LayerManifest(_Manifest):
    """A packed layer.

    Args:
        shape: the fields of `ConvShape` that are not at their defaults.
        scheme: in text, with all parameters.
        execution: the kernel that runs it.
        streams: bits by component of what the layer stores.
        uncounted: likewise, what the scheme does not count.
        shared: by component, the key of what the network stores once.
    """

    shape: dict[str, Any]
    scheme: Annotated[str, Field(max_length=1000)]
    execution: str
    streams: Bits
    uncounted: Bits = {}
    shared: dict[str, str] = {}

    def conv_shape(self) -> ConvShape:
        """The shape.

        Raises:
            CostModelError, TypeError: it is none.
        """
        return shape_of(self.shape)

    def layer_scheme(self) -> Scheme:
        """The scheme, one that the layer can take.

        Raises:
            CostModelError: it is none.
        """
        return parse_scheme(self.scheme).resolve(self.conv_shape())


class PackedManifest(_Manifest):
    """A packed network.

    Args:
        format: number of the file's form.
        sha256: checksum of the file, its own digits taken as zeros (`explorer.system.container`).
        network: its name.
        network_sha256: of its description, `NetworkSpec.digest`.
        design: the id, or "".
        activation_bits: of rounded activations; 32 for none.
        inputs: the shape of one image of each input.
        batch: images that it takes at once; None where any will do.
        layers: by name.
        shared: bits by key.
        nodes: as in `explorer.deployment.packed.graph_json`.
        normalization: mean and deviation of each channel of pixels from 0 to 1, which its inputs are normalized by.
    """

    format: int
    sha256: str
    network: str
    network_sha256: str
    design: str = ""
    activation_bits: Annotated[int, Field(ge=1, le=32)]
    inputs: Annotated[list[Annotated[list[Size], Field(max_length=8)]], Field(max_length=MOST_INPUTS)]
    batch: Size | None = None
    layers: Annotated[dict[str, LayerManifest], Field(max_length=MOST_LAYERS)]
    shared: Bits = {}
    nodes: Annotated[list[list[Any]], Field(max_length=MOST_NODES)]
    normalization: Annotated[list[list[FiniteFloat]], Field(min_length=2, max_length=2)] | None = None


def shape_of(plain: dict[str, Any]) -> ConvShape:
    """The shape that `shape_json` wrote.

    Raises:
        CostModelError, TypeError: it is none.
    """
    pairs: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in plain.items()}
    return ConvShape(**pairs)


def shape_json(shape: ConvShape) -> dict[str, Any]:
    """The fields that are not at their defaults."""
    return {item.name: value for item in fields(shape) if (value := getattr(shape, item.name)) != item.default}


def read_manifest(plain: dict[str, Any], name: str) -> PackedManifest:
    """What a packed file says.

    Args:
        plain: its facts.
        name: what errors call it.

    Raises:
        PackedFileError: they describe no network.
    """
    try:
        return PackedManifest(**plain)
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"]))
        raise PackedFileError(f"{name} describes a network", f"{where}: {fault['msg']}", "export it again") from error
