"""Strategies: from scores to decisions."""

from .oneshot import decide

__all__ = ["decide"]
