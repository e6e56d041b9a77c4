"""A host network that answers the questions of a selectable one, without a change to it."""

import json
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn

from ..protocol import group_of
from ..task import Task
from .forms import GenotypeTuple, KeptEdges, make_genotype, to_data
from .host import Host
from .mixing import Mixing, watch_mixing
from .rule import complete_inputs, complete_options
from .weighting import Weighting, find_weighting

Decided = Mapping[str, str] | None  # {choice: option}
KeptInputs = Mapping[str, Iterable[str]] | None  # {node: [choices it keeps, strongest first]}


@dataclass
class HostChoice:
    """Where a choice is in the host: the modules that carry each option, and the row of alphas.

    Args:
        options: {option: [modules]}, in the order of the alphas.
        owner: the object that holds the alphas.
        path: the row of alphas is owner.path[0].path[1]...; an int is an index. It is followed each time: hosts bind
            new tensors.
        source: the state of the cell that the edge goes from.
        node: the state of the cell that the edge goes to.
    """

    options: dict[str, list[nn.Module]]
    owner: Any
    path: tuple[str | int, ...] = ()
    source: int = 0
    node: int = 0

    @property
    def alpha(self) -> Tensor:
        """The row of alphas [options], a live view."""
        value = self.owner
        for part in self.path:
            value = getattr(value, part) if isinstance(part, str) else value[part]
        return value


