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


def skip_share(mixing: dict[str, list[float]], options: dict[str, Sequence[str]], excluded: Sequence[str]) -> float:
    """The share of edges whose largest mixing weight, among the options that may be chosen, is skip_connect's; ties go to the first.

    >>> skip_share({"a": [0.5, 0.2, 0.3], "b": [0.1, 0.6, 0.3]}, dict.fromkeys("ab", ("none", "skip_connect", "nor_conv_3x3")), ["none"])
    0.5
    """
    best = []
    for choice, weights in mixing.items():
        allowed = {option: weight for option, weight in zip(options[choice], weights) if option not in excluded}
        best.append(max(allowed, key=allowed.__getitem__))
    return best.count("skip_connect") / len(best)
