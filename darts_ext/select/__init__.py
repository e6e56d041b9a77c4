"""Choosing on a trained supernet; the work can be killed and goes on."""

from .choosing import ResampledBatches, choose
from .command import run_select
from .on_run import select_on_run, selection_batches, try_candidates
from .selector import Selector, read_selectors

__all__ = [
    "ResampledBatches",
    "Selector",
    "choose",
    "read_selectors",
    "run_select",
    "select_on_run",
    "selection_batches",
    "try_candidates",
]
