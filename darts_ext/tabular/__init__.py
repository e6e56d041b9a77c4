"""Tabular benchmarks: accuracies of architectures that others have trained, to look up."""

from .lookup import TABLES, Table, describe_known, find_brief_accuracy, find_table, in_table, load_table
from .nasbench201 import DATASETS, NasBench201
from .transnas101 import TASKS, UNITS, TransNas101

__all__ = [
    "DATASETS",
    "TABLES",
    "TASKS",
    "UNITS",
    "NasBench201",
    "Table",
    "TransNas101",
    "describe_known",
    "find_brief_accuracy",
    "find_table",
    "in_table",
    "load_table",
]
