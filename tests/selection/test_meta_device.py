"""Networks on torch's `meta` device, whose tensors have shapes and no data: whatever asks for a certain device, or
knows tensors by their address, fails there. All runs as far as a value is read."""

import pytest
import torch
from small_supernets import batch, supernet_of
from toy_network import Toy, points

import selection
from selection.alphas import find_alphas
from selection.gates import committed, masked
from selection.kernels import loss_gram

READS = "cannot be called on meta tensors|Cannot copy out of meta tensor|data-dependent"
COUNTS = ("parameters", "flops", "weight_layers")
OF_IMAGES = ("ntk_infinite_min", "ntk_infinite_min_relative")  # of images only, which have to be read


def meta_network():
    return supernet_of("tiny").to("meta")


def meta_batch():
    x, y = batch(6)
    return x.to("meta"), y.to("meta")


@pytest.mark.parametrize("name", COUNTS)
def test_a_count_needs_no_data(name):
    measure = selection.find_measure(name)
    assert measure(meta_network(), [meta_batch()]) == measure(supernet_of("tiny"), [batch(6)])


@pytest.mark.parametrize("name", sorted({*selection.list_measures()} - {*COUNTS, *OF_IMAGES}))
def test_a_measure_runs_until_a_value_is_read(name):
    with pytest.raises((RuntimeError, NotImplementedError), match=READS):
        selection.find_measure(name)(meta_network(), [meta_batch(), meta_batch()])


@pytest.mark.parametrize("batchnorm", ["frozen", "running", "coupled"])
@pytest.mark.parametrize("outputs", ["sum", "trace", 2])
def test_a_kernel_has_its_shape(outputs, batchnorm):
    kernel = selection.ntk(meta_network(), meta_batch()[0], outputs=outputs, batchnorm=batchnorm)
    assert (kernel.shape, kernel.dtype, kernel.is_meta) == ((6, 6), torch.float64, True)


def test_kernels_in_blocks_and_of_losses_have_their_shapes():
    net, (x, y) = meta_network(), meta_batch()
    assert selection.ntk(net, x, x[:4], block=3).shape == (6, 4)
    assert loss_gram(net, x, y).shape == (6, 6)


def test_options_are_masked_and_committed():
    net, (x, _) = meta_network(), meta_batch()
    for choice, options in net.choices().items():
        first, *others = options
        with masked(net, {choice: others}):
            assert net(x).shape == (6, 4)
        with committed(net, choice, first):
            assert net(x).shape == (6, 4)


@pytest.mark.parametrize("name", ["accuracy", "ntk_min", "zico", "trainability", "linear_regions"])
def test_a_default_device_does_not_reach_into_a_measure(name):
    measure, net = selection.find_measure(name), supernet_of("tiny")
    batches = [batch(), batch(seed=1)]
    expected = measure(net, batches)
    with torch.device("meta"):
        assert measure(net, batches) == expected


@pytest.mark.parametrize("strategy", ["oneshot", "progressive", "sample", "beam"])
def test_a_default_device_does_not_reach_into_a_choice(strategy):
    net = Toy()
    expected = selection.select(net, "perturbation", strategy, batches=points())
    batches = points()
    with torch.device("meta"):
        assert selection.select(net, "perturbation", strategy, batches=batches).options == expected.options


def test_weights_are_not_taken_for_alphas():
    net = meta_network()
    is_alpha = find_alphas(net)
    alphas = {id(alpha) for alpha in net.arch_parameters()}
    assert [is_alpha(p) for p in net.parameters()] == [id(p) in alphas for p in net.parameters()]
    assert all(is_alpha(row[:1]) for row in net.logits().values())
