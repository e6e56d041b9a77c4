"""The fully-connected and residual space of Zhu et al. (2022): the activation of every hidden layer, and whether the
layer's input is added to its output."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from ..activations import check_activations
from ..choices import name_choice
from ..edge import ADD_SKIP, LINEAR, Edge
from ..errors import GenotypeError, SpaceError
from ..genotype import Genotype
from ..space import SKIPS, check_options, merge_tables

ACTIVATIONS = ("relu", "leaky_relu", "sigmoid", "tanh", "swish")


@dataclass(frozen=True)
class MLPSpace:
    """f_l = s_l(W_l f_(l-1)) + a_(l-1) f_(l-1), for the hidden layers l = 1 ... `layers`; the first has no skip,
    because its input has another width.

    Args:
        layers: hidden layers.
        activations: options of every s_l; more than one are a choice.
        added_skip: whether every a_l is a choice; without, there are none.
    """

    layers: int
    activations: tuple[str, ...] = ACTIVATIONS
    added_skip: bool = True
    name: str = "mlp"
    macro: str = "mlp"
    excluded: tuple[str, ...] = ()

    def __post_init__(self):
        check_activations(self.activations)
        if self.layers < 1:
            raise SpaceError(f"layers must be at least 1, not {self.layers}")

    def tables(self) -> dict[str, dict[str, tuple[str, ...]]]:
        """Returns {name of a table of alphas: {choice: options}}, a row a choice."""
        tables = {}
        if len(self.activations) > 1:
            tables["act"] = {name_choice("layer", layer, "act"): self.activations for layer in range(self.layers)}
        if self.added_skip and self.layers > 1:
            tables["skip"] = {name_choice("layer", layer, "skip"): SKIPS for layer in range(1, self.layers)}
        return tables

    def choices(self) -> dict[str, tuple[str, ...]]:
        """Returns {choice: options}: "layer/0/act" is the first hidden layer's activation, "layer/1/skip" whether its
        output is added to the second's.

        >>> list(MLPSpace(layers=2).choices())
        ['layer/0/act', 'layer/1/act', 'layer/1/skip']
        """
        return merge_tables(self.tables())

    def inputs(self) -> dict[str, tuple[int, list[str]]]:
        """Returns nothing: no node drops an input."""
        return {}

    def genotype(self, decisions: dict[str, str], inputs: dict[str, list[str]] | None = None) -> Genotype:
        """Returns the architecture of decisions {choice: option}.

        Raises:
            GenotypeError: a choice is undecided, or an option is not among its choice's.
        """
        choices = self.choices()
        check_options(self.name, choices, decisions)
        for node in inputs or {}:
            raise GenotypeError(f"{node}: space {self.name} has no nodes that choose their inputs")
        for choice in choices:
            if choice not in decisions:
                raise GenotypeError(f"{choice} is undecided")
        edges = []
        for layer in range(self.layers):
            act = decisions.get(name_choice("layer", layer, "act"), self.activations[0])
            skip = decisions.get(name_choice("layer", layer, "skip")) == ADD_SKIP
            edges.append(_layer(layer, act, skip))
        return self._chain(edges)

    def check(self, genotype: Genotype) -> None:
        """Raises GenotypeError, in one line, unless the genotype is an architecture of this space."""
        if genotype.format != self.macro:
            raise GenotypeError(f"a genotype of space {self.name} is MLP(...); this one is of format {genotype.format}")
        edges, _ = genotype.cells["layer"]
        if len(edges) != self.layers:
            raise GenotypeError(f"space {self.name} has {self.layers} hidden layers here, not {len(edges)}")
        for edge in edges:
            if edge.act not in self.activations or (edge.skip and not self.added_skip):
                raise GenotypeError(f"layer {edge.source}: {edge.layer_label} is not in space {self.name}")

    def architectures(self) -> Iterator[Genotype]:
        """Yields every architecture once.

        >>> sum(1 for _ in MLPSpace(layers=3).architectures())
        500
        """
        skips = (False, True) if self.added_skip else (False,)
        for acts in product(self.activations, repeat=self.layers):
            for later_skips in product(skips, repeat=self.layers - 1):
                layers = enumerate(zip(acts, (False, *later_skips)))
                yield self._chain([_layer(layer, act, skip) for layer, (act, skip) in layers])

    def _chain(self, edges: list[Edge]) -> Genotype:
        return Genotype(self.macro, {"layer": (tuple(edges), (len(edges),))})


def _layer(layer: int, act: str, skip: bool) -> Edge:
    return Edge(LINEAR, layer, layer + 1, act, skip)


def mlp(layers: int = 4) -> MLPSpace:
    """Fully-connected layers, each with an activation and an added skip to choose (Zhu et al. 2022)."""
    return MLPSpace(layers)
