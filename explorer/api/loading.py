"""``filterfront.load``: a packed network, ready to call."""

import os
from typing import TYPE_CHECKING, Any

from explorer.api.arguments import as_path, as_spec
from explorer.api.progress import quiet_warnings
from explorer.api.wording import python_words

if TYPE_CHECKING:
    from explorer.deployment.device_code.host.compiled import CompiledPacked
    from explorer.deployment.device_code.packed_integers import IntegerPacked
    from explorer.deployment.packed.network import PackedNetwork

__all__ = ["load"]


def load(
    path: str | os.PathLike[str],
    network: Any = None,
    threads: int = 1,
    float_activations: bool = False,
    integers: bool = False,
    compiled: bool = False,
) -> "PackedNetwork | IntegerPacked | CompiledPacked":
    """Load a packed file, every byte of it checked, as a network that runs from the packed layers.

    Neither the network's code nor its weights are needed.

    Args:
        path: of the file that an export wrote.
        network: refuse a file for another network than this one: a name, a module with its example input as a pair, or
            what `trace` returns. Any network will do if not given.
        threads: that compute the output of a layer for one image.
        float_activations: leave out the rounding of activations that the file asks for.
        integers: compute in integers as the C program of the network does, with the same answers to the last bit; it
            rounds halves up, where the packed network computes in floats and rounds halves to even.
        compiled: compute likewise by the C program itself, compiled by this machine's C compiler and kept in the cache:
            one image after the other on one thread, with AVX2 or AVX-512 where the processor has them.

    Returns:
        The network; call it with images (N, ...), and it returns what the compressed module would.

    Raises:
        FilterfrontError: the file is missing, damaged, of a newer format or for another network; with `integers` and
            `compiled`, too, if its activations are floats or an operation has no C form; with `compiled`, if there is
            no C compiler.

    Examples:
        >>> import filterfront as ff
        >>> ff.load("nothing.safetensors")
        Traceback (most recent call last):
        ...
        explorer.system.errors.PackedFileError: nothing.safetensors (No such file...
    """
    from explorer.deployment.packed import load as load_packed

    with python_words(), quiet_warnings():
        spec = None if network is None else as_spec(network)
        packed = load_packed(as_path(path, "a packed file"), spec, threads, float_activations)
        if compiled:
            from explorer.deployment.device_code.host.compiled import compiled as compile_network

            return compile_network(packed)
        if not integers:
            return packed
        from explorer.deployment.device_code.packed_integers import in_integers

        return in_integers(packed)
