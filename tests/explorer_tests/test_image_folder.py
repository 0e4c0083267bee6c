"""Image folders made here: classes, parts, sizes, and files that are no images."""

import numpy as np
import pytest
import torch
from PIL import Image

from explorer.data import PARTS, load_data
from explorer.data.image_folder import _eight_bits
from explorer.system.errors import DataError


def save(path, size, colour):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)


@pytest.fixture
def folder(tmp_path):
    """Three classes of 20 images each; class k is of one colour, whose k-th channel is the brightest."""
    root = tmp_path / "photos"
    for label, name in enumerate(("ant", "bee", "cat")):
        for number in range(20):
            colour = tuple(200 + number if channel == label else 2 * number for channel in range(3))
            save(root / "train" / name / f"{number:02}.png", (12, 10), colour)
    return root


def load(folder):
    return load_data(f"images:{folder}")


def brightest(split):
    """The channel of the greatest value in the middle of every image, the statistics being nearly those of others."""
    return split.inputs[:, :, 4, 4].argmax(1)


def test_classes_are_numbered_by_name_and_parts_are_drawn_disjoint(folder):
    dataset = load(folder)
    assert [len(dataset.part(part)) for part in PARTS] == [49, 6, 5]  # one in ten of 60, then of the 54 that are left
    assert (dataset.name, dataset.classes) == ("photos", 3)
    assert "3 classes, 10 x 10 pixels" in dataset.origin
    for part in PARTS:
        assert torch.equal(brightest(dataset.part(part)), dataset.part(part).labels)
        assert set(dataset.part(part).labels.tolist()) == {0, 1, 2}
    seen = [{image.numpy().tobytes() for image in dataset.part(part).inputs} for part in PARTS]
    assert sum(map(len, seen)) == len(set.union(*seen)) == 60
    assert dataset.digest == load(folder).digest


def test_channels_have_mean_0_and_deviation_1_over_the_training_part(folder):
    inputs = load(folder).train.inputs.double()
    assert inputs.mean((0, 2, 3)).abs().max() < 1e-6
    assert (inputs.std((0, 2, 3), unbiased=False) - 1).abs().max() < 1e-6


@pytest.mark.parametrize("name", ["val", "validation"])
def test_folders_of_parts_are_taken_as_they_are(folder, name):
    save(folder / name / "bee" / "a.jpg", (30, 30), (0, 250, 0))
    save(folder / "test" / "cat" / "b.JPEG", (30, 30), (0, 0, 250))
    dataset = load(folder)
    assert [len(dataset.part(part)) for part in PARTS] == [60, 1, 1]
    assert (dataset.validation.labels.tolist(), dataset.test.labels.tolist()) == ([1], [2])


def test_images_are_cut_to_their_middle_square_and_reduced_by_areas(folder):
    """A 40 x 20 image becomes its columns 10 to 29; of its 20 x 20 pixels, 2 x 2 make one of the common side 10."""
    pixels = np.zeros((20, 40, 3), np.uint8)
    pixels[:, :10] = pixels[:, 30:] = 255  # is cut off
    pixels[::2, 10:30] = 100  # every other row: the mean is 50
    (folder / "test" / "ant").mkdir(parents=True)
    Image.fromarray(pixels).save(folder / "test" / "ant" / "wide.png")
    save(folder / "test" / "bee" / "even.png", (10, 10), (50, 50, 50))
    wide, even = load(folder).test.inputs
    assert torch.equal(wide, even)


def test_grey_and_transparent_images_become_rgb(folder):
    for mode, name in (("L", "grey"), ("RGBA", "clear"), ("P", "palette")):
        path = folder / "test" / "ant" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new(mode, (10, 10)).save(path)
    assert load(folder).test.inputs.shape == (3, 3, 10, 10)


def test_large_images_are_reduced_to_224(tmp_path):
    for name in ("a", "b"):
        for number in range(10):
            save(tmp_path / "large" / "train" / name / f"{number}.jpg", (300, 260), (number, 0, 0))
    assert load(tmp_path / "large").train.inputs.shape[1:] == (3, 224, 224)


def test_files_that_are_no_whole_images_are_all_named(folder):
    (folder / "train" / "ant" / "text.png").write_text("not an image")
    with pytest.raises(DataError, match=r"text\.png \(.*\); every file is a whole PNG, JPEG or TIFF image"):
        load(folder)
    (folder / "train" / "ant" / "text.png").unlink()
    whole = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    for name in ("cut.png", "too.png"):
        Image.fromarray(whole).save(folder / "train" / "bee" / name)
        content = (folder / "train" / "bee" / name).read_bytes()
        (folder / "train" / "bee" / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match=r"cut\.png .*too\.png") as caught:
        load(folder)
    assert "\n" not in str(caught.value)


def test_another_format_under_a_png_name_is_refused(folder):
    Image.new("RGB", (10, 10)).save(folder / "train" / "ant" / "x.png", format="BMP")
    with pytest.raises(DataError, match=r"x\.png"):
        load(folder)


@pytest.mark.parametrize(
    ("arrange", "message"),
    [
        (lambda root: None, "without train"),
        (lambda root: save(root / "train" / "a" / "1.png", (4, 4), 0), "with 1; .*arrange"),
        (lambda root: [(root / "train" / name).mkdir(parents=True) for name in "ab"], "none in"),
        (
            lambda root: [save(root / "train" / "a" / "1.png", (4, 4), 0), (root / "train" / "b").mkdir()],
            "none of b",
        ),
        (lambda root: [save(root / "train" / name / "1.png", (4, 4), 0) for name in "ab"], "can be set aside"),
        (
            lambda root: [save(root / place / "1.png", (4, 4), 0) for place in ("train/a", "train/b", "test/c")],
            "got c; the classes of test are those of train",
        ),
    ],
)
def test_a_folder_of_another_layout_is_refused(tmp_path, arrange, message):
    arrange(tmp_path / "root")
    with pytest.raises(DataError, match=message):
        load(tmp_path / "root")


