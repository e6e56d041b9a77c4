"""Fully-connected and residual networks: the supernet of the space `mlp`, and the network of one genotype."""

import math
from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor, nn

from .activations import build_activation
from .choices import name_choice
from .errors import SpaceError, check_size
from .genotype import Genotype
from .graph import is_traced, trace_graph
from .macro import find_macro
from .mixed import AddedSkip, MixedActivation
from .network import SUPERNETS, Supernet
from .nodescale import NodeScale
from .relaxation import Relaxation
from .seeding import seeded

PARAMETRISATIONS = ("standard", "ntk")


class DenseStack(nn.Module):
    """Hidden layers of one width without biases, and a linear readout: what the supernet and the networks of the space
    share.

    Args:
        layers: hidden layers.
        channels: their width m.
        num_classes, in_chans, image_size: of the task; inputs [B, in_chans, image_size, image_size] are flattened.
            Vectors [B, d] are in_chans=d, image_size=1.
        parametrisation: "standard" draws hidden weights from N(0, v / fan-in) and the readout from N(0, 1 / m); "ntk"
            draws all from N(0, 1) and has these variances as factors in the forward pass (Jacot et al. 2018). The
            function at initialisation has the same distribution; training differs.
        weight_variance: v.
        node_scale: gamma of a `NodeScale` behind every activation; None has none.

    Raises:
        SpaceError: sizes that cannot be built, or an unknown parametrisation.
    """

    linears: Any  # nn.ModuleList of nn.Linear

    def __init__(
        self,
        layers: int,
        *,
        channels: int | None = None,
        num_classes: int,
        in_chans: int = 3,
        image_size: int = 32,
        parametrisation: str = "standard",
        weight_variance: float = 2.0,
        node_scale: float | None = None,
    ):
        super().__init__()
        if channels is None:
            channels = find_macro("mlp").supernet_sizes.channels
        sizes = {"channels": channels, "num_classes": num_classes, "in_chans": in_chans, "image_size": image_size}
        for name, size in sizes.items():
            check_size(name, size)
        if parametrisation not in PARAMETRISATIONS:
            raise SpaceError(f"parametrisation is one of {', '.join(PARAMETRISATIONS)}, not {parametrisation!r}")
        if not weight_variance > 0:
            raise SpaceError(f"weight_variance must be above 0, not {weight_variance}")
        self.num_classes = num_classes
        self.in_chans = in_chans
        self.image_size = image_size
        self.weight_variance = weight_variance
        fan_ins = [in_chans * image_size**2] + [channels] * (layers - 1)
        self.linears = nn.ModuleList(nn.Linear(fan_in, channels, bias=False) for fan_in in fan_ins)
        self.readout = nn.Linear(channels, num_classes, bias=False)
        variances = [weight_variance / fan_in for fan_in in fan_ins] + [1 / channels]
        self.factors = [math.sqrt(variance) if parametrisation == "ntk" else 1.0 for variance in variances]
        for linear, variance, factor in zip((*self.linears, self.readout), variances, self.factors):
            nn.init.normal_(linear.weight, std=math.sqrt(variance) / factor)
        self.scales = nn.ModuleList()
        for _ in range(layers):
            self.scales.append(nn.Identity() if node_scale is None else NodeScale(channels, node_scale))

    def run(
        self, x: Tensor, activate: Callable[[int, Tensor], Tensor], added: Callable[[int, Tensor], Tensor | float]
    ) -> Tensor:
        """inputs [B, ...] -> logits [B, num_classes].

        Args:
            activate: (layer, z = W f) -> the layer's activation of z.
            added: (layer, f) -> what the layer adds of its input f.
        """
        f = x.flatten(1)
        numbers = self.linears[0].in_features
        if not is_traced(f) and f.shape[1] != numbers:
            size = f"{self.in_chans} x {self.image_size} x {self.image_size}"
            raise SpaceError(f"the network takes inputs of {size} = {numbers} numbers, not {f.shape[1]}")
        for layer, (linear, factor, scale) in enumerate(zip(self.linears, self.factors, self.scales)):
            z = linear(f * factor)
            f = scale(activate(layer, z)) + added(layer, f)
        return self.readout(f * self.factors[-1])


