import itertools
import sys
from importlib import import_module

import numpy as np
import pytest
import torch

from explorer.data import PARTS, SOURCES, load_data, load_digits_dataset, make_dataset
from explorer.system.errors import DataError


def parts(**changed):
    """A small set of faultless synthetic data, with some parts replaced."""
    rng = np.random.default_rng(0)
    labels = np.arange(6) % 3
    return {part: (rng.random((6, 1, 4, 4), np.float32), labels) for part in PARTS} | changed


def test_digits_have_fixed_parts_of_stated_sizes(digits):
    assert [len(digits.part(part)) for part in PARTS] == [1_097, 300, 400]
    assert sum(len(digits.part(part)) for part in PARTS) == 1_797
    assert digits.classes == 10
    assert "(real)" in digits.origin
    assert digits.digest == load_digits_dataset().digest
    assert digits.digest == "fac232cdd312d7fd44499cd0a7132ac76215badad9283658cbdba5d41537039f"


def test_digits_are_images_in_the_unit_range_and_stratified(digits):
    for part in PARTS:
        split = digits.part(part)
        assert split.inputs.shape == (len(split), 1, 8, 8)
        assert (split.inputs.dtype, split.labels.dtype) == (torch.float32, torch.int64)
        assert (split.inputs.min(), split.inputs.max()) == (0, 1)
        counts = split.labels.bincount(minlength=10)
        whole = np.array([178, 182, 177, 183, 181, 182, 181, 179, 174, 180])
        assert np.abs(counts.numpy() - whole * len(split) / 1_797).max() < 1.5


def test_no_image_is_in_two_parts(digits):
    images = {part: {image.numpy().tobytes() for image in digits.part(part).inputs} for part in PARTS}
    for first, second in itertools.combinations(PARTS, 2):
        assert not images[first] & images[second]


def test_the_digest_tells_any_change():
    digest = make_dataset(parts(), "a", "synthetic").digest
    x, y = parts()["validation"]
    moved = x.copy()
    moved[0, 0, 0, 0] += 1e-6
    relabelled = np.roll(y, 1)
    for change in ((moved, y), (x, relabelled), (x.reshape(6, 1, 4, 4)[:5], y[:5])):
        assert make_dataset(parts(validation=change), "a", "synthetic").digest != digest
    assert make_dataset(parts(), "other name", "synthetic").digest == digest


def test_tensors_arrays_and_integer_types_are_taken():
    x, y = parts()["train"]
    taken = make_dataset(
        parts(train=(torch.tensor(x, dtype=torch.float64, requires_grad=True), y.astype(np.uint8))), "a", "synthetic"
    )
    assert taken.train.inputs.dtype == torch.float32
    assert not taken.train.inputs.requires_grad
    assert taken.train.labels.tolist() == y.tolist()


def test_what_is_given_is_copied():
    given = parts()
    taken = make_dataset(given, "a", "synthetic")
    given["train"][0][:] = 5
    assert taken.train.inputs.max() < 1


def test_the_test_part_may_be_missing():
    given = parts()
    del given["test"]
    dataset = make_dataset(given, "a", "synthetic")
    assert dataset.test is None
    with pytest.raises(DataError, match=r"got test; .*part of that name; choose one of train, validation"):
        dataset.part("test")


