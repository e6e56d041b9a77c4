"""Which code a network comes from, told by what it is made of; nothing of that code is imported."""

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

from torch import nn
from torch.nn.parallel import DataParallel, DistributedDataParallel

from ..errors import SelectionError, unknown
from ..losses import Loss, Metric
from ..protocol import Selectable, check_selectable, is_selectable
from ..task import Task
from . import dartspt, nasbench201, naslib, pcdarts, ptdarts, quark0
from .adapter import Adapter
from .generic import Generic
from .host import Host
from .search import find_choices


class Kind(NamedTuple):
    """A code whose networks are known.

    Args:
        find_missing: returns the first part of the code's layout that a network does not have; None where it has all.
        adapter: the class that makes such a network selectable.
    """

    find_missing: Callable[[nn.Module], str | None]
    adapter: type[Adapter]


def _find_nothing_missing(host: nn.Module) -> None:
    """Returns None: any network may be adapted as "generic"."""


KINDS = {  # the first that fits is taken: those that add to the layout of another come before it
    "dartspt": Kind(dartspt.find_missing, dartspt.DartsPT),
    "pcdarts": Kind(pcdarts.find_missing, pcdarts.PCDarts),
    "quark0": Kind(quark0.find_missing, quark0.Quark0),
    "ptdarts": Kind(ptdarts.find_missing, ptdarts.PtDarts),
    "nasbench201": Kind(nasbench201.find_missing, nasbench201.NASBench201),
    "naslib": Kind(naslib.find_missing, naslib.NASLib),
    "generic": Kind(_find_nothing_missing, Generic),
}
RECOGNISED = [kind for kind in KINDS if kind != "generic"]


def list_kinds() -> list[str]:
    """Lists the codes whose networks `adapt` knows.

    >>> list_kinds()
    ['dartspt', 'generic', 'nasbench201', 'naslib', 'pcdarts', 'ptdarts', 'quark0']
    """
    return sorted(KINDS)


def adapt(
    net: nn.Module, kind: str | None = None, *, loss: Loss = None, metric: Metric = None, **context: object
) -> Selectable:
    """Makes a network of somebody else's code selectable: every measure, lift and strategy runs on it, and the network
    itself stays as it is.

    Args:
        net: the host; what wraps it (DataParallel, DistributedDataParallel, torch.compile) is taken off. One that is
            selectable comes back as it is.
        kind: one of `list_kinds`; where None, it is recognised by structure.
        loss, metric: of your own task, which `select`, `score` and `measure` then take; see `Task`.
        context: what the host's code keeps elsewhere: `primitives` (names of the operations) and `genotype` (its
            namedtuple) of the DARTS codes, which are otherwise read in the source files of the network's classes;
            `weighting`, how weights follow from alphas, which is otherwise watched;
            `mapping`, `logits`, `inputs`, `excluded` and `output` of "generic", see there.

    Returns:
        an `Adapter`: choices(), logits(), inputs() and excluded(); genotype(decisions, inputs) in the host's own form,
            and to_json(decisions, inputs).
        Printed, it lists what was found.

    Raises:
        SelectionError: the network is of no known kind, or not of the one that is given; the line says what it lacks,
            and what to give.

    >>> class Mixed(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.options = nn.ModuleDict({"tanh": nn.Tanh(), "relu": nn.ReLU()})
    ...         self.alpha = nn.Parameter(torch.tensor([0.0, 1.0]))
    ...     def forward(self, x):
    ...         return sum(w * option(x) for w, option in zip(self.alpha.softmax(0), self.options.values()))
    >>> import torch
    >>> net = adapt(nn.Sequential(nn.Linear(3, 4), Mixed(), nn.Linear(4, 2)), kind="generic")
    >>> net
    Generic of Sequential, 1 choices
      cell/0/op: tanh, relu; alphas alpha; in 1.options.tanh
    >>> net.genotype()
    {'cell/0/op': 'relu'}
    """
    task = Task(loss, metric)
    host = unwrap(net)
    if kind is None and is_selectable(host):
        _check_no_task(task)
        return host
    _check_network(host)
    adapted = _build(host, _recognise(host) if kind is None else kind, context)
    adapted.given_task = task
    return check_selectable(adapted)


def _check_no_task(task: Task) -> None:
    if task != Task():
        raise SelectionError(
            "the network is selectable as it is, and comes back so: give loss and metric to select, or answer task()"
        )


def unwrap(net: Host) -> nn.Module:
    """Returns the network inside DataParallel, DistributedDataParallel and torch.compile."""
    while True:
        if isinstance(net, (DataParallel, DistributedDataParallel)):
            net = net.module
        elif isinstance(getattr(net, "_orig_mod", None), nn.Module):
            net = net._orig_mod
        else:
            return net


def _check_network(host: object) -> None:
    if not isinstance(host, nn.Module):
        raise SelectionError(
            f"adapt takes a network, a torch.nn.Module, not a {type(host).__name__} (of NASLib: optimizer.graph)"
        )


def _recognise(host: nn.Module) -> str:
    """Returns the kind of a network, or raises SelectionError that says what a search would find."""
    for kind in RECOGNISED:
        if KINDS[kind].find_missing(host) is None:
            return kind
    refusal = f"{type(host).__name__} is not recognised as one of {', '.join(RECOGNISED)}"
    try:
        choices = find_choices(host)
    except SelectionError as error:
        raise SelectionError(f"{refusal}; by search: {error}") from None
    options = ", ".join(next(iter(choices.values())).options)
    raise SelectionError(
        f"{refusal}; by search it has {len(choices)} choices ({options}): adapt(net, kind='generic') takes them, and "
        f"print lists them"
    )


def _build(host: nn.Module, kind: str, context: dict[str, Any]) -> Adapter:
    """Returns the adapter of a kind, or raises SelectionError where network or context do not fit it."""
    if kind not in KINDS:
        raise unknown("kind", kind, KINDS)
    missing = KINDS[kind].find_missing(host)
    if missing:
        raise SelectionError(f"{type(host).__name__} is no network of kind {kind}: it has no {missing}")
    _check_context(kind, context)
    return KINDS[kind].adapter(host, **context)


def _check_context(kind: str, context: dict[str, object]) -> None:
    parameters = inspect.signature(KINDS[kind].adapter).parameters.values()
    known = [parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]
    strange = [name for name in context if name not in known]
    if not callable(context.get("genotype", dict)):
        raise SelectionError(f"genotype is the host's own namedtuple or class, not {context['genotype']!r}")
    if strange:
        raise SelectionError(f"kind {kind} takes no {', '.join(strange)}; its context: {', '.join(known) or 'none'}")
