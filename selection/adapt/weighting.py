"""How a host's weights follow from its alphas, found out by trying rather than by names.

A small input is sent into the host as far as one mixed operation. There each option is left alone, and its weight is
how large what comes out is, beside what the option returns. By which factor that changes with the alphas tells the
rule, whether outputs are added up, stacked, or concatenated with channels that pass by.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ..gates import masked
from ..preserve import hooked, preserved
from ..protocol import Selectable

SOFTMAX = "softmax"
SIGMOID = "sigmoid"
ALPHA = "alpha"
OTHER = "other"
RULES = {SOFTMAX: lambda alpha: alpha.softmax(0), SIGMOID: torch.sigmoid, ALPHA: lambda alpha: alpha.clone()}
SIZES = (16, 32, 8, 64)  # of the small input, a side


class Weighting(NamedTuple):
    """How weights follow from alphas.

    Args:
        rule: a name of `RULES`, or "other".
        sampled: weights are drawn anew in each pass.
        passes_by: something passes by the options: where all are switched off, the mixed operation is not.
    """

    rule: str = SOFTMAX
    sampled: bool = False
    passes_by: bool = False


class Probe:
    """One choice of a host, and the module whose output its options make.

    Args:
        net: the host, adapted.
        choice: one whose options return something else than zeros.
        holder: the module.
    """

    def __init__(self, net: Any, choice: str, holder: nn.Module) -> None:
        self.net = net
        self.choice = choice
        self.holder = holder
        self.x: Tensor | None = None  # an input that the host has taken

    def find_weighting(self) -> Weighting | None:
        """Returns how weights follow from alphas; None where no small input goes through the host."""
        options = list(self.net.choices()[self.choice])
        generator = torch.Generator().manual_seed(0)
        alpha, changed = torch.randn(len(options), generator=generator), torch.randn(len(options), generator=generator)
        with alphas_set(self.net, {self.choice: alpha}):
            first = self.measure_weights(seed=0, most=4)
            again = self.measure_weights(seed=1, most=1)
            passes_by = self._passes_by()
        if not first:
            return None
        sampled = any(abs(weight - first[option]) > 1e-3 * abs(first[option]) for option, weight in again.items())
        if sampled:
            return Weighting(OTHER, sampled, passes_by)
        with alphas_set(self.net, {self.choice: changed}):
            second = self.measure_weights(seed=0, most=4)
        factors = {options.index(option): second.get(option, 0.0) / weight for option, weight in first.items()}
        return Weighting(_find_rule(alpha, changed, factors), sampled, passes_by)

    def find_extremes(self, candidates: tuple[tuple[float, float], ...]) -> tuple[float, float] | None:
        """Returns the first pair of alphas, of one option and of the others, that gives all weight to the one."""
        names = list(self.net.choices()[self.choice])
        for high, low in candidates:
            for index, name in enumerate(names):
                row = torch.full((len(names),), low)
                row[index] = high
                with alphas_set(self.net, {self.choice: row}):
                    weights = self.measure_weights(seed=0)
                if name not in weights:  # it returns zeros, or the pass fails
                    continue
                others = [weight for option, weight in weights.items() if option != name]
                if all(other <= 1e-6 * weights[name] for other in others):
                    return high, low
                break
        return None

    def runs_mixture(self) -> bool | None:
        """Returns whether a pass runs several options of the choice; None where no small input goes through."""
        called: set[str] = set()
        handles = []
        for option, modules in self.net.choices()[self.choice].items():
            for module in modules:
                handles.append(module.register_forward_hook(lambda *_, option=option: called.add(option)))
        with hooked(handles):
            output = self._run({}, seed=0)
        return None if output is None else len(called) > 1

    def measure_weights(self, seed: int, most: int | None = None) -> dict[str, float]:
        """Returns {option: weight}, without those that return zeros; empty where a pass fails.

        Args:
            most: ends with that many.
        """
        options = list(self.net.choices()[self.choice])
        nothing = self._run({self.choice: options}, seed)
        weights: dict[str, float] = {}
        for option in options:
            if len(weights) == most:
                break
            others = [other for other in options if other != option]
            returned: list[Tensor] = []
            module = self._find_inside(option)
            with hooked([module.register_forward_hook(lambda *call: returned.append(call[-1]))]):
                alone = self._run({self.choice: others}, seed)
            if nothing is None or alone is None or not returned:
                return {}
            size = float(returned[0].norm()) if isinstance(returned[0], Tensor) else 0.0
            if size:
                weights[option] = float((alone - nothing).norm()) / size
        return weights

    def _find_inside(self, option: str) -> nn.Module:
        """Returns the module of an option that lies in the holder."""
        inside = set(self.holder.modules())
        modules = self.net.choices()[self.choice][option]
        return next((module for module in modules if module in inside), modules[0])

    def _passes_by(self) -> bool:
        output = self._run({self.choice: list(self.net.choices()[self.choice])}, seed=0)
        return output is not None and bool(output.any())

    def _run(self, mask: dict[str, list[str]], seed: int) -> Tensor | None:
        """Returns what the holder returns with some options switched off; None where the pass fails."""
        inputs = list_small_inputs(self.net) if self.x is None else iter([self.x])
        for x in inputs:
            output = self._run_on(x, mask, seed)
            if output is not None:
                self.x = x
                return output
        return None

    @torch.no_grad()
    def _run_on(self, x: Tensor, mask: dict[str, list[str]], seed: int) -> Tensor | None:
        def stop(module: nn.Module, inputs: tuple, output: object) -> None:
            raise _SeenError(output)

        with preserved(self.net, seed), masked(self.net, mask), hooked([self.holder.register_forward_hook(stop)]):
            self.net.train()
            try:
                self.net(x.clone())
            except _SeenError as seen:
                return seen.output.detach().clone() if isinstance(seen.output, Tensor) else None
            except Exception:  # whatever a host cannot do with such an input, or with such alphas
                return None
        return None


class _SeenError(BaseException):
    """Ends a pass once the holder has returned; no Exception, which a host might catch."""

    def __init__(self, output: Any) -> None:
        super().__init__()
        self.output = output


@contextmanager
def alphas_set(net: Selectable, rows: Mapping[str, Tensor]) -> Iterator[None]:
    """Inside the block some rows of alphas have other values; afterwards, exactly those that they had.

    Args:
        rows: {choice: alpha [options]}.
    """
    logits = net.logits()
    before = {choice: logits[choice].detach().clone() for choice in rows}
    try:
        _write_rows(net, rows)
        yield
    finally:
        _write_rows(net, before)


@torch.no_grad()
def _write_rows(net: Selectable, rows: Mapping[str, Tensor]) -> None:
    logits = net.logits()
    for choice, row in rows.items():
        logits[choice].copy_(row)


def list_small_inputs(host: nn.Module) -> Iterator[Tensor]:
    """Yields small random inputs that a network may take, by its first layer."""
    convolutions = {nn.Conv1d: 1, nn.Conv2d: 2, nn.Conv3d: 3}
    generator = torch.Generator().manual_seed(0)
    layer: Any
    for layer in host.modules():
        dims = next((dims for kind, dims in convolutions.items() if isinstance(layer, kind)), None)
        if dims is not None:
            shapes = [(2, layer.in_channels, *[size] * dims) for size in SIZES]
        elif isinstance(layer, nn.Linear):
            shapes = [(2, layer.in_features), (2, 4, layer.in_features)]
        elif isinstance(layer, nn.Embedding):
            yield torch.zeros(2, 8, dtype=torch.long, device=layer.weight.device)
            return
        else:
            continue
        if not layer.weight.is_meta:  # where nothing can be read
            yield from (torch.randn(shape, generator=generator).to(layer.weight) for shape in shapes)
        return


def _find_rule(alpha: Tensor, changed: Tensor, factors: dict[int, float]) -> str:
    """Returns the rule by which the weights change so when the alphas do.

    Args:
        factors: {position of an option: its weight with the alphas `changed` over that with `alpha`}.
    """
    rows = list(factors)
    measured = torch.tensor(list(factors.values()))
    for rule, function in RULES.items():
        expected = (function(changed)[rows] / function(alpha)[rows]).abs()
        if torch.allclose(measured, expected, rtol=1e-3, atol=0.0):
            return rule
    return OTHER


def find_holder(host: nn.Module, modules: Iterable[nn.Module]) -> nn.Module | None:
    """Returns the innermost module that holds all of some modules and runs them: a list of modules does not run."""
    paths = {module: path for path, module in host.named_modules()}
    wanted = [paths[module].split(".") for module in modules if module in paths]
    if not wanted:
        return None
    common = []
    for parts in zip(*wanted):
        if len(set(parts)) > 1:
            break
        common.append(parts[0])
    while common:
        holder = host.get_submodule(".".join(common))
        if not isinstance(holder, (nn.ModuleList, nn.ModuleDict)):
            return holder
        common.pop()
    return host
