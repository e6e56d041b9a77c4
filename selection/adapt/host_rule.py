"""By which rule a DARTS host writes its own genotype: found out by asking it, with other alphas for a moment."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from io import StringIO
from itertools import product
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..batches import FAILURES
from ..preserve import preserved
from .edge_weights import EdgeWeights, find_candidates
from .host import Host
from .watching import watch_twice
from .weighting import LINEAR, SIGMOID, SOFTMAX, Weighting

DRAWS = 8
Edges = list[tuple[str, int]]  # (option, source), in the order in which they are written


class Rule(NamedTuple):
    """How edges and options are ranked.

    Args:
        weighting: of the options.
        never_chosen: options that are mixed but never chosen.
        edge_weights: what the weights of an edge's options are multiplied by; None where by nothing.
    """

    weighting: Weighting
    never_chosen: tuple[str, ...]
    edge_weights: EdgeWeights | None


def answers(host: Host) -> bool:
    """Whether a host has a genotype() that works."""
    try:
        with preserved(host), redirect_stdout(StringIO()):
            return host.genotype() is not None
    except Exception:  # somebody else's function, which may ask for what is not there
        return False


def find_rule(adapter: Any) -> Rule | None:
    """Returns the rule that explains a host's genotype() on random alphas; None where there is none.

    Names of options need not be the host's: one of ours stands for one of the host's throughout.

    Args:
        adapter: of the host; its `rule` is set while others are tried, and left as it was.
    """
    scalings = find_candidates(adapter.host, adapter.host_choices)
    usual = (adapter.never_chosen, ())
    options: dict[str, None] = {}
    for choice in adapter.host_choices.values():
        options |= dict.fromkeys(choice.options)
    unusual = [(option,) for option in options if (option,) not in usual]
    return _find_among(adapter, scalings, usual) or _find_among(adapter, scalings, unusual)


def watch_edge_weights(adapter: Any, x: Tensor) -> EdgeWeights | None:
    """Returns the weights of edges that a host without a genotype() mixes by: how large its edges are beside the others
    into their node; None where all are as large, or no tensor of the host explains them.

    Args:
        adapter: of the host, in whose cells a node adds up its edges.
        x: a few inputs.
    """
    scalings = find_candidates(adapter.host, adapter.host_choices)
    if not scalings:
        return None
    weigh = adapter.find_mixing().weighting.weigh
    with suppress(*FAILURES), _numbers_drawn(adapter.host, [], scalings, 0):
        sights, _ = watch_twice(adapter, x)
        sizes = {choice: float(sight.weights.sum() / weigh(sight.alpha).sum()) for choice, sight in sights.items()}
        for scaling in scalings:
            if all(_are_sizes_by(adapter, scaling, sizes, names) for _, names in adapter.inputs().values()):
                return scaling
    return None


def _are_sizes_by(adapter: Any, scaling: EdgeWeights, sizes: dict[str, float], names: Sequence[str]) -> bool:
    """Whether the edges into one node are as large as these weights, up to a factor."""
    seen = [name for name in names if name in sizes]
    ratios = [float(scaling.read(adapter.host, adapter.host_choices, name)) / sizes[name] for name in seen]
    return bool(ratios) and min(ratios) > 0 and max(ratios) < 1.02 * min(ratios)


def _find_among(adapter: Any, scalings: Sequence[EdgeWeights], barred: Sequence[tuple[str, ...]]) -> Rule | None:
    """Returns the first rule with one of these lists of options that are never chosen."""
    tried = product((None, *scalings), barred, (SOFTMAX, SIGMOID, LINEAR))
    candidates: list[tuple[Rule, dict[str, str]]] = []
    for scaling, never_chosen, weighting in tried:
        candidates.append((Rule(weighting, never_chosen, scaling), {}))
    host, before = adapter.host, adapter.rule
    try:
        for draw in range(DRAWS):
            with _numbers_drawn(host, [*adapter.logits().values()], scalings, draw):
                asked = _ask(host, adapter)
                candidates = [(rule, names) for rule, names in candidates if _agrees(adapter, rule, asked, names)]
    except Exception:  # a form of its own
        return None
    finally:
        adapter.rule = before
    return candidates[0][0] if candidates else None


def _ask(host: Host, adapter: Any) -> dict[str, Edges]:
    with preserved(host), redirect_stdout(StringIO()):
        genotype = host.genotype()
    groups = {name.partition("/")[0] for name in adapter.host_choices}
    return {group: [(option, source) for option, source in getattr(genotype, group)] for group in groups}


def _agrees(adapter: Any, rule: Rule, asked: dict[str, Edges], names: dict[str, str]) -> bool:
    """Whether a rule gives what the host was asked for; `names` receives which option of the host is which of ours."""
    adapter.rule = rule
    for group, edges in adapter.keep_edges().items():
        ours = [(option, source) for option, source, _ in edges]
        if len(ours) != len(asked[group]):
            return False
        for (option, source), (theirs, their_source) in zip(ours, asked[group]):
            if source != their_source or names.setdefault(theirs, option) != option:
                return False
    return len(set(names.values())) == len(names)


@contextmanager
def _numbers_drawn(host: Host, rows: list[Tensor], scalings: Sequence[EdgeWeights], seed: int) -> Iterator[None]:
    """Inside the block alphas, and what may be weights of edges, are random numbers."""
    held = {id(getattr(host, name)): getattr(host, name) for scaling in scalings for name in scaling.names.values()}
    tensors = [*rows, *held.values()]
    before = [tensor.detach().clone() for tensor in tensors]
    generator = torch.Generator().manual_seed(seed)
    try:
        for tensor in tensors:
            _write(tensor, torch.randn(len(tensor), generator=generator))
        yield
    finally:
        for tensor, values in zip(tensors, before):
            _write(tensor, values)


@torch.no_grad()
def _write(tensor: Tensor, values: Tensor) -> None:
    tensor.copy_(values)
