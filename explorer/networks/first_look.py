"""Files of networks and weights, looked at before torch is loaded: what is none is refused in much less time."""

import pickletools
from pathlib import Path
from typing import BinaryIO
from zipfile import ZIP_STORED, BadZipFile, ZipFile

from safetensors import SafetensorError, safe_open

from costmodels.file_content import check_plain_file, plain_file
from costmodels.plain_data import json_data
from explorer.networks.zoo import zoo_entry
from explorer.system.callables import check_place
from explorer.system.errors import NetworkError

__all__ = ["WEIGHT_ENDINGS", "look_at_network", "look_at_weights"]

WEIGHT_ENDINGS = (".safetensors", ".pt", ".pth")
MOST_BYTES = 2**36
"""Of a file of weights, and of one in ONNX."""

_LENGTH_BYTES, _MOST_HEADER_BYTES = 8, 100 * 1024 * 1024
_ZIP, _PICKLE, _TAR, _TAR_PLACE = b"PK", b"\x80", b"ustar", 257
_MOST_MESSAGE_BYTES = 2**31
_LOOKED_AT_BYTES = 64 * 1024 * 1024
_MOST_ENTRIES, _MOST_INSTRUCTIONS = 200_000, 5_000_000
_PICKLES = 4
"""Magic number, version, facts of the system, and the object; tensors follow."""

_MODULES = ("torch", "collections", "numpy", "_codecs", "builtins", "__builtin__")


def look_at_network(text: str) -> None:
    """Refuses what names a file that is none of a network, without running it.

    Args:
        text: as `explorer.networks.load.load_network` takes it.

    Raises:
        CallableError: there is no such file.
        NetworkError: an ONNX file is none, or the zoo has no such network.
    """
    if text.lower().endswith(".onnx"):
        _look_at_onnx(Path(text))
    elif ":" in text:
        check_place(text)
    else:
        zoo_entry(text)


def look_at_weights(path: Path) -> None:
    """Refuses a file that holds no weights, by its beginning.

    Raises:
        NetworkError: as `explorer.networks.weights.load_weights_file`.
    """
    if path.suffix not in WEIGHT_ENDINGS:
        raise NetworkError("a weights file is .safetensors, .pt or .pth", str(path), "save a state dict as one of them")
    if not path.is_file():
        raise NetworkError("the weights file exists", str(path), "check the path")
    try:
        with plain_file(path, MOST_BYTES) as file:
            head = file.read(_TAR_PLACE + len(_TAR))
            if path.suffix == ".safetensors":
                length = int.from_bytes(head[:_LENGTH_BYTES], "little")
                left = path.stat().st_size - _LENGTH_BYTES
                if not 2 <= length <= min(left, _MOST_HEADER_BYTES):
                    raise ValueError(f"a header of {length:,} bytes in a file of {left + _LENGTH_BYTES:,}")
                file.seek(_LENGTH_BYTES)
                json_data(file.read(length))
                with safe_open(path, framework="np"):
                    pass
            elif head.startswith(_ZIP):
                _check_zip(file)
            elif head.startswith(_PICKLE):
                file.seek(0)
                _check_pickles(file)
            elif head[_TAR_PLACE:] != _TAR:
                raise ValueError(f"it begins with {head[:8].hex(' ') or 'nothing'}, as no file of torch does")
    except (OSError, ValueError, OverflowError, SafetensorError, BadZipFile) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise NetworkError(f"{path} is a readable weights file", reason, "save it again, as a state dict") from error


def _check_zip(file: BinaryIO) -> None:
    """torch stores tensors as they are: a squeezed one may be of any size.

    Raises:
        ValueError: one is squeezed, or there are too many.
        BadZipFile: it is no such archive.
    """
    entries = ZipFile(file).infolist()
    if len(entries) > _MOST_ENTRIES:
        raise ValueError(f"{len(entries):,} entries, where {_MOST_ENTRIES:,} are read at most")
    squeezed = next((entry.filename for entry in entries if entry.compress_type != ZIP_STORED), None)
    if squeezed is not None:
        raise ValueError(f"{squeezed} is compressed, which torch does to none")


def _check_pickles(file: BinaryIO) -> None:
    """Looks at the pickles that a file of torch's older format begins with, without following them.

    Raises:
        ValueError: one is damaged, names what no state dict needs, or doubles what it holds.
    """
    for _ in range(_PICKLES):
        for number, (instruction, argument, _place) in enumerate(pickletools.genops(file)):
            if instruction.name == "DUP" or number > _MOST_INSTRUCTIONS:
                raise ValueError("a pickle that grows as it is read")
            module = str(argument).split(" ")[0].split(".")[0] if instruction.name == "GLOBAL" else ""
            if module and module not in _MODULES:
                raise ValueError(f"it names {str(argument)[:80]}, which no state dict needs")


def _look_at_onnx(path: Path) -> None:
    if not path.is_file():
        raise NetworkError("the ONNX file exists", str(path), "check the path")
    try:
        check_plain_file(path, MOST_BYTES)
        size = path.stat().st_size
        if not 0 < size < _MOST_MESSAGE_BYTES:
            raise ValueError(f"{size:,} bytes, where ONNX has some and less than 2 GiB beside its external data")
        if size <= _LOOKED_AT_BYTES:
            _parse(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise NetworkError(f"{path.name} is a whole ONNX model", reason, "export it again") from error


def _parse(path: Path) -> None:
    """Reads the message itself; whether it is a model that can be run is seen later.

    Raises:
        ValueError: it is none.
    """
    from importlib.util import find_spec

    if find_spec("onnx") is None:  # which is said later
        return
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load(str(path), load_external_data=False)
    except DecodeError as error:
        raise ValueError(str(error)) from error
    if not model.graph.node:
        raise ValueError("no operation in it")
