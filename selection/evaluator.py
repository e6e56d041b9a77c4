"""Measuring a network with some of its options switched off."""

import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from .batches import FAILURES, Batches, check_batches, fit_batches
from .budget import Budget
from .errors import SelectionError, first_line
from .gates import masked, switched_off
from .nested import list_tensors
from .preserve import hooked, preserved
from .protocol import SelectableModule
from .registry import Measure, find_measure
from .trial import give_up_cheap_zeros, settle_zeros

Mask = dict[str, list[str]]
Value = TypeVar("Value")
NULL_OPTIONS = ("none", "no_skip")  # names of options that return zeros


@dataclass(frozen=True)
class MeasuringProtocol:
    """How a network is measured with options removed.

    Args:
        race: error rate at which a choice is decided before all batches are seen; 0 sees them all.
        skip_known: whether what is known is not measured: a network without `none` is what it was.
        remeasure_edges: whether a node's edges are measured again after each one that it drops.
        settle_ties: whether options of equal score are told apart by the finer measure; else the first is taken.
        order, joint: defaults of the progressive strategy.
    """

    race: float = 0.05
    skip_known: bool = True
    remeasure_edges: bool = False
    settle_ties: bool = True
    order: str = "fixed"
    joint: bool = True


PAIRED = MeasuringProtocol()
DARTS_PT = MeasuringProtocol(
    race=0.0, skip_known=False, remeasure_edges=True, settle_ties=False, order="random", joint=False
)
PROTOCOLS = {"paired": PAIRED, "darts-pt": DARTS_PT}


class Evaluator:
    """A network, a measure and the batches that it is taken on.

    Args:
        measure: None for criteria that only read the network.
        batches: [(x, y)], or a function that returns them anew for each evaluation, in a fresh order and augmentation.
        seed: of what is drawn: the baseline's numbers, an order, the race's sequence of batches.
        budget: counts the evaluations; by default one of its own.
    """

    def __init__(
        self,
        net: SelectableModule,
        measure: Measure | None,
        batches: Batches | Callable[[], Iterable],
        *,
        seed: int = 0,
        budget: Budget | None = None,
        protocol: MeasuringProtocol = PAIRED,
    ):
        self.net = net
        self.measure: Measure | Any = measure  # None is never called
        self.protocol = protocol
        self.budget = budget or Budget()
        self.generator = torch.Generator().manual_seed(seed)
        self.resample = batches if callable(batches) else None
        self.batches = [] if self.resample else fit_batches(net, check_batches(batches))
        drawing = torch.Generator().manual_seed(seed)
        order = torch.randperm(len(self.batches), generator=drawing, device="cpu").tolist()
        self.sequence = [self.batches[index] for index in order]
        self.sizes = [len(x) for x, _ in self.sequence]
        self.notes: list[str] = []
        self.cache: dict[str, Any] = {}  # what holds until the network changes
        self.finer: Evaluator | None = None  # tells apart what this one measures to be equal
        self._show_inputs(self.batches)

    @property
    def racing(self) -> bool:
        """Whether a choice may be decided before all batches are seen: the measure must be a mean over images."""
        if self.measure is None or self.resample:
            return False
        return self.protocol.race > 0 and self.measure.additive

    def value(self, without: Mask) -> float:
        """Measures the network with those options switched off.

        Raises:
            SelectionError: the value is not a number; the options are named.
        """
        with masked(self.net, without):
            value = self._measure(self.draw_batches(), without)
        self.budget.count(1.0)
        return value

    def batch_values(self, without: Mask, part: range) -> list[float]:
        """Measures the network on each of some batches of the race's sequence."""
        with masked(self.net, without):
            values = [self._measure([self.sequence[index]], without) for index in part]
        images = sum(self.sizes[index] for index in part)
        self.budget.count(images / sum(self.sizes))
        return values

    def base(self) -> float:
        """Measures the network as it stands."""
        if not self.racing:
            return self._compute_once("base", lambda: self.value({}))
        weighted = (value * size for value, size in zip(self.base_batch_values(), self.sizes))
        return sum(weighted) / sum(self.sizes)

    def base_batch_values(self) -> list[float]:
        """Measures the network as it stands, on each batch of the race's sequence."""
        return self._compute_once("base parts", lambda: self.batch_values({}, range(len(self.sequence))))

    def once(self, name: str, compute: Callable[[], Value]) -> Value:
        """Returns what is computed for all choices at once; it counts as one evaluation, and holds until the network
        changes."""

        def counted() -> Value:
            self.budget.count(1.0)
            return compute()

        return self._compute_once(name, counted)

    def measure_itself(self) -> float:
        """Measures the network as it stands now; what is counted is the caller's affair."""
        return self._measure(self.draw_batches(), {})

    def changes_nothing(self, choice: str, option: str) -> bool:
        """Whether the network is known to do the same without the option: it is called `none` or `no_skip`, and returns
        zeros."""
        if not self.protocol.skip_known or option not in NULL_OPTIONS:
            return False
        modules = self.net.choices()[choice][option]
        return self._compute_once(f"zero {choice}", lambda: self._returns_zeros(modules))

    def example(self) -> Tensor | None:
        """Returns the inputs of one batch."""
        return next((x for x, _ in self.draw_batches()), None)

    def forget(self) -> None:
        """Clears cached values; to be called after the network has changed."""
        self.cache.clear()
        if self.finer:
            self.finer.forget()

    def state(self) -> dict:
        """Returns what a checkpoint must hold: counts, cached values, and the state of the generator."""
        return {**self.budget.state(), "kept": self.cache, "generator": self.generator.get_state()}

    def load(self, state: dict) -> None:
        """Goes on from `state`."""
        self.budget.load(state)
        self.cache = state["kept"]
        self.generator.set_state(state["generator"])

    def draw_batches(self) -> Batches:
        """Returns the batches of an evaluation."""
        if self.resample is None:
            return self.batches
        batches = fit_batches(self.net, check_batches(self.resample()))
        self._show_inputs(batches)
        return batches

    def _show_inputs(self, batches: Batches) -> None:
        """Lets the network be watched on two inputs, once, before anything is measured."""
        if self.measure and batches and not switched_off(self.net):
            x, _ = batches[0]
            runs = settle_zeros(self.net, x[:2])
            if runs and hasattr(self.net, "watch"):
                self.net.watch(x[:2])

    def _compute_once(self, name: str, compute: Callable[[], Value]) -> Value:
        if name not in self.cache:
            self.cache[name] = compute()
        return self.cache[name]

    def _measure(self, batches: Batches, without: Mask) -> float:
        value, notes = take_with_notes(self._measure_once_more, self.net, batches, self.measure.name, without)
        self.add_notes(notes)
        return value

    def add_notes(self, notes: Iterable[str]) -> None:
        """Remembers what a measure had to say, each thing once."""
        self.notes += [note for note in notes if note not in self.notes]

    def _measure_once_more(self, network: nn.Module, batches: Batches) -> float:
        """Measures a network; where that fails with 0-dim zeros, again with zeros of full size."""
        try:
            return self.measure(network, batches)
        except FAILURES:
            if not give_up_cheap_zeros(self.net):
                raise
        return self.measure(network, batches)

    @torch.no_grad()
    def _returns_zeros(self, modules: list[nn.Module]) -> bool:
        has_parameters = any(True for module in modules for _ in module.parameters())
        if self.resample or has_parameters:
            return False
        nonzero: list[bool] = []

        def record(module: nn.Module, inputs: tuple, output: object) -> None:
            nonzero.append(any(bool(tensor.any()) for tensor in list_tensors(output)))

        x, _ = self.batches[0]
        with hooked(module.register_forward_hook(record) for module in modules), preserved(self.net, seed=0):
            self.net.eval()(x[:2].clone())
        return bool(nonzero) and not any(nonzero)


