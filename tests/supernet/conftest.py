"""Networks moved off their start, so that every term of a comparison matters."""

import pytest
import torch
from torch import nn

from supernet.operations import Noise


def _scrambled(net, seed=0):
    generator = torch.Generator().manual_seed(seed)
    net.double()
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                if module.track_running_stats:
                    module.running_mean.normal_(generator=generator)
                    module.running_var.uniform_(0.5, 2.0, generator=generator)
                    module.num_batches_tracked.random_(1, 9, generator=generator)
                if module.affine:
                    module.weight.uniform_(0.5, 1.5, generator=generator)
                    module.bias.normal_(generator=generator)
        for alpha in getattr(net, "alphas", {}).values():
            alpha.normal_(generator=generator)
    return net


@pytest.fixture
def scrambled():
    """net -> the same net in float64, with random BatchNorm statistics, scales and alphas."""
    return _scrambled


@pytest.fixture
def all_close():
    """(actual, expected, rtol, atol) -> assert_close of every tensor of two dicts; it is called, being slow, only on
    those that are not close."""

    def check(actual, expected, rtol=1e-9, atol=1e-10):
        assert actual.keys() == expected.keys()
        for name, tensor in expected.items():
            alike = (actual[name].shape, actual[name].dtype) == (tensor.shape, tensor.dtype)
            if not (alike and torch.allclose(actual[name], tensor, rtol=rtol, atol=atol)):
                torch.testing.assert_close(
                    actual[name], tensor, rtol=rtol, atol=atol, msg=lambda text, name=name: f"{name}: {text}"
                )
                raise AssertionError(f"{name} is not close")

    return check


@pytest.fixture
def still_noise(monkeypatch):
    """The option `noise` gives the same values at every call, whatever the order of the calls."""

    def forward(self, x):
        y = x[:, :, :: self.stride, :: self.stride]
        return torch.arange(y[0].numel(), dtype=x.dtype).sin().view(y[0].shape).expand(y.shape)

    monkeypatch.setattr(Noise, "forward", forward)
