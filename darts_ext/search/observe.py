"""What one looks at while a supernet trains."""

import math
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F


@torch.no_grad()
def mixing_weights(net: nn.Module) -> dict[str, list[float]]:
    """{choice: softmax(alpha)}."""
    return {choice: F.softmax(alpha, dim=-1).tolist() for choice, alpha in net.logits().items()}


def entropies(mixing: dict[str, list[float]]) -> dict[str, float]:
    """{choice: entropy of its mixing weights, in nats}; log(options) when undecided, 0 when decided.

    >>> entropies({"cell/0/op": [0.5, 0.5]})
    {'cell/0/op': 0.6931471805599453}
    """
    return {choice: -sum(p * math.log(p) for p in row if p > 0) for choice, row in mixing.items()}


def skip_shares(
    mixing: dict[str, list[float]], options: dict[str, Sequence[str]], excluded: Sequence[str]
) -> dict[str, float]:
    """How many choices would fall on a skip, of those whose largest mixing weight decides among the options that may be
    chosen; ties go to the first.

    Returns:
        "skip_share": of the operations, those that skip_connect would replace; "added_skip_share": of the added skips,
            those that would be there. Each only
        where there are such choices.

    >>> names = ("none", "skip_connect", "nor_conv_3x3")
    >>> skip_shares({"cell/0/op": [0.5, 0.2, 0.3], "cell/1/op": [0.1, 0.6, 0.3]}, dict.fromkeys(("cell/0/op", "cell/1/op"), names), ["none"])
    {'skip_share': 0.5}
    """
    shares = {}
    for name, kind, skip in (("skip_share", "op", "skip_connect"), ("added_skip_share", "skip", "add_skip")):
        best = []
        for choice, weights in mixing.items():
            if choice.endswith(f"/{kind}"):
                allowed = {option: weight for option, weight in zip(options[choice], weights) if option not in excluded}
                best.append(max(allowed, key=allowed.__getitem__))
        if best:
            shares[name] = best.count(skip) / len(best)
    return shares
