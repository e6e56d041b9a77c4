"""Strategies: from scores to decisions. A strategy takes (probe, lift) and returns Decisions."""

from .oneshot import Decisions, oneshot
from .progressive import progressive

STRATEGIES = {"oneshot": oneshot, "progressive": progressive}

__all__ = ["STRATEGIES", "Decisions", "oneshot", "progressive"]
