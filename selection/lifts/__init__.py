"""Lifts: from a measure, or from the network itself, to a score for every option of a choice; higher = keep.

A lift takes (probe, choice) and returns {option: score}.
"""

from .measured import alone, removal
from .readings import magnitude, random, size
from .taylor import taylor

__all__ = ["alone", "magnitude", "random", "removal", "size", "taylor"]
