"""By what a host ranks its options and edges, found out by its own genotype()."""

from typing import Any

import torch

from .weighting import RULES, alphas_set

DRAWS = 4


def find_ranking(net: Any, first: str) -> str | None:
    """Returns the rule whose genotypes are those of the host's own genotype() on random alphas; None where no rule's
    are, or the host answers none.

    Args:
        net: the host, adapted; `rank_by(rule)` makes it rank so.
        first: the rule to try first.
    """
    genotype = getattr(net.host, "genotype", None)
    if not callable(genotype):
        return None
    fitting = sorted(RULES, key=lambda rule: rule != first)
    for seed in range(DRAWS):
        generator = torch.Generator().manual_seed(seed)
        rows = {name: 2 * torch.randn(len(row), generator=generator) for name, row in net.logits().items()}
        with alphas_set(net, rows):
            try:
                theirs = to_plain(genotype())
                fitting = [rule for rule in fitting if to_plain(net.genotype_by(rule)) == theirs]
            except Exception:  # a genotype() of somebody else may want anything, and be of any form
                return None
    return fitting[0] if fitting else None


def to_plain(genotype: Any) -> object:
    """Returns the edges of a genotype of any form in lists and text, so that two can be compared."""
    if hasattr(genotype, "_fields"):
        return [to_plain(getattr(genotype, name)) for name in genotype._fields if not name.endswith("concat")]
    if isinstance(genotype, (tuple, list, range)):
        return [to_plain(part) for part in genotype]
    if hasattr(genotype, "tostr"):
        return genotype.tostr()
    return genotype if isinstance(genotype, int) else str(genotype)
