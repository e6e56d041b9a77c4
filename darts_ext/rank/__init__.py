"""Training-free measures against the accuracies of NAS-Bench-201."""

from .population import sample_cells
from .score import Task, score_tasks
from .statistics import leaderboard

__all__ = ["Task", "leaderboard", "sample_cells", "score_tasks"]
