"""The synthetic images: repeatable, labelled as synthetic, kept in the cache, and drawn again where that is damaged."""

import itertools
import logging

import numpy as np
import pytest

from explorer.data import PARTS, SOURCES
from explorer.data.glyph_drawing import CLASSES, FONTS, SIZE, draw, load_masks
from explorer.data.glyphs import SIZES, load_glyphs, make_glyphs
from explorer.system.cache_folder import cache_folder

FEW = {"train": 96, "validation": 48, "test": 24}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FILTERFRONT_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def masks():
    return load_masks()


def test_the_set_is_as_large_as_it_is_said_to_be():
    assert (sum(SIZES.values()), SIZES["train"], len(CLASSES)) == (24_000, 20_000, 24)
    assert "24,000 synthetic 32x32 colour images of 24" in SOURCES["glyphs32"].summary
    assert len(set(CLASSES)) == len(CLASSES)
    assert len(set(FONTS)) == len(FONTS) == 21


def test_no_two_characters_look_alike_in_any_font(masks):
    """Each mask is a character: it has ink, keeps off the border, and differs from its font's others by a tenth."""
    ink = masks.sum((2, 3))
    assert ink.min() > 200
    border = np.ones(masks.shape[2:], bool)
    border[2:-2, 2:-2] = False
    assert masks[..., border].max() == 0
    for of_font in masks:
        for first, second in itertools.combinations(of_font, 2):
            assert np.abs(first - second).sum() > 0.1 * min(first.sum(), second.sum())


def test_the_same_seed_gives_the_same_images_and_another_others():
    first, again, other = (make_glyphs(FEW, seed, progress=False) for seed in (0, 0, 1))
    for name, values in first.items():
        assert (values == again[name]).all(), name
    assert (first["train.images"] != other["train.images"]).mean() > 0.5


def test_a_part_does_not_depend_on_the_others_sizes():
    few, more = make_glyphs(FEW, 0, progress=False), make_glyphs({**FEW, "train": 24}, 0, progress=False)
    assert (few["test.images"] == more["test.images"]).all()


def test_no_image_is_in_two_parts_and_classes_are_balanced():
    dataset = load_glyphs(FEW, progress=False)
    assert (dataset.classes, dataset.train.inputs.shape) == (24, (96, 3, SIZE, SIZE))
    seen = [{image.numpy().tobytes() for image in dataset.part(part).inputs} for part in PARTS]
    assert sum(map(len, seen)) == len(set.union(*seen)) == sum(FEW.values())
    for part, size in FEW.items():
        assert dataset.part(part).labels.bincount().tolist() == [size // 24] * 24


def test_images_are_normalised_by_the_training_part():
    inputs = load_glyphs(FEW, progress=False).train.inputs.double()
    assert inputs.mean((0, 2, 3)).abs().max() < 1e-6
    assert (inputs.std((0, 2, 3), unbiased=False) - 1).abs().max() < 1e-6


def test_the_character_is_in_its_image(masks):
    """Over many images of one character, the mean difference from the ground is where its masks have ink."""
    rng = np.random.default_rng(0)
    images = draw(np.full(400, CLASSES.index("L")), masks, rng).astype(float)
    corner = images[:, :, :4, -4:].mean((2, 3), keepdims=True)
    contrast = np.abs(images - corner).mean((0, 1))
    assert contrast[8:24, 8:24].mean() > 1.2 * contrast[:4, :].mean()
    assert contrast[10:24, 10:14].mean() > contrast[8:20, 18:24].mean()  # the stem against the empty upper right


def test_every_name_of_it_says_synthetic():
    dataset = load_glyphs(FEW, progress=False)
    assert "synthetic" in dataset.name
    assert dataset.origin.startswith("synthetic")
    assert "synthetic" in SOURCES["glyphs32"].summary


def files():
    return sorted((cache_folder() / "data").iterdir())


def test_images_are_drawn_once(monkeypatch):
    first = load_glyphs(FEW, progress=False)
    monkeypatch.setattr("explorer.data.glyphs.make_glyphs", lambda *_: pytest.fail("drawn again"))
    assert load_glyphs(FEW, progress=False).digest == first.digest
    (path,) = files()
    assert path.name == "glyphs32-v1-seed0-96-48-24.safetensors"


@pytest.mark.parametrize("damage", ["cut", "flip", "empty"])
def test_a_damaged_file_is_said_and_drawn_again(damage, caplog):
    first = load_glyphs(FEW, progress=False)
    (path,) = files()
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes({"cut": content[:-100], "flip": content, "empty": b""}[damage])
    with caplog.at_level(logging.WARNING):
        again = load_glyphs(FEW, progress=False)
    assert f"{path} is damaged and is drawn again" in caplog.text
    assert again.digest == first.digest
    caplog.clear()
    load_glyphs(FEW, progress=False)
    assert not caplog.text


def test_a_folder_that_cannot_be_written_costs_a_warning_only(tmp_path, monkeypatch, caplog):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("FILTERFRONT_CACHE", str(tmp_path / "file"))
    assert len(load_glyphs(FEW, progress=False).train) == 96
    assert "the synthetic images are not kept" in caplog.text


def test_progress_is_shown_on_request(capsys):
    load_glyphs(FEW, progress=True)
    assert "drawing synthetic glyphs32" in capsys.readouterr().err
