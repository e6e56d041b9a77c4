"""Training of a chosen network from scratch."""

from .children import build_retraining, train_child
from .command import run_retrain
from .network import build_child
from .pruning import pruning
from .training import Retrain

__all__ = ["Retrain", "build_child", "build_retraining", "pruning", "run_retrain", "train_child"]
