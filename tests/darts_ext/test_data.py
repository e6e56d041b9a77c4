"""Splits, augmentation and batches, against slow loops over single images."""

import hashlib

import numpy as np
import pytest
import torch

from darts_ext.data import Augmentation, Dataset, ImageBatches, Split, halves, normalisation
from darts_ext.data.augment import crop_and_flip, cut_out, draw
from darts_ext.data.batches import _create_generator
from darts_ext.data.splits import limited
from darts_ext.runtime.errors import UsageError

MEAN, STD = [0.4, 0.5, 0.6], [0.2, 0.25, 0.3]


def random_split(count, side=8, channels=3, num_classes=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (count, side, side, channels), dtype=torch.uint8, generator=generator)
    return Split(images, torch.randint(0, num_classes, (count,), generator=generator))


def dataset_of(train, val=None):
    return Dataset("random", train, train, val, tuple("abcd"), flip=True)


def slow_augmentation(image, draws, augmentation, mean, std):
    """One image, [H, W, C], pixel by pixel; cutout as DARTS writes it."""
    top, left, mirrored, row, column = draws.tolist()
    height, width, channels = image.shape
    out = np.zeros((height, width, channels))
    for i in range(height):
        for j in range(width):
            column_before = width - 1 - j if mirrored else j
            y, x = i + top - augmentation.pad, column_before + left - augmentation.pad
            if 0 <= y < height and 0 <= x < width:
                out[i, j] = image[y, x].numpy() / 255.0
    out = (out - np.array(mean)) / np.array(std)
    half = augmentation.cutout // 2
    rows, columns = np.clip([row - half, row + half], 0, height), np.clip([column - half, column + half], 0, width)
    out[rows[0] : rows[1], columns[0] : columns[1]] = 0
    return out


@pytest.mark.parametrize(
    "augmentation",
    [Augmentation(), Augmentation(pad=2), Augmentation(flip=True), Augmentation(cutout=4), Augmentation(3, True, 6)],
)
def test_batches_equal_a_loop_over_images_with_the_same_draws(augmentation, monkeypatch):
    recorded = []
    monkeypatch.setattr(
        "darts_ext.data.batches.draw", lambda *arguments: recorded.append(draw(*arguments)) or recorded[-1]
    )
    split = random_split(20)
    batches = ImageBatches(split, 6, mean=MEAN, std=STD, augmentation=augmentation, shuffle=False)
    found = torch.cat([x for x, _ in batches.epoch(3)])
    expected = [
        slow_augmentation(image, draws, augmentation, MEAN, STD)
        for image, draws in zip(split.images, recorded[0], strict=True)
    ]
    torch.testing.assert_close(
        found.permute(0, 2, 3, 1), torch.tensor(np.stack(expected)).float(), rtol=1e-5, atol=1e-5
    )


def test_rectangles_are_cropped_and_cut_too():
    images = torch.randint(1, 256, (30, 6, 10, 1), dtype=torch.uint8)
    draws = draw(Augmentation(2, True, 4), 30, 6, 10, torch.Generator().manual_seed(0))
    found = cut_out(crop_and_flip(images, draws, 2).float(), draws, 4)
    for image, drawn, out in zip(images, draws, found, strict=True):
        expected = slow_augmentation(image, drawn, Augmentation(2, True, 4), [0.0], [1 / 255])
        np.testing.assert_allclose(out.numpy(), expected, atol=1e-4)


def test_draws_reach_every_value_and_are_uniform():
    draws = draw(Augmentation(2, True, 4), 40_000, 4, 6, torch.Generator().manual_seed(0))
    for column, values in zip(draws.unbind(1), (5, 5, 2, 4, 6), strict=True):
        frequencies = column.bincount() / len(draws)
        assert len(frequencies) == values
        torch.testing.assert_close(frequencies, torch.full((values,), 1 / values), atol=0.02, rtol=0)


def test_switching_one_augmentation_off_leaves_the_other_draws():
    everything = draw(Augmentation(2, True, 4), 50, 8, 8, torch.Generator().manual_seed(0))
    no_flip = draw(Augmentation(2, False, 4), 50, 8, 8, torch.Generator().manual_seed(0))
    assert everything[:, 2].any()
    assert not no_flip[:, 2].any()
    assert torch.equal(everything[:, [0, 1, 3, 4]], no_flip[:, [0, 1, 3, 4]])


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("augmentation", [None, Augmentation(1, True, 2)])
def test_batches_are_float32_and_channels_last(channels, augmentation):
    batches = ImageBatches(
        random_split(6, channels=channels), 4, mean=MEAN[:channels], std=STD[:channels], augmentation=augmentation
    )
    for x, y in batches.epoch(0):
        assert (x.dtype, y.dtype) == (torch.float32, torch.int64)
        assert x.shape[1:] == (channels, 8, 8)
        assert x.is_contiguous(memory_format=torch.channels_last)
        assert x.stride()[1:] == (1, 8 * channels, channels)


