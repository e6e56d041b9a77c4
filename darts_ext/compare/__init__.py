"""Criteria side by side: one row a seed and criterion, one line a criterion."""

from .command import run_compare
from .settings import read_searches
from .table import aggregate, render

__all__ = ["aggregate", "read_searches", "render", "run_compare"]
