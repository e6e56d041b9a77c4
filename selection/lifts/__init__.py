"""Lifts: from a network (and a measure) to a score for every option and for every edge, higher = keep."""

from .alone import alone
from .readings import magnitude, random, size
from .removal import removal

__all__ = ["alone", "magnitude", "random", "removal", "size"]
