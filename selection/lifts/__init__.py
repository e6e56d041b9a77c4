"""Lifts: from a measure, or from the network itself, to a score for every option of a choice; higher = keep.

A lift takes (probe, choice) and returns {option: score}.
"""

from . import readings, taylor
from .measured import edges

__all__ = ["edges", "readings", "taylor"]
