"""Which files of a folder are images of which class: beside torchvision's ImageFolder and timm's reader."""

import numpy as np
import pytest
import torch
from PIL import Image
from timm.data.readers.reader_image_folder import find_images_and_targets
from torchvision.datasets import ImageFolder

from darts_ext.data import load
from darts_ext.data.listing import list_files
from darts_ext.runtime.errors import UsageError


def write_image(path, value=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(abs(hash(path.name)) % 1000 if value is None else value)
    Image.fromarray(generator.integers(0, 256, (6, 6, 3), dtype=np.uint8)).save(path)


def make_parts(root, names):
    for part in ("train", "test"):
        for index, name in enumerate(names):
            write_image(root / part / name, index)


NAMES = [
    "b/deep/er/x.PNG",
    "b/deep-er/x.png",
    "b/a.jpeg",
    "b/z.JPG",
    "B/10.bmp",
    "B/9.ppm",
    "a b/1.tif",
    "a b/1.Tiff",
    "a b/x/1.webp",
    "é/2.png",
    "é/sub.png/1.png",
]


def test_files_and_labels_are_those_of_imagefolder(tmp_path):
    make_parts(tmp_path, NAMES)
    (tmp_path / "train" / "b" / "notes.txt").write_text("no image")
    oracle = ImageFolder(tmp_path / "train")
    data = load(f"folder:{tmp_path}")
    assert list(data.classes) == oracle.classes
    listing = list_files(tmp_path / "train", {})
    files = [str(path) for paths in listing.values() for path in paths]
    assert files == [path for path, _ in oracle.samples]
    assert data.train.labels.tolist() == oracle.targets
    pixels = np.stack([np.asarray(image) for image, _ in oracle])
    assert torch.equal(data.train.images, torch.from_numpy(pixels))


@pytest.mark.parametrize("names", [["cat", "dog"], ["1", "2", "10"], ["Zebra", "ant"], ["n01440764", "n01443537"]])
def test_another_order_in_timm_is_said(names, tmp_path, capsys):
    make_parts(tmp_path, [f"{name}/0.png" for name in names])
    data = load(f"folder:{tmp_path}")
    assert list(data.classes) == ImageFolder(tmp_path / "train").classes
    _, numbers = find_images_and_targets(str(tmp_path / "train"))
    same = list(numbers) == list(data.classes)
    assert same == ("timm's reader takes" not in capsys.readouterr().err)


def test_what_is_left_out_is_counted_in_one_line(tmp_path, capsys):
    make_parts(tmp_path, ["cat/0.png", "dog/0.png"])
    assert load(f"folder:{tmp_path}").classes == ("cat", "dog")
    assert capsys.readouterr().err == ""
    write_image(tmp_path / "train" / "loose.png")
    write_image(tmp_path / "train" / "cat" / "._0.png")
    write_image(tmp_path / "valid" / "cat" / "0.png")
    (tmp_path / "test" / "dog" / "deep").mkdir()
    for name in ("labels.csv", "train/cat/0.gif", "test/dog/deep/0.png.part"):
        (tmp_path / name).write_text("")
    assert len(load(f"folder:{tmp_path}").train) == 2
    assert capsys.readouterr().err == (
        f"{tmp_path}: left out 6 files or folders: 1 in no class folder (train/loose.png), "
        "1 hidden (train/cat/._0.png), 2 with other endings (train/cat/0.gif), 2 beside train, test (labels.csv)\n"
    )


def test_links_are_followed_but_not_in_circles(tmp_path):
    make_parts(tmp_path, ["cat/0.png", "dog/0.png"])
    write_image(tmp_path / "elsewhere" / "deep" / "1.png")
    (tmp_path / "train" / "cat" / "more").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "train" / "cat" / "again").symlink_to(tmp_path / "train")
    files = list_files(tmp_path / "train", {})["cat"]
    assert [str(path.relative_to(tmp_path / "train" / "cat")) for path in files] == ["0.png", "more/deep/1.png"]


def test_a_class_whose_images_have_other_endings_is_empty(tmp_path):
    make_parts(tmp_path, ["cat/0.png", "dog/0.png"])
    (tmp_path / "test" / "dog" / "0.png").rename(tmp_path / "test" / "dog" / "0.gif")
    with pytest.raises(UsageError, match="empty class"):
        load(f"folder:{tmp_path}")
