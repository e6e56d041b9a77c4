"""Scores that are read off the network without running it: alpha, size, and the baseline that reads nothing."""

import torch

from ..probe import Probe
from ..registry import register_lift


@register_lift("magnitude")
@torch.no_grad()
def magnitude(probe: Probe, choice: str) -> dict[str, float]:
    """softmax(alpha): vanilla DARTS (Liu et al. 2019). An option that is never chosen still takes its share of the
    softmax."""
    net = probe.net
    weights = net.strengths(choice) if hasattr(net, "strengths") else net.logits()[choice].softmax(0)
    return dict(zip(net.choices()[choice], weights.tolist()))


@register_lift("size")
def size(probe: Probe, choice: str) -> dict[str, float]:
    """Number of parameters of the option's modules."""
    return {
        option: float(sum(p.numel() for m in modules for p in m.parameters()))
        for option, modules in probe.net.choices()[choice].items()
    }


@register_lift("random")
def random(probe: Probe, choice: str) -> dict[str, float]:
    """Uniform numbers, drawn by name: the order of the options does not matter."""
    options = sorted(probe.net.choices()[choice])
    return dict(zip(options, torch.rand(len(options), generator=probe.generator).tolist()))
