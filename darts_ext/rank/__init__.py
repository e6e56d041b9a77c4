"""Training-free measures against the accuracies of NAS-Bench-201."""

from .cells import representatives, sample_cells
from .command import rerank, run_rank
from .leaderboard import Leaderboard
from .score import Build, RankInputs, Task, connect, read_scores, score_tasks
from .statistics import join_columns, orders, over_repeats, rank_columns, spearman

__all__ = [
    "Build",
    "Leaderboard",
    "RankInputs",
    "Task",
    "connect",
    "join_columns",
    "orders",
    "over_repeats",
    "rank_columns",
    "read_scores",
    "representatives",
    "rerank",
    "run_rank",
    "sample_cells",
    "score_tasks",
    "spearman",
]
