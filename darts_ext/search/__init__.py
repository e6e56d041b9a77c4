"""Bilevel training of a supernet."""

from .bilevel import Search
from .hypergradient import hypergradient
from .space import read_space
from .tuning import Tuning

__all__ = ["Search", "Tuning", "hypergradient", "read_space"]
