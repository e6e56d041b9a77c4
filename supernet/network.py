"""The supernet: one network that holds every architecture of a space, and its alphas."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from .choices import edge_of
from .errors import SpaceError
from .genotype import Genotype
from .macro import find_macro
from .partial import weigh_edges
from .relaxation import Relaxation, create_relaxation
from .seeding import seeded


class Supernet(nn.Module):
    """A DARTS supernet (Liu et al. 2019): every choice is the weighted sum of its options, by softmax(alpha) or another
    relaxation.

    `Supernet(space, ...)` is the network that fits the space: of cells (`CellSupernet`), or of fully-connected layers
    (`MLPSupernet`); see there for sizes.

    Args:
        space: what is searched.
        channels, layers: of the skeleton; by default 16 channels, and 8 cells (darts) or 5 cells per stage
            (nasbench201); or the width of the layers (mlp).
        num_classes, in_chans: of the task.
        relaxation: how alphas become mixing weights: a name of `list_relaxations`, or a `Relaxation`.
        seed: of weights and alphas; None takes torch's global generator as it is.

    Relaxations that draw take torch's global generator, or `draw_seed`, if it is set: all passes with one seed see one
    mixture. It answers `choices()`, `logits()`, `inputs()` and `excluded()`, so that every selector works on it. Alphas
    start at 1e-3 times a standard normal.

    >>> from supernet import create_space
    >>> net = Supernet(create_space("tiny"), channels=4, layers=2, num_classes=10, seed=0)
    >>> net(torch.zeros(2, 3, 8, 8)).shape
    torch.Size([2, 10])
    >>> net.logits()["normal/3/op"].shape
    torch.Size([3])
    """

    def __new__(cls, space: Any = None, *args: Any, **sizes: Any) -> "Supernet":
        """Makes an instance of the class that fits the space; a subclass makes its own."""
        if cls is Supernet:
            fitting: Any = SUPERNETS[find_macro(space.macro).name]
            return super().__new__(fitting)
        return super().__new__(cls)

    def add_alphas(self, space: Any, relaxation: str | Relaxation) -> None:
        """Draws the alphas, once everything else is built."""
        self.space = space
        self.relaxation = create_relaxation(relaxation)
        self.betas = nn.ParameterDict()
        self.draw_seed: int | None = None
        self.held_mixing: dict[str, Tensor] | None = None
        alphas = {}
        for name, choices in space.tables().items():
            options = next(iter(choices.values()))
            alphas[name] = nn.Parameter(1e-3 * torch.randn(len(choices), len(options)))
        self.alphas = nn.ParameterDict(alphas)

    def add_betas(self, space: Any) -> None:
        """Draws a number for each edge of each cell."""
        betas = {group: nn.Parameter(1e-3 * torch.randn(len(cell.edges))) for group, cell in space.cells.items()}
        self.betas = nn.ParameterDict(betas)

    def edge_weights(self) -> dict[str, Tensor]:
        """Returns {group: weights [edges]}, of the edges into each node the softmax of beta; empty without betas."""
        weights = {}
        for group, betas in self.betas.items():
            cell = self.space.cells[group]
            weights[group] = weigh_edges(betas, [cell.edges_into(node) for node in cell.nodes])
        return weights

    @torch.no_grad()
    def start_skips(self, start: float) -> None:
        """Raises the alpha of adding every skip: at 2 it has weight .88 of what a skip can add.

        A mixture of activations carries less than each of them, and half a skip cannot make up for it: deep supernets
        need this to train at all.

        Raises:
            SpaceError: there are no added skips to choose.

        >>> from supernet import create_space
        >>> net = Supernet(create_space("mlp", layers=3), channels=4, num_classes=2, in_chans=1, image_size=2, seed=0)
        >>> net.start_skips(2.0)
        >>> [round(weight, 2) for weight in net.mixing_weights()["skip"][:, 1].tolist()]
        [0.88, 0.88]
        """
        choices = self.space.choices()
        skips = [choice for choice, options in choices.items() if "add_skip" in options]
        if not skips:
            raise SpaceError("there are no added skips to start: create_space(..., added_skip=True)")
        alphas = self.logits()
        for choice in skips:
            alphas[choice][choices[choice].index("add_skip")] += start

    def mixing_weights(self) -> dict[str, Tensor]:
        """Returns {table of alphas: weights [choices, options]}: in training mode as the relaxation draws them, in eval
        mode without chance; or those that are held, as `held_mixing`."""
        if self.held_mixing is not None:
            return self.held_mixing
        weigh = self.relaxation.weigh if self.training else self.relaxation.expect
        with seeded(self.draw_seed):
            return {name: weigh(alpha) for name, alpha in self.alphas.items()}

    @torch.no_grad()
    def strengths(self, choice: str) -> Tensor:
        """Returns what the options of a choice are ranked by [options]: where edges have weights, times that of its
        edge."""
        strengths = self.relaxation.rank(self.logits()[choice])
        group = choice.split("/")[0]
        if group in self.betas and choice.endswith("/op"):
            strengths = strengths * self.edge_weights()[group][edge_of(choice)]
        return strengths

    def commitment(self, choice: str, option: str) -> Tensor:
        """Returns the alphas [options] at which an option has weight 1 and the others 0."""
        names = self.space.choices()[choice]
        return self.relaxation.commit(torch.tensor([float(name == option) for name in names], device="cpu"))

    def choice_points(self) -> Iterator[tuple[str, tuple[str, ...], nn.ModuleList]]:
        """Yields (choice, names of its options, their modules) for every place at which a choice is made."""
        raise NotImplementedError

    def choices(self) -> dict[str, dict[str, list[nn.Module]]]:
        """Returns {choice: {option: the modules that carry it, wherever the choice is made}}."""
        modules: dict[str, dict[str, list[nn.Module]]] = {}
        for choice, options in self.space.choices().items():
            modules[choice] = {option: [] for option in options}
        for choice, names, options in self.choice_points():
            for name, module in zip(names, options):
                modules[choice][name].append(module)
        return modules

    def logits(self) -> dict[str, Tensor]:
        """Returns {choice: its row of alpha [options]}, views of the live parameters."""
        rows = {}
        for name, choices in self.space.tables().items():
            rows.update(zip(choices, self.alphas[name]))
        return rows

    def inputs(self) -> dict[str, tuple[int, list[str]]]:
        """Returns {node: (edges it keeps, the choices on the edges that reach it)}; empty where every edge stays."""
        return self.space.inputs()

    def excluded(self) -> tuple[str, ...]:
        """Returns the options that are mixed but never chosen."""
        return self.space.excluded

    def weight_parameters(self) -> Iterator[nn.Parameter]:
        """Yields every parameter but the alphas."""
        return (parameter for name, parameter in self.named_parameters() if not name.startswith(("alphas.", "betas.")))

    def arch_parameters(self) -> list[nn.Parameter]:
        """Returns the alphas, one tensor [edges, options] a group, and the betas [edges], where there are any."""
        return [*self.alphas.values(), *self.betas.values()]

    def genotype(self, decisions: dict[str, str] | None = None, inputs: dict[str, list[str]] | None = None) -> Genotype:
        """Returns the architecture of some decisions; what is not given is decided by alpha, as DARTS does it.

        Args:
            decisions: {choice: option}; where a choice is missing, its allowed option of largest alpha (ties: the
                first).
            inputs: {node: [choices it keeps, strongest first]}; where a node is missing, the edges whose best allowed
                option has the largest weight, or what else the relaxation ranks by (ties: the first edge; `none` is not
                allowed in DARTS, but it takes its share of the softmax).

        Raises:
            GenotypeError: a decision is not one of the space.
        """
        decisions = dict(decisions or {})
        inputs = dict(inputs or {})
        strengths = {}
        options = self.space.choices()
        with torch.no_grad():
            for choice in options:
                weights = dict(zip(options[choice], self.strengths(choice).tolist()))
                for option in self.excluded():
                    weights.pop(option, None)
                strongest = max(weights, key=weights.__getitem__)
                decisions.setdefault(choice, strongest)
                strengths[choice] = weights[strongest]
        for node, (keep, choices) in self.inputs().items():
            ranked = sorted(choices, key=strengths.__getitem__, reverse=True)
            inputs.setdefault(node, ranked[:keep])
        return self.space.genotype(decisions, inputs)


SUPERNETS: dict[str, type[Supernet]] = {}
"""{macro structure: the class of its supernet}; `cellnet` and `mlp` enter theirs."""
