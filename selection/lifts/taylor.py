"""Taylor: the first-order effect of removing every option, from one backward pass for all of them."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..errors import SelectionError
from ..preserve import hooked, preserved
from ..probe import Probe
from ..registry import register_lift


@register_lift("taylor")
def taylor(probe: Probe, choice: str) -> dict[str, float]:
    """score(o) = -dL/ds at s = 1, where s scales the option's output: what the mean cross entropy gains, to first
    order, when the option goes (nats).

    It is the removal of the loss for small steps (Molchanov et al. 2017), at the cost of one forward and backward pass
    a batch for the whole network.
    """
    scores = probe.once("taylor", lambda: _all_scores(probe))
    return scores[choice]


def _all_scores(probe: Probe) -> dict[str, dict[str, float]]:
    if probe.fresh:
        raise SelectionError("taylor scores all options on the same images: give batches as a list [(x, y), ...]")
    choices = probe.net.choices()
    modules = [
        (choice, option, module)
        for choice, options in choices.items()
        for option, carriers in options.items()
        for module in carriers
    ]
    scores = {choice: dict.fromkeys(options, 0.0) for choice, options in choices.items()}
    count = sum(len(y) for _, y in probe.batches)
    with preserved(probe.net, seed=0), torch.enable_grad():
        probe.net.train()
        for x, y in probe.batches:
            outputs: list[tuple[str, str, Tensor]] = []
            loss = _loss_with_outputs(probe.net, modules, outputs, x, y)
            gradients = torch.autograd.grad(
                loss, [output for *_, output in outputs], allow_unused=True, materialize_grads=True
            )
            for (choice, option, output), gradient in zip(outputs, gradients):
                scores[choice][option] -= float((gradient * output.detach()).sum()) / count
    return scores


def _loss_with_outputs(net: nn.Module, modules: list, outputs: list, x: Tensor, y: Tensor) -> Tensor:
    """The summed loss; `outputs` receives (choice, option, output) of every passage through an option."""

    def keep(choice: str, option: str):
        def hook(module: nn.Module, inputs: tuple, output: Tensor) -> Tensor:
            # an identity's output is its input, which others read as well, and a noise's depends on nothing: each gets
            # a tensor of its own to differentiate by
            own = output.clone() if output.requires_grad else output.detach().requires_grad_()
            outputs.append((choice, option, own))
            return own

        return hook

    with hooked(module.register_forward_hook(keep(choice, option)) for choice, option, module in modules):
        return F.cross_entropy(net(x), y, reduction="sum")
