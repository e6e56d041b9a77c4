"""Networks on a device without float64, as Apple's GPU: nothing there asks for it, and the values are the CPU's."""

import copy
import warnings

import pytest
import torch
from emulated_gpu import DEVICE, OnGpu, emulated_gpu, move
from torch import nn
from toy_network import Toy, points

import selection
from selection.alphas import find_alphas
from selection.costs import count_costs
from selection.gates import committed, masked
from selection.kernels import loss_gram
from selection.numerics.decay import decay
from selection.numerics.precision import convert_to_float64, has_float64, prepare_algebra
from selection.numerics.spectrum import spectrum
from selection.preserve import preserved
from supernet import Genotype, Supernet, build, create_space

IN_FLOAT32 = ("ntk_", "grad", "synflow")  # beginnings of the measures that compute on the network's own device
NOT = ("grad_norm", "ntk_infinite_min", "ntk_infinite_min_relative")


@pytest.fixture(autouse=True)
def generator(monkeypatch):
    with emulated_gpu(monkeypatch) as generator:
        yield generator


def supernet():
    net = Supernet(create_space("tiny"), channels=4, layers=1, num_classes=3, seed=0)
    with torch.no_grad():
        for alpha in net.arch_parameters():
            alpha.copy_(torch.randn(alpha.shape, generator=torch.Generator().manual_seed(0)))
    return net


def batch(device="cpu", count=8):
    x = torch.randn(count, 3, 6, 6, generator=torch.Generator().manual_seed(1))
    return x.to(device), (torch.arange(count) % 3).to(device)


def measured(name, net, device):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        value = selection.find_measure(name)(net, [batch(device), batch(device)])
    return value, [str(warning.message) for warning in caught]


def test_the_emulated_device_refuses_float64_and_the_cpu():
    there = torch.ones(3).to(DEVICE)
    assert isinstance(there + 1, OnGpu) and there[1:].device == DEVICE
    with pytest.raises(TypeError, match="float64"):
        there.double()
    with pytest.raises(RuntimeError, match="on the CPU"):
        there + torch.ones(3)


@pytest.mark.parametrize("name", selection.list_measures())
def test_every_measure_is_the_cpus_and_says_where_it_is_in_float32(name):
    net = supernet()
    if "infinite" in name:
        net = build(Genotype.from_text("MLP(relu,tanh)"), channels=4, num_classes=3, image_size=6)
    expected, silent = measured(name, net, "cpu")
    value, notes = measured(name, move(copy.deepcopy(net)), DEVICE)
    assert value == pytest.approx(expected, rel=2e-4, abs=1e-5)
    assert not silent
    in_float32 = name.startswith(IN_FLOAT32) and name not in NOT
    assert any("computed in float32" in note for note in notes) == in_float32


@pytest.mark.parametrize("criterion", ["perturbation", "taylor", "removal:ntk_trace", "removal:zico", "magnitude"])
def test_a_criterion_chooses_as_on_the_cpu(criterion):
    ((x, y),) = points()
    there = selection.select(move(Toy()), criterion, "oneshot", batches=[(x.to(DEVICE), y.to(DEVICE))])
    here = selection.select(Toy(), criterion, "oneshot", batches=[(x, y)])
    assert there.options == here.options
    assert any("float32" in note for note in there.notes) == ("ntk" in criterion)
    assert not any("float32" in note for note in here.notes)


@pytest.mark.parametrize("settings", [{}, {"dtype": "float64"}, {"outputs": "trace", "block": 5}, {"outputs": 2}])
@pytest.mark.parametrize("batchnorm", ["frozen", "coupled"])
def test_a_kernel_is_made_in_float32_where_the_network_is(settings, batchnorm):
    if batchnorm == "coupled":
        settings = {key: value for key, value in settings.items() if key != "block"}
    net = supernet()
    expected = selection.ntk(net, batch()[0], batchnorm=batchnorm, **settings)
    assert expected.dtype == torch.float64
    with pytest.warns(UserWarning, match="computed in float32"):
        kernel = selection.ntk(move(net), batch(DEVICE)[0], batchnorm=batchnorm, **settings)
    assert (kernel.dtype, kernel.device) == (torch.float32, DEVICE)
    torch.testing.assert_close(kernel.cpu().double(), expected, rtol=1e-4, atol=1e-4 * float(expected.max()))
    values = spectrum(kernel)
    assert values.max == pytest.approx(spectrum(expected).max, rel=1e-4)
    assert values.floor > 1e-8 * values.max, "the rounding noise is that of float32"


def test_a_kernel_in_float32_says_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        selection.ntk(move(supernet()), batch(DEVICE)[0], dtype="float32")


def test_a_gram_matrix_of_losses_is_made_there():
    net = supernet()
    expected = loss_gram(net, *batch())
    with pytest.warns(UserWarning, match="computed in float32"):
        gram = loss_gram(move(net), *batch(DEVICE))
    torch.testing.assert_close(gram.cpu().double(), expected, rtol=1e-4, atol=1e-4 * float(expected.max()))


def test_the_exponents_of_a_kernel_there_are_the_cpus():
    kernel = torch.diag(torch.arange(1.0, 401.0) ** -2.0)
    targets = torch.arange(1.0, 401.0) ** -1.5
    assert decay(kernel.to(DEVICE), targets.to(DEVICE)) == decay(kernel, targets)


def test_float64_is_tried_on_the_tensors_device_alone():
    here, there = torch.ones(2), torch.ones(2).to(DEVICE)
    assert has_float64(here) and has_float64(torch.empty(0, dtype=torch.int64)) and not has_float64(there)
    assert has_float64(torch.ones(2, device="meta")) and convert_to_float64(torch.ones(2, device="meta")).is_meta
    assert prepare_algebra(here) is here
    for converted in (convert_to_float64(there), prepare_algebra(there), convert_to_float64(there > 0)):
        assert converted.device.type == "cpu" and converted.tolist() == [1.0, 1.0] and converted.dtype == torch.float64


def test_the_devices_random_state_comes_back(generator):
    net = move(nn.Linear(2, 2))
    generator.manual_seed(5)
    before, here = generator.get_state(), torch.get_rng_state()
    with preserved(net, seed=1):
        seeded = torch.rand(2, generator=generator)
    assert torch.equal(generator.get_state(), before) and torch.equal(torch.get_rng_state(), here)
    assert torch.equal(seeded, torch.rand(2, generator=torch.Generator().manual_seed(1)))


def test_masks_and_commitments_hold_there():
    here = Toy()
    there = move(copy.deepcopy(here))
    ((x, _),) = points(4)
    for switch in (lambda net: masked(net, {"layer/0/op": ["a", "b"]}), lambda net: committed(net, "layer/2/op", "b")):
        with switch(here), switch(there):
            torch.testing.assert_close(there(x.to(DEVICE)).cpu(), here(x))


def test_alphas_are_known_by_their_memory_there():
    net = move(Toy())
    is_alpha = find_alphas(net)
    assert [name for name, parameter in net.named_parameters() if is_alpha(parameter)] == ["alphas"]
    assert is_alpha(net.alphas[1:].detach()) and not is_alpha(net.alphas.detach().clone())


def test_passes_are_timed_there():
    ((costs),) = count_costs(move(supernet()), {"latency": 60.0}, batch(DEVICE)[0])
    assert costs.base >= 0
