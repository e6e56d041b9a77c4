"""Which option stays: measures, lifts and strategies on any network that answers choices(), logits() and inputs().
Needs torch and numpy only."""

from .adapt import adapt, list_kinds
from .combination import COMBINATION, combined
from .errors import SelectionError
from .gates import committed, masked
from .kernels import ntk
from .numerics.decay import Decay, decay
from .numerics.gaussian import list_infinite_activations
from .numerics.infinite import infinite_bounds, infinite_ntk
from .numerics.spectrum import Spectrum, spectrum
from .preserve import preserved
from .protocol import Selectable
from .registry import (
    describe_criteria,
    list_criteria,
    list_lifts,
    list_measures,
    register_criterion,
    register_lift,
    register_measure,
)
from .select import Decisions, Selection, measure, measure_all, score, select

__all__ = [
    "COMBINATION",
    "Decay",
    "Decisions",
    "Selectable",
    "Selection",
    "SelectionError",
    "Spectrum",
    "adapt",
    "combined",
    "committed",
    "decay",
    "describe_criteria",
    "infinite_bounds",
    "infinite_ntk",
    "list_criteria",
    "list_infinite_activations",
    "list_kinds",
    "list_lifts",
    "list_measures",
    "masked",
    "measure",
    "measure_all",
    "ntk",
    "preserved",
    "register_criterion",
    "register_lift",
    "register_measure",
    "score",
    "select",
    "spectrum",
]
