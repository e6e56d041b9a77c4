"""Retrained networks as files that run without this package."""

from .command import run_export

__all__ = ["run_export"]