class Adapter(nn.Module):
    """What the adapters of all hosts have in common. It holds the host, calls it, and adds nothing to it.

    Args:
        host: the network, unwrapped.
        host_choices: {choice: where it is in the host}; named GROUP/EDGE/op, edges node by node.
        genotype: the type of the host's own form: its namedtuple, or its Structure.
        weighting: how the host makes weights of alphas, one of `weighting.GIVEN`; where None, it is watched.
    """

    host: Host
    json_format = "darts"
    never_chosen: tuple[str, ...] = ("none",)  # mixed, but never chosen
    edges_per_node: int | None = 2  # edges that a node keeps; None keeps all
    cell_inputs = 2

    def __init__(
        self,
        host: nn.Module,
        host_choices: dict[str, HostChoice],
        genotype: type | None = None,
        weighting: str | None = None,
    ) -> None:
        super().__init__()
        self.host = host
        self.host_choices = host_choices
        self.genotype_type = genotype
        self.given_task = Task()
        self.training = host.training
        self.notes: list[str] = []
        self.mixing = None if weighting is None else Mixing(find_weighting(weighting), {}, "")
        self.inputs_seen: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Maps inputs [B, ...] to logits [B, classes]."""
        return self.host(x)

    def choices(self) -> dict[str, dict[str, list[nn.Module]]]:
        """Returns {choice: {option: the host's modules that carry it, one for each cell that shares the choice}}."""
        choices = {}
        for name, choice in self.host_choices.items():
            choices[name] = {option: list(modules) for option, modules in choice.options.items()}
        return choices

    def logits(self) -> dict[str, Tensor]:
        """Returns {choice: alpha [options]}, live views of the host's own tensors."""
        return {name: choice.alpha for name, choice in self.host_choices.items()}

    def inputs(self) -> dict[str, tuple[int, list[str]]]:
        """Returns {node: (edges it keeps, the choices on the edges that reach it)}; empty where every edge stays."""
        if self.edges_per_node is None:
            return {}
        nodes: dict[str, list[str]] = {}
        for name, choice in self.host_choices.items():
            number = 1 + choice.node - self.cell_inputs
            nodes.setdefault(f"{group_of(name)}/n{number}", []).append(name)
        return {node: (min(self.edges_per_node, len(names)), names) for node, names in nodes.items()}

    def task(self) -> Task:
        """Returns the loss and the metric that were given with the network."""
        return self.given_task

    def excluded(self) -> tuple[str, ...]:
        """Returns the options that are mixed but never chosen."""
        return self.never_chosen

    @torch.no_grad()
    def strengths(self, name: str) -> Tensor:
        """Returns the weights [options] with which a choice's options are mixed; edges are ranked by the largest of
        them that may be chosen."""
        return self.weigh(name, self.find_mixing().weighting)

    def weigh(self, name: str, weighting: Weighting) -> Tensor:
        """Returns the weights [options] that a weighting makes of alphas; zeros of what is pruned."""
        alpha = self.logits()[name].detach()
        if self.mixing is None or name not in self.mixing.pruned:
            return weighting.weigh(alpha)
        pruned = self.mixing.pruned[name].to(alpha.device)
        weights = torch.zeros_like(alpha)
        weights[~pruned] = weighting.weigh(alpha[~pruned])
        return weights

    def pruned(self, name: str) -> list[str]:
        """Returns the options of a choice that have no weight in the host, whatever its alphas are; as far as it has
        been watched."""
        if self.mixing is None or name not in self.mixing.pruned:
            return []
        return [option for option, gone in zip(self.host_choices[name].options, self.mixing.pruned[name]) if gone]

    @torch.no_grad()
    def commitment(self, name: str, option: str) -> Tensor | None:
        """Returns alphas [options] that give an option weight 1 and the others 0; None where no alphas do, as where
        weights are drawn."""
        commit = self.find_mixing().weighting.commit
        chosen = torch.tensor([float(other == option) for other in self.host_choices[name].options])
        return None if commit is None else commit(chosen)

    def watch(self, x: Tensor) -> None:
        """Takes a few inputs, and watches on them how the host mixes."""
        self.inputs_seen = x
        self.find_mixing()

    def find_mixing(self) -> Mixing:
        """Returns how the host makes weights of alphas, watched once."""
        if self.mixing is None:
            self.mixing = watch_mixing(self, self.host, self.inputs_seen)
            if self.mixing.note:
                self.note(self.mixing.note)
        return self.mixing

    def note(self, text: str) -> None:
        """Says what the user should know of the host; it is also printed with the adapter, and noted in a selection."""
        self.notes.append(text)
        warnings.warn(text, stacklevel=3)

    def genotype(self, decisions: Decided = None, inputs: KeptInputs = None) -> object:
        """Returns the architecture in the host's own form: a `Genotype` tuple, a NAS-Bench-201 string, or names.

        Args:
            decisions: {choice: option}; where one is missing, the option of the largest weight that may be chosen
                (ties: the first).
            inputs: {node: [choices it keeps, strongest first]}; where one is missing, the edges of the largest weights.

        Raises:
            SelectionError: a decision is not one of this network.
        """
        return self.to_host_form(self.keep_edges(decisions, inputs))

    def to_json(self, decisions: Decided = None, inputs: KeptInputs = None) -> str:
        """Returns the architecture as JSON, {"format", "cells": {GROUP: {"edges": [{"op", "from", "to"}], "concat"}}};
        arguments as in `genotype`."""
        kept = self.keep_edges(decisions, inputs)
        return json.dumps(to_data(self.json_format, kept, self.concat_states()))

    def keep_edges(self, decisions: Decided = None, inputs: KeptInputs = None) -> KeptEdges:
        """Returns {group: [(option, source, node)]} of the edges that stay, node by node, the strongest first;
        arguments as in `genotype`."""
        options = complete_options(self, decisions or {})
        nodes = complete_inputs(self, options, inputs or {})
        names = chain.from_iterable(nodes.values()) if nodes else options
        kept: KeptEdges = {}
        for name in names:
            choice = self.host_choices[name]
            kept.setdefault(group_of(name), []).append((options[name], choice.source, choice.node))
        return kept

    def to_host_form(self, kept: KeptEdges) -> object:
        """Returns the edges that stay, as the host writes them."""
        return make_genotype(self.genotype_type or GenotypeTuple, kept, self.concat_states())

    def concat_states(self) -> range:
        """Returns the states that make the output of a cell."""
        last = max(choice.node for choice in self.host_choices.values())
        return range(self.cell_inputs, last + 1)

    def __repr__(self) -> str:
        """Lists what was found: a line for each choice, with its options and where its alphas are."""
        paths = {module: path for path, module in self.host.named_modules()}
        lines = [f"{type(self).__name__} of {type(self.host).__name__}, {len(self.host_choices)} choices"]
        for name, choice in self.host_choices.items():
            options = ", ".join(choice.options)
            alphas = ".".join(map(str, choice.path)) or "given"
            carriers = next(iter(choice.options.values()))
            modules = ", ".join(paths.get(module, "?") for module in carriers)
            lines.append(f"  {name}: {options}; alphas {alphas}; in {modules}")
        return "\n".join([*lines, *(f"  {note}" for note in self.notes)])
