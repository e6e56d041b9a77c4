"""A folder of results as one HTML page: imports nothing of the search, reads files only."""

from .charts.cellgraph import draw_cell
from .page import write_report
from .ranking import write_ranking

__all__ = ["draw_cell", "write_ranking", "write_report"]
