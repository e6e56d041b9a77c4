"""By which rule a DARTS host writes its own genotype: found out by asking it, with alphas that are set for the moment."""

from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from typing import Any

import torch
from torch import Tensor

from ..batches import FAILURES
from ..preserve import preserved
from .host import Host
from .weighting import LINEAR, SIGMOID, SOFTMAX, Weighting

DRAWS = 8
Answer = tuple[list, ...]


def find_rule(adapter: Any, host: Host) -> tuple[Weighting, tuple[str, ...]] | None:
    """Returns what the host ranks by, and the options that it never chooses; None where it has no genotype(), or one
    that no rule of these explains.

    Args:
        adapter: of the host, with `ranking` and `never_chosen` that can be set; both are left as they were.
    """
    if not callable(getattr(host, "genotype", None)):
        return None
    before = adapter.ranking, adapter.never_chosen
    rules = []
    for weighting in (SOFTMAX, SIGMOID, LINEAR):
        rules += [(weighting, before[1]), (weighting, ())]
    try:
        for draw in range(DRAWS):
            with _alphas_drawn(adapter, draw):
                expected = _ask(host)
                rules = [rule for rule in rules if _answer_by(adapter, rule) == expected]
    except FAILURES:
        return None
    finally:
        adapter.ranking, adapter.never_chosen = before
    return rules[0] if rules else None


def _ask(host: Host) -> Answer:
    with preserved(host), redirect_stdout(StringIO()):
        genotype = host.genotype()
    return _list_edges(genotype)


def _answer_by(adapter: Any, rule: tuple[Weighting, tuple[str, ...]]) -> Answer:
    adapter.ranking, adapter.never_chosen = rule
    return _list_edges(adapter.genotype())


def _list_edges(genotype: Any) -> Answer:
    return [tuple(edge) for edge in genotype.normal], [tuple(edge) for edge in genotype.reduce]


@contextmanager
def _alphas_drawn(adapter: Any, seed: int) -> Iterator[None]:
    """Inside the block all alphas are random numbers."""
    rows = adapter.logits()
    before = {choice: row.detach().clone() for choice, row in rows.items()}
    generator = torch.Generator().manual_seed(seed)
    try:
        for row in rows.values():
            _write(row, torch.randn(len(row), generator=generator))
        yield
    finally:
        for choice, row in rows.items():
            _write(row, before[choice])


@torch.no_grad()
def _write(row: Tensor, values: Tensor) -> None:
    row.copy_(values)
