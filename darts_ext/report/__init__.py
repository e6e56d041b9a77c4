"""A folder of results as one HTML page: imports nothing of the search, reads files only."""

from .charts.cellgraph import draw_cell
from .page import write_report
from .ranking import write_ranking
from .study import is_study
from .studypage import write_study

__all__ = ["draw_cell", "is_study", "write_ranking", "write_report", "write_study"]
