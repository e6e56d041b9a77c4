"""Measuring a network with some options switched off."""

import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch

from .errors import SelectionError
from .gates import masked
from .preserve import hooked, preserved
from .protocol import Batches, Selectable, check_batches

Listener = Callable[[float, float], None]
Mask = dict[str, list[str]]


@dataclass(frozen=True)
class Manner:
    """How a network is measured with options removed.

    Args:
        race: error rate at which a choice is decided before all batches are seen; 0 sees them all.
        known: whether what is known is not measured: `none` gone changes nothing.
        redraw: whether a node's edges are measured again after each that it drops.
        order, joint: of a progressive strategy.
    """

    race: float = 0.05
    known: bool = True
    redraw: bool = False
    order: str = "fixed"
    joint: bool = True


PAIRED = Manner()
NOTHING = ("none", "no_skip")
FAILURES = (
    RuntimeError,
    ValueError,
    TypeError,
    IndexError,
    KeyError,
    AttributeError,
    ArithmeticError,
)  # of networks and measures of others
DARTS_PT = Manner(race=0.0, known=False, redraw=True, order="random", joint=False)
MANNERS = {"paired": PAIRED, "darts-pt": DARTS_PT}


class Probe:
    """A network, a measure and the batches that it is taken on; counts how often that happens.

    Args:
        measure: (net, batches) -> float, higher is better; None for criteria that only read the net.
        batches: [(x, y)], or a function that returns them anew for each evaluation, in a fresh order and augmentation.
        seed: of what is drawn: the baseline's numbers, an order, the race's sequence of batches.
        listener: called with (done, expected) evaluations after each.
    """

    def __init__(
        self,
        net: Selectable,
        measure: Callable | None,
        batches: Batches | Callable[[], Iterable],
        *,
        seed: int = 0,
        listener: Listener | None = None,
        manner: Manner = PAIRED,
    ):
        self.net, self.measure, self.manner, self.seed = net, measure, manner, seed
        self.fresh = batches if callable(batches) else None
        self.batches = [] if self.fresh else fitted(net, check_batches(batches))
        self.generator = torch.Generator().manual_seed(seed)
        order = torch.randperm(len(self.batches), generator=torch.Generator().manual_seed(seed)).tolist()
        self.sequence = [self.batches[index] for index in order]
        self.sizes = [len(y) for _, y in self.sequence]
        self.listener, self.evaluations, self.saved, self.expected = listener, 0.0, 0.0, 0.0
        self.notes: list[str] = []
        self.kept: dict[str, object] = {}  # what holds until the network changes

    @property
    def racing(self) -> bool:
        """Whether a choice may be decided before all batches are seen: the measure must be a mean over images."""
        return self.manner.race > 0 and self.fresh is None and getattr(self.measure, "additive", False)

    def value(self, without: Mask) -> float:
        """The measure with those options switched off.

        Raises:
            SelectionError: it is not a number; the options are named.
        """
        with masked(self.net, without):
            value = self._measured(self.net, self._all_batches(), without)
        self._count(1.0)
        return value

    def parts(self, without: Mask, part: range) -> list[float]:
        """The measure of each of some batches of the race's sequence."""
        with masked(self.net, without):
            values = [self._measured(self.net, [self.sequence[index]], without) for index in part]
        self._count(sum(self.sizes[index] for index in part) / sum(self.sizes))
        return values

    def base(self) -> float:
        """The measure of the network as it stands."""
        if self.racing:
            return sum(value * size for value, size in zip(self.base_parts(), self.sizes)) / sum(self.sizes)
        return self._once("base", lambda: self.value({}))

    def base_parts(self) -> list[float]:
        """The measure of the network as it stands, on each batch of the race's sequence."""
        return self._once("base parts", lambda: self.parts({}, range(len(self.sequence))))

    def once(self, name: str, compute: Callable[[], object]) -> object:
        """What is computed for all choices at once, counts as one evaluation, and holds until the network changes."""

        def counted() -> object:
            self._count(1.0)
            return compute()

        return self._once(name, counted)

    def of(self, network: torch.nn.Module) -> float:
        """The measure of another network on the same batches."""
        value = self._measured(network, self._all_batches(), {})
        self._count(1.0)
        return value

    def changes_nothing(self, choice: str, option: str) -> bool:
        """Whether it is known that the network does the same without the option: it is called `none` or `no_skip`, and
        returns zeros."""
        return (
            self.manner.known
            and option in NOTHING
            and self._once(f"zero {choice}", lambda: self._returns_zeros(self.net.choices()[choice][option]))
        )

    def example(self) -> torch.Tensor | None:
        """Inputs of one batch."""
        return next((x for x, _ in self._all_batches()), None)

    def save(self, evaluations: float) -> None:
        """Counts what need not be measured."""
        self.saved += evaluations

    @property
    def remaining(self) -> float:
        """Evaluations that are still expected."""
        return max(0.0, self.expected - self.saved - self.evaluations)

    def forget(self) -> None:
        """The network has changed."""
        self.kept.clear()

    def _all_batches(self) -> Batches:
        return fitted(self.net, check_batches(self.fresh())) if self.fresh else self.batches

    def _once(self, name: str, compute: Callable[[], object]) -> object:
        if name not in self.kept:
            self.kept[name] = compute()
        return self.kept[name]

    def _count(self, share: float) -> None:
        self.evaluations += share
        if self.listener:
            self.listener(self.evaluations, self.evaluations + self.remaining)

    def _measured(self, network: torch.nn.Module, batches: Iterable, without: Mask) -> float:
        gone = (
            "; ".join(f"{choice} without {', '.join(options)}" for choice, options in without.items())
            or "the whole network"
        )
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                value = self.measure(network, batches)
            except FAILURES as error:
                raise SelectionError(f"{self.measure.__name__} of {gone}: {first_line(error)}") from error
        self.notes += [
            note for note in dict.fromkeys(str(warning.message) for warning in caught) if note not in self.notes
        ]
        if not isinstance(value, (int, float)) or value != value:
            raise SelectionError(f"{self.measure.__name__} is not a number for {gone}: {value!r}")
        return value

    @torch.no_grad()
    def _returns_zeros(self, modules: list[torch.nn.Module]) -> bool:
        if self.fresh or any(True for module in modules for _ in module.parameters()):
            return False
        outputs = []
        watched = hooked(
            module.register_forward_hook(lambda _, __, output: outputs.append(bool(output.any()))) for module in modules
        )
        with watched, preserved(self.net, seed=0):
            self.net.eval()(self.batches[0][0][:2].clone())
        return bool(outputs) and not any(outputs)


