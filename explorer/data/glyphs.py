"""The data ``glyphs32``: synthetic 32x32 colour images of letters and digits, made here once and kept in the cache.

Legend: N images of a part.
"""

import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from explorer.data.dataset import PARTS, Dataset
from explorer.data.making import make_dataset
from explorer.data.pixels import channel_statistics, normalised
from explorer.system.cache_folder import cache_folder
from explorer.system.progress import Stage
from reports.atomic_write import whole_file

__all__ = ["SIZES", "load_glyphs", "make_glyphs"]

SIZES: Mapping[str, int] = {"train": 20_000, "validation": 2_000, "test": 2_000}
"""Images of each part."""

_VERSION = 1
"""To be raised when the same seed gives other images."""
_SEED = 0
_CHUNK = 500
_LOG = logging.getLogger(__name__)

Parts = dict[str, np.ndarray]
"""``train.images`` (N, 3, 32, 32) uint8, ``train.labels`` (N,) uint8, and so on for every part."""


def load_glyphs(sizes: Mapping[str, int] = SIZES, seed: int = _SEED, progress: bool | None = None) -> Dataset:
    """24 synthetic classes of 32x32 colour images, from the cache folder where they have been made before.

    Letters and digits in 21 fonts under random affine maps, colours, textures, disturbances, blur and noise
    (`explorer.data.glyph_drawing`). All parts are drawn alike, fonts included, each from random numbers of its own; so
    validation accuracy is an unbiased estimate of test accuracy, and neither speaks of unseen fonts or of photographs.
    Every channel has mean 0 and standard deviation 1 over the training part.

    Args:
        sizes: images of each part.
        seed: of everything that is random.
        progress: show a bar while images are drawn; None shows it on a terminal only.
    """
    facts = {"version": _VERSION, "seed": seed, **{part: sizes[part] for part in PARTS}}
    name = f"glyphs32-v{_VERSION}-seed{seed}-{'-'.join(str(sizes[part]) for part in PARTS)}.safetensors"
    path = cache_folder() / "data" / name
    parts = _read(path, facts)
    if parts is None:
        parts = make_glyphs(sizes, seed, progress)
        _write(path, parts, facts)
    mean, deviation = channel_statistics(parts["train.images"])
    given = {
        part: (normalised(parts[f"{part}.images"], mean, deviation), parts[f"{part}.labels"].astype(np.int64))
        for part in PARTS
    }
    origin = f"synthetic: characters in matplotlib's fonts, drawn by filterfront (version {_VERSION}, seed {seed})"
    return make_dataset(given, name="synthetic glyphs32", origin=origin)


def make_glyphs(sizes: Mapping[str, int] = SIZES, seed: int = _SEED, progress: bool | None = None) -> Parts:
    """The images and labels of all parts; every class equally often in a part, as far as its size allows.

    The same arguments give the same values under the same versions of NumPy, SciPy, Pillow and matplotlib's fonts.
    """
    from explorer.data.glyph_drawing import CLASSES, draw, load_masks

    masks = load_masks()
    parts: Parts = {}
    with Stage("drawing synthetic glyphs32", sum(sizes.values()), "image", shown=progress) as bar:
        for number, part in enumerate(PARTS):
            rng = np.random.default_rng([_VERSION, seed, number])
            labels = rng.permutation(np.arange(sizes[part]) % len(CLASSES)).astype(np.uint8)
            drawn = []
            for start in range(0, len(labels), _CHUNK):
                drawn.append(draw(labels[start : start + _CHUNK], masks, rng))
                bar.update(len(drawn[-1]))
            parts |= {f"{part}.images": np.concatenate(drawn), f"{part}.labels": labels}
    return parts


def _digest(parts: Parts) -> str:
    """SHA-256 of names, shapes and values."""
    digest = hashlib.sha256()
    for name, array in sorted(parts.items()):
        digest.update(f"{name} {array.shape} {array.dtype}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _write(path: Path, parts: Parts, facts: Mapping[str, int]) -> None:
    """All parts in one file, under a temporary name until it is whole; a folder that cannot be written is warned of."""
    metadata = {"facts": json.dumps(facts), "digest": _digest(parts), "note": "synthetic images"}
    try:
        with whole_file(path, durable=False) as unfinished:
            save_file(parts, unfinished, metadata)
    except OSError as error:
        _LOG.warning("the synthetic images are not kept, and are drawn again next time: %s", error)


def _read(path: Path, facts: Mapping[str, int]) -> Parts | None:
    """The parts of a cache file; None where there is none, or a damaged one, which is warned of."""
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            parts = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (the file is no mapping)
        if json.loads(metadata["facts"]) != facts or _digest(parts) != metadata["digest"]:
            raise ValueError("its content is not what was written")
    except (OSError, SafetensorError, ValueError, KeyError) as error:
        _LOG.warning("%s is damaged and is drawn again: %s", path, error)
        return None
    return parts
