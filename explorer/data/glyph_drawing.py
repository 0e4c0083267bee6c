"""Drawing letters and digits on textured grounds: the images of the synthetic set ``glyphs32``.

Legend: N images, F fonts, K classes; 32 x 32 pixels of three channels, drawn at twice that size and averaged.
"""

from pathlib import Path

import numpy as np
from numpy.random import Generator
from scipy import ndimage

__all__ = ["CLASSES", "FONTS", "SIZE", "draw", "load_masks"]

CLASSES = "2346789ACEFHJKLMNPRTUWXY"
"""Class k is the k-th of these. Of every pair that the maps below could turn into each other, such as 5 and S or U and
V, one at most is here; no character is turned by more than 25 degrees, which keeps 6 and 9 apart."""

FONTS = (
    *(f"DejaVuSans{style}" for style in ("", "-Bold", "-Oblique", "-BoldOblique")),
    *(f"DejaVuSansMono{style}" for style in ("", "-Bold", "-Oblique", "-BoldOblique")),
    *(f"DejaVuSerif{style}" for style in ("", "-Bold", "-Italic", "-BoldItalic")),
    *(f"STIXGeneral{style}" for style in ("", "Bol", "Italic", "BolIta")),
    *("cmr10", "cmb10", "cmss10", "cmti10", "cmtt10"),
)
"""The text fonts that matplotlib carries, by file name."""

SIZE = 32
_FINE = 2 * SIZE
_MASK = 96
_FONT_SIZE = 64
_CAPITAL = 46
"""Height of a capital in a mask, roughly: 0.72 of the font size."""


def load_masks() -> np.ndarray:
    """Every character in every font as coverage (F, K, 96, 96) float32 in 0..1, its bounding box in the middle."""
    import matplotlib
    from PIL import Image, ImageDraw, ImageFont

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    masks = np.zeros((len(FONTS), len(CLASSES), _MASK, _MASK), np.float32)
    for row, name in zip(masks, FONTS, strict=True):
        font = ImageFont.truetype(str(folder / f"{name}.ttf"), _FONT_SIZE, layout_engine=ImageFont.Layout.BASIC)
        for mask, character in zip(row, CLASSES, strict=True):
            image = Image.new("L", (_MASK, _MASK))
            left, top, right, bottom = font.getbbox(character)
            place = ((_MASK - left - right) / 2, (_MASK - top - bottom) / 2)
            ImageDraw.Draw(image).text(place, character, fill=255, font=font)
            mask[:] = np.asarray(image, np.float32) / 255
    return masks


def draw(labels: np.ndarray, masks: np.ndarray, rng: Generator) -> np.ndarray:
    """Images (N, 3, 32, 32) uint8 of the characters ``labels`` (N,).

    From back to front: a textured ground, often a piece of another character that reaches in from a side, the character
    in a colour of its own, often a bar across it. Then blur, and noise that is independent in every value. Characters
    are 16 to 26 pixels high, turned by up to 25 degrees, sheared, stretched and moved by up to 4 pixels.
    """
    return np.stack([_image(int(label), masks, rng) for label in labels])


def _image(label: int, masks: np.ndarray, rng: Generator) -> np.ndarray:
    colours = _colours(rng)
    image = _texture(colours[0], rng)
    if rng.random() < 0.6:
        angle = rng.uniform(0, 2 * np.pi)
        away = rng.uniform(15, 19) * np.array([np.sin(angle), np.cos(angle)])
        other = masks[rng.integers(len(masks)), rng.integers(masks.shape[1])]
        image = _over(image, _texture(colours[1], rng), _mapped(other, away, rng))
    own = _mapped(masks[rng.integers(len(masks)), label], rng.uniform(-4, 4, 2), rng)
    image = _over(image, _texture(colours[2], rng), own)
    if rng.random() < 0.6:
        image = _over(image, _texture(colours[rng.integers(2)], rng), _bar(rng))
    blur = rng.uniform(0, 1.1)
    image = ndimage.gaussian_filter(image, (0, blur, blur), mode="nearest", truncate=3)
    image += rng.uniform(0.02, 0.13) * rng.standard_normal(image.shape, np.float32)
    pixels: np.ndarray = np.clip(np.rint(image * 255), 0, 255).astype(np.uint8)
    return pixels


