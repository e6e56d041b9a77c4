"""Architectures as people write them: the texts that codes print, in whatever they were copied with, and JSON.

Nothing in a text is ever evaluated.
"""

from .data import read_json, write_json
from .forms import read_text, write_text

__all__ = ["read_json", "read_text", "write_json", "write_text"]