X, Y = parts()["train"]
NAN = X.copy()
NAN[0, 0, 0, :2] = np.nan


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ([1, 2], "a mapping of train, validation, test, or one array of inputs without labels, is wanted, not list"),
        ({"train": (X, Y)}, "validation: missing"),
        (parts(dev=(X, Y)), "dev: unknown part; the parts are train, validation, test"),
        (parts(train=5), "train: a pair (inputs, labels), or an array of inputs without labels, is wanted, not int"),
        (parts(train=(X, Y[:4])), "train: 6 inputs but 4 labels"),
        (parts(train=(NAN, Y)), "train: inputs hold 2 values that are NaN or infinite"),
        (parts(train=(np.full((6, 2), 1e300), Y)), "train: inputs hold 12 values that are NaN or infinite in float32"),
        (parts(train=(X + 1j, Y)), "train: inputs are complex"),
        (parts(train=(X, Y + 0.0)), "train: labels are torch.float64; integers are wanted"),
        (parts(train=(X, Y > 0)), "train: labels are torch.bool; integers are wanted"),
        (parts(train=(X, Y[:, None])), "train: labels have shape (6, 1); (N,) is wanted"),
        (parts(train=(X, Y - 1)), "train: labels start at -1; 0 is the least"),
        (parts(train=(X[:, 0, 0, 0], Y)), "train: inputs have shape (6,); (N, ...) is wanted"),
        (parts(train=(X[:0], Y[:0])), "train: no inputs, shape (0, 1, 4, 4)"),
        (parts(train=([[1, 2], [3]], Y)), "train: inputs are no array of numbers"),
        (parts(train=((X, X[:, 0]), Y)), "inputs of shape (1, 4, 4), but (1, 4, 4) and (4, 4) in train"),
        (parts(train=(X, ["a"] * 6)), "train: labels are no array of numbers"),
        (parts(test=(X[:, :, :3], Y)), "test: inputs of shape (1, 3, 4), but (1, 4, 4) in train"),
        (parts(validation=(X, Y + 1)), "validation: labels go to 3, but only to 2 in train"),
    ],
)
def test_each_fault_is_named(given, fault):
    with pytest.raises(DataError) as caught:
        make_dataset(given, "mine", "synthetic")
    assert str(caught.value).splitlines()[1:] == [line for line in str(caught.value).splitlines() if fault in line]


def test_all_faults_are_named_at_once():
    with pytest.raises(DataError) as caught:
        make_dataset({"train": (NAN, Y[:5]), "test": (X, Y + 0.5)}, "mine", "synthetic")
    assert [line.strip().split(":")[0] for line in str(caught.value).splitlines()[1:]] == [
        "validation",
        "train",
        "train",
        "test",
    ]


def test_data_come_from_a_callable(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "my_images.py").write_text(
        "import numpy as np\n\ndef load():\n    x, y = np.ones((4, 1, 2, 2)), np.arange(4) % 2\n"
        "    return {'train': (x, y), 'validation': (x, y)}\n\ndef broken():\n    raise OSError('no disk')\n"
    )
    dataset = load_data(f"{tmp_path}/my_images.py:load")
    assert (dataset.classes, len(dataset.train), dataset.test) == (2, 4, None)
    with pytest.raises(DataError, match=r"OSError: no disk; .*returns data"):
        load_data(f"{tmp_path}/my_images.py:broken")


@pytest.mark.parametrize("images", [1, 4, 7, 30])
def test_measurements_may_use_some_validation_images_evenly_spaced(images):
    labels = np.arange(30) % 3
    many = (np.arange(30.0)[:, None], labels)
    whole = make_dataset({"train": many, "validation": many}, "a", "synthetic")
    some = whole.with_validation(images)
    assert some.validation.inputs[:, 0].tolist() == [number * 30 // images for number in range(images)]
    assert torch.equal(some.validation.labels, some.validation.inputs[:, 0].long() % 3)
    assert some.train is whole.train
    assert (some.digest == whole.digest) == (images == 30)
    assert whole.with_validation(None) is whole.with_validation(99) is whole
    with pytest.raises(DataError, match=r"got 0; .*at least one image"):
        whole.with_validation(0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "glyphs",
            "; did you mean glyphs32? the sources are digits, glyphs32, cifar10:FOLDER, fashion-mnist[:FOLDER]",
        ),
        ("cifar10", "; write cifar10:FOLDER"),
        ("images:", "; write images:FOLDER"),
        ("digits:here", "; write digits"),
    ],
)
def test_a_source_that_is_named_wrongly_is_refused(text, message):
    with pytest.raises(DataError) as caught:
        load_data(text)
    assert message in str(caught.value)


def test_every_source_can_be_loaded_by_its_name():
    for source in SOURCES.values():
        module, _, function = source.loader.partition(":")
        assert callable(getattr(import_module(module), function))


def test_the_default_data_have_a_name(digits):
    assert load_data("digits").digest == digits.digest
