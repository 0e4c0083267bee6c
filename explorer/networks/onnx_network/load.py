"""A network from an ONNX file: modules of torch that compute what onnxruntime computes of the file."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import GraphModule
from torch.utils import _pytree as pytree

from explorer.networks.onnx_file import check_onnx_installed, onnx_runner
from explorer.networks.onnx_network.file import read_onnx
from explorer.networks.onnx_network.known_sizes import with_known_sizes
from explorer.networks.onnx_network.layers import Layers, registered
from explorer.networks.trace import Example
from explorer.system.errors import NetworkError

__all__ = ["TOLERANCE", "load_onnx"]

TOLERANCE = 1e-4
"""Outputs are those of the file that are no farther apart, in units of the largest where that is above 1."""

_SEEDS = (0, 1)


def load_onnx(path: Path) -> tuple[nn.Module, Example]:
    """The network of an ONNX file as a module, and an example of its input.

    Convolutions, matrix products by stored matrices and batch normalizations are modules under the names of their
    weights. Outputs are compared with onnxruntime's on random inputs.

    Args:
        path: of the file. Data outside of it lie in its folder.

    Raises:
        NetworkError: the file cannot be read, an operation has no counterpart (it is named), a size is left open, or
            the outputs are not those of the file.
    """
    check_onnx_installed("onnx2fx")
    model, content = read_onnx(path)
    shapes = _inputs(model, path.name)
    is_free = all(shape[0] is None for shape, _ in shapes)
    runs = [_drawn(shapes, images, seed) for images, seed in zip((2, 3) if is_free else (1,), _SEEDS, strict=False)]
    module = _module(model, runs, path.name, frees=not is_free)
    if not is_free and not _takes_several(module, shapes):
        module = _module(model, runs, path.name, frees=False)
    _check_outputs(module, content, runs, path.name)
    example = tuple(torch.zeros_like(part) for part in _drawn(shapes, 1, 0))
    return module, example[0] if len(example) == 1 else example


def _module(model: Any, runs: list[tuple[Tensor, ...]], name: str, frees: bool) -> GraphModule:
    """The model as a module that torch.export can follow; see `with_known_sizes`."""
    with _said(name), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = _converted(model)
        with_known_sizes(module, runs, frees)
    return module


def _takes_several(module: GraphModule, shapes: list[tuple[tuple[int | None, ...], torch.dtype]]) -> bool:
    """Whether a module of a file for one image answers two images as it answers each of them."""
    if any(shape[0] != 1 for shape, _ in shapes):
        return False
    pair = [_drawn(shapes, 1, seed) for seed in _SEEDS]
    try:
        with torch.no_grad():
            alone = [pytree.tree_leaves(module(*inputs)) for inputs in pair]
            both = pytree.tree_leaves(module(*(torch.cat(parts) for parts in zip(*pair, strict=True))))
    except Exception:  # of torch, where sizes do not fit
        return False
    return all(
        _apart(one, torch.cat(parts)) <= TOLERANCE for one, *parts in zip(both, *alone, strict=True) if parts[0].ndim
    )


def _inputs(model: Any, name: str) -> list[tuple[tuple[int | None, ...], torch.dtype]]:
    """Shape and type of each input; a first size that is left open is None."""
    from onnx import helper

    stored, found = {tensor.name for tensor in model.graph.initializer}, []
    for value in model.graph.input:
        if value.name in stored:
            continue
        kind = value.type.tensor_type
        sizes = tuple(int(dim.dim_value) or None for dim in kind.shape.dim)
        if not sizes or None in sizes[1:]:
            shown = tuple(dim.dim_value or dim.dim_param or "?" for dim in kind.shape.dim)
            rule = f"inputs of {name} have sizes, but for the first, which counts the images"
            raise NetworkError(rule, f"{value.name} {shown}", "export it for inputs of one size")
        dtype = getattr(torch, str(helper.tensor_dtype_to_np_dtype(kind.elem_type)), None)
        if dtype not in (torch.float32, torch.int64, torch.int32):
            value_type = helper.tensor_dtype_to_string(kind.elem_type).rpartition(".")[2]
            rule = f"inputs of {name} are 32-bit floats or integers"
            raise NetworkError(rule, f"{value.name} of {value_type}", "convert the model")
        found.append((sizes, dtype))
    if not found:
        raise NetworkError(f"{name} has an input", "none", "export it again")
    return found


def _drawn(shapes: list[tuple[tuple[int | None, ...], torch.dtype]], images: int, seed: int) -> tuple[Tensor, ...]:
    """Random inputs; integers are zeros, which index anything."""
    generator = torch.Generator().manual_seed(seed)
    sizes = [(tuple(images if size is None else size for size in shape), dtype) for shape, dtype in shapes]
    return tuple(
        torch.randn(shape, generator=generator) if dtype.is_floating_point else torch.zeros(shape, dtype=dtype)
        for shape, dtype in sizes
    )


@contextmanager
def _said(name: str) -> Iterator[None]:
    """Whatever the conversion raises is one line."""
    from onnx2fx import UnsupportedOpError

    try:
        yield
    except UnsupportedOpError as error:
        operation = f"{error.domain}.{error.op_type}" if error.domain else error.op_type
        rule = f"the operations of {name} have counterparts in torch"
        raise NetworkError(rule, f"{operation} has none", "give the network as file.py:callable") from error
    except NetworkError:
        raise
    except Exception as error:
        reason = f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]}"
        raise NetworkError(
            f"{name} can be converted to torch", reason, "give the network as file.py:callable"
        ) from error


def _converted(model: Any) -> GraphModule:
    """The graph as modules and functions, its layers under their own names."""
    from onnx2fx import convert, register_op, unregister_op
    from onnx2fx.op_registry import get_handler, registry_context

    kinds = ("Conv", "ConvTranspose", "Gemm", "MatMul", "BatchNormalization")
    before: dict[str, Any] = {kind: get_handler(kind, "", 10**6) for kind in kinds}
    layers = Layers(lambda builder, node: before[node.op_type])
    with registry_context():
        for kind, handler in registered(layers).items():
            unregister_op(kind)
            register_op(kind, handler)
        made = convert(model)
    made.graph.eliminate_dead_code()
    root = nn.Module()
    for key, own in made.named_children():
        if key not in layers.keys:
            root.add_module(key, own)
    for node in made.graph.nodes:
        if node.op == "get_attr":
            root.register_buffer(node.target, getattr(made, node.target))
        elif node.op == "call_module" and node.target in layers.keys:
            name = layers.keys[node.target]
            _place(root, name, layers.modules[name])
            node.target = name
    return GraphModule(root, made.graph).eval()


def _place(root: nn.Module, name: str, layer: nn.Module) -> None:
    """Puts a layer at the end of its path."""
    *path, last = name.split(".")
    for part in path:
        if not hasattr(root, part):
            root.add_module(part, nn.Module())
        root = root.get_submodule(part)
    root.add_module(last, layer)


def _check_outputs(module: nn.Module, content: bytes, runs: list[tuple[Tensor, ...]], name: str) -> None:
    """Refuses a module that does not compute what onnxruntime computes.

    Raises:
        NetworkError: it does not, or one of both does not run.
    """
    try:
        runner = onnx_runner(content)
        expected = [pytree.tree_leaves(runner(*inputs)) for inputs in runs]
    except Exception as error:  # of onnxruntime
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise NetworkError(f"onnxruntime runs {name}", reason, "mend the file") from error
    for inputs, wanted in zip(runs, expected, strict=True):
        with torch.no_grad(), _said(name):
            found = [part for part in pytree.tree_leaves(module(*inputs)) if isinstance(part, Tensor)]
        apart = max((_apart(one, other) for one, other in zip(found, wanted, strict=False)), default=float("inf"))
        if len(found) != len(wanted) or not apart <= TOLERANCE:
            rule = f"outputs of {name} in torch are those of onnxruntime within {TOLERANCE:g} of the largest"
            value = f"{apart:.2g} apart" if len(found) == len(wanted) else f"{len(found)} outputs of {len(wanted)}"
            raise NetworkError(rule, value, "give the network as file.py:callable")


def _apart(one: Tensor, other: Tensor) -> float:
    """The largest difference of two outputs, in units of the largest value where that is above 1."""
    if one.shape != other.shape:
        return float("inf")
    if not one.numel():
        return 0.0
    one, other = one.double(), other.double()
    return float((one - other).abs().max() / max(1.0, float(other.abs().max())))
