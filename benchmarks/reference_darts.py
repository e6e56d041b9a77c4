"""The supernet and the alpha step the way public DARTS code runs them, restated plainly: what ours is tested and timed
against.

Every option of every edge runs by itself, with its own ReLU and BatchNorm; edges are added up one by one; the alphas
are tensors beside the module; the second-order step builds a second network and differentiates four times (Liu et al.
2019, eq. 7 and 8). Modules are named as in `supernet`.
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

OPTIONS = (
    "none",
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
)
NODES = (2, 3, 4, 5)

Batch = tuple[Tensor, Tensor]


class Zero(nn.Module):
    def __init__(self, stride: int):
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :, :: self.stride, :: self.stride] * 0


class HalvingSkip(nn.Module):
    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        self.conv_1 = nn.Conv2d(in_channels, out_channels // 2, 1, stride=2, bias=False)
        self.conv_2 = nn.Conv2d(in_channels, out_channels // 2, 1, stride=2, bias=False)
        self.bn = nn.BatchNorm2d(out_channels, affine=False)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(x)
        return self.bn(torch.cat([self.conv_1(x), self.conv_2(x[:, :, 1:, 1:])], dim=1))


def pointwise(in_channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.ReLU(), nn.Conv2d(in_channels, out_channels, 1, bias=False), nn.BatchNorm2d(out_channels, affine=False)
    )


def separable(channels: int, kernel: int, stride: int, dilation: int) -> list[nn.Module]:
    padding = dilation * (kernel // 2)
    depthwise = nn.Conv2d(channels, channels, kernel, stride, padding, dilation, groups=channels, bias=False)
    return [nn.ReLU(), depthwise, nn.Conv2d(channels, channels, 1, bias=False), nn.BatchNorm2d(channels, affine=False)]


def build_option(name: str, channels: int, stride: int) -> nn.Module:
    if name == "none":
        return Zero(stride)
    if name == "skip_connect":
        return nn.Identity() if stride == 1 else HalvingSkip(channels, channels)
    if name == "max_pool_3x3":
        return nn.Sequential(nn.MaxPool2d(3, stride, padding=1), nn.BatchNorm2d(channels, affine=False))
    if name == "avg_pool_3x3":
        return nn.Sequential(
            nn.AvgPool2d(3, stride, padding=1, count_include_pad=False), nn.BatchNorm2d(channels, affine=False)
        )
    kernel = int(name[-1])
    if name.startswith("dil"):
        return nn.Sequential(*separable(channels, kernel, stride, dilation=2))
    return nn.Sequential(
        *separable(channels, kernel, stride, dilation=1), *separable(channels, kernel, stride=1, dilation=1)
    )


class ReferenceMixedOp(nn.Module):
    def __init__(self, channels: int, stride: int):
        super().__init__()
        self.options = nn.ModuleList(build_option(name, channels, stride) for name in OPTIONS)

    def forward(self, x: Tensor, weights: Tensor) -> Tensor:
        return sum(weight * option(x) for weight, option in zip(weights, self.options))


class ReferenceCell(nn.Module):
    def __init__(self, before_last: int, last: int, channels: int, reduction: bool, reduction_prev: bool):
        super().__init__()
        older = HalvingSkip(before_last, channels) if reduction_prev else pointwise(before_last, channels)
        self.preprocess = nn.ModuleList([older, pointwise(last, channels)])
        strides = (2 if reduction and source < 2 else 1 for node in NODES for source in range(node))
        self.edges = nn.ModuleList(ReferenceMixedOp(channels, stride) for stride in strides)

    def forward(self, before_last: Tensor, last: Tensor, weights: Tensor) -> Tensor:
        states = [self.preprocess[0](before_last), self.preprocess[1](last)]
        row = 0
        for node in NODES:
            states.append(sum(self.edges[row + source](x, weights[row + source]) for source, x in enumerate(states)))
            row += node
        return torch.cat(states[2:], dim=1)


class ReferenceSupernet(nn.Module):
    """The supernet of space `darts`; `alphas` are two plain tensors [14, 8], normal and reduce.

    >>> ReferenceSupernet(channels=2, layers=3, num_classes=10)(torch.zeros(2, 3, 8, 8)).shape
    torch.Size([2, 10])
    """

    def __init__(self, channels: int, layers: int, num_classes: int):
        super().__init__()
        self.sizes = {"channels": channels, "layers": layers, "num_classes": num_classes}
        self.stem = nn.Sequential(nn.Conv2d(3, 3 * channels, 3, padding=1, bias=False), nn.BatchNorm2d(3 * channels))
        before_last = last = 3 * channels
        self.cells = nn.ModuleList()
        self.reductions = [layer in (layers // 3, 2 * layers // 3) for layer in range(layers)]
        for reduction, reduction_prev in zip(self.reductions, [False, *self.reductions]):
            channels *= 2 if reduction else 1
            self.cells.append(ReferenceCell(before_last, last, channels, reduction, reduction_prev))
            before_last, last = last, 4 * channels
        self.classifier = nn.Linear(last, num_classes)
        self.alphas = [(1e-3 * torch.randn(14, 8)).requires_grad_() for _ in range(2)]

    def forward(self, x: Tensor) -> Tensor:
        """images [B, 3, H, W] -> logits [B, num_classes]."""
        before_last = last = self.stem(x)
        for cell, reduction in zip(self.cells, self.reductions):
            weights = torch.softmax(self.alphas[reduction], dim=-1)
            before_last, last = last, cell(before_last, last, weights)
        return self.classifier(nn.functional.adaptive_avg_pool2d(last, 1).flatten(1))

    def renewed(self, weights: Iterator[Tensor]) -> "ReferenceSupernet":
        """A second network with the same alphas and BatchNorm statistics, and other weights."""
        twin = ReferenceSupernet(**self.sizes).to(self.alphas[0])
        names = [name for name, _ in self.named_parameters()]
        twin.load_state_dict(self.state_dict() | dict(zip(names, weights)))
        twin.alphas = [alpha.detach().clone().requires_grad_() for alpha in self.alphas]
        return twin


def copy_weights(ours: nn.Module, reference: ReferenceSupernet) -> None:
    """Gives the reference the weights, BatchNorm statistics and alphas of a `supernet.Supernet` of space `darts`, and
    its dtype and device.

    Raises:
        RuntimeError: the two have different sizes.
    """
    reference.to(ours.classifier.weight)
    weights = {name: tensor for name, tensor in ours.state_dict().items() if not name.startswith("alphas.")}
    reference.load_state_dict(weights)
    reference.alphas = [ours.alphas[group].detach().clone().requires_grad_() for group in ("normal", "reduce")]


class ReferenceArchitect:
    """Gradients of the validation loss with respect to the alphas.

    Args:
        net: the supernet.
        loss_fn: (logits, targets) -> loss.
        weights_optimizer: SGD with momentum and weight decay; its learning rate is the length of the unrolled step.
    """

    def __init__(
        self, net: ReferenceSupernet, loss_fn: Callable[[Tensor, Tensor], Tensor], weights_optimizer: torch.optim.SGD
    ):
        self.net = net
        self.loss_fn = loss_fn
        self.weights_optimizer = weights_optimizer

    def first_order(self, val_batch: Batch) -> list[Tensor]:
        """At the present weights; the gradients of all weights are computed too, and left in them."""
        for alpha in self.net.alphas:
            alpha.grad = None
        self._loss(self.net, val_batch).backward()
        return [alpha.grad for alpha in self.net.alphas]

    def second_order(self, train_batch: Batch, val_batch: Batch) -> list[Tensor]:
        """At the weights after one SGD step, minus the learning rate times the mixed derivative, by central
        differences."""
        rate = self.weights_optimizer.param_groups[0]["lr"]
        twin = self.net.renewed(self._unrolled(train_batch))
        self._loss(twin, val_batch).backward()
        vector = [weight.grad for weight in twin.parameters()]
        radius = 0.01 / torch.cat([v.flatten() for v in vector]).norm()
        self._move(vector, radius)
        plus = torch.autograd.grad(self._loss(self.net, train_batch), self.net.alphas)
        self._move(vector, -2 * radius)
        minus = torch.autograd.grad(self._loss(self.net, train_batch), self.net.alphas)
        self._move(vector, radius)
        return [alpha.grad - rate * (p - m) / (2 * radius) for alpha, p, m in zip(twin.alphas, plus, minus)]

    def _loss(self, net: ReferenceSupernet, batch: Batch) -> Tensor:
        return self.loss_fn(net(batch[0]), batch[1])

    def _unrolled(self, batch: Batch) -> Iterator[Tensor]:
        group = self.weights_optimizer.param_groups[0]
        weights = list(self.net.parameters())
        gradients = torch.autograd.grad(self._loss(self.net, batch), weights)
        for weight, gradient in zip(weights, gradients):
            momentum = self.weights_optimizer.state.get(weight, {}).get("momentum_buffer", torch.zeros_like(weight))
            step = group["momentum"] * momentum + gradient + group["weight_decay"] * weight.detach()
            yield weight.detach() - group["lr"] * step

    def _move(self, vector: list[Tensor], length: Tensor) -> None:
        with torch.no_grad():
            for weight, v in zip(self.net.parameters(), vector):
                weight.add_(length * v)
