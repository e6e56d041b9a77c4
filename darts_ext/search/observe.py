"""Mixing weights, entropies and shares of skip connections of a supernet, watched while it trains."""

import math
from collections.abc import Sequence

import torch
from torch import nn

from selection import kind_of


@torch.no_grad()
def mixing_weights(net: nn.Module) -> dict[str, list[float]]:
    """Returns {choice: its mixing weights, without chance, as shares of their sum}."""
    mixing = {}
    for choice, alpha in net.logits().items():
        weights = net.relaxation.expect(alpha)
        mixing[choice] = (weights if net.relaxation.adds_up else weights / weights.sum()).tolist()
    return mixing


def entropies(mixing: dict[str, list[float]]) -> dict[str, float]:
    """Returns {choice: entropy of its mixing weights, in nats}: log(options) when undecided, 0 when decided.

    >>> entropies({"cell/0/op": [0.5, 0.5]})
    {'cell/0/op': 0.6931471805599453}
    """
    return {choice: _entropy(weights) for choice, weights in mixing.items()}


def _entropy(weights: list[float]) -> float:
    return -sum(p * math.log(p) for p in weights if p > 0)


def skip_shares(
    mixing: dict[str, list[float]], options: dict[str, Sequence[str]], excluded: Sequence[str]
) -> dict[str, float]:
    """Returns the share of choices that the largest mixing weight would decide for a skip connection.

    Options in `excluded` cannot be chosen; ties go to the first option.

    Returns:
        "skip_share": choices of an operation that fall on skip_connect, as a share of all such choices;
            "added_skip_share": choices of an added skip that fall on adding it. Each only where there are such choices.

    >>> names = ("none", "skip_connect", "nor_conv_3x3")
    >>> mixing = {"cell/0/op": [0.5, 0.2, 0.3], "cell/1/op": [0.1, 0.6, 0.3]}
    >>> skip_shares(mixing, dict.fromkeys(mixing, names), ["none"])
    {'skip_share': 0.5}
    """
    shares = {}
    for name, kind, skip in (("skip_share", "op", "skip_connect"), ("added_skip_share", "skip", "add_skip")):
        choices = [choice for choice in mixing if kind_of(choice) == kind]
        best = [_strongest(mixing[choice], options[choice], excluded) for choice in choices]
        if best:
            shares[name] = best.count(skip) / len(best)
    return shares


def _strongest(weights: list[float], options: Sequence[str], excluded: Sequence[str]) -> str:
    """Returns the first option of largest weight among those that may be chosen."""
    allowed = {option: weight for option, weight in zip(options, weights) if option not in excluded}
    return max(allowed, key=allowed.__getitem__)
