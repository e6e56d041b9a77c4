"""Runs made of supernets that other codes trained."""

from .command import run_import
from .formats import FORMATS, read_supernet

__all__ = ["FORMATS", "read_supernet", "run_import"]
