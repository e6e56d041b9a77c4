"""Measures: a network and batches to one number, higher is better."""

from . import accuracy, ntk, size

__all__ = ["accuracy", "ntk", "size"]
