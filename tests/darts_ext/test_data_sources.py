"""Data sets by name: what is read, how it is limited and resized, and what each mistake is answered with."""

import pickle
from urllib.error import URLError

import numpy as np
import pytest
import torch
from PIL import Image

from darts_ext.data import Augmentation, ImageBatches, list_data, load, normalisation
from darts_ext.runtime.errors import UsageError


def refusal(name, **options):
    """The message of the usage error, which is one line."""
    with pytest.raises(UsageError) as caught:
        load(name, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_digits_have_the_known_statistics_and_a_fixed_stratified_test_split():
    digits = load("digits")
    assert (digits.num_classes, digits.in_chans, digits.image_size, digits.val) == (10, 1, 8, None)
    assert not digits.flip
    assert (len(digits.train), len(digits.test)) == (1797 - 359, 359)
    pixels = torch.cat([digits.train.images, digits.test.images]).double() / 255
    assert pixels.mean().item() == pytest.approx(0.305, abs=1e-3)
    assert pixels.std().item() == pytest.approx(0.376, abs=1e-3)
    fractions = digits.test.labels.bincount() / (digits.train.labels.bincount() + digits.test.labels.bincount())
    assert (fractions - 0.2).abs().max() < 0.01
    assert torch.equal(digits.test.images, load("digits").test.images)


def test_digits_are_those_of_scikit_learn_each_once():
    from sklearn.datasets import load_digits

    source, digits = load_digits(), load("digits")
    expected = sorted(
        (int(label), *(int(value * 255 / 16 + 0.5) for value in image))
        for image, label in zip(source.data, source.target, strict=True)
    )
    found = sorted(
        (int(label), *image.flatten().tolist())
        for split in (digits.train, digits.test)
        for image, label in zip(split.images, split.labels, strict=True)
    )
    assert found == expected


def test_limits_are_stratified_fixed_and_nested():
    small, large = load("digits", train_limit=50, test_limit=20), load("digits", train_limit=100)
    assert small.train.labels.bincount().tolist() == [5] * 10
    assert small.test.labels.bincount().tolist() == [2] * 10
    assert torch.equal(small.train.images, load("digits", train_limit=50).train.images)
    members = {image.numpy().tobytes() for image in large.train.images}
    assert all(image.numpy().tobytes() in members for image in small.train.images)


@pytest.mark.parametrize("flag", ["train_limit", "test_limit"])
def test_a_limit_below_the_number_of_classes_is_refused(flag):
    assert refusal("digits", **{flag: 9}) == f"--{flag} 9 is below the number of classes: give at least 10"


@pytest.mark.parametrize("size", [3, 8, 20])
def test_resizing_is_that_of_pillow(size):
    full, resized = load("digits").train.images, load("digits", image_size=size)
    assert resized.image_size == size
    assert resized.train.images.dtype == torch.uint8
    assert resized.train.images.is_contiguous()
    expected = [
        np.asarray(Image.fromarray(image.numpy()[..., 0]).resize((size, size), Image.Resampling.BILINEAR))
        for image in full
    ]
    found = resized.train.images.numpy()[..., 0].astype(int)
    assert np.abs(found - np.stack(expected)).max() <= (0 if size == 8 else 1)  # Pillow rounds after each axis


def test_an_image_size_below_one_is_refused():
    assert refusal("digits", image_size=0).startswith("--image_size 0 is not a size")


def test_synthetic_is_learnt_by_a_small_net_but_not_perfectly():
    data = load("synthetic")
    assert (len(data.train), len(data.test), data.num_classes, data.in_chans, data.image_size) == (2000, 500, 10, 3, 32)
    assert torch.equal(data.train.images, load("synthetic").train.images)
    mean, std = normalisation(data.train)
    batches = ImageBatches(data.train, 50, mean=mean, std=std, augmentation=Augmentation(pad=2))
    test = ImageBatches(data.test, 500, mean=mean, std=std, shuffle=False)
    assert 0.5 < accuracy_of_a_small_net(batches, test, epochs=4) < 0.99


def accuracy_of_a_small_net(batches, test, epochs):
    torch.manual_seed(0)
    layers = []
    for channels, wider in ((3, 16), (16, 32), (32, 64)):
        layers += [torch.nn.Conv2d(channels, wider, 3, 2, 1), torch.nn.BatchNorm2d(wider), torch.nn.ReLU()]
    net = torch.nn.Sequential(*layers, torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(64, 10))
    optimizer = torch.optim.Adam(net.parameters(), 3e-3)
    for epoch in range(epochs):
        for x, y in batches.epoch(epoch):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(net(x), y).backward()
            optimizer.step()
    x, y = next(test.epoch(0))
    return (net.eval()(x).argmax(1) == y).double().mean()


def test_an_unknown_name_is_answered_with_the_nearest():
    assert "did you mean 'cifar10'" in refusal("cifar")
    assert "folder:DIR" in refusal("imagenet")


@pytest.mark.parametrize("name", ["cifar10", "cifar100", "svhn", "mnist", "fashion_mnist"])
def test_a_set_that_is_absent_names_the_folder_and_download(name, tmp_path):
    assert refusal(name, root=tmp_path) == f"{name} is not in the folder {tmp_path}: fetch it with --download"


@pytest.mark.parametrize("name, owner", [("cifar10", "CIFAR10"), ("mnist", "MNIST"), ("svhn", "SVHN")])
def test_a_download_that_fails_is_one_line(name, owner, tmp_path, monkeypatch):
    def download(self):
        raise URLError("no\nnetwork")

    monkeypatch.setattr(f"torchvision.datasets.{owner}.download", download)
    message = refusal(name, root=tmp_path, download=True)
    assert message.startswith(f"cannot download {name} to {tmp_path}: ")
    assert "no network" in message


def write_idx(path, array):
    header = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    path.write_bytes(header + array.tobytes())


@pytest.mark.parametrize("name, folder, flip", [("mnist", "MNIST", False), ("fashion_mnist", "FashionMNIST", True)])
def test_mnist_files_become_one_channel(name, folder, flip, tmp_path):
    raw = tmp_path / folder / "raw"
    raw.mkdir(parents=True)
    images = np.random.default_rng(0).integers(0, 256, (20, 28, 28), dtype=np.uint8)
    labels = np.arange(20, dtype=np.uint8) % 10
    for part in ("train", "t10k"):
        write_idx(raw / f"{part}-images-idx3-ubyte", images)
        write_idx(raw / f"{part}-labels-idx1-ubyte", labels)
    data = load(name, root=tmp_path)
    assert (data.train.images.dtype, data.train.labels.dtype) == (torch.uint8, torch.int64)
    assert np.array_equal(data.train.images.numpy(), images[..., None])
    assert data.train.labels.tolist() == labels.tolist()
    assert (data.num_classes, data.in_chans, data.image_size, data.flip) == (10, 1, 28, flip)
    (raw / "t10k-labels-idx1-ubyte").write_bytes(b"spoilt")
    assert f"cannot read {name} in the folder {tmp_path}" in refusal(name, root=tmp_path)


def test_cifar_files_become_nhwc(tmp_path, monkeypatch):
    monkeypatch.setattr("torchvision.datasets.cifar.check_integrity", lambda *_: True)
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    planes = np.random.default_rng(0).integers(0, 256, (6, 10, 3, 32, 32), dtype=np.uint8)
    names = [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]
    for name, batch in zip(names, planes, strict=True):
        (folder / name).write_bytes(pickle.dumps({"data": batch.reshape(10, -1), "labels": list(range(10))}))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": list("abcdefghij")}))
    data = load("cifar10", root=tmp_path)
    assert np.array_equal(data.train.images.numpy(), planes[:5].reshape(50, 3, 32, 32).transpose(0, 2, 3, 1))
    assert np.array_equal(data.test.images.numpy(), planes[5].transpose(0, 2, 3, 1))
    assert data.train.images.is_contiguous()
    assert data.classes == tuple("abcdefghij")
    assert data.flip


def test_svhn_files_become_nhwc(tmp_path, monkeypatch):
    from scipy.io import savemat

    monkeypatch.setattr("torchvision.datasets.svhn.check_integrity", lambda *_: True)
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3, 10), dtype=np.uint8)
    for part in ("train", "test"):
        savemat(tmp_path / f"{part}_32x32.mat", {"X": pixels, "y": np.arange(1, 11, dtype=np.uint8)[:, None]})
    data = load("svhn", root=tmp_path)
    assert np.array_equal(data.test.images.numpy(), pixels.transpose(3, 0, 1, 2))
    assert data.test.labels.tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0]
    assert data.classes == tuple("0123456789")
    assert not data.flip


def test_list_data_names_every_set():
    assert list_data() == ["cifar10", "cifar100", "digits", "fashion_mnist", "mnist", "svhn", "synthetic"]
