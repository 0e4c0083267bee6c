"""IDX files as MNIST has them, made here with random pixels, and Fashion-MNIST where Debian's package is installed."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from explorer.data import idx, load_data
from explorer.system.errors import DataError

IMAGES, TESTED = 40, 20


def packed(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def part(seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Pixels (N, 5, 4) and labels of two classes."""
    generator = np.random.default_rng(seed)
    return generator.integers(0, 256, (count, 5, 4), np.uint8), (np.arange(count) % 2).astype(np.uint8)


@pytest.fixture
def folder(tmp_path) -> Path:
    for seed, (name, count) in enumerate((("train", IMAGES), ("t10k", TESTED))):
        for kind, array in zip(("images-idx3", "labels-idx1"), part(seed, count), strict=True):
            (tmp_path / f"{name}-{kind}-ubyte").write_bytes(packed(array))
    return tmp_path


def test_images_and_labels_are_read_and_normalised_over_the_training_part(folder):
    data = load_data(f"idx:{folder}")
    assert {name: tuple(split.inputs.shape) for name, split in data.parts.items()} == {
        "train": (36, 1, 5, 4),
        "validation": (4, 1, 5, 4),
        "test": (20, 1, 5, 4),
    }
    assert data.validation.labels.bincount().tolist() == [2, 2]
    assert float(data.train.inputs.mean()) == pytest.approx(0, abs=1e-6)
    assert float(data.train.inputs.std(unbiased=False)) == pytest.approx(1, abs=1e-6)
    pixels, labels = part(1, TESTED)
    assert data.test.labels.tolist() == labels.tolist()
    values = data.test.inputs[:, 0].numpy().ravel()
    order = np.argsort(pixels.ravel(), kind="stable")
    assert (np.diff(values[order]) >= 0).all()  # the same pixels in the same places, up to scale and shift
    assert len(np.unique(values)) == len(np.unique(pixels))


def test_compressed_files_are_the_same_data(folder):
    plain = load_data(f"idx:{folder}")
    for file in list(folder.iterdir()):
        (folder / f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes()))
        file.unlink()
    assert load_data(f"fashion-mnist:{folder}").digest == plain.digest


HEAD = bytes([0, 0, 8, 3])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it begins with nothing"),
        (b"\x89PNG", "it begins with 89 50 4e 47"),
        (bytes([0, 0, 13, 3]), "where 00 00 08"),  # floats
        (HEAD + b"\0\0", "it ends among its dimensions"),
        (HEAD + struct.pack(">3I", 2, 2, 2) + b"1234567", "7 values, where its dimensions say 8"),
        (HEAD + struct.pack(">3I", 2, 2, 2) + b"123456789", "more values, where its dimensions say 8"),
        (HEAD + struct.pack(">3I", 2**32 - 1, 2**32 - 1, 2**32 - 1), "values, where 536,870,912 are read at most"),
    ],
)
def test_a_file_that_is_no_idx_file_is_refused_with_the_reason(folder, content, said):
    file = folder / "train-images-idx3-ubyte"
    file.write_bytes(content)
    with pytest.raises(DataError, match="train-images-idx3-ubyte is a whole IDX file") as caught:
        load_data(f"idx:{folder}")
    assert said in str(caught.value)
    file.unlink()
    for damaged in (b"no gzip", gzip.compress(content)[:-6]):
        (folder / f"{file.name}.gz").write_bytes(damaged)
        with pytest.raises(DataError, match="is a whole IDX file"):
            load_data(f"idx:{folder}")


def test_files_that_do_not_belong_together_are_refused(folder):
    with pytest.raises(DataError, match=r"0 with train-images in .*nowhere; a folder of IDX files holds one file"):
        load_data(f"idx:{folder / 'nowhere'}")
    labels = folder / "t10k-labels-idx1-ubyte"
    labels.write_bytes(packed(part(1, TESTED + 1)[1]))
    with pytest.raises(DataError, match=r"\(20, 5, 4\) and t10k-labels-idx1-ubyte \(21,\)"):
        load_data(f"idx:{folder}")
    labels.write_bytes(packed(part(1, TESTED)[1]))
    (folder / "t10k-images-idx3-ubyte").write_bytes(packed(part(1, TESTED)[0][:, :4]))
    with pytest.raises(DataError, match="5x4 and 4x4"):
        load_data(f"idx:{folder}")
    (folder / "test-labels").touch()
    with pytest.raises(DataError, match="2 with t10k-labels or test-labels"):
        load_data(f"idx:{folder}")


def test_fashion_mnist_is_installed_or_how_to_get_it_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr(idx, "FASHION_MNIST_FOLDER", str(tmp_path / "none"))
    with pytest.raises(DataError, match="apt-get install dataset-fashion-mnist"):
        load_data("fashion-mnist")
    with pytest.raises(DataError, match="write fashion-mnist"):
        load_data("fashion-mnist:")


@pytest.mark.skipif(not Path(idx.FASHION_MNIST_FOLDER).is_dir(), reason="dataset-fashion-mnist is not installed")
def test_the_installed_fashion_mnist_has_ten_classes_alike():
    data = load_data("fashion-mnist")
    assert [len(split) for split in data.parts.values()] == [54_000, 6_000, 10_000]
    assert data.validation.labels.bincount().tolist() == [600] * 10