def take_with_notes(
    measure: Callable[..., Any], network: nn.Module, batches: Batches, name: str = "", without: Mask | None = None
) -> tuple[float, list[str]]:
    """Takes a measure of a network, and returns what it warned of, too.

    Raises:
        SelectionError: it fails, or is not a number; the measure, and the options that are switched off, are named.
    """
    name = name or getattr(measure, "name", "the measure")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            value = measure(network, batches)
        except FAILURES as error:
            raise SelectionError(f"{name} of {_describe(without)}: {first_line(error)}") from error
    if not isinstance(value, (int, float)) or value != value:
        raise SelectionError(f"{name} is not a number for {_describe(without)}: {value!r}")
    return value, list(dict.fromkeys(str(warning.message) for warning in caught))


def form_finer(evaluator: Evaluator, give: Callable[[Measure], Measure]) -> Evaluator | None:
    """Returns the evaluator of the finer measure, if there is one; it reads the targets in the same way.

    It sees all images: what decides between equals is no estimate.

    Args:
        give: hands a measure the loss and the metric that it takes.
    """
    coarse = evaluator.measure
    if not coarse.finer or not evaluator.protocol.settle_ties:
        return None
    finer = give(find_measure(coarse.finer))
    common = (finer.settings or frozenset()) - set(finer.fixed)
    finer = finer.with_settings({name: value for name, value in coarse.fixed.items() if name in common})
    protocol = replace(evaluator.protocol, race=0.0)
    return Evaluator(evaluator.net, finer, evaluator.batches, budget=evaluator.budget, protocol=protocol)


def _describe(without: Mask | None) -> str:
    """Says in words which network is measured."""
    if not without:
        return "the whole network"
    return "; ".join(f"{choice} without {', '.join(options)}" for choice, options in without.items())
