"""CIFAR-10 from files of its two versions, made here with random pixels."""

import pickle
import struct

import numpy as np
import pytest

from explorer.data import PARTS, load_data
from explorer.data.cifar10 import MEAN, STD
from explorer.system.errors import DataError

NAMES = [f"data_batch_{number}" for number in range(1, 6)] + ["test_batch"]
IMAGES = 40


def images(number):
    """Pixels (40, 3072) and four labels of each class."""
    rng = np.random.default_rng(number)
    return rng.integers(0, 256, (IMAGES, 3072), dtype=np.uint8), rng.permutation(np.arange(IMAGES) % 10)


def python_2_pickle(pixels, labels):
    """A batch as Python 2 wrote it: text as (SHORT_)BINSTRING, the array through numpy.core.multiarray._reconstruct."""

    def text(value):
        return b"U" + bytes([len(value)]) + value

    array = (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85U\x01btR"
        + b"(K\x01(K" + bytes([len(pixels)]) + b"M\x00\x0ctcnumpy\ndtype\n(U\x02u1K\x00K\x01tR"
        + b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89"
        + b"T" + struct.pack("<I", pixels.nbytes) + pixels.tobytes() + b"tb"
    )  # fmt: skip
    numbers = b"](" + b"".join(b"K" + bytes([label]) for label in labels) + b"e"
    return b"\x80\x02}(" + text(b"data") + array + text(b"labels") + numbers + text(b"batch_label") + text(b"a") + b"u."


def python_3_pickle(pixels, labels):
    return pickle.dumps({b"data": pixels, b"labels": [int(label) for label in labels]}, protocol=2)


def binary(pixels, labels):
    return np.concatenate([labels[:, None].astype(np.uint8), pixels], axis=1).tobytes()


WRITERS = {"python 2": (python_2_pickle, ""), "python 3": (python_3_pickle, ""), "binary": (binary, ".bin")}


def write(folder, version):
    writer, ending = WRITERS[version]
    folder.mkdir()
    for number, name in enumerate(NAMES):
        (folder / f"{name}{ending}").write_bytes(writer(*images(number)))
    return folder


@pytest.mark.parametrize("version", WRITERS)
def test_every_version_gives_the_same_images(version, tmp_path):
    folder = write(tmp_path / "cifar", version)
    dataset = load_data(f"cifar10:{folder}")
    assert [len(dataset.part(part)) for part in PARTS] == [180, 20, 40]  # one in ten of 5 * 40, and a file
    assert dataset.classes == 10
    assert "(real)" in dataset.origin
    assert dataset.digest == load_data(f"cifar10:{write(tmp_path / 'other', 'python 3')}").digest
    pixels, labels = images(5)
    assert dataset.test.labels.tolist() == labels.tolist()
    wanted = (pixels.reshape(-1, 3, 32, 32) / 255 - np.array(MEAN)[:, None, None]) / np.array(STD)[:, None, None]
    np.testing.assert_allclose(dataset.test.inputs.numpy(), wanted, atol=1e-5)


def test_python_2_files_load_in_an_ordinary_reader_too():
    pixels, labels = images(0)
    found = pickle.loads(python_2_pickle(pixels, labels), encoding="bytes")  # noqa: S301
    np.testing.assert_array_equal(found[b"data"], pixels)
    assert found[b"labels"] == labels.tolist()


def test_validation_is_drawn_from_the_training_files_and_disjoint(tmp_path):
    dataset = load_data(f"cifar10:{write(tmp_path / 'cifar', 'binary')}")
    assert dataset.validation.labels.bincount().tolist() == [2] * 10
    seen = [{image.numpy().tobytes() for image in dataset.part(part).inputs} for part in PARTS]
    assert sum(map(len, seen)) == len(set.union(*seen))
    assert len(seen[0] | seen[1]) == 5 * IMAGES


def test_missing_files_are_all_named(tmp_path):
    folder = write(tmp_path / "cifar", "python 3")
    (folder / "data_batch_2").unlink()
    (folder / "test_batch").unlink()
    with pytest.raises(
        DataError,
        match=r"without data_batch_2, test_batch; a folder of .*; unpack the archive",
    ):
        load_data(f"cifar10:{folder}")
    with pytest.raises(DataError, match="without data_batch_1"):
        load_data(f"cifar10:{tmp_path / 'nowhere'}")


class Evil:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


PIXELS, LABELS = images(0)
DAMAGE = {
    "hostile": (lambda path: pickle.dumps(Evil(f"{path}/touched")), "which no array needs"),
    "cut": (lambda _: python_3_pickle(PIXELS, LABELS)[:-5000], "data_batch_3"),
    "empty": (lambda _: b"", "data_batch_3"),
    "no dictionary": (lambda _: pickle.dumps([1, 2]), "data as NoneType"),
    "floats": (lambda _: python_3_pickle(PIXELS.astype(np.float32), LABELS), "data as float32 (40, 3072)"),
    "small images": (lambda _: python_3_pickle(PIXELS[:, :100], LABELS), "data as uint8 (40, 100)"),
    "few labels": (lambda _: python_3_pickle(PIXELS, LABELS[:9]), "40 images but 9 labels"),
    "a label of 10": (lambda _: python_3_pickle(PIXELS, LABELS + 1), "labels from 1 to 10"),
    "CIFAR-100": (lambda _: pickle.dumps({b"data": PIXELS, b"fine_labels": []}, 2), "labels that are no list"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damaged_and_hostile_files_are_refused_in_one_line(name, tmp_path):
    make, message = DAMAGE[name]
    folder = write(tmp_path / "cifar", "python 3")
    (folder / "data_batch_3").write_bytes(make(tmp_path))
    with pytest.raises(DataError) as caught:
        load_data(f"cifar10:{folder}")
    assert message in str(caught.value)
    assert "data_batch_3 is a whole file of CIFAR-10" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["cifar"]


@pytest.mark.parametrize(("cut", "message"), [(10, "no multiple of 3,073"), (IMAGES * 3073, "no images")])
def test_a_cut_binary_file_is_refused(cut, message, tmp_path):
    folder = write(tmp_path / "cifar", "binary")
    file = folder / "test_batch.bin"
    file.write_bytes(file.read_bytes()[:-cut])
    with pytest.raises(DataError, match=message):
        load_data(f"cifar10:{folder}")
