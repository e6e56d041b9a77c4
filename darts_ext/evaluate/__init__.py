"""Training of a chosen network from scratch."""

from .pruning import pruning
from .retrain import Retrain

__all__ = ["Retrain", "pruning"]
