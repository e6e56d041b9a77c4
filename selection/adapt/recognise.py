"""Which code a network comes from, told by what it is made of; nothing of that code is imported."""

import inspect

from torch import nn
from torch.nn.parallel import DataParallel, DistributedDataParallel

from ..errors import SelectionError, unknown
from ..protocol import Selectable, check_selectable
from . import dartspt, nasbench201, naslib, pcdarts, ptdarts, quark0
from .generic import Generic
from .search import found_in

KINDS = {  # the first that fits is taken: those that add to the layout of another come before it
    "dartspt": (dartspt.lacks, dartspt.DartsPT),
    "pcdarts": (pcdarts.lacks, pcdarts.PCDarts),
    "quark0": (quark0.lacks, quark0.Quark0),
    "ptdarts": (ptdarts.lacks, ptdarts.PtDarts),
    "nasbench201": (nasbench201.lacks, nasbench201.NASBench201),
    "naslib": (naslib.lacks, naslib.NASLib),
    "generic": (lambda host: None, Generic),
}
QUESTIONS = ("choices", "logits", "inputs")


def list_kinds() -> list[str]:
    """The codes whose networks `adapt` knows.

    >>> list_kinds()
    ['dartspt', 'generic', 'nasbench201', 'naslib', 'pcdarts', 'ptdarts', 'quark0']
    """
    return sorted(KINDS)


def adapt(net: nn.Module, kind: str | None = None, **context: object) -> Selectable:
    """A network of somebody else's code as a selectable one: every measure, lift and strategy runs on it, and the
    network itself stays as it is.

    Args:
        net: the host; what wraps it (DataParallel, DistributedDataParallel, torch.compile) is taken off. One that is
            selectable comes back as it is.
        kind: one of `list_kinds`; where None, it is recognised by structure.
        context: what the host's code keeps elsewhere: `primitives` (names of the operations) and `genotype` (its
            namedtuple) of the DARTS codes, which are otherwise read in the source files of the network's classes;
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
    ...         self.options, self.alpha = nn.ModuleDict({"tanh": nn.Tanh(), "relu": nn.ReLU()}), nn.Parameter(torch.tensor([0.0, 1.0]))
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
    host = unwrapped(net)
    if kind is None and all(
        callable(getattr(host, question, None)) and not isinstance(getattr(host, question), nn.Module)
        for question in QUESTIONS
    ):
        return host
    if not isinstance(host, nn.Module):
        raise SelectionError(
            f"adapt takes a network, a torch.nn.Module, not a {type(host).__name__} (of NASLib: optimizer.graph)"
        )
    if kind is not None and kind not in KINDS:
        raise unknown("kind", kind, KINDS)
    kind = kind or _recognised(host)
    lacks, build = KINDS[kind]
    missing = lacks(host)
    if missing:
        raise SelectionError(f"{type(host).__name__} is no network of kind {kind}: it has no {missing}")
    _check_context(kind, build, context)
    adapted = build(host, **context)
    check_selectable(adapted)
    return adapted


def unwrapped(net: nn.Module) -> nn.Module:
    """The network inside DataParallel, DistributedDataParallel and torch.compile."""
    while True:
        if isinstance(net, (DataParallel, DistributedDataParallel)):
            net = net.module
        elif isinstance(getattr(net, "_orig_mod", None), nn.Module):
            net = net._orig_mod
        else:
            return net


def _recognised(host: nn.Module) -> str:
    for kind, (lacks, _) in KINDS.items():
        if kind != "generic" and lacks(host) is None:
            return kind
    known = ", ".join(kind for kind in KINDS if kind != "generic")
    told = f"{type(host).__name__} is not recognised as one of {known}"
    try:
        found = found_in(host)
    except SelectionError as error:
        raise SelectionError(f"{told}; by search: {error}") from None
    options = ", ".join(next(iter(found.values())).options)
    raise SelectionError(
        f"{told}; by search it has {len(found)} choices ({options}): adapt(net, kind='generic') takes them, and print "
        f"lists them"
    )


def _check_context(kind: str, build: type, context: dict[str, object]) -> None:
    known = [
        name
        for name, parameter in inspect.signature(build).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    ]
    strange = [name for name in context if name not in known]
    if not callable(context.get("genotype", dict)):
        raise SelectionError(f"genotype is the host's own namedtuple or class, not {context['genotype']!r}")
    if strange:
        raise SelectionError(f"kind {kind} takes no {', '.join(strange)}; its context: {', '.join(known) or 'none'}")
