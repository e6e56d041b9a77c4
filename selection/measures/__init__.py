"""Measures: a network and batches to one number, higher is better."""

from . import accuracy, activations, alignment, ntk, saliency, size

__all__ = ["accuracy", "activations", "alignment", "ntk", "saliency", "size"]
