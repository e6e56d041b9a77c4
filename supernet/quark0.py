"""The names under which scripts of before `supernet.checkpoints` import the reader of quark0/darts; they go on."""

from .checkpoints.filling import rename as _rename
from .checkpoints.quark0 import _ORIGINALS, from_quark0

__all__ = ["_ORIGINALS", "_rename", "from_quark0"]
