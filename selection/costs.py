"""Costs of options, and of the cheapest architecture that an unfinished one can become."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

from .alphas import find_alphas
from .errors import SelectionError, unknown
from .gates import running_modules
from .numerics.flops import count_multiply_adds
from .preserve import hooked, preserved
from .protocol import Selectable, SelectableModule, edge_of, surplus

KINDS = ("parameters", "flops", "latency")
Table = Mapping[str, Any]  # {option: cost} or {choice: {option: cost}}; "base" may be there too
OfModule = Callable[[nn.Module], float]  # the cost of an option's module


@dataclass(frozen=True)
class Costs:
    """A cost that adds up: what the network costs without its options, and what each option adds.

    Args:
        options: {choice: {option: cost}}.
        limit: what an architecture may cost at most.
    """

    kind: str
    base: float
    options: dict[str, dict[str, float]]
    limit: float

    def of(self, options: Mapping[str, str]) -> float:
        """The cost of an architecture whose edges that stay carry these options."""
        return self.base + sum(self.options[choice][option] for choice, option in options.items())

    def least(
        self,
        net: Selectable,
        allowed: Mapping[str, Sequence[str]],
        options: Mapping[str, str],
        inputs: Mapping[str, Sequence[str]],
    ) -> float:
        """The least that any architecture costs which goes on from these decisions: a bound that is reached.

        Args:
            allowed: {choice: options that may be chosen}.
            options: {choice: option}, of choices decided.
            inputs: {node: the choices it keeps}, of nodes decided.
        """
        cheapest: dict[str, float] = {}
        for choice, names in allowed.items():
            costs = self.options[choice]
            if choice in options:
                cheapest[choice] = costs[options[choice]]
            else:
                cheapest[choice] = min(costs[option] for option in names)
        total = self.base + sum(cheapest.values())
        edge_costs: Any = Counter()  # {edge: cost}; the type Counter holds whole numbers
        for choice, cost in cheapest.items():
            edge_costs[edge_of(choice)] += cost
        for node, (keep, names) in surplus(net).items():
            by_cost = sorted(names, key=lambda name: edge_costs[edge_of(name)])
            kept = inputs.get(node, by_cost[:keep])
            total -= sum(edge_costs[edge_of(name)] for name in names if name not in kept)
        return total


def count_costs(
    net: SelectableModule, limits: Mapping[str, float], x: Tensor | None, tables: Mapping[str, Table] | None = None
) -> list[Costs]:
    """The costs that have a limit.

    Args:
        limits: {kind: most}, of "parameters", "flops" (multiply-adds of one sample), "latency" (seconds for x on the
            network's device), or of any kind that has a table.
        x: inputs [B, ...], for flops and latency.
        tables: {kind: {option: cost}} or {kind: {choice: {option: cost}}}, given rather than counted or measured;
            "base" may name what the rest costs.

    Costs are those of the network's own modules; where the network that is built in the end has another width, give a
    table.

    Raises:
        SelectionError: an unknown kind, or a table that lacks an option.
    """
    tables = tables or {}
    limited = []
    for kind, limit in limits.items():
        table = tables.get(kind)
        if table is not None:
            limited.append(_tabulated(net, kind, float(limit), table))
        else:
            limited.append(_measured(net, kind, float(limit), x))
    return limited


def check_reachable(net: Selectable, limited: Sequence[Costs], allowed: Mapping[str, Sequence[str]]) -> None:
    """Raises SelectionError for a limit that no architecture meets, with the least that one costs."""
    for cost in limited:
        least = cost.least(net, allowed, {}, {})
        if least > cost.limit:
            raise SelectionError(f"no architecture costs at most {cost.limit:,g} {cost.kind}: the least is {least:,g}")


def _tabulated(net: Selectable, kind: str, limit: float, table: Table) -> Costs:
    rows = {choice: _row(kind, choice, options, table) for choice, options in net.choices().items()}
    return Costs(kind, float(table.get("base", 0.0)), rows, limit)


def _measured(net: SelectableModule, kind: str, limit: float, x: Tensor | None) -> Costs:
    if kind not in KINDS:
        raise unknown("cost", kind, KINDS)
    if x is None and kind != "parameters":
        raise SelectionError(
            f"a limit on {kind} needs inputs to run the network on: give batches=[(x, y), ...], or a table"
        )
    ways = {"parameters": _count_parameters, "flops": _count_flops, "latency": _time_passes}
    whole, of_module = ways[kind](net, x)
    rows: dict[str, dict[str, float]] = {}
    for choice, options in net.choices().items():
        rows[choice] = {option: sum(of_module(module) for module in modules) for option, modules in options.items()}
    of_options = sum(cost for row in rows.values() for cost in row.values())
    return Costs(kind, max(0.0, whole - of_options), rows, limit)


def _row(kind: str, choice: str, options: Mapping, table: Table) -> dict[str, float]:
    row = table.get(choice, table)
    missing = [option for option in options if not isinstance(row.get(option), (int, float))]
    if missing:
        raise SelectionError(f"the table of {kind} has no number for option {missing[0]} of {choice}")
    return {option: float(row[option]) for option in options}


def _count_parameters(net: SelectableModule, _: Tensor | None) -> tuple[float, OfModule]:
    is_alpha = find_alphas(net)
    whole = sum(p.numel() for p in net.parameters() if not is_alpha(p))

    def of_module(module: nn.Module) -> float:
        return sum(p.numel() for p in module.parameters())

    return whole, of_module


def _count_flops(net: SelectableModule, x: Tensor) -> tuple[float, OfModule]:
    counts = count_multiply_adds(net, x, running_modules(net))

    def of_module(module: nn.Module) -> float:
        return sum(counts.get(layer, 0) for layer in module.modules())

    return sum(counts.values()), of_module


def _time_passes(net: SelectableModule, x: Tensor, repeats: int = 5) -> tuple[float, OfModule]:
    """Seconds of a forward pass: of the whole network, and of an option's module by itself on the input it gets."""
    inputs: dict[nn.Module, Tensor] = {}

    def record(module: nn.Module, args: tuple[Tensor, ...]) -> None:
        inputs[module] = args[0]

    modules = [module for options in net.choices().values() for carriers in options.values() for module in carriers]
    with preserved(net, seed=0), torch.no_grad():
        net.eval()
        x = x.clone()  # a network may change its input
        with hooked(module.register_forward_pre_hook(record) for module in modules):
            net(x)
        seconds = {module: _time(module, value, repeats) for module, value in inputs.items()}
        whole = _time(net, x, repeats)

    def of_module(module: nn.Module) -> float:
        return seconds.get(module, 0.0)

    return whole, of_module


def _wait_for(device: torch.device) -> None:
    """Waits until a GPU has done what it was given."""
    accelerator = torch.accelerator.current_accelerator()
    if accelerator is not None and accelerator.type == device.type:
        torch.accelerator.synchronize(device)


def _time(module: nn.Module, x: Tensor, repeats: int) -> float:
    """The median of some passes, after one that does not count."""

    def run_once() -> float:
        start = time.perf_counter()
        module(x)
        _wait_for(x.device)
        return time.perf_counter() - start

    run_once()
    return median(run_once() for _ in range(repeats))
