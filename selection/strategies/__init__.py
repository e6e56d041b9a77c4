"""Strategies: from scores to decisions. One takes a panel of judges (criteria with their probes) and returns Decisions;
two of them need a single judge."""

from .beam import beam
from .oneshot import Decisions, oneshot
from .panel import Judge, Panel
from .progressive import progressive
from .sample import sample

SINGLE = {"oneshot": oneshot, "progressive": progressive}
JOINT = {"sample": sample, "beam": beam}

__all__ = ["JOINT", "SINGLE", "Decisions", "Judge", "Panel", "beam", "oneshot", "progressive", "sample"]
