"""Bilevel training of a supernet."""

from .bilevel import Search
from .command import run_search
from .hypergradient import hypergradient
from .paths import PATHS
from .space import read_space
from .supernet import (
    build_search,
    build_supernet,
    build_tuning,
    load_supernet,
    network_arguments,
    train_supernet,
    write_alphas,
)
from .track import Tracker
from .tuning import Tuning

__all__ = [
    "PATHS",
    "Search",
    "Tracker",
    "Tuning",
    "build_search",
    "build_supernet",
    "build_tuning",
    "hypergradient",
    "load_supernet",
    "network_arguments",
    "read_space",
    "run_search",
    "train_supernet",
    "write_alphas",
]
