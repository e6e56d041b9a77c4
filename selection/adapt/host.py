"""The type of a host."""

from typing import Any, TypeAlias

# an nn.Module that somebody else wrote, or a part of one: no type knows its attributes
Host: TypeAlias = Any
