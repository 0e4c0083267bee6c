"""Parts drawn from images that come without any."""

import numpy as np

from explorer.system.errors import DataError

__all__ = ["drawn_parts"]

SHARE = 4
"""One image in so many is in the validation part, and as many in the test part; the others are in the training part,
which calibrates and trains nothing from scratch."""

_SEED = 0


def drawn_parts(count: int) -> dict[str, np.ndarray]:
    """Indices of images without labels by part, drawn by a fixed seed; each part in the order of the images.

    Args:
        count: of all images; fewer than four leave no test part.

    Raises:
        DataError: there are fewer than two.

    >>> {part: len(chosen) for part, chosen in drawn_parts(11).items()}
    {'train': 7, 'validation': 2, 'test': 2}
    """
    if count < 2:
        raise DataError("two parts are drawn from two images or more", f"{count} images", "give more images")
    held = max(count // SHARE, 1)
    order = np.random.default_rng(_SEED).permutation(count)
    found = {"validation": order[:held], "test": order[held : held + count // SHARE]}
    found = {"train": order[held + count // SHARE :], **found}
    return {part: np.sort(chosen) for part, chosen in found.items() if len(chosen)}
