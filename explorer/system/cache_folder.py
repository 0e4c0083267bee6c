"""Where trained weights and fitted layers are kept between runs."""

import os
from pathlib import Path

import platformdirs

__all__ = ["cache_folder"]


def cache_folder() -> Path:
    """The folder that ``FILTERFRONT_CACHE`` names, else the user's cache folder; it may not exist yet.

    Everything in it can be deleted at any time: it is computed again.
    """
    return Path(os.environ.get("FILTERFRONT_CACHE") or platformdirs.user_cache_dir("filterfront"))
