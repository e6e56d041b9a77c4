"""Choosing on a trained supernet: what is asked for, and the work, which can be killed."""

from .choosing import Fresh, choose
from .entry import Entry, read_entries
from .trial import try_out

__all__ = ["Entry", "Fresh", "choose", "read_entries", "try_out"]
