"""Taylor: the first-order effect of removing every option, from one backward pass for all of them."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..evaluator import Evaluator
from ..losses import compute_loss
from ..nested import map_nested
from ..preserve import hooked, preserved
from ..protocol import Selectable
from ..registry import register_lift

Passage = tuple[str, str, Tensor]  # choice, option, and the output of one of its modules


@register_lift("taylor", same_images=True)
def taylor(evaluator: Evaluator, choice: str) -> dict[str, float]:
    """score(o) = -dL/ds at s = 1, where s scales the option's output: what the mean loss gains, to first
    order, when the option goes (cross entropy, in nats, where the targets are classes).

    It is the removal of the loss for small steps (Molchanov et al. 2017), at the cost of one forward and backward pass
    a batch for the whole network.
    """
    scores = evaluator.once("taylor", lambda: _score_all(evaluator))
    return scores[choice]


def _score_all(evaluator: Evaluator) -> dict[str, dict[str, float]]:
    net = evaluator.net
    scores = {choice: dict.fromkeys(options, 0.0) for choice, options in net.choices().items()}
    count = sum(len(x) for x, _ in evaluator.batches)
    chosen_loss = evaluator.measure.fixed.get("loss")
    with preserved(net, seed=0), torch.enable_grad():
        net.train()
        for x, y in evaluator.batches:
            passages: list[Passage] = []
            with hooked(_watch_options(net, passages)):
                loss = compute_loss(net(x), y, chosen_loss, "sum")
            outputs = [output for _, _, output in passages]
            gradients = torch.autograd.grad(loss, outputs, allow_unused=True, materialize_grads=True)
            for (choice, option, output), gradient in zip(passages, gradients):
                scores[choice][option] -= float((gradient * output.detach()).sum()) / count
    return scores


def _watch_options(net: Selectable, passages: list[Passage]) -> list:
    """Hooks every module of every option; `passages` receives what passes through it."""
    handles = []
    for choice, options in net.choices().items():
        for option, modules in options.items():
            for module in modules:
                handles.append(module.register_forward_hook(_record_output(choice, option, passages)))
    return handles


def _record_output(choice: str, option: str, passages: list[Passage]) -> Callable:
    def record(output: Tensor) -> Tensor:
        if not output.is_floating_point():
            return output
        # an identity's output is its input, which others read as well, and a noise's depends on nothing: each gets a
        # tensor of its own to differentiate by
        leaf = output.clone() if output.requires_grad else output.detach().requires_grad_()
        passages.append((choice, option, leaf))
        return leaf

    def hook(module: nn.Module, inputs: tuple, output: object) -> object:
        return map_nested(Tensor, record, output)

    return hook
