"""A packed network whose program was compiled for this machine: the answers of its C program, without Python between
the layers."""

import ctypes
import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from explorer.deployment.device_code.folder import program_files
from explorer.deployment.device_code.host.build import built_library
from explorer.deployment.device_code.host.library_text import library_source
from explorer.deployment.device_code.host.wide_step import ALIGNMENT
from explorer.deployment.device_code.integer_network import IntegerNetwork
from explorer.deployment.device_code.packed_integers import IntegerPacked, in_integers
from explorer.deployment.packed.network import PackedNetwork
from explorer.system.errors import DeviceToolError

__all__ = ["CompiledPacked", "compiled"]

_CHECKED_IMAGES = 2


@dataclass(frozen=True, eq=False, repr=False)
class CompiledPacked(IntegerPacked):
    """A packed network compiled.

    Args:
        packed: the network.
        integers: what it computes.
        outputs: the shape of one image of each output.
        is_one: whether the network returns a tensor and no tuple.
        program: the library.
    """

    program: "_Program"

    def __repr__(self) -> str:
        return repr(self.packed).replace("<Packed ", "<Packed, compiled ")

    def _values(self, images: list[np.ndarray]) -> np.ndarray:
        return self.program.run(images)


class _Program:
    """A library that is loaded, and its decoded filters. Threads may call it at the same time."""

    def __init__(self, network: IntegerNetwork, path: Path, prepared_bytes: int, arena_bytes: int) -> None:
        self._library = ctypes.CDLL(str(path))
        self._network, self._arena_bytes = network, arena_bytes
        self._input_bytes = sum(network.tensors[number].elements for number in network.inputs)
        self._output_values = sum(network.tensors[number].elements for number in network.outputs)
        self._own = threading.local()
        self._prepared = _aligned(prepared_bytes)
        self._checked(self._library.library_prepare(_address(self._prepared), _address(self._memory())))

    def run(self, images: list[np.ndarray]) -> np.ndarray:
        """(N, values) float32 of images (N, ...) of each input."""
        count = len(images[0])
        given = [np.ascontiguousarray(part, np.float32) for part in images]
        outputs = np.empty((count, self._output_values), np.float32)
        pointers = (ctypes.c_void_p * len(given))(*(part.ctypes.data for part in given))
        levels, memory = np.empty(self._input_bytes, np.int8), self._memory()
        places = (_address(array) for array in (outputs, levels, memory, self._prepared))
        self._checked(self._library.library_run(pointers, ctypes.c_int64(count), *places))
        return outputs

    def _memory(self) -> np.ndarray:
        """The arena of the calling thread."""
        if not hasattr(self._own, "arena"):
            self._own.arena = _aligned(self._arena_bytes)
        arena: np.ndarray = self._own.arena
        return arena

    def _checked(self, error: int) -> None:
        if error:
            rule = "a compiled network runs"
            raise DeviceToolError(rule, f"error {error} of its program", "report it with the packed file")


def compiled(network: PackedNetwork) -> CompiledPacked:
    """A packed network compiled by this machine's C compiler, or taken from the cache.

    Args:
        network: as read from its file, with activations of 1 to 8 bits.

    Raises:
        DeviceCodeError: activations are floats or have more bits, or an operation has no C form.
        DeviceToolError: there is no compiler, it fails, or what it builds does not give the answers.
    """
    integers = in_integers(network)
    files, prepared = program_files(integers.integers)
    files = {**files, "library.c": library_source(integers.integers).encode()}

    def program(path: Path) -> _Program:
        return _Program(integers.integers, path, prepared.prepared_bytes, prepared.arena_bytes)

    path = built_library(files, lambda path: _check(program(path), integers))
    return CompiledPacked(network, integers.integers, integers.outputs, integers.is_one, program(path))


def _check(program: _Program, integers: IntegerPacked) -> None:
    """Holds a program to the integer network on random images.

    Raises:
        DeviceToolError: an output is another.
    """
    generator, shapes = np.random.default_rng(0), integers.packed.inputs
    images = [generator.normal(size=(_CHECKED_IMAGES, *shape)).astype(np.float32) for shape in shapes]
    wanted = integers.integers.run(*integers.integers.levels_of(images))
    if program.run(images).tobytes() != wanted.astype(np.float32).tobytes():
        rule, found = "a compiled network gives the answers of the integer network", "other outputs"
        raise DeviceToolError(rule, found, "report it with the packed file, the processor and the compiler's version")


def _address(array: np.ndarray) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def _aligned(size: int) -> np.ndarray:
    """Bytes at an address that vectors like."""
    whole = np.empty(size + ALIGNMENT, np.uint8)
    first = -whole.ctypes.data % ALIGNMENT
    return whole[first : first + size]
