"""Bilevel training of a supernet."""

from .bilevel import Search
from .hypergradient import hypergradient
from .space import read_space
from .track import Tracker
from .tuning import Tuning

__all__ = ["Search", "Tracker", "Tuning", "hypergradient", "read_space"]