class MLP(DenseStack):
    """The network of one genotype `MLP(...)`: f_l = s_l(W_l f_(l-1)) + a_(l-1) f_(l-1) (Zhu et al. 2022); sizes as in
    `DenseStack`.

    >>> import torch
    >>> net = MLP(Genotype.from_text("MLP(relu, tanh:add_skip)"), channels=8, num_classes=3, in_chans=1, image_size=4)
    >>> net(torch.zeros(2, 1, 4, 4)).shape
    torch.Size([2, 3])
    """

    def __init__(self, genotype: Genotype, **sizes):
        edges, _ = genotype.cells["layer"]
        super().__init__(len(edges), **sizes)
        self.genotype = genotype
        self.activations = nn.ModuleList(build_activation(edge.act) for edge in edges)

    def forward(self, x: Tensor) -> Tensor:
        """inputs [B, ...] -> logits [B, num_classes]."""
        edges, _ = self.genotype.cells["layer"]

        def activate(layer: int, z: Tensor) -> Tensor:
            return self.activations[layer](z)

        def added(layer: int, f: Tensor) -> Tensor | float:
            return f if edges[layer].skip else 0.0

        return self.run(x, activate, added)

    def __prepare_scriptable__(self) -> nn.Module:
        """Returns what torch.jit.script compiles in the network's place."""
        return trace_graph(self)

    def set_drop_path(self, probability: float) -> None:
        """Raises SpaceError for any rate but 0: fully-connected layers have no paths to drop."""
        if probability:
            raise SpaceError("fully-connected layers have no paths to drop: leave drop_path at 0")

    def layers_of_kernel(self) -> dict:
        """Returns the arguments of `selection.infinite_ntk`, the kernel at infinite width."""
        return kernel_layers(self.genotype, self.weight_variance)


class MLPSupernet(Supernet, DenseStack):
    """The supernet of the space `mlp`: every layer mixes its activations, and adds as much of its input as the added
    skip's weight says.

    Args:
        space, relaxation, seed: see Supernet. layers: None, or as many as the space has.
        sizes: see `DenseStack`.
    """

    activations: Any  # nn.ModuleList, of MixedActivation where there is a choice
    skips: Any  # nn.ModuleList of AddedSkip; None where there is no choice

    def __init__(
        self,
        space,
        *,
        layers: int | None = None,
        relaxation: str | Relaxation = "softmax",
        seed: int | None = None,
        **sizes,
    ):
        if layers not in (None, space.layers):
            raise SpaceError(
                f"the space has {space.layers} hidden layers, not {layers}: create_space('mlp', layers={layers})"
            )
        with seeded(seed):
            DenseStack.__init__(self, space.layers, **sizes)
            self.activations = nn.ModuleList()
            for _ in range(space.layers):
                if len(space.activations) > 1:
                    self.activations.append(MixedActivation(space.activations))
                else:
                    self.activations.append(build_activation(space.activations[0]))
            self.skips = None
            if space.added_skip:
                self.skips = nn.ModuleList(AddedSkip(self.readout.in_features) for _ in range(1, space.layers))
            self.add_alphas(space, relaxation)

    def forward(self, x: Tensor) -> Tensor:
        """inputs [B, ...] -> logits [B, num_classes]."""
        mixing = self.mixing_weights()

        def activate(layer: int, z: Tensor) -> Tensor:
            if "act" in mixing:
                return self.activations[layer](z, mixing["act"][layer])
            return self.activations[layer](z)

        def added(layer: int, f: Tensor) -> Tensor | float:
            if layer == 0 or self.skips is None:
                return 0.0
            return self.skips[layer - 1](f, mixing["skip"][layer - 1])

        return self.run(x, activate, added)

    def choice_points(self) -> Iterator[tuple[str, tuple[str, ...], nn.ModuleList]]:
        """Yields every layer's activation and added skip, where they are choices."""
        if len(self.space.activations) > 1:
            for layer, act in enumerate(self.activations):
                yield name_choice("layer", layer, "act"), act.names, act.options
        for layer, skip in enumerate(self.skips or (), start=1):
            yield name_choice("layer", layer, "skip"), skip.names, skip.options

    def layers_of_kernel(self) -> dict:
        """Returns the arguments of `selection.infinite_ntk`, once every choice is decided.

        Raises:
            SpaceError: a choice is open: the kernel at infinite width is that of one architecture.
        """
        decisions = {}
        choices = self.space.choices()
        for choice, alpha in self.logits().items():
            weights = self.relaxation.expect(alpha.detach())
            if weights.max() < 1:
                raise SpaceError(
                    f"{choice} is open, and the kernel at infinite width is that of one architecture: take the "
                    f"strategy sample"
                )
            decisions[choice] = choices[choice][int(weights.argmax())]
        return kernel_layers(self.space.genotype(decisions), self.weight_variance)


def kernel_layers(genotype: Genotype, weight_variance: float) -> dict:
    """Returns the arguments of `selection.infinite_ntk` that belong to a genotype `MLP(...)`."""
    edges, _ = genotype.cells["layer"]
    return {
        "activations": [edge.act for edge in edges],
        "skips": [edge.skip for edge in edges[1:]],
        "weight_variance": weight_variance,
    }


SUPERNETS["mlp"] = MLPSupernet