def fitted(net: torch.nn.Module, batches: Batches) -> Batches:
    """The batches with floating inputs in the network's own precision."""
    dtype = next((p.dtype for p in net.parameters() if p.is_floating_point()), None)
    return [(x.to(dtype) if dtype and x.is_floating_point() else x, y) for x, y in batches]


def first_line(error: BaseException) -> str:
    """What an error says, in one line."""
    return (str(error) or type(error).__name__).splitlines()[0]


@torch.no_grad()
def check_runs(net: torch.nn.Module, batches: Batches) -> None:
    """Runs the network on two images, and leaves no trace.

    Raises:
        SelectionError: it cannot take images of this shape, or the batches differ in theirs.
    """
    shapes = {tuple(x.shape[1:]) for x, _ in batches}
    if len(shapes) > 1:
        raise SelectionError(
            f"the batches hold inputs of different shapes: {', '.join(str(list(shape)) for shape in sorted(shapes))}"
        )
    ((x, _),) = fitted(net, [(batches[0][0][:2].clone(), None)])
    try:
        with preserved(net, seed=0):
            net.eval()(x)
    except SelectionError:
        raise
    except FAILURES as error:
        raise SelectionError(
            f"the network does not take inputs of shape {list(x.shape[1:])}: {first_line(error)}"
        ) from None
