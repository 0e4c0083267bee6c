"""The container with a checksum: tensors and facts as safetensors, under a checksum of every byte.

The file is a safetensors file. Its metadata has one key, which says what kind of file it is; its value is JSON text:
the facts, with the format's number and the checksum first. The checksum is the SHA-256 of the whole file, its own 64
digits taken as zeros, so that no byte can change unnoticed. Every version of the format has it.
"""

import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from costmodels.file_content import plain_file
from costmodels.plain_data import json_data
from explorer.system.errors import PackedFileError

__all__ = ["FORMAT", "PACKED", "TUNED", "read_container", "read_container_file", "write_container"]

FORMAT = 1
"""The newest version of the format that is read, and the one that is written."""

PACKED, TUNED = "filterfront", "filterfront-tuned"
"""The keys of the metadata: of a packed network, and of the state of a fine-tuned design."""

_KIND = {PACKED: "packed", TUNED: "tuned"}
_HOLDS = {PACKED: "a packed network", TUNED: "the state of a fine-tuned design"}
LENGTH_BYTES = 8
MOST_HEADER_BYTES = 8 * 1024 * 1024
"""The header of a network of 1,000 layers has one MiB."""

MOST_BYTES = 2**33
"""Of a file."""

NO_DIGEST = "0" * 64
_DIGEST = re.compile(rb'\\"sha256\\":\\"([0-9a-f]{64})\\"')
_AGAIN = "copy it again, or export it again"


def write_container(tensors: Mapping[str, np.ndarray], facts: Mapping[str, Any], key: str = PACKED) -> bytes:
    """The content of a file under a checksum; the same tensors and facts give the same bytes.

    Args:
        tensors: by name.
        facts: plain data for JSON.
        key: of the metadata, what kind of file it is.
    """
    text = json.dumps({"format": FORMAT, "sha256": NO_DIGEST, **facts}, separators=(",", ":"), allow_nan=False)
    content = safetensors.numpy.save(dict(tensors), {key: text})
    place = _DIGEST.search(content)
    assert place is not None  # noqa: S101
    return content[: place.start(1)] + _digest(content, place).encode() + content[place.end(1) :]


def read_container(content: bytes, name: str, key: str = PACKED) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The facts and the tensors of a file, once its checksum shows every byte to be as it was written.

    Args:
        content: of the file.
        name: what errors call it.
        key: of the metadata, what kind of file it has to be.

    Raises:
        PackedFileError: it is no safetensors file, cut short, damaged, of something else or of a newer format.
    """
    end = _end_of_header(content, len(content), name)
    metadata = _checked_header(content[:end], len(content), name)
    place = _DIGEST.search(content, LENGTH_BYTES, end)
    if key not in metadata:
        raise PackedFileError(f"{name} holds {_HOLDS[key]}", "other tensors", "give a file that filterfront wrote")
    if place is None or _digest(content, place).encode() != place[1]:
        rule = f"the content of {name} has the checksum that was written with it"
        raise PackedFileError(rule, "another checksum: the file is damaged", _AGAIN)
    try:
        facts = json_data(metadata[key])
        version = facts.get("format")
        tensors = safetensors.numpy.load(content) if version == FORMAT else {}
    except (SafetensorError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise PackedFileError(f"{name} is a safetensors file with facts", str(error), _AGAIN) from error
    if version != FORMAT:
        rule = f"this filterfront reads format {FORMAT} of its files"
        raise PackedFileError(rule, f"format {version} in {name}", "read it with a newer filterfront")
    return facts, tensors


def read_container_file(path: Path, key: str = PACKED) -> tuple[int, dict[str, Any], dict[str, np.ndarray]]:
    """The size of a file, and its facts and tensors as `read_container` has them; no more than the header is read of a
    file whose size is not what that says.

    Raises:
        PackedFileError: as `read_container`, or it is no file that can be read.
    """
    try:
        with plain_file(path, MOST_BYTES) as file:
            size, start = os.fstat(file.fileno()).st_size, file.read(LENGTH_BYTES + 1)
            end = _end_of_header(start, size, path.name)
            start += file.read(end - len(start))
            _checked_header(start, size, path.name)
            content = start + file.read()
    except OSError as error:
        reason = f"{path} ({error.strerror})"
        raise PackedFileError(f"the {_KIND[key]} file can be read", reason, "check the path") from error
    return size, *read_container(content, path.name, key)


def _digest(content: bytes, place: re.Match[bytes]) -> str:
    digest = hashlib.sha256(content[: place.start(1)])
    digest.update(NO_DIGEST.encode())
    digest.update(content[place.end(1) :])
    return digest.hexdigest()


def _end_of_header(content: bytes, size: int, name: str) -> int:
    """Where the header ends and the tensors begin, of a file of that size from the start of its content.

    Raises:
        PackedFileError: there is no header, or not all of it.
    """
    length = int.from_bytes(content[:LENGTH_BYTES], "little")
    brace = content[LENGTH_BYTES : LENGTH_BYTES + 1]
    if len(content) < LENGTH_BYTES or brace not in (b"{", b"") or length > MOST_HEADER_BYTES:
        raise PackedFileError(
            f"{name} is a safetensors file", "another kind of file", "give a file that filterfront wrote"
        )
    if LENGTH_BYTES + length > size:
        raise _cut(name, size, f"its header alone has {LENGTH_BYTES + length:,}")
    return LENGTH_BYTES + length


def _checked_header(start: bytes, found: int, name: str) -> dict[str, str]:
    """The metadata of a header that says as many bytes as were found; the content is given to the header's end.

    Raises:
        PackedFileError: the header cannot be read, or the file has another size.
    """
    try:
        header = json_data(start[LENGTH_BYTES:])
        metadata = dict(header.pop("__metadata__", {}))
        size = len(start) + max((int(entry["data_offsets"][1]) for entry in header.values()), default=0)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
        reason = type(error).__name__
        raise PackedFileError(f"the header of {name} can be read", f"a damaged one ({reason})", _AGAIN) from error
    if size > found:
        raise _cut(name, found, f"its header says {size:,}")
    if size < found:
        raise PackedFileError(f"{name} ends with its last tensor", f"{found - size:,} bytes more", _AGAIN)
    return metadata


def _cut(name: str, found: int, expected: str) -> PackedFileError:
    return PackedFileError(f"{name} is whole", f"{found:,} bytes where {expected}: it is cut short", _AGAIN)
