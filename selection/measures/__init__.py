"""Measures: a network and batches to one number, higher is better."""

from . import accuracy, activations, alignment, aznas, gradsign, infinite, meco, ntk, saliency, size, zico

__all__ = [
    "accuracy",
    "activations",
    "alignment",
    "aznas",
    "gradsign",
    "infinite",
    "meco",
    "ntk",
    "saliency",
    "size",
    "zico",
]
