"""Optuna's gRPC storage proxy: the client that a search opens, and the server in front of a database."""

import warnings
from typing import Any
from urllib.parse import urlsplit

from optuna.exceptions import ExperimentalWarning
from optuna.storages import BaseStorage, get_storage

from searches.errors import SearchError

__all__ = ["SCHEME", "is_proxy", "open_proxy", "serve"]

SCHEME = "grpc"
"""Of the addresses of proxies: ``grpc://host:port``."""

PATIENCE_SECONDS = 10
"""For a server that begins just now."""


def open_proxy(url: str) -> BaseStorage:
    """The storage behind a proxy.

    Raises:
        SearchError: the address is none.
        ConnectionError: no server answers.
        ImportError: grpcio is missing.
    """
    import grpc  # noqa: F401  # Optuna would look for it later, and say less
    from optuna.storages import GrpcStorageProxy

    host, port = _place(url)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        storage = GrpcStorageProxy(host=host, port=port)
    try:
        storage.wait_server_ready(timeout=PATIENCE_SECONDS)
    except ConnectionError as error:
        raise ConnectionError(f"no server answers within {PATIENCE_SECONDS} seconds") from error
    return storage


def is_proxy(storage: BaseStorage) -> bool:
    """Whether a storage is behind a proxy."""
    return type(storage).__name__ == "GrpcStorageProxy"


def serve(database: Any, host: str, port: int) -> None:
    """Serves a database through the proxy until the process is ended.

    Args:
        database: from `searches.storage.open_storage`.
        host: that it listens on.
        port: likewise.

    Raises:
        SearchError: it cannot listen there.
    """
    from optuna.storages import run_grpc_proxy_server

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        try:
            run_grpc_proxy_server(get_storage(database), host=host, port=port)
        except RuntimeError as error:
            found = f"{host}:{port} ({' '.join(str(error).split())})"
            raise SearchError("a proxy listens on a free port of this machine", found, "choose another") from error


def _place(url: str) -> tuple[str, int]:
    """Host and port of an address.

    Raises:
        SearchError: it has none.
    """
    try:
        found = urlsplit(url)
        host, port = found.hostname, found.port
    except ValueError:
        host = port = None
    if not host or port is None or found.path.strip("/") or found.query:
        raise SearchError("a proxy is named grpc://host:port", url, "write for example grpc://db.example.org:13000")
    return host, port
