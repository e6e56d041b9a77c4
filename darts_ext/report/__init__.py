"""A folder of results as one HTML page: imports nothing of the search, reads files only."""

from .cellgraph import draw_cell
from .page import write_report

__all__ = ["draw_cell", "write_report"]
