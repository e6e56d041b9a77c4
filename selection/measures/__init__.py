"""Measures: a network and batches to one number, higher is better.

Taken of untrained networks they are zero-cost proxies, as the literature calls them. Each is a function with the
formula and the paper in its docstring.
"""

from . import (
    accuracy,
    activations,
    alignment,
    aznas,
    gradsign,
    infinite,
    intrain,
    meco,
    ntk,
    saliency,
    size,
    vkdnw,
    zico,
)

__all__ = [
    "accuracy",
    "activations",
    "alignment",
    "aznas",
    "gradsign",
    "infinite",
    "intrain",
    "meco",
    "ntk",
    "saliency",
    "size",
    "vkdnw",
    "zico",
]