def test_values_without_augmentation_are_normalised_pixels_in_order():
    split = random_split(7)
    x, y = next(ImageBatches(split, 7, mean=MEAN, std=STD, shuffle=False).epoch(0))
    pixels = split.images.double().permute(0, 3, 1, 2) / 255
    expected = (pixels - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
    torch.testing.assert_close(x, expected.float(), rtol=1e-5, atol=1e-5)
    assert torch.equal(y, split.labels)


def drawn(epoch, *, size=4, **options):
    batches = ImageBatches(random_split(16), size, mean=MEAN, std=STD, augmentation=Augmentation(2, True, 4), **options)
    return torch.cat([x for x, _ in batches.epoch(epoch)])


def test_an_epoch_is_a_function_of_seed_stream_and_epoch_alone():
    assert torch.equal(drawn(2, seed=1), drawn(2, seed=1))
    assert torch.equal(drawn(2, seed=1), drawn(2, seed=1, size=8))
    for other in (drawn(3, seed=1), drawn(2, seed=2), drawn(2, seed=1, stream="alphas")):
        assert not torch.equal(drawn(2, seed=1), other)
    torch.manual_seed(5)
    state = torch.get_rng_state()
    drawn(0)
    assert torch.equal(torch.get_rng_state(), state)


def test_the_seed_of_an_epoch_is_the_same_in_every_process():
    digest = hashlib.blake2b(b"3/train/1", digest_size=4).hexdigest()
    assert _create_generator(3, "train", 1).initial_seed() == int(digest, 16) == 963133246


@pytest.mark.parametrize("drop_last, sizes", [(False, [4, 4, 2]), (True, [4, 4])])
def test_every_image_comes_once_and_the_ragged_batch_can_be_dropped(drop_last, sizes):
    split = Split(random_split(10).images, torch.arange(10))
    batches = ImageBatches(split, 4, mean=MEAN, std=STD, drop_last=drop_last)
    labels = [y for _, y in batches.epoch(0)]
    assert [len(y) for y in labels] == sizes
    assert len(batches) == len(sizes)
    assert len(torch.cat(labels).unique()) == sum(sizes)


@pytest.mark.parametrize(
    "size, message",
    [
        (64, "a batch of 64 is larger than the split of 40 images: lower --batch_size"),
        (0, "a batch of 0 has no images"),
    ],
)
def test_an_impossible_batch_size_is_a_usage_error(size, message):
    with pytest.raises(UsageError, match=message):
        ImageBatches(random_split(40), size, mean=MEAN, std=STD)


def test_normalisation_is_that_of_numpy():
    split = random_split(50)
    mean, std = normalisation(split)
    pixels = split.images.numpy() / 255
    np.testing.assert_allclose(mean, pixels.mean((0, 1, 2)), rtol=1e-6)
    np.testing.assert_allclose(std, pixels.std((0, 1, 2)), rtol=1e-6)


def test_normalisation_of_constant_images_can_be_divided_by():
    _, std = normalisation(Split(torch.full((4, 2, 2, 1), 7, dtype=torch.uint8), torch.arange(4)))
    assert std.item() == pytest.approx(1 / 255)


@pytest.mark.parametrize("portion", [0.5, 0.3, 0.9])
def test_halves_are_disjoint_complete_and_stratified(portion):
    labels = torch.tensor([0] * 31 + [1] * 7 + [2] * 20 + [3] * 43)[
        torch.randperm(101, generator=torch.Generator().manual_seed(0))
    ]
    identities = torch.arange(101, dtype=torch.uint8).view(-1, 1, 1, 1)
    weights, alphas = halves(dataset_of(Split(identities, labels)), portion, seed=4)
    assert sorted(torch.cat([weights.images, alphas.images]).flatten().tolist()) == list(range(101))
    assert len(weights) == int(101 * portion + 0.5)
    for half in (weights, alphas):
        assert torch.equal(labels[half.images.flatten().long()], half.labels)
    for label in range(4):
        assert abs((weights.labels == label).sum() - portion * (labels == label).sum()) <= 1


def test_halves_are_those_of_the_seed():
    dataset = dataset_of(random_split(60))
    first, again, other = (halves(dataset, seed=seed)[0].images for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert halves(dataset)[0].labels.diff().lt(0).any()  # shuffled: the first images are not all of one class


def test_a_validation_split_is_the_second_half():
    dataset = dataset_of(random_split(20), val=random_split(8, seed=1))
    weights, alphas = halves(dataset, portion=0.1)
    assert weights is dataset.train
    assert alphas is dataset.val


@pytest.mark.parametrize("portion", [0.0, 1.0, -1.0, 0.001])
def test_an_empty_half_is_a_usage_error(portion):
    with pytest.raises(UsageError, match="leaves no image of random"):
        halves(dataset_of(random_split(20)), portion)


def test_a_limit_takes_equally_many_of_each_class_as_far_as_there_are():
    labels = torch.tensor([0] * 50 + [1] * 3 + [2] * 50)
    indices = limited(labels, 24, 3, "--train_limit")
    assert sorted(labels[indices].bincount().tolist()) == [3, 10, 11]
    assert indices.tolist() == sorted(set(indices.tolist()))
    assert set(limited(labels, 12, 3, "--train_limit").tolist()) < set(indices.tolist())
    assert limited(labels, 1000, 3, "--train_limit").tolist() == list(range(103))


def test_a_split_is_moved_and_subset_as_one():
    split = random_split(5)
    part = split.subset([4, 0])
    assert torch.equal(part.images, split.images[[4, 0]])
    assert torch.equal(part.labels, split.labels[[4, 0]])
    assert split.to("meta").images.is_meta
    assert split.to("meta").labels.is_meta
