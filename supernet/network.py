"""The supernet: one network that holds every architecture of a space, and its alphas."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .cell import MixedCell
from .errors import SpaceError
from .genotype import Genotype
from .skeleton import DEFAULTS, Site, Skeleton
from .space import Space


class Supernet(Skeleton):
    """A DARTS supernet (Liu et al. 2019): every edge is the softmax(alpha)-weighted sum of its options.

    Args:
        space: what is searched.
        channels, layers: of the skeleton; by default 16 channels, and 8 cells (darts) or 5 cells per stage (nasbench201).
        num_classes, in_chans: of the task.
        seed: of weights and alphas; None takes torch's global generator as it is.

    It answers `choices()`, `logits()`, `inputs()` and `excluded()`, so that every selector works on it. Alphas start at 1e-3 times a standard normal.

    >>> from supernet import create_space
    >>> net = Supernet(create_space("tiny"), channels=4, layers=2, num_classes=10, seed=0)
    >>> net(torch.zeros(2, 3, 8, 8)).shape
    torch.Size([2, 10])
    >>> net.logits()["normal/3/op"].shape
    torch.Size([3])
    """

    def __init__(self, space: Space, *, channels: int | None = None, layers: int | None = None, num_classes: int, in_chans: int = 3, seed: int | None = None):
        defaults = DEFAULTS[space.macro]
        sizes: dict[str, Any] = {"num_classes": num_classes, "in_chans": in_chans}
        sizes |= {"channels": defaults["channels"] if channels is None else channels, "layers": defaults["layers"] if layers is None else layers}
        darts = space.macro == "darts"

        def build_cell(site: Site) -> MixedCell:
            return MixedCell(
                space.cells[site.group], site.channels, site.previous,
                reduction=site.reduction, reduction_prev=site.reduction_prev, preprocess=darts, pool_norm=darts,
            )  # fmt: skip

        with torch.random.fork_rng(devices=[], enabled=seed is not None):
            if seed is not None:
                torch.default_generator.manual_seed(seed)  # the GPUs' generators stay as they are
            super().__init__(space.macro, {group: len(cell.concat) for group, cell in space.cells.items()}, build_cell, **sizes)
            self.space = space
            idle = space.cells.keys() - {site.group for site in self.sites}
            if idle:
                raise SpaceError(f"with layers={sizes['layers']} space {space.name} has no {', '.join(sorted(idle))} cell to search: take at least 3 layers")
            self.alphas = nn.ParameterDict(
                {group: nn.Parameter(1e-3 * torch.randn(len(cell.edges), len(cell.operations[0]))) for group, cell in space.cells.items()}
            )

    def forward(self, x: Tensor) -> Tensor:
        """images [B, in_chans, H, W] -> logits [B, num_classes]; on a CPU channels_last images are several times as fast (depthwise convolutions)."""
        weights = self.mixing_weights()
        *_, features = self.run_cells(x, lambda site, cell, previous, current: cell(previous, current, weights=weights[site.group]))
        return self.head(features)

    def mixing_weights(self) -> dict[str, Tensor]:
        """{group: softmax(alpha) [edges, options]}."""
        return {group: F.softmax(alpha, dim=-1) for group, alpha in self.alphas.items()}

    def choices(self) -> dict[str, dict[str, list[nn.Module]]]:
        """{choice: {option: the modules that carry it, in every cell of the group}}."""
        found: dict[str, dict[str, list[nn.Module]]] = {choice: {option: [] for option in options} for choice, options in self.space.choices().items()}
        for site, cell in zip(self.sites, self.cells):
            if site.group is not None:
                for row, edge in enumerate(cell.edges):
                    for option, module in zip(edge.names, edge.options):
                        found[f"{site.group}/{row}/op"][option].append(module)
        return found

    def logits(self) -> dict[str, Tensor]:
        """{choice: its row of alpha [options]}, views of the live parameters."""
        return {f"{group}/{row}/op": alpha[row] for group, alpha in self.alphas.items() for row in range(len(alpha))}

    def inputs(self) -> dict[str, tuple[int, list[str]]]:
        """{node: (edges it keeps, the choices on the edges that reach it)}; empty where every edge stays."""
        return self.space.inputs()

    def excluded(self) -> tuple[str, ...]:
        """Options that are mixed but never chosen."""
        return self.space.excluded

    def weight_parameters(self) -> Iterator[nn.Parameter]:
        """Every parameter but the alphas."""
        return (parameter for name, parameter in self.named_parameters() if not name.startswith("alphas."))

    def arch_parameters(self) -> list[nn.Parameter]:
        """The alphas, one tensor [edges, options] a group."""
        return list(self.alphas.values())

    def genotype(self, decisions: dict[str, str] | None = None, inputs: dict[str, list[str]] | None = None) -> Genotype:
        """The architecture of some decisions; what is not given is decided by alpha, as DARTS does it.

        Args:
            decisions: {choice: option}; where a choice is missing, its allowed option of largest alpha (ties: the first).
            inputs: {node: [choices it keeps, strongest first]}; where a node is missing, the edges whose best allowed option has the largest
                softmax weight (ties: the first edge; `none` is not allowed in DARTS, but it takes its share of the softmax).

        Raises:
            GenotypeError: a decision is not one of the space.
        """
        decisions, inputs = dict(decisions or {}), dict(inputs or {})
        strength = {}
        with torch.no_grad():
            for choice, alpha in self.logits().items():
                weights = F.softmax(alpha, dim=-1).tolist()
                allowed = {option: w for option, w in zip(self.space.choices()[choice], weights) if option not in self.excluded()}
                decisions.setdefault(choice, max(allowed, key=allowed.__getitem__))
                strength[choice] = max(allowed.values())
        for node, (keep, names) in self.inputs().items():
            inputs.setdefault(node, sorted(names, key=lambda name: -strength[name])[:keep])
        return self.space.genotype(decisions, inputs)
