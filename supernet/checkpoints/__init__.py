"""Converters of other codes' checkpoints to a Supernet."""

from .autodl import from_nasbench201
from .ptdarts import from_ptdarts
from .quark0 import from_quark0

__all__ = ["from_nasbench201", "from_ptdarts", "from_quark0"]
