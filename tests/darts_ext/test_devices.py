"""Searching, tracking and retraining on devices other than the CPU: one without float64, and torch's `meta` device."""

import copy

import pytest
import torch
from emulated_gpu import DEVICE, OnGpu, emulated_gpu, move
from torch.nn import functional as F

import darts_ext.search.bilevel
from darts_ext.config import RetrainSettings, SearchSettings
from darts_ext.data import ImageBatches, Split
from darts_ext.data.augment import Augmentation
from darts_ext.data.batches import normalisation
from darts_ext.retrain import Retrain
from darts_ext.runtime.device import find_device
from darts_ext.runtime.errors import UsageError
from darts_ext.search import Search
from darts_ext.search.hypergradient import KINDS, hypergradient
from supernet import NodeScale, Supernet, build, create_space


@pytest.fixture
def gpu(monkeypatch):
    with emulated_gpu(monkeypatch):
        yield DEVICE


def supernet():
    return Supernet(create_space("tiny"), channels=2, layers=1, num_classes=4, seed=0)


def images(device, stream, count=12):
    generator = torch.Generator().manual_seed(len(stream))
    pixels = torch.randint(0, 256, (count, 8, 8, 3), generator=generator, dtype=torch.uint8)
    mean, std = normalisation(Split(pixels, torch.arange(count) % 4))
    options = {"mean": mean.to(device), "std": std.to(device), "device": device, "stream": stream}
    return ImageBatches(Split(pixels, torch.arange(count) % 4), 6, augmentation=Augmentation(1, True, 2), **options)


def search_on(device, net, **settings):
    parts = [images(device, stream) for stream in ("train", "val", "clean")]
    return Search(net, SearchSettings(space="tiny", epochs=2, **settings), *parts, seed=0)


def numbers(row):
    return {name: value for name, value in row.items() if isinstance(value, float) and name != "seconds"}


def bar(steps, total):
    return steps


@pytest.mark.parametrize("kind", KINDS)
def test_a_search_without_float64_trains_as_on_the_cpu(kind, gpu):
    settings = {"hypergradient": kind, "average": "ema"}
    net = supernet()
    there = search_on(gpu, move(copy.deepcopy(net)), **settings).run_epoch(0, bar)
    here = search_on("cpu", net, **settings).run_epoch(0, bar)
    assert numbers(there) == pytest.approx(numbers(here), rel=1e-5)
    assert there["genotype"] == here["genotype"]


def test_retraining_without_float64_trains_as_on_the_cpu(gpu):
    genotype = supernet().genotype()
    rows = []
    for device in ("cpu", gpu):
        net = build(genotype, channels=2, layers=1, num_classes=4, seed=0)
        parts = [images(device, stream) for stream in ("train", "train", "test")]
        stage = Retrain(net if device == "cpu" else move(net), RetrainSettings(epochs=1), *parts, seed=0)
        rows.append(numbers(stage.run_epoch(0, bar)))
    assert rows[1] == pytest.approx(rows[0], rel=1e-5)


def test_nodes_are_scaled_alike_where_they_are_built(gpu):
    with torch.device(gpu):
        there = NodeScale(3, gamma=0.5)
    assert there.scale.device == gpu
    assert there.scale.tolist() == NodeScale(3, gamma=0.5).scale.tolist()


def test_batches_are_the_same_on_every_device(gpu):
    for (x, y), (there, labels) in zip(images("cpu", "train").epoch(1), images(gpu, "train").epoch(1), strict=True):
        assert isinstance(there, OnGpu) and there.is_contiguous()
        assert torch.equal(there.cpu(), x) and labels.tolist() == y.tolist()


def test_the_pixels_statistics_are_taken_without_float64(gpu):
    split = Split(torch.arange(96, dtype=torch.uint8).reshape(2, 4, 4, 3), torch.arange(2))
    for there, here in zip(normalisation(split.to(gpu)), normalisation(split), strict=True):
        assert torch.equal(there.cpu(), here)


@pytest.mark.parametrize("kind", KINDS)
def test_the_hypergradient_on_meta_has_the_alphas_shapes(kind):
    net = supernet().to("meta")
    batch = (torch.zeros(6, 3, 8, 8, device="meta"), torch.zeros(6, dtype=torch.int64, device="meta"))
    optimizer = torch.optim.SGD(net.weight_parameters(), lr=0.1, momentum=0.9)
    gradients = hypergradient(kind, net, F.cross_entropy, batch, batch, optimizer)
    assert all(gradient.is_meta for gradient in gradients)
    assert [gradient.shape for gradient in gradients] == [alpha.shape for alpha in net.arch_parameters()]


@pytest.mark.parametrize("kind", KINDS)
def test_search_steps_on_meta_run_until_a_value_is_read(kind, monkeypatch):
    monkeypatch.setattr(darts_ext.search.bilevel, "mixing_weights", lambda net: {})
    search = search_on("meta", supernet().to("meta"), hypergradient=kind)
    ((train, _), (val, _)) = (list(part.epoch(0)) for part in (search.train, search.val))
    search._alpha_step(train, val)
    loss, logits = search._weight_step(*train, 0, None)
    assert loss.is_meta and logits.shape == (6, 4)
    assert all(alpha.grad.is_meta for alpha in search.net.arch_parameters())


def test_a_device_is_found_by_its_name(gpu):
    assert find_device("cpu") == torch.device("cpu")
    assert find_device(str(gpu)) == gpu


@pytest.mark.parametrize("name", ["mps", "meta", "cuda:99", "nonsense", ""])
def test_a_device_that_is_not_there_or_holds_no_data_is_refused(name, monkeypatch):
    real = torch.zeros

    def zeros(*sizes, device):
        if device.type in ("mps", "cuda"):
            raise NotImplementedError("not here")
        return real(*sizes, device=device)

    monkeypatch.setattr(torch, "zeros", zeros)
    with pytest.raises(UsageError, match=r"is not available here: cpu, cuda, cuda:N, mps or auto$"):
        find_device(name)
