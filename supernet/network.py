"""The supernet: one network that holds every architecture of a space, and its alphas."""

from collections.abc import Iterator
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .genotype import Genotype


class Supernet(nn.Module):
    """A DARTS supernet (Liu et al. 2019): every choice is the softmax(alpha)-weighted sum of its options.

    `Supernet(space, ...)` is the network that fits the space: of cells (`CellSupernet`), or of fully-connected layers
    (`MLPSupernet`); see there for sizes.

    Args:
        space: what is searched.
        channels, layers: of the skeleton; by default 16 channels, and 8 cells (darts) or 5 cells per stage
            (nasbench201); or the width of the layers (mlp).
        num_classes, in_chans: of the task.
        seed: of weights and alphas; None takes torch's global generator as it is.

    It answers `choices()`, `logits()`, `inputs()` and `excluded()`, so that every selector works on it. Alphas start at
    1e-3 times a standard normal.

    >>> from supernet import create_space
    >>> net = Supernet(create_space("tiny"), channels=4, layers=2, num_classes=10, seed=0)
    >>> net(torch.zeros(2, 3, 8, 8)).shape
    torch.Size([2, 10])
    >>> net.logits()["normal/3/op"].shape
    torch.Size([3])
    """

    _bodies: ClassVar[dict[str, type["Supernet"]]] = {}

    def __init_subclass__(cls, macros: tuple[str, ...] = (), **rest: Any):
        super().__init_subclass__(**rest)
        cls._bodies |= dict.fromkeys(macros, cls)

    def __new__(cls, space: Any = None, *_: Any, **__: Any) -> "Supernet":
        return super().__new__(cls._bodies[space.macro] if cls is Supernet else cls)

    def add_alphas(self, space: Any) -> None:
        """Draws the alphas, once everything else is built."""
        self.space = space
        self.alphas = nn.ParameterDict(
            {
                name: nn.Parameter(1e-3 * torch.randn(len(rows), len(next(iter(rows.values())))))
                for name, rows in space.tables().items()
            }
        )

    def mixing_weights(self) -> dict[str, Tensor]:
        """{table of alphas: softmax(alpha) [choices, options]}."""
        return {name: F.softmax(alpha, dim=-1) for name, alpha in self.alphas.items()}

    def choice_points(self) -> Iterator[tuple[str, tuple[str, ...], nn.ModuleList]]:
        """Every place at which a choice is made: (choice, names of its options, their modules)."""
        raise NotImplementedError

    def choices(self) -> dict[str, dict[str, list[nn.Module]]]:
        """{choice: {option: the modules that carry it, wherever the choice is made}}."""
        found: dict[str, dict[str, list[nn.Module]]] = {
            choice: {option: [] for option in options} for choice, options in self.space.choices().items()
        }
        for choice, names, options in self.choice_points():
            for name, module in zip(names, options):
                found[choice][name].append(module)
        return found

    def logits(self) -> dict[str, Tensor]:
        """{choice: its row of alpha [options]}, views of the live parameters."""
        return {
            choice: alpha
            for name, rows in self.space.tables().items()
            for choice, alpha in zip(rows, self.alphas[name])
        }

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
            decisions: {choice: option}; where a choice is missing, its allowed option of largest alpha (ties: the
                first).
            inputs: {node: [choices it keeps, strongest first]}; where a node is missing, the edges whose best allowed
                option has the largest softmax weight (ties: the first edge; `none` is not allowed in DARTS, but it
                takes its share of the softmax).

        Raises:
            GenotypeError: a decision is not one of the space.
        """
        decisions, inputs = dict(decisions or {}), dict(inputs or {})
        strength = {}
        with torch.no_grad():
            for choice, alpha in self.logits().items():
                weights = F.softmax(alpha, dim=-1).tolist()
                allowed = {
                    option: w
                    for option, w in zip(self.space.choices()[choice], weights)
                    if option not in self.excluded()
                }
                decisions.setdefault(choice, max(allowed, key=allowed.__getitem__))
                strength[choice] = max(allowed.values())
        for node, (keep, names) in self.inputs().items():
            inputs.setdefault(node, sorted(names, key=lambda name: -strength[name])[:keep])
        return self.space.genotype(decisions, inputs)
