"""Folders of images: what is decoded, and what each mistake is answered with."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from darts_ext.data import halves, load, normalisation
from darts_ext.runtime.errors import UsageError

SHARED_DATA = Path(__file__).parents[2].parent / "shared" / "data"


def make_folder(root, *, parts=("train", "test"), classes=("cat", "dog"), count=3, shape=(8, 8, 3)):
    """Images of random pixels; returns {part: [pixels in the order of class and name]}."""
    generator, written = np.random.default_rng(0), {}
    for part in parts:
        for name in classes:
            (root / part / name).mkdir(parents=True)
            for index in range(count):
                pixels = generator.integers(0, 256, shape, dtype=np.uint8)
                Image.fromarray(pixels).save(root / part / name / f"{index:02d}.png")
                written.setdefault(part, []).append(pixels)
    return written


def replace(path, mode="RGB", size=(8, 8)):
    Image.new(mode, size, 0).save(path)


def refusal(root, **options):
    """The message of the usage error, which is one line."""
    with pytest.raises(UsageError) as caught:
        load(f"folder:{root}", **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("shape, channels", [((8, 8, 3), 3), ((8, 8), 1)])
def test_the_pixels_are_those_written(shape, channels, tmp_path):
    written = make_folder(tmp_path, shape=shape)
    (tmp_path / "train" / "cat" / "notes.txt").write_text("not an image")
    (tmp_path / "train" / ".hidden").mkdir()
    data = load(f"folder:{tmp_path}")
    assert data.name == f"folder:{tmp_path}"
    assert data.classes == ("cat", "dog")
    assert (data.in_chans, data.image_size, data.val) == (channels, 8, None)
    for split, part in ((data.train, "train"), (data.test, "test")):
        assert np.array_equal(split.images.numpy(), np.stack(written[part]).reshape(6, 8, 8, channels))
        assert split.labels.tolist() == [0, 0, 0, 1, 1, 1]
        assert split.images.dtype == torch.uint8


def test_one_coloured_image_makes_all_splits_rgb(tmp_path):
    written = make_folder(tmp_path, shape=(8, 8))
    replace(tmp_path / "test" / "cat" / "00.png", "RGB")
    data = load(f"folder:{tmp_path}")
    assert data.in_chans == data.test.images.shape[3] == 3
    assert np.array_equal(data.train.images.numpy(), np.stack(written["train"])[..., None].repeat(3, axis=-1))


@pytest.mark.parametrize("mode, channels", [("1", 1), ("L", 1), ("P", 3), ("RGBA", 3)])
def test_other_modes_become_grey_or_rgb(mode, channels, tmp_path):
    make_folder(tmp_path, shape=(8, 8))
    replace(tmp_path / "test" / "cat" / "00.png", mode)
    assert load(f"folder:{tmp_path}").in_chans == channels


def test_a_val_folder_is_the_second_half(tmp_path):
    written = make_folder(tmp_path, parts=("train", "test", "val"))
    data = load(f"folder:{tmp_path}")
    weights, alphas = halves(data)
    assert np.array_equal(weights.images.numpy(), np.stack(written["train"]))
    assert np.array_equal(alphas.images.numpy(), np.stack(written["val"]))


def test_limits_choose_before_anything_is_decoded(tmp_path, monkeypatch):
    make_folder(tmp_path, parts=("train", "test", "val"), count=20)
    opened, original = set(), Image.open
    monkeypatch.setattr(Image, "open", lambda file: opened.add(file) or original(file))
    data = load(f"folder:{tmp_path}", train_limit=6, test_limit=4)
    counts = [split.labels.bincount().tolist() for split in (data.train, data.test, data.val)]
    assert counts == [[3, 3], [2, 2], [3, 3]]
    assert len(opened) == 6 + 4 + 6
    assert torch.equal(data.train.images, load(f"folder:{tmp_path}", train_limit=6).train.images)
    assert refusal(tmp_path, test_limit=1) == "--test_limit 1 is below the number of classes: give at least 2"


def test_sizes_that_differ_need_image_size(tmp_path):
    make_folder(tmp_path)
    odd = tmp_path / "train" / "dog" / "01.png"
    replace(odd, size=(10, 8))
    replace(tmp_path / "test" / "dog" / "01.png", size=(12, 8))
    message = refusal(tmp_path)
    assert message.startswith(f"{odd} has 10x8 pixels, ")
    assert message.endswith("8x8: give --image_size")
    assert load(f"folder:{tmp_path}", image_size=4).train.images.shape == (6, 4, 4, 3)


def test_images_that_are_not_square_need_image_size(tmp_path):
    make_folder(tmp_path, shape=(6, 8, 3))
    assert "8x6 pixels, which is not square: give --image_size" in refusal(tmp_path)


def test_resizing_equals_that_of_the_other_sources(tmp_path):
    written = make_folder(tmp_path, shape=(16, 16, 3))
    planes = torch.tensor(np.stack(written["train"])).permute(0, 3, 1, 2).float()
    expected = torch.nn.functional.interpolate(planes, size=7, mode="bilinear", antialias=True).permute(0, 2, 3, 1)
    images = load(f"folder:{tmp_path}", image_size=7).train.images
    assert (images - expected).abs().max() < 1.6  # Pillow rounds after each axis


def test_a_missing_folder_is_named(tmp_path):
    assert refusal(tmp_path / "nowhere").startswith(
        f"no folder {tmp_path / 'nowhere'}: expected DIR/train/CLASS/image.png"
    )


@pytest.mark.parametrize("missing, present", [("train", "test"), ("test", "train")])
def test_a_missing_split_is_named(missing, present, tmp_path):
    make_folder(tmp_path, parts=(present,))
    assert refusal(tmp_path).startswith(f"no {missing}/ in {tmp_path}: expected DIR/train/CLASS/image.png")


def test_a_split_without_classes_is_named(tmp_path):
    make_folder(tmp_path, parts=("test",))
    (tmp_path / "train").mkdir()
    assert refusal(tmp_path).startswith(f"no class folders in {tmp_path / 'train'}")


def test_an_empty_class_is_named(tmp_path):
    make_folder(tmp_path)
    (tmp_path / "test" / "emu").mkdir()
    assert refusal(tmp_path).startswith(f"empty class: {tmp_path / 'test' / 'emu'} has no images")


@pytest.mark.parametrize("extra", ["train", "test", "val"])
def test_classes_that_differ_are_named(extra, tmp_path):
    make_folder(tmp_path, parts=("train", "test", "val"))
    (tmp_path / extra / "emu").mkdir()
    replace(tmp_path / extra / "emu" / "0.png")
    message = refusal(tmp_path)
    assert message.startswith(f"classes differ: {tmp_path / extra} has 'emu', {tmp_path}")


@pytest.mark.parametrize("content", [b"", b"no image at all", "truncated"])
def test_an_unreadable_image_is_named(content, tmp_path):
    make_folder(tmp_path)
    path = tmp_path / "test" / "dog" / "01.png"
    path.write_bytes(path.read_bytes()[:100] if content == "truncated" else content)
    assert refusal(tmp_path).startswith(f"cannot read the image {path}")


def test_all_unreadable_images_are_counted(tmp_path):
    make_folder(tmp_path)
    for name in ("train/cat/00.png", "train/dog/01.png", "test/dog/02.png"):
        (tmp_path / name).write_bytes(b"")
    assert refusal(tmp_path).startswith(f"cannot read the image {tmp_path / 'train/cat/00.png'} and 2 more of 12: ")


def test_true_images_have_about_the_published_statistics(tmp_path):
    if not (SHARED_DATA / "unpack.py").exists():
        pytest.skip("the CIFAR-10 archive is not here")
    subprocess.run([sys.executable, SHARED_DATA / "unpack.py", "cifar10", tmp_path, "--limit", "20"], check=True)
    data = load(f"folder:{tmp_path}", test_limit=50)
    assert (len(data.train), len(data.test), data.in_chans, data.image_size) == (200, 50, 3, 32)
    assert data.classes[:3] == ("airplane", "automobile", "bird")
    mean, std = normalisation(data.train)
    torch.testing.assert_close(mean, torch.tensor([0.4914, 0.4822, 0.4465]), atol=0.05, rtol=0)
    torch.testing.assert_close(std, torch.tensor([0.2470, 0.2435, 0.2616]), atol=0.03, rtol=0)
