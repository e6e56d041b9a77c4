"""Images of every mode: transparency on white, 16 bits scaled, colours as Pillow converts them."""

import numpy as np
import pytest
from PIL import Image

from darts_ext.data import load
from darts_ext.runtime.errors import UsageError

SIDE = 6
DRAW = np.random.default_rng(0)


def draw(*channels, dtype=np.uint8):
    return DRAW.integers(0, np.iinfo(dtype).max + 1, (SIDE, SIDE, *channels), dtype=dtype)


def load_pixels(root, save, ending="png"):
    """The pixels of an image that `save` writes, alone of its kind, as float [H, W, C]."""
    for part in ("train", "test"):
        for name in ("cat", "dog"):
            (root / part / name).mkdir(parents=True, exist_ok=True)
            save(root / part / name / f"0.{ending}")
    images = load(f"folder:{root}").train.images
    return images[0].double().numpy()


def compose(colour, alpha, background=255.0):
    """Porter and Duff's over, in float64."""
    part = alpha[..., None].astype(float) / 255
    return colour * part + background * (1 - part)


def assert_close(pixels, expected):
    assert pixels.shape == expected.shape
    assert np.abs(pixels - expected).max() <= 1  # Pillow rounds


def test_colour_with_transparency_is_put_on_white(tmp_path):
    image = draw(4)
    pixels = load_pixels(tmp_path, Image.fromarray(image, "RGBA").save)
    assert_close(pixels, compose(image[..., :3], image[..., 3]))


def test_grey_with_transparency_is_put_on_white_and_stays_grey(tmp_path):
    image = draw(2)
    pixels = load_pixels(tmp_path, Image.fromarray(image, "LA").save)
    assert_close(pixels, compose(image[..., :1], image[..., 1]))


@pytest.mark.parametrize("alphas", [bytes(range(0, 256, 16)), 3])
def test_a_palette_with_transparent_colours_is_put_on_white(alphas, tmp_path):
    indices, colours = DRAW.integers(0, 16, (SIDE, SIDE), dtype=np.uint8), draw(3).reshape(-1, 3)[:16]
    image = Image.fromarray(indices, "P")
    image.putpalette(colours.tobytes())
    pixels = load_pixels(tmp_path, lambda path: image.save(path, transparency=alphas))
    table = np.full(16, 255, np.uint8)
    if isinstance(alphas, int):
        table[alphas] = 0
    else:
        table = np.frombuffer(alphas, np.uint8)
    assert_close(pixels, compose(colours[indices], table[indices]))


def test_one_transparent_colour_is_put_on_white(tmp_path):
    image = np.zeros((SIDE, SIDE, 3), np.uint8)
    image[:3] = 7, 8, 9
    pixels = load_pixels(tmp_path / "rgb", lambda path: Image.fromarray(image).save(path, transparency=(7, 8, 9)))
    assert (pixels[:3] == 255).all()
    assert (pixels[3:] == 0).all()
    pixels = load_pixels(tmp_path / "grey", lambda path: Image.fromarray(image[..., 0]).save(path, transparency=7))
    assert pixels.shape == (SIDE, SIDE, 1)
    assert (pixels[:3] == 255).all()
    assert (pixels[3:] == 0).all()


@pytest.mark.parametrize("ending", ["png", "tif", "pgm"])
def test_sixteen_bits_are_scaled_not_clipped(ending, tmp_path):
    image = draw(dtype=np.uint16)
    image[0, :2] = 0, 65535
    pixels = load_pixels(tmp_path, Image.fromarray(image).save, ending)
    assert_close(pixels, image[..., None] / 257)
    assert (pixels[0, 0, 0], pixels[0, 1, 0]) == (0, 255)


@pytest.mark.parametrize(("mode", "channels"), [("CMYK", 3), ("YCbCr", 3), ("1", 1), ("P", 3)])
def test_other_modes_are_converted_by_pillow(mode, channels, tmp_path):
    image = Image.fromarray(draw(3)).convert(mode)
    ending = "tif" if mode in ("CMYK", "YCbCr") else "png"
    pixels = load_pixels(tmp_path, image.save, ending)
    assert np.array_equal(pixels, np.atleast_3d(np.asarray(image.convert("RGB" if channels == 3 else "L"))))


@pytest.mark.parametrize("mode", ["I", "F"])
def test_numbers_without_a_known_range_are_refused(mode, tmp_path):
    image = Image.fromarray(draw().astype(np.int32 if mode == "I" else np.float32))
    with pytest.raises(UsageError, match="has more than 16 bits a channel: convert it to 8 bits"):
        load_pixels(tmp_path, image.save, "tif")


def shape_in_alpha(colour, opaque=3):
    image = np.full((SIDE, SIDE, 4), colour, np.uint8)
    image[:opaque, :, 3] = 255
    image[opaque:, :, 3] = 0
    return Image.fromarray(image, "RGBA")


def test_a_figure_in_transparency_alone_is_seen(tmp_path):
    pixels = load_pixels(tmp_path, shape_in_alpha(0).save)
    assert (pixels[:3] == 0).all()
    assert (pixels[3:] == 255).all()


def test_figures_that_vanish_on_white_are_refused_or_counted(tmp_path, capsys):
    with pytest.raises(UsageError, match=r"all 4 images are blank on white, as .*train/cat/0\.png") as caught:
        load_pixels(tmp_path, shape_in_alpha(255).save)
    assert "\n" not in str(caught.value)
    shape_in_alpha(0).save(tmp_path / "test" / "dog" / "0.png")
    load(f"folder:{tmp_path}")
    assert "3 of 4 images are blank" in capsys.readouterr().err


def test_blank_images_without_transparency_are_nobodys_business(tmp_path, capsys):
    load_pixels(tmp_path, Image.new("RGBA", (SIDE, SIDE), (255, 255, 255, 255)).save)
    assert capsys.readouterr().err == ""
