"""The table of a comparison as it is read: a row for each criterion, the best first."""

from collections.abc import Mapping, Sequence
from math import isnan
from typing import NamedTuple

from .headline import BASELINES, label
from .runfolder import number

COLUMNS = {
    "seeds": ("seeds", "{:.0f}"),
    "table_cifar10_mean": ("NB201 CIFAR-10, %", "{:.2f}"),
    "table_cifar100_mean": ("NB201 CIFAR-100, %", "{:.2f}"),
    "table_in16_mean": ("NB201 ImageNet16, %", "{:.2f}"),
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


class Results(NamedTuple):
    """The heads of the columns, and the rows; false where there is none."""

    heads: list[str]
    rows: list[Row]

    def __bool__(self) -> bool:
        return bool(self.rows)


def results(criteria: Sequence[Mapping[str, str]], judge: str) -> Results:
    """The rows of comparison.csv; a column that holds nothing but zeros is left out, and accuracies that a table judged
    by do not come twice.

    >>> row = {"criterion": "random", "test_accuracy_mean": "90", "test_accuracy_std": "0.5", "seeds": "2", "saved_mean": "0"}
    >>> results([row], "retrain")
    Results(heads=['test accuracy, %', 'seeds'], rows=[Row(name='random (baseline)', baseline=True,
    cells=['90.00\\xa0±\\xa00.50', '2'])])
    """
    by_table = judge == "table"
    names = [
        name
        for name in COLUMNS
        if any(number(row, name) > 0 for row in criteria) and not (by_table and name == "table_cifar10_mean")
    ]
    first = "NB201 CIFAR-10, %" if by_table else "test accuracy, %"
    ordered = sorted(
        criteria, key=lambda row: (isnan(number(row, "test_accuracy_mean")), -number(row, "test_accuracy_mean"))
    )
    return Results(
        [first, *(COLUMNS[name][0] for name in names)],
        [
            Row(
                label(row["criterion"]),
                row["criterion"] in BASELINES,
                [_accuracy(row), *(_cell(number(row, name), COLUMNS[name][1]) for name in names)],
            )
            for row in ordered
        ],
    )


def _accuracy(row: Mapping[str, str]) -> str:
    return _cell(number(row, "test_accuracy_mean"), "{:.2f}") + _cell(
        number(row, "test_accuracy_std"), "\u00a0\u00b1\u00a0{:.2f}", ""
    )


def _cell(value: float, form: str, missing: str = "\u2013") -> str:
    return missing if isnan(value) else form.format(value)
