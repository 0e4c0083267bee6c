"""The data ``digits``: scikit-learn's bundled handwritten digits."""

import numpy as np

from explorer.data.dataset import Dataset
from explorer.data.making import make_dataset

__all__ = ["load_digits_dataset"]

_TEST = 400
_VALIDATION = 300
_SEED = 0


def load_digits_dataset() -> Dataset:
    """scikit-learn's bundled handwritten digits: 1,797 real images of 8x8 pixels in 10 classes.

    Pixels 0..16 are scaled to [0, 1]. The parts are fixed and stratified by class: 1,097 images for training, 300 for
    validation, 400 for the test. They are drawn from all images alike, so every part holds the same writers.

    Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, 1998,
    doi 10.24432/C50P49 (its test set, which is what scikit-learn bundles).
    """
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    pixels, labels = load_digits(return_X_y=True)
    images = (pixels / 16).astype(np.float32).reshape(-1, 1, 8, 8)
    order = np.arange(len(labels))
    rest, test = train_test_split(order, test_size=_TEST, stratify=labels, random_state=_SEED)
    train, validation = train_test_split(rest, test_size=_VALIDATION, stratify=labels[rest], random_state=_SEED)
    parts = {"train": train, "validation": validation, "test": test}
    return make_dataset(
        {part: (images[chosen], labels[chosen]) for part, chosen in parts.items()},
        name="digits",
        origin="scikit-learn's bundled handwritten digits (real)",
    )
