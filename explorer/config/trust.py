"""Which code a run folder or a job of a database may run: what this user has run under that name, known by a seal.

A seal is a keyed digest of an option, of its text and of the place that it names, under a key that never leaves the
user's cache. A folder from elsewhere has none that fits, and neither has one whose names lead to other files here.
"""

import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from explorer.data.sources import SOURCES
from explorer.system.cache_folder import cache_folder
from explorer.system.errors import ConfigError
from explorer.system.own_names import own_name, own_place

__all__ = ["check_trusted", "seals"]

_KEY_FILE, _KEY_BYTES = "own.key", 32


def seals(options: Mapping[str, Any]) -> dict[str, str]:
    """The seals of the code that options of a search name, by option; none where the cache cannot be written.

    Args:
        options: ``network``, ``data``, ``metric`` and others as texts, ``objective`` as several; those in ``objects``
            name no code.
    """
    key = _own_key()
    return {} if key is None else {name: _seal(key, name, text) for name, text in _named_code(options).items()}


def check_trusted(options: Mapping[str, Any], sealed: object, source: str) -> None:
    """Refuses code that this user has not run under that name.

    Args:
        options: as `seals` takes them.
        sealed: the seals that came with them.
        source: where they come from, for the message.

    Raises:
        ConfigError: an option names other code; nothing of it has run.
    """
    own, known = seals(options), sealed if isinstance(sealed, Mapping) else {}
    strange = {
        name: text
        for name, text in _named_code(options).items()
        if not hmac.compare_digest(str(known.get(name, "")).encode(), own.get(name, "none").encode())
    }
    if strange:
        found = ", ".join(f"{name} {text}" for name, text in strange.items())
        rule = f"code that {source} names is run if your own search ran it under that name"
        raise ConfigError(rule, found, "read it, and add --trust to run it")


def _named_code(options: Mapping[str, Any]) -> dict[str, str]:
    """The options that name code of a user, with their texts."""
    objects = options.get("objects") or ()
    texts = {name: options.get(name) for name in ("network", "data", "metric") if name not in objects}
    if "objective" not in objects:
        own = options.get("objective") or ()
        own = own if isinstance(own, (list, tuple)) else [own]
        texts |= {f"objective {own_name(text)}": own_place(text) for text in own if isinstance(text, str)}
    return {name: text for name, text in texts.items() if isinstance(text, str) and _is_code(name, text)}


def _is_code(option: str, text: str) -> bool:
    if option == "network" and text.lower().endswith(".onnx"):
        return False
    return ":" in text and not (option == "data" and text.partition(":")[0] in SOURCES)


def _seal(key: bytes, option: str, text: str) -> str:
    place = text.rpartition(":")[0]
    found = Path(place).resolve() if place.endswith(".py") else Path.cwd()
    return hmac.new(key, json.dumps([option, text, str(found)]).encode(), hashlib.sha256).hexdigest()


def _own_key() -> bytes | None:
    """The user's key, made on first use; None where it can neither be read nor written."""
    path = cache_folder() / _KEY_FILE
    with suppress(OSError):
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with TemporaryDirectory(dir=path.parent, prefix=".key-") as stage:
                fresh = Path(stage) / _KEY_FILE
                fresh.touch(mode=0o600)
                fresh.write_bytes(secrets.token_bytes(_KEY_BYTES))
                with suppress(FileExistsError):  # another process was first
                    os.link(fresh, path)
        return path.read_bytes()
    return None
