"""Criteria side by side: one row a seed and criterion, one line a criterion."""

from .table import aggregate, render

__all__ = ["aggregate", "render"]
