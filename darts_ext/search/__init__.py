"""Bilevel training of a supernet."""

from .bilevel import Search
from .hypergradient import hypergradient

__all__ = ["Search", "hypergradient"]
