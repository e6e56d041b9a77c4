"""A host network that answers the questions of a selectable one, without a change to it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn

from ..gates import SURE
from ..protocol import group_of
from ..task import Task
from .forms import GenotypeTuple, KeptEdges, make_genotype, to_data
from .host import Host
from .ranking import find_ranking
from .rule import complete_inputs, complete_options
from .weighting import OTHER, RULES, SIGMOID, SOFTMAX, Probe, Weighting, find_holder

# alphas of a chosen option and of the others; e^-12 is the least that the concentration of a Dirichlet keeps in float32
EXTREMES = ((SURE, -SURE), (SURE, -30.0), (SURE, -12.0), (30.0, -30.0), (1.0, 0.0))
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
    """

    host: Host
    json_format = "darts"
    never_chosen: tuple[str, ...] = ("none",)  # mixed, but never chosen
    edges_per_node: int | None = 2  # edges that a node keeps; None keeps all
    cell_inputs = 2

    def __init__(self, host: nn.Module, host_choices: dict[str, HostChoice], genotype: type | None = None) -> None:
        super().__init__()
        self.host = host
        self.host_choices = host_choices
        self.genotype_type = genotype
        self.given_task = Task()
        self.found_weighting: Weighting | None = None
        self.found_extremes: tuple[float, float] | None = None
        self.found_ranking: str | None = None
        self.training = host.training

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
        """Returns what the host ranks a choice's options by [options], as the weights with which it mixes them; edges
        are ranked by the largest of them that may be chosen."""
        rule = self.found_ranking or self.weighting().rule
        return RULES.get(rule, RULES[SOFTMAX])(self.read_alpha(name).detach())

    def read_alpha(self, name: str) -> Tensor:
        """Returns the alphas of one choice [options]."""
        return self.host_choices[name].alpha

    def weighting(self) -> Weighting:
        """Returns how the host's weights follow from its alphas, as `learn_weights` has found out."""
        return self.found_weighting or Weighting()

    def extremes(self) -> tuple[float, float]:
        """Returns the alphas of a chosen option and of the others, with which the chosen one has all weight."""
        return self.found_extremes or (SURE, -SURE)

    def remarks(self) -> list[str]:
        """Returns what a user should know of how the host was read."""
        if self.weighting().sampled:
            return ["the network draws its weights anew in each pass: options are compared under the same draw"]
        if self.weighting().rule == OTHER:
            return ["how the network's weights follow from its alphas is not known: it is ranked by softmax(alpha)"]
        return []

    def learn_weights(self) -> None:
        """Finds out how weights follow from alphas, which alphas decide a choice, and by what the host ranks."""
        probe = self.find_probe()
        if probe is not None:
            weighting = probe.find_weighting() or Weighting()
            if weighting.rule not in (SOFTMAX, SIGMOID):
                self.found_extremes = probe.find_extremes(EXTREMES)
            self.found_weighting = weighting
        self.found_ranking = find_ranking(self, self.weighting().rule)

    def find_probe(self) -> Probe | None:
        """Returns the choice to try, one on an edge into the last node, with the module that runs it."""
        name = max(self.host_choices, key=lambda name: self.host_choices[name].node)
        modules = [carriers[0] for carriers in self.host_choices[name].options.values()]
        holder = find_holder(self.host, modules)
        return Probe(self, name, holder) if holder is not None else None

    def genotype_by(self, rule: str) -> object:
        """Returns the architecture that ranking by a rule gives."""
        before = self.found_ranking
        try:
            self.found_ranking = rule
            return self.genotype()
        finally:
            self.found_ranking = before

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
        return "\n".join(lines)
