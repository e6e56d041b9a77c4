"""Fully-connected and residual networks: the supernet of the space `mlp`, and the network of one genotype."""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from .activations import build_activation
from .errors import SpaceError
from .genotype import Genotype
from .mixed import AddedSkip, MixedActivation
from .network import Supernet
from .nodescale import NodeScale

WIDTH = 64
PARAMETRISATIONS = ("standard", "ntk")


class Layers(nn.Module):
    """What the supernet and the networks of the space share: hidden layers of one width without biases, and a linear
    readout.

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
        width = WIDTH if channels is None else channels
        for name, size in (
            ("channels", width),
            ("num_classes", num_classes),
            ("in_chans", in_chans),
            ("image_size", image_size),
        ):
            if size < 1:
                raise SpaceError(f"{name} must be at least 1, not {size}")
        if parametrisation not in PARAMETRISATIONS:
            raise SpaceError(f"parametrisation is one of {', '.join(PARAMETRISATIONS)}, not {parametrisation!r}")
        if not weight_variance > 0:
            raise SpaceError(f"weight_variance must be above 0, not {weight_variance}")
        self.num_classes, self.in_chans, self.image_size, self.weight_variance = (
            num_classes,
            in_chans,
            image_size,
            weight_variance,
        )
        widths = [in_chans * image_size**2, *[width] * layers]
        self.linears = nn.ModuleList(nn.Linear(before, width, bias=False) for before in widths[:-1])
        self.readout = nn.Linear(width, num_classes, bias=False)
        variances = [weight_variance / before for before in widths[:-1]] + [1 / width]
        self.factors = [math.sqrt(variance) if parametrisation == "ntk" else 1.0 for variance in variances]
        for linear, variance, factor in zip((*self.linears, self.readout), variances, self.factors):
            nn.init.normal_(linear.weight, std=math.sqrt(variance) / factor)
        self.scales = nn.ModuleList(
            nn.Identity() if node_scale is None else NodeScale(width, node_scale) for _ in range(layers)
        )

    def run(
        self, x: Tensor, activate: Callable[[int, Tensor], Tensor], added: Callable[[int, Tensor], Tensor | float]
    ) -> Tensor:
        """[B, ...] -> logits [B, num_classes], by what a layer makes of z = W f, and what it adds of f."""
        f = x.flatten(1)
        if f.shape[1] != self.linears[0].in_features:
            size = f"{self.in_chans} x {self.image_size} x {self.image_size}"
            raise SpaceError(
                f"the network takes inputs of {size} = {self.linears[0].in_features} numbers, not {f.shape[1]}"
            )
        for layer, (linear, factor, scale) in enumerate(zip(self.linears, self.factors, self.scales)):
            f = scale(activate(layer, linear(f * factor))) + added(layer, f)
        return self.readout(f * self.factors[-1])


class MLP(Layers):
    """The network of one genotype `MLP(...)`: f_l = s_l(W_l f_(l-1)) + a_(l-1) f_(l-1) (Zhu et al. 2022); sizes as in
    `Layers`.

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
        return self.run(
            x, lambda layer, z: self.activations[layer](z), lambda layer, f: f if edges[layer].skip else 0.0
        )

    def set_drop_path(self, probability: float) -> None:
        """There is none."""
        if probability:
            raise SpaceError("fully-connected layers have no paths to drop: leave drop_path at 0")

    def layers_of_kernel(self) -> dict:
        """What `selection.infinite_ntk` takes: the kernel at infinite width."""
        return kernel_layers(self.genotype, self.weight_variance)


class MLPSupernet(Supernet, Layers, macros=("mlp",)):
    """The supernet of the space `mlp`: every layer mixes its activations, and adds as much of its input as the added
    skip's weight says.

    Args:
        space, seed: see Supernet. layers: None, or as many as the space has.
        sizes: see `Layers`.
    """

    def __init__(self, space, *, layers: int | None = None, seed: int | None = None, **sizes):
        if layers not in (None, space.layers):
            raise SpaceError(
                f"the space has {space.layers} hidden layers, not {layers}: create_space('mlp', layers={layers})"
            )
        with torch.random.fork_rng(devices=[], enabled=seed is not None):
            if seed is not None:
                torch.default_generator.manual_seed(seed)  # the GPUs' generators stay as they are
            Layers.__init__(self, space.layers, **sizes)
            mixes = len(space.activations) > 1
            self.activations = nn.ModuleList(
                MixedActivation(space.activations) if mixes else build_activation(space.activations[0])
                for _ in range(space.layers)
            )
            self.skips = (
                nn.ModuleList(AddedSkip(self.readout.in_features) for _ in range(1, space.layers))
                if space.added_skip
                else None
            )
            self.add_alphas(space)

    def forward(self, x: Tensor) -> Tensor:
        """inputs [B, ...] -> logits [B, num_classes]."""
        mixing = self.mixing_weights()

        def activate(layer: int, z: Tensor) -> Tensor:
            return self.activations[layer](z, mixing["act"][layer]) if "act" in mixing else self.activations[layer](z)

        def added(layer: int, f: Tensor) -> Tensor | float:
            return self.skips[layer - 1](f, mixing["skip"][layer - 1]) if layer and self.skips is not None else 0.0

        return self.run(x, activate, added)

    def choice_points(self) -> Iterator[tuple[str, tuple[str, ...], nn.ModuleList]]:
        """Every layer's activation and added skip."""
        if len(self.space.activations) > 1:
            for layer, act in enumerate(self.activations):
                yield f"layer/{layer}/act", act.names, act.options
        for layer, skip in enumerate(self.skips or (), start=1):
            yield f"layer/{layer}/skip", skip.names, skip.options

    def layers_of_kernel(self) -> dict:
        """What `selection.infinite_ntk` takes, once every choice is decided.

        Raises:
            SpaceError: a choice is open: the kernel at infinite width is that of one architecture.
        """
        decisions = {}
        for choice, alpha in self.logits().items():
            weights = alpha.detach().softmax(0)
            if weights.max() < 1:
                raise SpaceError(
                    f"{choice} is open, and the kernel at infinite width is that of one architecture: take the "
                    f"strategy sample"
                )
            decisions[choice] = self.space.choices()[choice][int(weights.argmax())]
        return kernel_layers(self.space.genotype(decisions), self.weight_variance)


def kernel_layers(genotype: Genotype, weight_variance: float) -> dict:
    """The arguments of `selection.infinite_ntk` that belong to a genotype `MLP(...)`."""
    edges, _ = genotype.cells["layer"]
    return {
        "activations": [edge.act for edge in edges],
        "skips": [edge.skip for edge in edges[1:]],
        "weight_variance": weight_variance,
    }
