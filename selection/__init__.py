"""Which option stays: measures, lifts and strategies on any network that answers choices(), logits() and inputs().
Needs torch and numpy only."""

from .adapt import adapt, list_kinds
from .architecture import count_architectures, draw_architecture
from .combination import COMBINATION, combined
from .decisions import Decisions, Selection
from .errors import SelectionError
from .gates import committed, masked
from .kernels import ntk
from .measures.memo import kernels_shared
from .measuring import measure, measure_all
from .numerics.decay import Decay, decay
from .numerics.gaussian import list_infinite_activations
from .numerics.infinite import infinite_bounds, infinite_ntk
from .numerics.spectrum import Spectrum, spectrum
from .numerics.tnorm import calibrate
from .plan import Plan
from .planning import make_plan
from .preserve import preserved
from .protocol import Selectable, edge_of, group_of, kind_of
from .registry import (
    describe_criteria,
    find_lift,
    find_measure,
    list_criteria,
    list_lifts,
    list_measures,
    register_criterion,
    register_lift,
    register_measure,
)
from .selecting import score, select
from .spelling import Spelling, find_criterion, parse, parse_criterion, parse_measures, split_names
from .strategies import Strategy, list_strategies
from .task import Task

__all__ = [
    "COMBINATION",
    "Decay",
    "Decisions",
    "Plan",
    "Selectable",
    "Selection",
    "SelectionError",
    "Spectrum",
    "Spelling",
    "Strategy",
    "Task",
    "adapt",
    "calibrate",
    "combined",
    "committed",
    "count_architectures",
    "decay",
    "describe_criteria",
    "draw_architecture",
    "edge_of",
    "find_criterion",
    "find_lift",
    "find_measure",
    "group_of",
    "infinite_bounds",
    "infinite_ntk",
    "kernels_shared",
    "kind_of",
    "list_criteria",
    "list_infinite_activations",
    "list_kinds",
    "list_lifts",
    "list_measures",
    "list_strategies",
    "make_plan",
    "masked",
    "measure",
    "measure_all",
    "ntk",
    "parse",
    "parse_criterion",
    "parse_measures",
    "preserved",
    "register_criterion",
    "register_lift",
    "register_measure",
    "score",
    "select",
    "spectrum",
    "split_names",
]
