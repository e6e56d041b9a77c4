"""The table of a comparison: a row for each criterion, the best first."""

from collections.abc import Mapping, Sequence
from math import isnan
from typing import NamedTuple

from ..tabular import TASKS, UNITS
from .amounts import format_amount, format_mean
from .labels import BASELINES, label_criterion
from .resultfiles import number

COLUMNS = {
    "seeds": ("seeds", "{:.0f}"),
    "table_cifar10_mean": ("NB201 CIFAR-10, %", "{:.2f}"),
    "table_cifar100_mean": ("NB201 CIFAR-100, %", "{:.2f}"),
    "table_in16_mean": ("NB201 ImageNet16, %", "{:.2f}"),
    **{f"table_{task}_mean": (f"{task.replace('_', ' ')}, {UNITS[task]}", "{:.3f}") for task in TASKS},
    "parameters_mean": ("parameters", "{:,.0f}"),
    "skips_mean": ("skip connections", "{:.1f}"),
    "added_skips_mean": ("added skips", "{:.1f}"),
    "search_seconds_mean": ("search, s", "{:,.1f}"),
    "select_seconds_mean": ("select, s", "{:,.1f}"),
    "retrain_seconds_mean": ("retrain, s", "{:,.1f}"),
    "evaluations_mean": ("evaluations", "{:,.0f}"),
    "saved_mean": ("saved", "{:,.0f}"),
}


class Row(NamedTuple):
    """A criterion: its name, whether it is a baseline, and what stands in each column."""

    name: str
    baseline: bool
    cells: list[str]


class CriteriaTable(NamedTuple):
    """The heads of the columns, and the rows; false without rows."""

    heads: list[str]
    rows: list[Row]

    def __bool__(self) -> bool:
        return bool(self.rows)


def tabulate_criteria(criteria: Sequence[Mapping[str, str]], judge: str, task: str = "") -> CriteriaTable:
    """Returns the rows of comparison.csv as they are read.

    A column that holds nothing but zeros is left out. Accuracies that a table judged by do not come twice: those of the
    task, or of its first.

    >>> row = {"criterion": "random", "test_accuracy_mean": "90", "test_accuracy_std": "0.5", "seeds": "2"}
    >>> table = tabulate_criteria([row | {"saved_mean": "0"}], "retrain")
    >>> table.heads
    ['test accuracy, %', 'seeds']
    >>> table.rows
    [Row(name='random (baseline)', baseline=True, cells=['90.00\\xa0±\\xa00.50', '2'])]
    """
    names = [name for name in COLUMNS if any(abs(number(row, name)) > 0 for row in criteria)]
    first = "test accuracy, %"
    if judge == "table":
        judging = f"table_{task}_mean" if task else next(name for name in names if name.startswith("table_"))
        first, _ = COLUMNS[judging]
        names = [name for name in names if name != judging]
    heads = [COLUMNS[name][0] for name in names]
    rows = []
    for row in sorted(criteria, key=_best_first):
        name = row["criterion"]
        rows.append(Row(label_criterion(name), name in BASELINES, _format_cells(row, names)))
    return CriteriaTable([first, *heads], rows)


def _best_first(row: Mapping[str, str]) -> tuple[bool, float]:
    """What has no accuracy yet comes last."""
    accuracy = number(row, "test_accuracy_mean")
    return isnan(accuracy), -accuracy


def _format_cells(row: Mapping[str, str], names: Sequence[str]) -> list[str]:
    cells = [format_mean(number(row, "test_accuracy_mean"), number(row, "test_accuracy_std"))]
    for name in names:
        _, form = COLUMNS[name]
        cells.append(format_amount(number(row, name), form))
    return cells
