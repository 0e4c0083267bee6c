"""Where filterfront keeps what it can make again."""

import os
from pathlib import Path

import platformdirs

__all__ = ["cache_folder"]


def cache_folder() -> Path:
    """The folder named by the environment variable FILTERFRONT_CACHE, else the platform's folder for caches.

    It need not exist yet.
    """
    named = os.environ.get("FILTERFRONT_CACHE")
    return Path(named) if named else Path(platformdirs.user_cache_dir("filterfront"))
