"""Zero-cost proxies (training-free measures) against the accuracies of NAS-Bench-201."""

from .population import representatives, sample_cells
from .score import NOISE, Build, RankInputs, Task, connect, read_scores, score_tasks
from .statistics import combined, leaderboard, orders, over_repeats, spearman

__all__ = [
    "NOISE",
    "Build",
    "RankInputs",
    "Task",
    "combined",
    "connect",
    "leaderboard",
    "orders",
    "over_repeats",
    "read_scores",
    "representatives",
    "sample_cells",
    "score_tasks",
    "spearman",
]
