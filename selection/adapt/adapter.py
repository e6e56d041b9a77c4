"""A host network that answers the questions of a selectable one, without a change to it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..errors import SelectionError, unknown
from .wiring import GenotypeTuple, Kept, as_data, as_genotype


@dataclass
class Choice:
    """A choice of the host: the modules that carry each option, and where its alphas are.

    Args:
        options: {option: [modules]}, in the order of the alphas.
        owner, path: the row of alphas is owner.path[0].path[1]...; an int is an index. Looked up each time: hosts bind
            new tensors.
        source, node: states of the cell that the edge goes from and to.
    """

    options: dict[str, list[nn.Module]]
    owner: object
    path: tuple[str | int, ...] = ()
    source: int = 0
    node: int = 0

    def alpha(self) -> Tensor:
        """The row of alphas, a live view."""
        found = self.owner
        for part in self.path:
            found = getattr(found, part) if isinstance(part, str) else found[part]
        return found


class Adapter(nn.Module):
    """What the adapters of all hosts have in common. It holds the host, calls it, and adds nothing to it.

    Args:
        host: the network, unwrapped.
        chosen: {choice: where it is in the host}; named GROUP/EDGE/op, edges node by node.
        genotype: what the host's own form is made with: its namedtuple, or its Structure.
    """

    form = "darts"  # the format of the JSON
    barred: tuple[str, ...] = ("none",)  # mixed, but never chosen
    keep: int | None = 2  # edges that a node keeps; None keeps all
    states = 2  # inputs of a cell

    def __init__(self, host: nn.Module, chosen: dict[str, Choice], genotype: type | None = None) -> None:
        super().__init__()
        self.host, self.chosen, self.maker = host, chosen, genotype
        self.training = host.training

    def forward(self, x: Tensor) -> Tensor:
        """inputs [B, ...] -> logits [B, classes]."""
        return self.host(x)

    def choices(self) -> dict[str, dict[str, list[nn.Module]]]:
        """{choice: {option: the host's modules that carry it, one for each cell that shares the choice}}."""
        return {
            name: {option: list(modules) for option, modules in choice.options.items()}
            for name, choice in self.chosen.items()
        }

    def logits(self) -> dict[str, Tensor]:
        """{choice: alpha [options]}, live views of the host's own tensors."""
        return {name: choice.alpha() for name, choice in self.chosen.items()}

    def inputs(self) -> dict[str, tuple[int, list[str]]]:
        """{node: (edges it keeps, the choices on the edges that reach it)}; empty where every edge stays."""
        if self.keep is None:
            return {}
        nodes: dict[str, list[str]] = {}
        for name, choice in self.chosen.items():
            nodes.setdefault(f"{name.partition('/')[0]}/n{1 + choice.node - self.states}", []).append(name)
        return {node: (min(self.keep, len(names)), names) for node, names in nodes.items()}

    def excluded(self) -> tuple[str, ...]:
        """Options that are mixed but never chosen."""
        return self.barred

    @torch.no_grad()
    def strengths(self, name: str) -> Tensor:
        """The weights [options] with which a choice's options are mixed; edges are ranked by the largest of them that
        may be chosen."""
        return self.chosen[name].alpha().softmax(0)

    def genotype(
        self, decisions: Mapping[str, str] | None = None, inputs: Mapping[str, Iterable[str]] | None = None
    ) -> object:
        """The architecture in the host's own form: a `Genotype` tuple, a NAS-Bench-201 string, or names.

        Args:
            decisions: {choice: option}; where one is missing, the option of the largest weight that may be chosen
                (ties: the first).
            inputs: {node: [choices it keeps, strongest first]}; where one is missing, the edges of the largest weights.

        Raises:
            SelectionError: a decision is not one of this network.
        """
        return self.host_form(self.kept(decisions, inputs))

    def to_json(
        self, decisions: Mapping[str, str] | None = None, inputs: Mapping[str, Iterable[str]] | None = None
    ) -> str:
        """The architecture as JSON, {"format", "cells": {GROUP: {"edges": [{"op", "from", "to"}], "concat"}}};
        arguments as in `genotype`."""
        return json.dumps(self.as_data(self.kept(decisions, inputs)))

    def as_data(self, kept: Kept) -> dict:
        """What the JSON of the edges that stay holds."""
        return as_data(self.form, kept, self.concat())

    def host_form(self, kept: Kept) -> object:
        """Edges that stay, as the host writes them."""
        return as_genotype(self.maker or GenotypeTuple, kept, self.concat())

    def concat(self) -> range:
        """The states that make the output of a cell."""
        nodes = [choice.node for choice in self.chosen.values()]
        return range(self.states, max(nodes) + 1)

    def kept(
        self, decisions: Mapping[str, str] | None = None, inputs: Mapping[str, Iterable[str]] | None = None
    ) -> Kept:
        """{group: [(option, source, node)]} of the edges that stay, node by node, the strongest first; arguments as in
        `genotype`."""
        decided = self._decided(decisions or {})
        nodes = self._nodes(decided, inputs or {})
        order = [name for names in nodes.values() for name in names] if nodes else list(decided)
        cells: Kept = {}
        for name in order:
            choice = self.chosen[name]
            cells.setdefault(name.partition("/")[0], []).append((decided[name], choice.source, choice.node))
        return cells

    def _decided(self, decisions: Mapping[str, str]) -> dict[str, str]:
        for name, option in decisions.items():
            if name not in self.chosen:
                raise unknown("choice", name, self.chosen)
            if option not in self.chosen[name].options:
                raise unknown(f"option of {name}", option, self.chosen[name].options)
        return {name: decisions.get(name) or self._strongest(name)[0] for name in self.chosen}

    def _strongest(self, name: str) -> tuple[str, float]:
        weights = zip(self.chosen[name].options, self.strengths(name).tolist())
        return max(
            ((option, weight) for option, weight in weights if option not in self.excluded()), key=lambda pair: pair[1]
        )

    def _nodes(self, decided: Mapping[str, str], inputs: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
        own = self.inputs()
        for node, names in inputs.items():
            if node not in own:
                raise unknown("node", node, own)
            if not set(names) <= set(own[node][1]) or len(set(names)) != own[node][0]:
                raise SelectionError(
                    f"{node}: it keeps {own[node][0]} of {', '.join(own[node][1])}, not {', '.join(names)}"
                )
        found = {}
        for node, (keep, names) in own.items():
            weights = {
                name: self.strengths(name)[list(self.chosen[name].options).index(decided[name])].item()
                for name in names
            }
            found[node] = list(inputs.get(node) or sorted(names, key=lambda name: -weights[name])[:keep])
        return found

    def __repr__(self) -> str:
        """What was found: a line for each choice, with its options and where its alphas are."""
        paths = {module: path for path, module in self.host.named_modules()}
        lines = [f"{type(self).__name__} of {type(self.host).__name__}, {len(self.chosen)} choices"]
        for name, choice in self.chosen.items():
            modules = next(iter(choice.options.values()))
            where = ".".join(map(str, choice.path)) or "given"
            lines.append(
                f"  {name}: {', '.join(choice.options)}; alphas {where}; in "
                f"{', '.join(paths.get(module, '?') for module in modules)}"
            )
        return "\n".join(lines)
