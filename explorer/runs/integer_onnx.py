"""A design of a run as ONNX with its integers: made, and held to the packed file before it is kept."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from math import ceil
from types import MappingProxyType

from torch import Tensor

from explorer.deployment.packed.comparison import Comparison, compare
from explorer.deployment.packed.network import PackedNetwork
from explorer.deployment.packed.quantized_onnx import qdq_content, qonnx_content, qonnx_runner
from explorer.networks.onnx_file import check_onnx_installed, onnx_runner
from explorer.system.errors import ExportCheckError, NetworkError

__all__ = ["INTEGER_FORMS", "IntegerOnnx", "check_forms_installed", "integer_onnx"]

LARGEST_SHARE = 0.02
"""Of images that may be answered otherwise: levels that lie halfway are rounded by other sums."""

IMAGES = MappingProxyType({"qdq": 256, "qonnx": 16})
"""That each form is run on at most; qonnx takes them one by one."""

INTEGER_FORMS: Mapping[str, str] = MappingProxyType({"qdq": "ONNX QDQ in onnxruntime", "qonnx": "QONNX in qonnx"})
"""How each is said."""


@dataclass(frozen=True, eq=False)
class IntegerOnnx:
    """Files with integers.

    Args:
        contents: by form.
        compared: by form, with the packed file, activations rounded in both.
    """

    contents: Mapping[str, bytes]
    compared: Mapping[str, Comparison]

    def lines(self) -> Iterator[str]:
        """What is printed of them."""
        for form, found in self.compared.items():
            yield (
                f"  {INTEGER_FORMS[form]}: outputs {found.deviation:.1e} apart from the packed file's at most on "
                f"{found.images:,} images, the largest output being {found.largest_output:.3g}; "
                f"{found.answers_apart} answered otherwise [measured]"
            )


def check_forms_installed(forms: Sequence[str]) -> None:
    """Refuses where a package is missing.

    Args:
        forms: that are asked for.

    Raises:
        NetworkError: naming all that are.
    """
    if forms:
        check_onnx_installed()
    if "qonnx" in forms and find_spec("qonnx") is None:
        raise NetworkError("QONNX is checked by the package qonnx", "no qonnx", "pip install 'filterfront[onnx]'")


def integer_onnx(
    network: PackedNetwork, images: tuple[Tensor, ...], labels: Tensor | None, forms: Sequence[str]
) -> IntegerOnnx:
    """A packed network in these forms.

    Args:
        network: as read from the packed file.
        images: to compare on: (N, ...) of each input.
        labels: of them.
        forms: of `INTEGER_FORMS`.

    Raises:
        NetworkError: a form cannot say the network; the message names the layer.
        ExportCheckError: too many answers are others than those of the packed file.
    """
    contents, compared = {}, {}
    for form in forms:
        contents[form] = qdq_content(network) if form == "qdq" else qonnx_content(network)
        run = onnx_runner(contents[form]) if form == "qdq" else qonnx_runner(contents[form])
        few = tuple(part[: IMAGES[form]] for part in images)
        own = None if labels is None else labels[: IMAGES[form]]
        found = compare(run, network, few, own, network.batch, f"running {INTEGER_FORMS[form]}")
        if found.answers_apart > ceil(LARGEST_SHARE * found.images):
            rule = f"{INTEGER_FORMS[form]} answers as the packed file but for {LARGEST_SHARE:.0%} of the images"
            value = f"{found.answers_apart} of {found.images} images answered otherwise"
            raise ExportCheckError(rule, value)
        compared[form] = found
    return IntegerOnnx(contents, compared)
