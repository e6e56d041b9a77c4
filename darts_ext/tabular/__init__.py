"""Tabular benchmarks: accuracies of architectures that others have trained, to look up."""

from .nasbench201 import DATASETS, NasBench201, describe_known, find_brief_accuracy, in_table

__all__ = ["DATASETS", "NasBench201", "describe_known", "find_brief_accuracy", "in_table"]