def _colours(rng: Generator) -> np.ndarray:
    """Three colours (3, 3) in 0..1: of the ground, of what disturbs, and of the character, 0.45 or more away from the
    ground."""
    while True:
        colours = rng.random((3, 3), np.float32)
        if np.linalg.norm(colours[0] - colours[2]) >= 0.45:
            return colours


def _over(image: np.ndarray, paint: np.ndarray, coverage: np.ndarray) -> np.ndarray:
    """``paint`` over ``image``, both (3, 32, 32), where ``coverage`` (32, 32) is 1."""
    painted: np.ndarray = image + coverage * (paint - image)
    return painted


def _texture(colour: np.ndarray, rng: Generator) -> np.ndarray:
    """A field (3, 32, 32) about a colour (3,): a gradient, and a wave or smooth noise."""
    rows, columns = (np.mgrid[:SIZE, :SIZE] / SIZE - 0.5).astype(np.float32)
    slope = rng.uniform(-0.25, 0.25, (2, 3, 1, 1)).astype(np.float32)
    field: np.ndarray = colour[:, None, None] + slope[0] * rows + slope[1] * columns
    strength = rng.uniform(0, 0.15, (3, 1, 1)).astype(np.float32)
    if rng.random() < 0.5:
        angle, cycles, phase = rng.uniform(0, np.pi), rng.uniform(2, 8), rng.uniform(0, 2 * np.pi)
        across = np.cos(angle) * rows + np.sin(angle) * columns
        waves: np.ndarray = field + strength * np.sin(2 * np.pi * cycles * across + phase).astype(np.float32)
        return waves
    smooth = ndimage.gaussian_filter(rng.standard_normal((SIZE, SIZE), np.float32), rng.uniform(0.7, 3), mode="wrap")
    clouds: np.ndarray = field + strength * smooth / smooth.std()
    return clouds


def _mapped(mask: np.ndarray, shift: np.ndarray, rng: Generator) -> np.ndarray:
    """A mask (96, 96) turned, sheared, stretched and moved by ``shift`` pixels (down, right) from the middle:
    coverage (32, 32)."""
    angle, shear = rng.uniform(-1, 1) * np.radians(25), rng.uniform(-0.3, 0.3)
    height, stretch = 2 * rng.uniform(16, 26) / _CAPITAL, np.exp(rng.uniform(-0.3, 0.3))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    forward = turn @ np.array([[1, 0], [shear, 1]]) @ np.diag([height, height * stretch])
    back = np.linalg.inv(forward)
    middle = (_FINE - 1) / 2 + 2 * np.asarray(shift)
    offset = np.full(2, (_MASK - 1) / 2) - back @ middle
    return _halved(ndimage.affine_transform(mask, back, offset, (_FINE, _FINE), order=1))


def _bar(rng: Generator) -> np.ndarray:
    """A straight bar, 1 to 3 pixels thick, past the middle by up to 9 pixels: coverage (32, 32)."""
    angle, past, half = rng.uniform(0, np.pi), rng.uniform(-18, 18), rng.uniform(1, 3)
    rows, columns = np.mgrid[:_FINE, :_FINE] - (_FINE - 1) / 2
    distance = np.abs(np.cos(angle) * rows + np.sin(angle) * columns - past)
    return _halved(np.clip(half + 0.5 - distance, 0, 1).astype(np.float32))


def _halved(fine: np.ndarray) -> np.ndarray:
    """Means over 2 x 2: (64, 64) -> (32, 32)."""
    means: np.ndarray = fine.reshape(SIZE, 2, SIZE, 2).mean((1, 3))
    return means
