"""One number, or several, for a network on one batch."""

from collections.abc import Iterable

from torch import Tensor, nn

from . import criteria  # noqa: F401  (registers the measures)
from .batches import FAILURES, Batches, check_batches, check_runs, fit_batches
from .errors import SelectionError, first_line
from .measures.memo import kernels_shared
from .registry import Measure, find_measure
from .task import Task, task_of


def measure(name: str, model: nn.Module, x: Tensor, y: Tensor, **options) -> float:
    """Returns one number for a network on one batch, higher is better.

    Args:
        name: see `list_measures`.
        x: inputs [B, ...]. y: labels [B], or other targets, see `selection.targets`.
        options: of the measure, as `batchnorm="running"` of those that take a kernel.

    Raises:
        SelectionError: an unknown measure, a batch that does not fit the network, or a measure that fails on it.

    >>> measure("parameters", nn.Linear(3, 2), Tensor(2, 3), Tensor(2))
    8.0
    """
    Task(options.get("loss"), options.get("metric"))  # checks them
    record = task_of(model).give(find_measure(name).with_settings(options))
    return take_measure(record, model, fit_batches(model, check_batches([(x, y)])))


def measure_all(names: Iterable[str], model: nn.Module, x: Tensor, y: Tensor) -> dict[str, float]:
    """Returns {measure: number} of one network on one batch; kernels that measures share are computed once."""
    # fitted here, once, so that all measures see the same tensors and recognise each other's kernels
    ((x, y),) = fit_batches(model, check_batches([(x, y)]))
    with kernels_shared():
        return {name: measure(name, model, x, y) for name in names}


def take_measure(record: Measure, model: nn.Module, batches: Batches) -> float:
    """Takes a measure of a network; whatever goes wrong is a SelectionError of one line."""
    check_runs(model, batches)
    try:
        return float(record(model, batches))
    except SelectionError:
        raise
    except FAILURES as error:
        raise SelectionError(f"{record.name}: {first_line(error)}") from error