def test_a_side_and_a_normalization_are_taken_as_given(folder):
    pixels = {part: split.inputs for part, split in load_data(f"images:{folder}?normalization=unit").parts.items()}
    assert all(inputs.shape[2:] == (10, 10) for inputs in pixels.values())
    assert 0 <= float(pixels["train"].min()) < float(pixels["train"].max()) <= 1
    signed = load_data(f"images:{folder}?side=20&normalization=signed")  # 12 x 10 images of one colour are enlarged
    assert signed.train.inputs.shape[1:] == (3, 20, 20)
    torch.testing.assert_close(signed.train.inputs[:, :, 0, 0], 2 * pixels["train"][:, :, 0, 0] - 1, atol=1e-6, rtol=0)
    assert signed.origin.endswith("3 classes, 20 x 20 pixels, normalized as signed")
    given = load_data(f"images:{folder}?normalization=0.5/0.25").train.inputs
    torch.testing.assert_close(given, (pixels["train"] - 0.5) / 0.25, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("side=0", "0; a side is a whole number of pixels from 1 to 4,096"),
        ("side=9999", "9999; a side is"),
        ("side=", "nothing; a side is"),
        ("size=3", "with size; an image folder is named as images:FOLDER"),
        ("normalization=imagnet", "imagnet; a normalization is imagenet, unit, signed, or three means"),
        ("normalization=0.5,0.5/1", "a normalization is"),
        ("normalization=0.5/0", "three deviations above 0"),
        ("normalization=nan/1", "a normalization is"),
    ],
)
def test_options_that_cannot_be_used_are_named(folder, options, message):
    with pytest.raises(DataError, match=message):
        load_data(f"images:{folder}?{options}")


def test_a_folder_may_have_a_question_mark_in_its_name(folder):
    folder.rename(folder.with_name("what?side"))
    assert load_data(f"images:{folder.with_name('what?side')}").classes == 3


@pytest.fixture
def deep(tmp_path):
    """Two classes of grey images of 16 bits: the upper half is 15,000 brighter than the lower one, or the other way."""
    root = tmp_path / "deep"
    for label, name in enumerate(("high", "low")):
        (root / "train" / name).mkdir(parents=True)
        for number in range(20):
            pixels = np.full((8, 8), 10_000 + 256 * number, np.uint16)
            pixels[4 * label : 4 * label + 4] += 15_000
            Image.fromarray(pixels).save(root / "train" / name / f"{number:02}.png")
    return root


def test_images_of_16_bits_keep_their_upper_8(deep, tmp_path):
    pixels = np.full((8, 8), 10_000, np.uint16)
    pixels[:4] += 15_000
    path = tmp_path / "one.png"
    Image.fromarray(pixels).save(path)
    with Image.open(path) as image:
        assert image.mode.startswith("I")
        eight = np.asarray(_eight_bits(image))
    assert eight.dtype == np.uint8
    # 25,000 >> 8 = 97, 10,000 >> 8 = 39
    assert np.unique(eight[:4]).tolist() == [97]
    assert np.unique(eight[4:]).tolist() == [39]


def test_a_folder_of_16_bits_tells_its_classes_apart(deep):
    dataset = load(deep)
    upper = dataset.train.inputs[:, 0, :4].mean((1, 2)) > dataset.train.inputs[:, 0, 4:].mean((1, 2))
    assert torch.equal(upper.long(), 1 - dataset.train.labels)
    assert dataset.notes == ()


@pytest.mark.parametrize(("low", "high", "greatest"), [(0, 65_535, 255), (255, 256, 1), (0, 0, 0)])
def test_the_range_of_16_bits_is_that_of_8(low, high, greatest):
    image = Image.fromarray(np.array([[low, high]], np.int32))
    assert np.asarray(_eight_bits(image)).tolist() == [[low >> 8, greatest]]


@pytest.mark.parametrize("value", [-1, 65_536])
def test_what_16_bits_do_not_hold_is_refused(value):
    with pytest.raises(ValueError, match=r"where 16 bits go from 0 to 65535"):
        _eight_bits(Image.fromarray(np.array([[value]], np.int32)))


def test_a_channel_that_never_changes_is_said(tmp_path):
    for name in ("ant", "bee"):
        for number in range(20):
            save(tmp_path / "photos" / "train" / name / f"{number}.png", (4, 4), (number, 7, 3 * number))
    (note,) = load(tmp_path / "photos").notes
    assert note == "Channels with one value over all training inputs: 1. Check how the inputs were read"


def test_floats_from_0_to_1_are_taken_and_others_refused(tmp_path):
    for number in range(8):
        Image.fromarray(np.full((4, 4), number / 10, np.float32)).save(tmp_path / f"{number}.tif")
    dataset = load_data(f"images:{tmp_path}?normalization=unit")
    values = torch.cat([part.inputs for part in dataset.parts.values()])
    assert sorted({round(float(255 * value)) for value in values.unique()}) == [
        round(25.5 * number) for number in range(8)
    ]
    Image.fromarray(np.full((4, 4), 1.5, np.float32)).save(tmp_path / "8.tif")
    with pytest.raises(DataError, match=r"8\.tif \(floats from 1\.5 to 1\.5, where a pixel is from 0 to 1\)"):
        load_data(f"images:{tmp_path}")
