"""What options cost, and the cheapest that an unfinished architecture can become."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import torch
from torch import Tensor, nn

from .alphas import find_alphas
from .errors import SelectionError, unknown
from .gates import running_modules
from .numerics.flops import count_multiply_adds
from .preserve import hooked, preserved
from .protocol import Selectable, edge_of, surplus

KINDS = ("parameters", "flops", "latency")
Table = Mapping[str, float] | Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Costs:
    """A cost that adds up: what the network costs without its options, and what each option adds.

    Args:
        options: {choice: {option: cost}}. limit: what an architecture may cost at most.
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
            allowed: {choice: options that may be chosen}. options: those decided. inputs: {node: the choices it keeps},
                of nodes decided.
        """
        cheapest = {
            choice: self.options[choice][options[choice]]
            if choice in options
            else min(self.options[choice][option] for option in names)
            for choice, names in allowed.items()
        }
        total = self.base + sum(cheapest.values())
        of_edge: Counter[str] = Counter()
        for choice, cost in cheapest.items():
            of_edge[edge_of(choice)] += cost
        for node, (keep, names) in surplus(net).items():
            kept = inputs[node] if node in inputs else sorted(names, key=lambda name: of_edge[edge_of(name)])[:keep]
            total -= sum(of_edge[edge_of(name)] for name in names if name not in kept)
        return total


def costs(
    net: Selectable, limits: Mapping[str, float], x: Tensor | None, tables: Mapping[str, Table] | None = None
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
    return [_costs(net, kind, float(limit), x, (tables or {}).get(kind)) for kind, limit in limits.items()]


def check_reachable(net: Selectable, limited: Sequence[Costs], allowed: Mapping[str, Sequence[str]]) -> None:
    """Raises SelectionError for a limit that no architecture meets, with the least that one costs."""
    for cost in limited:
        least = cost.least(net, allowed, {}, {})
        if least > cost.limit:
            raise SelectionError(f"no architecture costs at most {cost.limit:,g} {cost.kind}: the least is {least:,g}")


def _costs(net: Selectable, kind: str, limit: float, x: Tensor | None, table: Table | None) -> Costs:
    choices = net.choices()
    if table is not None:
        rows = {choice: _row(kind, choice, options, table) for choice, options in choices.items()}
        return Costs(kind, float(table.get("base", 0.0)), rows, limit)
    if kind not in KINDS:
        raise unknown("cost", kind, KINDS)
    if x is None and kind != "parameters":
        raise SelectionError(
            f"a limit on {kind} needs inputs to run the network on: give batches=[(x, y), ...], or a table"
        )
    whole, per_module = {"parameters": _sizes, "flops": _multiply_adds, "latency": _seconds}[kind](net, x)
    rows = {
        choice: {option: sum(per_module(module) for module in modules) for option, modules in options.items()}
        for choice, options in choices.items()
    }
    return Costs(kind, max(0.0, whole - sum(cost for row in rows.values() for cost in row.values())), rows, limit)


def _row(kind: str, choice: str, options: Mapping, table: Table) -> dict[str, float]:
    row = table.get(choice, table)
    missing = [option for option in options if not isinstance(row.get(option), (int, float))]
    if missing:
        raise SelectionError(f"the table of {kind} has no number for option {missing[0]} of {choice}")
    return {option: float(row[option]) for option in options}


def _sizes(net: Selectable, _: Tensor | None):
    is_alpha = find_alphas(net)
    whole = sum(p.numel() for p in net.parameters() if not is_alpha(p))
    return whole, lambda module: sum(p.numel() for p in module.parameters())


def _multiply_adds(net: Selectable, x: Tensor):
    counts = count_multiply_adds(net, x, running_modules(net))
    return sum(counts.values()), lambda module: sum(counts.get(layer, 0) for layer in module.modules())


def _seconds(net: Selectable, x: Tensor, repeats: int = 5):
    """Seconds of a forward pass: of the whole network, and of an option's module by itself on the input it gets."""
    inputs: dict[nn.Module, Tensor] = {}
    options = [module for names in net.choices().values() for modules in names.values() for module in modules]
    with preserved(net, seed=0), torch.no_grad():
        net.eval()
        x = x.clone()  # a network may change its input
        with hooked(
            module.register_forward_pre_hook(lambda module, given: inputs.update({module: given[0]}))
            for module in options
        ):
            net(x)
        seconds = {module: _timed(module, given, repeats) for module, given in inputs.items()}
        return _timed(net, x, repeats), lambda module: seconds.get(module, 0.0)


def _timed(module: nn.Module, x: Tensor, repeats: int) -> float:
    def once() -> float:
        start = time.perf_counter()
        module(x)
        if x.is_cuda:
            torch.cuda.synchronize(x.device)
        return time.perf_counter() - start

    once()
    return median(once() for _ in range(repeats))
