"""Tabular benchmarks: accuracies of architectures that others have trained, to look up."""

from .nasbench201 import DATASETS, NasBench201, describe_known, in_table

__all__ = ["DATASETS", "NasBench201", "describe_known", "in_table"]
