"""Training of a chosen network from scratch."""

from .retrain import Retrain

__all__ = ["Retrain"]
