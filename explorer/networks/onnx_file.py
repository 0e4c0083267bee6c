"""ONNX files of networks, weights in 32-bit floats, and what onnxruntime computes with them."""

import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn

from explorer.networks.trace import Example
from explorer.system.errors import NetworkError

__all__ = ["check_onnx_installed", "exported_content", "onnx_content", "onnx_runner", "quiet_exporter"]

_PACKAGES = ("onnx", "onnxscript", "onnxruntime")


def check_onnx_installed(*more: str) -> None:
    """Refuses where a package is missing.

    Args:
        more: packages that are needed beside those of an export.

    Raises:
        NetworkError: naming all that are.
    """
    needed = (*_PACKAGES, *more)
    missing = [name for name in needed if find_spec(name) is None]
    if missing:
        rule = f"ONNX has the packages {', '.join(needed[:-1])} and {needed[-1]}"
        raise NetworkError(rule, f"no {', '.join(missing)}", "pip install 'filterfront[onnx]'")


def onnx_content(network: nn.Module, example: Example, any_batch: bool = True) -> bytes:
    """The network as the content of an ONNX file; activations are floats.

    Args:
        network: in evaluation mode.
        example: an input (N, ...), or several.
        any_batch: whether N is left free.

    Raises:
        NetworkError: torch's exporter cannot take the network; the reason is in the message.
    """
    return exported_content(
        network, example if isinstance(example, tuple) else (example,), None if any_batch else 1, {}
    )


def exported_content(
    network: nn.Module,
    inputs: tuple[Tensor, ...],
    batch: int | None,
    translations: Mapping[Any, Callable[..., Any]],
) -> bytes:
    """A module as the content of an ONNX file, some of its operations by translations of one's own.

    Args:
        network: in evaluation mode.
        inputs: (N, ...) each.
        batch: images that it takes at once; None where N is left free.
        translations: torch operator -> what makes its ONNX.

    Raises:
        NetworkError: torch's exporter cannot take the network; the reason is in the message.
    """
    free = tuple({0: torch.export.Dim("batch")} for _ in inputs) if batch is None else None
    pairs = tuple(torch.cat([tensor[:1], tensor[:1]]) for tensor in inputs) if batch is None else inputs
    options: dict[str, Any] = {"dynamic_shapes": free, "custom_translation_table": dict(translations)}
    try:
        with quiet_exporter():
            program = torch.onnx.export(network, pairs, dynamo=True, verbose=False, **options)
    except Exception as error:  # of torch.export, of the exporter's own and of onnxscript
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise NetworkError("torch.onnx can export the network", reason, "export it without --onnx") from error
    assert program is not None  # noqa: S101  as without a file to write
    content: bytes = program.model_proto.SerializeToString()
    return content


def onnx_runner(content: bytes) -> Callable[..., Any]:
    """What runs an ONNX file in onnxruntime, on one thread: from its inputs in order to its output, or to several."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    names = [found.name for found in session.get_inputs()]

    def run(*inputs: Tensor) -> Any:
        given = {name: tensor.numpy(force=True) for name, tensor in zip(names, inputs, strict=True)}
        made = [torch.from_numpy(found) for found in session.run(None, given)]
        return made[0] if len(made) == 1 else tuple(made)

    return run


@contextmanager
def quiet_exporter() -> Iterator[None]:
    """Without the exporter's remarks on packages that are not needed here."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
