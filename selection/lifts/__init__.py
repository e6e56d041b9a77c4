"""Lifts: from a measure, or from the network itself, to a score for every option of a choice; higher = keep.

A lift takes (evaluator, choice) and returns {option: score}. Its score is the strength of the operation: by its alpha
(`magnitude`), or by what is lost without it (`removal`, operation strength in Wang et al. 2021).
"""

from . import readings, taylor
from .measured import score_edges

__all__ = ["readings", "score_edges", "taylor"]
